"""A stand is well-formed whatever its words are, shows no more than it was given, and its code can be scanned."""

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrcodes import sheet
from qrcodes.image import Correction, TextTooLong
from qrcodes.sheet import Stand, stand_svg
from qrcodes.tokens import code_url
from tests.qrcodes.reading import SVG, decode, rasterise, svg_root

URL = code_url("https://pay.example.com", "0" * 23)
WIDTH_FREE = sheet.WIDTH - 2 * sheet._MARGIN


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def test_the_code_on_the_stand_decodes() -> None:
    root = svg_root(stand_svg(Stand(payload=URL, merchant="阳光花园物业")))
    code = root.find(f"{SVG}svg")

    assert code is not None
    assert decode(rasterise(code)) == [URL]


def test_everything_given_is_shown_in_order() -> None:
    root = svg_root(stand_svg(Stand(payload=URL, merchant="阳光花园物业", store="三号门", number="No. 42")))

    assert texts(root) == [
        "扫码付款",
        "阳光花园物业",
        "三号门",
        "No. 42",
        "支持微信 支付宝 云闪付 手机银行",
        "付款前请核对商户名称",
    ]
    assert root.findtext(f"{SVG}title") == "阳光花园物业"


def test_what_is_not_given_takes_no_line() -> None:
    root = svg_root(stand_svg(Stand(payload=URL, merchant="店", title="", wallets="", advice="")))

    assert texts(root) == ["店"]


hostile = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        ["<script>alert(1)</script>", "]]>", "&lt;", '"/><image href="http://evil/"/>', "\x00\x0b\ufffe", "\u202e工商"]
    ),
)


@given(merchant=hostile, store=hostile, number=hostile, title=hostile)
def test_any_words_give_a_well_formed_page_of_known_elements(
    merchant: str, store: str, number: str, title: str
) -> None:
    stand = Stand(payload=URL, merchant=f"店{merchant}", store=store, number=number, title=title)
    page = stand_svg(stand)
    root = svg_root(page)

    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {"svg", "title", "path", "text"}
    assert not any(name.startswith("on") or name.endswith("href") for element in root.iter() for name in element.attrib)
    assert not set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200f\x00") & set(page)


@pytest.mark.parametrize("merchant", ["店" * 10, "店" * 16, "店" * 24, "店" * 60, "W" * 200, "阳光 Garden 物业" * 9])
def test_long_names_shrink_then_wrap_then_end_in_an_ellipsis(merchant: str) -> None:
    root = svg_root(stand_svg(Stand(payload=URL, merchant=merchant, title="", wallets="", advice="")))
    lines = list(root.iter(f"{SVG}text"))

    assert 1 <= len(lines) <= 2
    for line in lines:
        assert line.text
        assert sheet.ems(line.text) * int(line.attrib["font-size"]) <= WIDTH_FREE
    shown = "".join(line.text or "" for line in lines)
    assert shown.replace(" ", "") == merchant.replace(" ", "") or shown.endswith("…")


@given(st.text(min_size=1, max_size=300))
def test_no_line_is_wider_than_the_page(store: str) -> None:
    root = svg_root(stand_svg(Stand(payload=URL, merchant="店", store=store)))

    for line in root.iter(f"{SVG}text"):
        assert sheet.ems(line.text or "") * int(line.attrib["font-size"]) <= WIDTH_FREE


def test_nothing_overlaps_the_code() -> None:
    root = svg_root(stand_svg(Stand(payload=URL, merchant="店" * 60, store="三号门", number="42")))
    code = root.find(f"{SVG}svg")
    assert code is not None
    top, bottom = int(code.attrib["y"]), int(code.attrib["y"]) + int(code.attrib["height"])

    for line in root.iter(f"{SVG}text"):
        baseline, size = int(line.attrib["y"]), int(line.attrib["font-size"])
        # Chinese glyphs go about a fifth of their size below the baseline.
        assert baseline + size // 5 <= top or baseline - size >= bottom - size // 2
        assert baseline <= sheet.HEIGHT


def test_the_same_stand_gives_the_same_page() -> None:
    stand = Stand(payload=URL, merchant="店")

    assert stand_svg(stand) == stand_svg(stand)
    assert stand_svg(stand) != stand_svg(stand, Correction.H)


@pytest.mark.parametrize("merchant", ["", "  ", "\u202e\u200b\x00"])
def test_a_stand_without_a_merchant_is_refused(merchant: str) -> None:
    with pytest.raises(ValueError, match="names its merchant"):
        stand_svg(Stand(payload=URL, merchant=merchant))


def test_a_payload_that_no_code_holds_is_refused() -> None:
    with pytest.raises(TextTooLong):
        stand_svg(Stand(payload="x" * 3000, merchant="店"))
