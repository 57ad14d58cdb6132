"""Codes are read out of pictures as phones take them, and nothing that a picture can be does harm."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from bot.dialogue import decoding
from bot.dialogue.decoding import BYTES_MAX, PictureReader, Unreadable, read_codes
from bot.kernel.errors import Busy
from tests.photos import bar, bomb, jpeg, photo, png, qr

URL = "https://pay.example.com/q/0000000000000000000000"


@pytest.mark.parametrize(("turned", "scale"), [(0, 1.0), (7, 0.8), (-12, 1.4), (90, 1.0), (45, 1.0), (180, 0.6)])
def test_a_code_is_read_turned_and_scaled(turned: float, scale: float) -> None:
    assert read_codes(jpeg(photo(qr(URL), turned=turned, scale=scale))) == (URL,)


def test_a_bar_code_is_read(text: str = "0512345678") -> None:
    assert read_codes(jpeg(photo(bar(text), turned=3))) == (text,)


def test_several_codes_are_read_each_once() -> None:
    found = read_codes(png(photo(qr(URL), bar("0512345678"), qr(URL))))

    assert sorted(found) == ["0512345678", URL]


def test_a_code_on_nothing_is_read_as_on_white() -> None:
    code = qr(URL)
    drawn = Image.new("RGBA", code.size, (0, 0, 0, 0))
    drawn.paste("black", mask=ImageOps.invert(code))

    assert read_codes(png(drawn)) == (URL,)


def test_a_picture_without_a_code_has_none() -> None:
    assert read_codes(png(photo(qr(URL).resize((20, 20))))) == ()


@pytest.mark.parametrize("side", [5_200, 20_000, 60_000])
def test_a_bomb_is_refused_by_its_header(side: int) -> None:
    with pytest.raises(Unreadable):
        read_codes(bomb(side, side))


def test_a_whole_picture_of_too_many_pixels_is_refused() -> None:
    with pytest.raises(Unreadable):
        read_codes(png(Image.new("1", (5_200, 5_200), 1)))


@pytest.mark.parametrize(
    "damaged",
    [b"", b"x", b"<svg/>", b"\x89PNG\r\n\x1a\n", b"%PDF-1.4", b"BM" + b"\0" * 60, bytes(BYTES_MAX + 1)],
    ids=range(7),
)
def test_what_is_no_picture_is_refused(damaged: bytes) -> None:
    with pytest.raises(Unreadable):
        read_codes(damaged)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_picture_is_read_or_refused(data: st.DataObject) -> None:
    """Whatever happens to the bytes of a photo, nothing but ``Unreadable`` comes out of it."""
    whole = _PHOTO
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    place = data.draw(st.integers(0, max(len(cut) - 1, 0)))
    changed = cut[:place] + data.draw(st.binary(max_size=8)) + cut[place:]
    try:
        read_codes(changed)
    except Unreadable:
        return


_PHOTO = png(photo(qr(URL, module_px=3)))


@pytest.fixture
def reader() -> Iterator[PictureReader]:
    made = PictureReader()
    yield made
    made.close()


async def test_a_reader_reads(reader: PictureReader) -> None:
    assert await reader.read(_PHOTO) == (URL,)


async def test_a_reader_that_is_crowded_takes_no_more_and_recovers(
    reader: PictureReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(decoding, "read_codes", lambda picture: (str(go.wait(5)),))
    waiting = [asyncio.create_task(reader.read(b"x")) for _ in range(8)]
    await asyncio.sleep(0)

    with pytest.raises(Busy, match="pictures_crowded"):
        await reader.read(b"x")

    go.set()
    assert await asyncio.gather(*waiting) == [("True",)] * 8
    await asyncio.sleep(0)
    assert await reader.read(b"x") == ("True",)


async def test_a_customer_does_not_wait_for_a_slow_picture(
    reader: PictureReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(decoding, "read_codes", lambda picture: (str(go.wait(5)),))
    monkeypatch.setattr(decoding, "_WITHIN", 0.01)

    with pytest.raises(Busy, match="picture_takes_long"):
        await reader.read(b"x")
    go.set()
