"""A page of stickers: every code on it is its own, nothing leaves its cell, whatever the names are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrcodes.grid import A_PAGE, PAGE_HEIGHT, PAGE_WIDTH, Sticker, page_svg
from qrcodes.logo import Logo
from tests.qrcodes.reading import SVG, decode, rasterise, svg_root
from tests.qrcodes.test_logo import logo_png


def stickers(count: int) -> list[Sticker]:
    return [
        Sticker(payload=f"https://pay.example.com/q/{n}", merchant="老街面馆", number=f"No. {n}") for n in range(count)
    ]


@pytest.mark.parametrize("count", [1, 5, A_PAGE])
def test_every_code_on_the_page_is_its_own(count: int) -> None:
    root = svg_root(page_svg(stickers(count)))
    read = [decode(rasterise(code)) for code in root.iter(f"{SVG}svg") if code is not root]
    assert read == [[each.payload] for each in stickers(count)]


@pytest.mark.parametrize("count", [0, A_PAGE + 1])
def test_a_page_holds_some_and_no_more_than_fit(count: int) -> None:
    with pytest.raises(ValueError, match="a page holds"):
        page_svg(stickers(count))


def test_every_cell_lies_on_the_page() -> None:
    root = svg_root(page_svg(stickers(A_PAGE)))
    for cell in root.iter(f"{SVG}g"):
        x, y = (int(number) for number in cell.attrib["transform"][10:-1].split())
        assert 0 <= x <= PAGE_WIDTH - 600 and 0 <= y <= PAGE_HEIGHT - 660


@given(st.text(max_size=300))
def test_no_name_breaks_the_page_or_leaves_its_cell(name: str) -> None:
    root = svg_root(page_svg([Sticker(payload="x", merchant=f"店{name}", store=name, number=name)]))
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= {"svg", "g", "path", "text"}


def test_a_logo_is_on_every_sticker() -> None:
    root = svg_root(page_svg(stickers(2), Logo.read(logo_png())))
    assert len(list(root.iter(f"{SVG}image"))) == 2
