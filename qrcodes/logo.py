"""Lays a merchant's logo over the middle of a code, small enough for the correction that the code is drawn with.

A logo of a fifth of the width, with a light rim of one module, hides about six percent of the modules, and all of them
in the middle, away from finder and timing patterns. Correction H gives back 30 percent of the code words, so that a
print that is scratched as well can still be read; Q would leave too little room for that.
"""

import base64
import io
import struct
from dataclasses import dataclass
from typing import Final, Self

from PIL import Image

from qrcodes.image import (
    MODULE_PX_DEFAULT,
    QUIET_MODULES,
    CodeImage,
    Correction,
    Matrix,
    dark_path,
    finished,
    qr_matrix,
    qr_png,
)

# The widest share of the code's width, quiet zone not counted, that a logo takes.
SHARE_MAX: Final = 5
LOGO_BYTES_MAX: Final = 512 * 1024
LOGO_PX_MAX: Final = 1024
CORRECTION: Final = Correction.H

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_HEADER: Final = struct.Struct(">8sI4sII")


class LogoRefused(ValueError):
    """The file is no logo that can be printed; the words say what is wrong and what would do."""


@dataclass(frozen=True, slots=True)
class Logo:
    """A PNG as it was given, with its measures in pixels."""

    png: bytes
    width: int
    height: int

    @classmethod
    def read(cls, png: bytes) -> Self:
        """Check a file; raises LogoRefused for what is no PNG, too large, or far from square."""
        if len(png) > LOGO_BYTES_MAX:
            raise LogoRefused(f"the logo has {len(png)} bytes; {LOGO_BYTES_MAX} are allowed")
        if len(png) < _HEADER.size or not png.startswith(_PNG):
            raise LogoRefused("the logo is no PNG; save it as one")
        _, _, kind, width, height = _HEADER.unpack_from(png)
        if kind != b"IHDR" or not (0 < width <= LOGO_PX_MAX and 0 < height <= LOGO_PX_MAX):
            raise LogoRefused(f"the logo measures more than {LOGO_PX_MAX} pixels a side; make it smaller")
        if max(width, height) > 2 * min(width, height):
            raise LogoRefused("the logo is more than twice as wide as high, or as high as wide; cut it squarer")
        try:
            with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
                picture.load()
        except (OSError, ValueError, SyntaxError) as fault:
            raise LogoRefused("the logo's file is damaged; save it again") from fault
        return cls(png, width, height)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a logo stands, in modules from the corner of the quiet zone: its own square, and the light rim around."""

    corner: int
    side: int

    @property
    def rim(self) -> tuple[int, int]:
        return self.corner - 1, self.side + 2


def place_of(matrix: Matrix) -> Place:
    """Return the square in the middle; an odd number of modules, as the code has, so that it is centred exactly."""
    width = len(matrix.rows)
    side = width // SHARE_MAX
    side -= 1 - side % 2
    return Place(QUIET_MODULES + (width - side) // 2, side)


def logo_svg(matrix: Matrix, logo: Logo) -> str:
    """Return the elements that lay a logo over a code drawn one unit a module."""
    place = place_of(matrix)
    corner, side = place.rim
    data = base64.b64encode(logo.png).decode()
    return (
        f'<path fill="#fff" d="M{corner} {corner}h{side}v{side}H{corner}z"/>'
        f'<image x="{place.corner}" y="{place.corner}" width="{place.side}" height="{place.side}" '
        f'href="data:image/png;base64,{data}"/>'
    )


def qr_logo_svg(text: str, logo: Logo, *, module_px: int = MODULE_PX_DEFAULT) -> CodeImage:
    """Return an SVG of a code with a logo; raises as ``qr_svg`` does."""
    matrix = qr_matrix(text, CORRECTION)
    side_px = matrix.side * module_px
    body = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{side_px}" height="{side_px}" '
        f'viewBox="0 0 {matrix.side} {matrix.side}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{matrix.side}v{matrix.side}H0z"/>'
        f'<path d="{dark_path(matrix)}"/>{logo_svg(matrix, logo)}</svg>'
    ).encode()
    return finished(body, "image/svg+xml", side_px)


def qr_logo_png(text: str, logo: Logo, *, module_px: int = MODULE_PX_DEFAULT) -> CodeImage:
    """Return a PNG of a code with a logo; raises as ``qr_png`` does."""
    plain = qr_png(text, CORRECTION, module_px=module_px)
    place = place_of(qr_matrix(text, CORRECTION))
    with Image.open(io.BytesIO(plain.body)) as code, Image.open(io.BytesIO(logo.png), formats=("PNG",)) as mark:
        sheet = code.convert("RGB")
        corner, side = (each * module_px for each in place.rim)
        sheet.paste((255, 255, 255), (corner, corner, corner + side, corner + side))
        box = place.side * module_px
        fitted = mark.convert("RGBA")
        fitted.thumbnail((box, box))
        at = place.corner * module_px
        sheet.paste(fitted, (at + (box - fitted.width) // 2, at + (box - fitted.height) // 2), fitted)
        body = io.BytesIO()
        sheet.save(body, "PNG", optimize=False)
    return finished(body.getvalue(), "image/png", plain.side_px)
