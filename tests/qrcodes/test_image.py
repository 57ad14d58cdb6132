"""Codes are drawn right in every version, the same every time, and kept within their bound."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from qrcode import util
from qrcode.main import QRCode

from qrcodes import image
from qrcodes.image import (
    QUIET_MODULES,
    SIDE_PX_MAX,
    TEXT_BYTES_MAX,
    CodeImage,
    Correction,
    TextTooLong,
    qr_matrix,
    qr_png,
    qr_svg,
)
from qrcodes.tokens import code_url, new_token
from tests.qrcodes.reading import decode, open_png, rasterise, svg_root

URL = "https://pay.example.com/q/0123456789ABCDEFGHIJKLm"


def fullest_text(version: int, correction: Correction) -> str:
    """Return the longest lower-case text of that version, so that the next letter needs the next one."""
    length_bits = 8 if version < 10 else 16
    letters = (util.BIT_LIMIT_TABLE[correction.value][version] - 4 - length_bits) // 8
    return "".join(chr(ord("a") + (index * 7 + version) % 26) for index in range(letters))


@pytest.mark.parametrize("version", range(1, 41))
def test_every_version_decodes_from_png_and_svg(version: int) -> None:
    correction = list(Correction)[version % 4]
    text = fullest_text(version, correction)

    assert qr_matrix(text, correction).version == version
    assert decode(open_png(qr_png(text, correction, module_px=4).body)) == [text]
    assert decode(rasterise(svg_root(qr_svg(text, correction).body))) == [text]


@pytest.mark.parametrize("correction", list(Correction))
def test_one_letter_more_takes_the_next_version_and_past_forty_is_refused(correction: Correction) -> None:
    assert qr_matrix(fullest_text(5, correction) + "a", correction).version == 6
    with pytest.raises(TextTooLong):
        qr_matrix(fullest_text(40, correction) + "a", correction)


@pytest.mark.parametrize("module_px", [1, 2, 3, 5, 7, 8, 13])
def test_the_picture_has_the_promised_pixels(module_px: int) -> None:
    """Odd sizes leave unused bits at the end of a line, which must not shift the next one."""
    matrix = qr_matrix(URL)
    code = qr_png(URL, module_px=module_px)
    picture = open_png(code.body)

    assert picture.size == (code.side_px, code.side_px) == (matrix.side * module_px,) * 2
    for row in range(matrix.side):
        for column in range(matrix.side):
            y, x = row - QUIET_MODULES, column - QUIET_MODULES
            inside = 0 <= y < len(matrix.rows) and 0 <= x < len(matrix.rows)
            dark = inside and matrix.rows[y][x] == "1"
            corner = (column * module_px, row * module_px)
            far = (corner[0] + module_px - 1, corner[1] + module_px - 1)
            assert [picture.getpixel(corner), picture.getpixel(far)] == [0 if dark else 255] * 2


def test_svg_and_png_show_the_same_modules() -> None:
    png = open_png(qr_png(URL, module_px=4).body)
    svg = rasterise(svg_root(qr_svg(URL).body), scale=4)

    assert png.tobytes() == svg.tobytes()


def test_svg_names_its_size_and_paints_its_own_background() -> None:
    """A dark page would otherwise show through and invert the code."""
    code = qr_svg(URL, module_px=6)
    root = svg_root(code.body)
    side = qr_matrix(URL).side

    assert root.attrib["width"] == root.attrib["height"] == str(code.side_px) == str(side * 6)
    background = root[0].attrib
    assert background == {"fill": "#fff", "d": f"M0 0h{side}v{side}H0z"}


def test_quiet_zone_is_four_modules_on_each_side() -> None:
    picture = open_png(qr_png(URL, module_px=10).body)
    inverted = picture.point(lambda value: 255 - value)

    assert inverted.getbbox() == (40, 40, picture.width - 40, picture.height - 40)


@pytest.mark.parametrize("text", ["7", "12345678901234567890", "PAY-01", "物业费 缴费码", "é", "😀 支付", URL])
def test_every_kind_of_text_decodes(text: str) -> None:
    assert decode(open_png(qr_png(text).body)) == [text]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=120))
def test_any_plain_text_decodes(text: str) -> None:
    assert decode(open_png(image._draw_png(text, Correction.M, 4).body)) == [text]


def test_our_addresses_still_read_at_a_third_of_their_size() -> None:
    for seed in range(20):
        url = code_url("https://pay.example.com", new_token(Random(seed).randrange))
        picture = open_png(qr_png(url, module_px=10).body)
        small = picture.resize((picture.width * 3 // 10,) * 2, Image.Resampling.BILINEAR)

        assert decode(small) == [url]


def test_the_fixed_mask_balances_nearly_as_well_as_the_searched_one() -> None:
    """The reason to skip the search: over our addresses mask 2 costs little in the standard's own penalty score."""

    def penalty(text: str, mask: int | None) -> int:
        code = QRCode(box_size=1, border=0, mask_pattern=mask)
        code.add_data(util.QRData(text))
        code.make()
        return int(util.lost_point(code.modules))

    urls = [code_url("https://pay.example.com", new_token(Random(seed).randrange)) for seed in range(12)]
    fixed = sum(penalty(url, image._MASK) for url in urls)
    best = sum(penalty(url, None) for url in urls)

    assert fixed <= best * 1.2


