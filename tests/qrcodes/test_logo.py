"""A code with a logo in its middle is read however it is shrunk, blurred and turned."""

import io
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from qrcodes.image import QUIET_MODULES, qr_matrix
from qrcodes.logo import CORRECTION, LOGO_BYTES_MAX, Logo, LogoRefused, place_of, qr_logo_png, qr_logo_svg
from qrcodes.tokens import code_url, new_token
from tests.qrcodes.reading import SVG, decode, open_png, svg_root

CODES, CODES_SOAKING = 50, 1_000


def logo_png(width: int = 120, height: int = 120) -> bytes:
    """Draw a logo that is as hard on a reader as one can be: dark, with light squares like modules."""
    picture = Image.new("RGBA", (width, height), (10, 60, 40, 255))
    pen = ImageDraw.Draw(picture)
    for step in range(0, min(width, height), 24):
        pen.rectangle((step, step, step + 11, step + 11), fill=(255, 255, 255, 255))
    body = io.BytesIO()
    picture.save(body, "PNG")
    return body.getvalue()


def url_of(dice: Random) -> str:
    return code_url("https://pay.example.com", new_token(dice.randrange))


def seen(picture: Image.Image, dice: Random) -> Image.Image:
    """Return a print as a phone sees it from afar: turned, shrunk to 30 percent and out of focus."""
    turned = picture.rotate(dice.uniform(10, 40), expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC)
    small = turned.resize((turned.width * 3 // 10, turned.height * 3 // 10), Image.Resampling.LANCZOS)
    return small.filter(ImageFilter.GaussianBlur(0.6))


def readable(codes: int, seed: int) -> int:
    """Return how many of so many codes are read back."""
    dice, logo = Random(seed), Logo.read(logo_png())
    read = 0
    for _ in range(codes):
        url = url_of(dice)
        picture = open_png(qr_logo_png(url, logo, module_px=10).body)
        read += decode(seen(picture, dice)) == [url]
    return read


def test_codes_with_a_logo_are_read_from_afar(full_counts: bool) -> None:
    """Turned by 10 to 40 degrees, shrunk to 30 percent, blurred: the worst of a stand across a shop."""
    codes = CODES_SOAKING if full_counts else CODES
    # A reader misses about four of a thousand; whoever holds the phone still once more reads those too.
    assert readable(codes, seed=20261124) >= codes * 0.99


@given(length=st.integers(8, 180))
def test_the_logo_stands_in_the_middle_and_hides_no_more_than_a_twentieth(length: int) -> None:
    matrix = qr_matrix("u" * length, CORRECTION)
    place, width = place_of(matrix), len(matrix.rows)
    corner, side = place.rim

    assert 2 * (place.corner - QUIET_MODULES) + place.side == width
    assert place.side * 5 <= width
    # Rim and all, under a tenth of the modules: a third of what H gives back.
    assert side * side * 10 < width * width
    assert corner - QUIET_MODULES > 8, "it stays away from the finder patterns"


def test_the_drawing_carries_the_logo_and_nothing_from_elsewhere() -> None:
    root = svg_root(qr_logo_svg("https://pay.example.com/q/x", Logo.read(logo_png()), module_px=8).body)
    [image] = root.iter(f"{SVG}image")
    assert image.attrib["href"].startswith("data:image/png;base64,")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"GIF89a" + bytes(40), "no PNG"),
        (b"", "no PNG"),
        (logo_png()[:60], "damaged"),
        (logo_png(300, 100), "squarer"),
        (logo_png(1100, 1100), "1024"),
        (logo_png() + bytes(LOGO_BYTES_MAX), "bytes"),
    ],
)
def test_what_is_no_logo_is_refused_with_the_remedy(body: bytes, words: str) -> None:
    with pytest.raises(LogoRefused, match=words):
        Logo.read(body)
