"""Draws a text as a QR code: a matrix by the ``qrcode`` library, PNG and SVG by our own few lines.

Where the library is slow, and the way round it (ms per code for a 49-byte address at level M, medians on a busy
two-core machine; reliability.md §4(g) has the same ratios):

- trying all eight masks and scoring each: 6.5 of the 8 ms of a matrix. The mask is fixed instead. ISO/IEC 18004 lets a
  reader decode any mask; the choice only balances dark and light, and over our kinds of text mask 2 scores within a
  sixth of the best one on average.
- drawing module by module through Pillow: 3 ms. A row of modules is one run of bits, so the PNG is written from
  strings (0.3 ms), without Pillow at run time, and the SVG is one path (0.25 ms). zlib works at level 6: level 9 takes
  0.7 ms more to save 56 bytes.

What is left (1.1 to 1.6 ms: Reed-Solomon and placing the bits) is spent once a text, since finished images are kept
(then 2 µs).

All functions are synchronous and take 1-2 ms for an address, less than handing them to a thread would: call them
straight from the event loop. A batch belongs in a worker thread; the shelf of kept images is safe there.
"""

import hashlib
import re
import struct
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from qrcode import constants
from qrcode.exceptions import DataOverflowError
from qrcode.main import QRCode
from qrcode.util import QRData

QUIET_MODULES: Final = 4  # ISO/IEC 18004 asks for four on each side; readers miss codes that have fewer.
MODULE_PX_DEFAULT: Final = 8
SIDE_PX_MAX: Final = 8192
# No version at any level holds more; checked before the library works its way to the same answer.
TEXT_BYTES_MAX: Final = 7089
SHELF_BYTES_MAX: Final = 16 * 1024 * 1024

_MASK: Final = 2
# About what the objects of one kept image take besides its bytes and its text.
_ENTRY_BYTES: Final = 512
_DARK_RUN: Final = re.compile("1+")


class Correction(Enum):
    """How much of a code may be lost: 7, 15, 25 or 30 percent (ISO/IEC 18004). Screens take M, prints Q or H."""

    L = constants.ERROR_CORRECT_L
    M = constants.ERROR_CORRECT_M
    Q = constants.ERROR_CORRECT_Q
    H = constants.ERROR_CORRECT_H


