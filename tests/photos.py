"""Pictures as phones take them: codes drawn, turned a little, scaled, on paper; and pictures that are traps."""

import struct
import zlib
from collections.abc import Sequence
from io import BytesIO

import zxingcpp
from PIL import Image, ImageFilter

from qrcodes.image import qr_png


def qr(text: str, module_px: int = 8) -> Image.Image:
    return Image.open(BytesIO(qr_png(text, module_px=module_px).body)).convert("L")


def bar(text: str) -> Image.Image:
    """A Code 128 bar code as bills carry it."""
    drawn = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.Code128).to_image(scale=3, add_quiet_zones=True)
    return Image.fromarray(drawn).convert("L")


def photo(*codes: Image.Image, turned: float = 0.0, scale: float = 1.0) -> Image.Image:
    """Lay codes one above the other on grey paper, turn it by degrees, scale it and blur it a little."""
    width, height = max(code.width for code in codes) + 160, sum(code.height + 120 for code in codes) + 120
    paper = Image.new("L", (width, height), 235)
    at = 120
    for code in codes:
        paper.paste(code, ((width - code.width) // 2, at))
        at += code.height + 120
    turned_paper = paper.rotate(turned, expand=True, fillcolor=200, resample=Image.Resampling.BICUBIC)
    size = (int(turned_paper.width * scale), int(turned_paper.height * scale))
    return turned_paper.resize(size).filter(ImageFilter.GaussianBlur(0.6))


def png(picture: Image.Image) -> bytes:
    kept = BytesIO()
    picture.save(kept, "PNG")
    return kept.getvalue()


def jpeg(picture: Image.Image, quality: int = 80) -> bytes:
    kept = BytesIO()
    picture.save(kept, "JPEG", quality=quality)
    return kept.getvalue()


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few hundred bytes whose header promises more pixels than any memory holds."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks: Sequence[tuple[bytes, bytes]] = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 4096)), (b"IEND", b""))
    parts = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
