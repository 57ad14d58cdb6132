"""Stickers of many codes on A4 pages, each with whose it is, as SVG that any printer's software opens.

Three across and four down leave 60 by 66 mm a sticker with its cutting line, so that a code of 44 mm is read from half
a metre away. A page holds no fonts and links of its own.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from qrcodes.image import Correction, dark_path, qr_matrix
from qrcodes.logo import CORRECTION, Logo, logo_svg
from qrcodes.sheet import clean, cut, ems

# Tenths of a millimetre, as are all measures below.
PAGE_WIDTH: Final = 2100
PAGE_HEIGHT: Final = 2970
ACROSS: Final = 3
DOWN: Final = 4
A_PAGE: Final = ACROSS * DOWN

_WIDTH: Final = 600
_HEIGHT: Final = 660
_LEFT: Final = (PAGE_WIDTH - ACROSS * _WIDTH) // 2
_TOP: Final = (PAGE_HEIGHT - DOWN * _HEIGHT) // 2
_CODE: Final = 440
_PADDING: Final = 30
_FONTS: Final = "'PingFang SC','Hiragino Sans GB','Microsoft YaHei','Noto Sans CJK SC','WenQuanYi Zen Hei',sans-serif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sticker:
    """What a sticker shows. ``payload`` is the text of the code; ``number`` names the print for people who call."""

    payload: str
    merchant: str
    store: str = ""
    number: str = ""


def page_svg(stickers: Sequence[Sticker], logo: Logo | None = None) -> str:
    """Return one A4 page of up to ``A_PAGE`` stickers; raises ValueError for none and for more, and TextTooLong."""
    if not 0 < len(stickers) <= A_PAGE:
        raise ValueError(f"a page holds 1 to {A_PAGE} stickers")
    cells = [
        _cell(sticker, _LEFT + place % ACROSS * _WIDTH, _TOP + place // ACROSS * _HEIGHT, logo)
        for place, sticker in enumerate(stickers)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{PAGE_WIDTH // 10}mm" height="{PAGE_HEIGHT // 10}mm" '
        f'viewBox="0 0 {PAGE_WIDTH} {PAGE_HEIGHT}" font-family="{_FONTS}" text-anchor="middle">'
        f'<path fill="#fff" d="M0 0h{PAGE_WIDTH}v{PAGE_HEIGHT}H0z"/>{"".join(cells)}</svg>'
    )


def _cell(sticker: Sticker, x: int, y: int, logo: Logo | None) -> str:
    matrix = qr_matrix(sticker.payload, Correction.Q if logo is None else CORRECTION)
    drawn = f'<path d="{dark_path(matrix)}"/>' + (logo_svg(matrix, logo) if logo is not None else "")
    return (
        f'<g transform="translate({x} {y})">'
        f'<path fill="none" stroke="#bbb" stroke-width="2" stroke-dasharray="12 10" d="M0 0h{_WIDTH}v{_HEIGHT}H0z"/>'
        f'<svg x="{(_WIDTH - _CODE) // 2}" y="20" width="{_CODE}" height="{_CODE}" '
        f'viewBox="0 0 {matrix.side} {matrix.side}" shape-rendering="crispEdges">{drawn}</svg>'
        f"{_words(sticker.merchant, 516, 38, '#1a1a1a')}{_words(sticker.store, 566, 32, '#5c5c5c')}"
        f"{_words(sticker.number, 616, 26, '#5c5c5c')}</g>"
    )


def _words(text: str, y: int, size: int, colour: str) -> str:
    shown = clean(text)
    if not shown:
        return ""
    room = _WIDTH - 2 * _PADDING
    fitted = max(22, min(size, int(room / max(ems(shown), 0.1))))
    words = html.escape(cut(shown, room / fitted), quote=True)
    return f'<text x="{_WIDTH // 2}" y="{y}" font-size="{fitted}" fill="{colour}">{words}</text>'