class TextTooLong(ValueError):
    """No QR version holds this text at this level of correction."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """The modules without the quiet zone, one string of ``0`` (light) and ``1`` (dark) a row."""

    version: int
    rows: tuple[str, ...]

    @property
    def side(self) -> int:
        """Return the modules on one side, quiet zones included: what an image of it measures."""
        return len(self.rows) + 2 * QUIET_MODULES


@dataclass(frozen=True, slots=True)
class CodeImage:
    """A finished image; ``etag`` is the digest of its bytes, equal for equal input on one build of zlib."""

    body: bytes
    media_type: Literal["image/png", "image/svg+xml"]
    etag: str
    side_px: int


def qr_matrix(text: str, correction: Correction = Correction.M) -> Matrix:
    """Return the smallest code that holds the text. Raises TextTooLong, and ValueError for an empty text."""
    if not text:
        raise ValueError("an empty text makes no code")
    if len(text) > TEXT_BYTES_MAX:
        raise TextTooLong("longer than any code")
    code = QRCode(error_correction=correction.value, box_size=1, border=0, mask_pattern=_MASK)
    # Passing the data as one piece skips the library's search for runs worth another mode: an address has none.
    code.add_data(QRData(text))
    try:
        code.make()
    except (DataOverflowError, ValueError) as error:
        # The library looks for version 41, and its own check of versions objects first, with a ValueError.
        raise TextTooLong("longer than a code of this correction holds") from error
    rows = tuple("".join("1" if module else "0" for module in row) for row in code.modules)
    return Matrix(version=(len(rows) - 17) // 4, rows=rows)


def qr_png(text: str, correction: Correction = Correction.M, *, module_px: int = MODULE_PX_DEFAULT) -> CodeImage:
    """Return a black and white PNG with ``module_px`` pixels a module.

    Raises TextTooLong, and ValueError for an empty text or an image over 8192 pixels.
    """
    return _SHELF.take(("png", text, correction.name, module_px), lambda: _draw_png(text, correction, module_px))


def qr_svg(text: str, correction: Correction = Correction.M, *, module_px: int = MODULE_PX_DEFAULT) -> CodeImage:
    """Return an SVG that scales without loss; ``module_px`` gives its natural size. Raises as ``qr_png`` does."""
    return _SHELF.take(("svg", text, correction.name, module_px), lambda: _draw_svg(text, correction, module_px))


def dark_path(matrix: Matrix) -> str:
    """Return the SVG path of the dark modules, one unit a module, with the quiet zone left free around them."""
    parts: list[str] = []
    for y, row in enumerate(matrix.rows, start=QUIET_MODULES):
        for run in _DARK_RUN.finditer(row):
            width = run.end() - run.start()
            parts.append(f"M{run.start() + QUIET_MODULES} {y}h{width}v1h-{width}z")
    return "".join(parts)


def finished(body: bytes, media_type: Literal["image/png", "image/svg+xml"], side_px: int) -> CodeImage:
    """Return a drawing with its digest."""
    return CodeImage(body, media_type, _digest(body), side_px)


def _draw_png(text: str, correction: Correction, module_px: int) -> CodeImage:
    matrix = qr_matrix(text, correction)
    side_px = _side_px(matrix, module_px)
    header = struct.pack(">IIBBBBB", side_px, side_px, 1, 0, 0, 0, 0)  # One bit a pixel, grey scale.
    pixels = zlib.compress(_scan_lines(matrix, module_px, side_px), 6)
    body = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    return finished(body, "image/png", side_px)


def _scan_lines(matrix: Matrix, module_px: int, side_px: int) -> bytes:
    """Return the filtered lines: the first of a module as it is, the others as "the same as above" (filter 2)."""
    line_bytes = (side_px + 7) // 8
    padding = "0" * (line_bytes * 8 - side_px)
    scale = str.maketrans({"0": "1" * module_px, "1": "0" * module_px})  # In PNG grey, 1 is white.
    quiet = "0" * QUIET_MODULES
    blank = "0" * (matrix.side)
    repeat = (b"\x02" + bytes(line_bytes)) * (module_px - 1)
    lines: list[bytes] = []
    for row in (*[blank] * QUIET_MODULES, *(quiet + row + quiet for row in matrix.rows), *[blank] * QUIET_MODULES):
        bits = row.translate(scale) + padding
        lines.append(b"\x00" + int(bits, 2).to_bytes(line_bytes, "big") + repeat)
    return b"".join(lines)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _draw_svg(text: str, correction: Correction, module_px: int) -> CodeImage:
    matrix = qr_matrix(text, correction)
    side_px = _side_px(matrix, module_px)
    # Without crispEdges some renderers leave hair lines between rows, which a scanner may read as light.
    body = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{side_px}" height="{side_px}" '
        f'viewBox="0 0 {matrix.side} {matrix.side}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{matrix.side}v{matrix.side}H0z"/>'
        f'<path d="{dark_path(matrix)}"/></svg>'
    ).encode()
    return finished(body, "image/svg+xml", side_px)


def _side_px(matrix: Matrix, module_px: int) -> int:
    side_px = matrix.side * module_px
    if module_px < 1 or side_px > SIDE_PX_MAX:
        raise ValueError(f"a module takes 1 px or more and a side at most {SIDE_PX_MAX} px")
    return side_px


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


_Key = tuple[str, str, str, int]


class _Shelf:
    """Keeps the images last used; bounded by bytes, for a version-40 drawing weighs as much as 30 addresses."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._images: OrderedDict[_Key, CodeImage] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: _Key, draw: Callable[[], CodeImage]) -> CodeImage:
        with self._lock:
            if (kept := self._images.get(key)) is not None:
                self._images.move_to_end(key)
                return kept
        # Drawn outside the lock: two threads may draw the same bytes once each, and neither waits for the other.
        image = draw()
        with self._lock:
            if key not in self._images:
                self._images[key] = image
                self._bytes += _weight(key, image)
            while self._bytes > self._bytes_max:
                self._bytes -= _weight(*self._images.popitem(last=False))
        return image


def _weight(key: _Key, image: CodeImage) -> int:
    return len(image.body) + len(key[1]) + _ENTRY_BYTES


_SHELF: Final = _Shelf(SHELF_BYTES_MAX)
