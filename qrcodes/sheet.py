"""A printable stand (台卡) of one code as an SVG page: whose it is, the code, and which wallets can pay it.

The page is 100 mm by 150 mm and holds no fonts, pictures or links of its own, so that any printer's software opens
it. Its words come in as values: a bank that wants others passes others.
"""

import html
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from qrcodes.image import Correction, dark_path, qr_matrix

# Tenths of a millimetre, as are all measures below.
WIDTH: Final = 1000
HEIGHT: Final = 1500
TEXT_CHARS_MAX: Final = 200

_MARGIN: Final = 80
_CODE_SIDE: Final = 760
_FONTS: Final = "'PingFang SC','Hiragino Sans GB','Microsoft YaHei','Noto Sans CJK SC','WenQuanYi Zen Hei',sans-serif"
_ACCENT: Final = "#0b6b4f"
_INK: Final = "#1a1a1a"
_FAINT: Final = "#5c5c5c"
# XML 1.0 refuses the first two groups; direction marks could show a name that is not the one stored.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What a stand shows. ``payload`` is the text of the code; ``number`` names the print for people who call."""

    payload: str
    merchant: str
    store: str = ""
    number: str = ""
    title: str = "扫码付款"
    wallets: str = "支持微信 支付宝 云闪付 手机银行"
    # A swapped sticker (调包) is found by the one who pays, if told what to look at.
    advice: str = "付款前请核对商户名称"


def stand_svg(stand: Stand, correction: Correction = Correction.Q) -> str:
    """Return the page as SVG text; the same stand gives the same text.

    Q (a quarter may be lost) suits a print that is scratched and splashed for years. Raises TextTooLong for a payload
    that no code holds, and ValueError for an empty one or a missing merchant's name.
    """
    merchant = clean(stand.merchant)
    if not merchant:
        raise ValueError("a stand names its merchant")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH // 10}mm" height="{HEIGHT // 10}mm" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="{_FONTS}" text-anchor="middle">',
        f"<title>{_escape(merchant)}</title>",
        f'<path fill="#fff" d="M0 0h{WIDTH}v{HEIGHT}H0z"/>',
        f'<path fill="{_ACCENT}" d="M0 0h{WIDTH}v170H0z"/>',
        _text(clean(stand.title), y=112, size=76, colour="#fff", weight=600),
        *_heading(merchant, clean(stand.store)),
        _code(stand.payload, correction),
        _text(clean(stand.number), y=1216, size=34, colour=_FAINT),
        f'<path stroke="#d9d9d9" stroke-width="2" d="M{_MARGIN} 1262h{WIDTH - 2 * _MARGIN}"/>',
        _text(clean(stand.wallets), y=1340, size=46, colour=_INK),
        _text(clean(stand.advice), y=1412, size=34, colour=_FAINT),
        "</svg>",
    ]
    return "".join(parts)


def _heading(merchant: str, store: str) -> list[str]:
    """Return the merchant's name in one or two lines and the store below, between the band and the code."""
    lines, size = _wrapped(merchant, size_max=64, size_min=46)
    if len(lines) == 1:
        name = [_text(lines[0], y=296, size=size, colour=_INK, weight=600)]
        return [*name, _text(store, y=384, size=44, colour=_FAINT)]
    name = [_text(line, y=y, size=size, colour=_INK, weight=600) for line, y in zip(lines, (252, 314), strict=True)]
    return [*name, _text(store, y=394, size=44, colour=_FAINT)]


def _code(payload: str, correction: Correction) -> str:
    matrix = qr_matrix(payload, correction)
    left, top = (WIDTH - _CODE_SIDE) // 2, 420
    return (
        f'<svg x="{left}" y="{top}" width="{_CODE_SIDE}" height="{_CODE_SIDE}" '
        f'viewBox="0 0 {matrix.side} {matrix.side}" shape-rendering="crispEdges">'
        f'<path d="{dark_path(matrix)}"/></svg>'
    )


def _text(text: str, *, y: int, size: int, colour: str, weight: int = 400) -> str:
    if not text:
        return ""
    fitted = min(size, max(24, int((WIDTH - 2 * _MARGIN) / max(ems(text), 0.1))))
    shown = _escape(cut(text, (WIDTH - 2 * _MARGIN) / fitted))
    return f'<text x="{WIDTH // 2}" y="{y}" font-size="{fitted}" font-weight="{weight}" fill="{colour}">{shown}</text>'


def _wrapped(text: str, *, size_max: int, size_min: int) -> tuple[list[str], int]:
    """Return one line at the largest size that fits, or two at the smallest, the second cut where it must be."""
    width = WIDTH - 2 * _MARGIN
    fitted = min(size_max, int(width / max(ems(text), 0.1)))
    if fitted >= size_min:
        return [text], fitted
    room = width / size_min
    split = _fitting(text, room)
    return [text[:split].rstrip(), cut(text[split:].lstrip(), room)], size_min


def cut(text: str, room: float) -> str:
    """Return as much of a text as fits into ``room`` ems, with an ellipsis where something is missing."""
    return text if ems(text) <= room else text[: _fitting(text, room - 1)] + "…"


def _fitting(text: str, room: float) -> int:
    """Return how many characters from the start take no more than ``room`` ems; at least one."""
    taken = 0.0
    for index, character in enumerate(text):
        taken += ems(character)
        if taken > room and index:
            return index
    return len(text)


def ems(text: str) -> float:
    """Return the width of the text in ems, on the wide side: Chinese fonts set a character as one, Latin about 0.6."""
    return sum(_em(character) for character in text)


def _em(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    return 1.0 if unicodedata.east_asian_width(character) in "WFA" else 0.62


def clean(text: str) -> str:
    """Return a text without what no print shows or what could show another name than the one stored."""
    return " ".join(_UNPRINTABLE.sub(" ", text[:TEXT_CHARS_MAX]).split())


def _escape(text: str) -> str:
    return html.escape(text, quote=True)