def test_the_library_is_asked_for_the_fixed_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    def searched(self: object) -> int:
        raise AssertionError("the mask search takes six milliseconds")

    monkeypatch.setattr(QRCode, "best_mask_pattern", searched)
    assert decode(rasterise(svg_root(image._draw_svg(URL, Correction.M, 4).body))) == [URL]


def test_the_same_input_gives_the_same_bytes_whether_kept_or_drawn_again() -> None:
    for draw, take in ((image._draw_png, qr_png), (image._draw_svg, qr_svg)):
        first, second = draw(URL, Correction.H, 8), draw(URL, Correction.H, 8)

        assert first == second == take(URL, Correction.H)
        assert take(URL, Correction.H) is take(URL, Correction.H)
        assert first.etag == hashlib.sha256(first.body).hexdigest()[:32]


def test_size_correction_and_kind_make_different_images() -> None:
    made = {qr_png(URL).etag, qr_png(URL, module_px=9).etag, qr_png(URL, Correction.H).etag, qr_svg(URL).etag}

    assert len(made) == 4


@pytest.mark.parametrize("module_px", [0, -1, SIDE_PX_MAX, 10**12])
def test_impossible_sizes_are_refused(module_px: int) -> None:
    with pytest.raises(ValueError, match="side at most"):
        qr_png(URL, module_px=module_px)


@pytest.mark.parametrize("text", ["", "\ud800"])
def test_what_is_no_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        qr_matrix(text)


def test_a_huge_text_is_refused_before_the_library_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(image, "QRData")
    with pytest.raises(TextTooLong):
        qr_matrix("x" * (TEXT_BYTES_MAX + 1))


def test_kept_images_stay_within_their_bound_and_the_last_used_stay() -> None:
    shelf = image._Shelf(10_000)

    def draw(name: str) -> CodeImage:
        return shelf.take(("png", name, "M", 8), lambda: CodeImage(name.encode() * 1000, "image/png", name, 1))

    kept = draw("a")
    for name in "bcdefghijk":
        draw(name)
        assert draw("a") is kept
    for name in "lmnopqrs":
        draw(name)
        assert shelf._bytes <= 10_000
        assert shelf._bytes == sum(image._weight(key, value) for key, value in shelf._images.items())
    assert draw("a") is not kept


def test_an_image_heavier_than_the_shelf_is_served_but_not_kept() -> None:
    shelf = image._Shelf(100)
    served = shelf.take(("png", "a", "M", 8), lambda: CodeImage(b"x" * 200, "image/png", "a", 1))

    assert served.body == b"x" * 200
    assert (shelf._bytes, len(shelf._images)) == (0, 0)


def test_threads_share_the_shelf() -> None:
    shelf = image._Shelf(50_000)

    def draw(number: int) -> str:
        name = str(number % 7)
        made = shelf.take(("svg", name, "M", 8), lambda: CodeImage(name.encode() * 9000, "image/svg+xml", name, 1))
        return made.etag

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw, range(400))) == [str(number % 7) for number in range(400)]
    assert shelf._bytes == sum(image._weight(key, value) for key, value in shelf._images.items()) <= 50_000
