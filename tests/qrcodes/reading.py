"""Reads codes back with zxing-cpp, and turns our SVG into pixels without any SVG renderer."""

import io
import re
import xml.etree.ElementTree as ElementTree

import zxingcpp
from PIL import Image, ImageDraw

SVG = "{http://www.w3.org/2000/svg}"
_RUN = re.compile(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z")


def decode(picture: Image.Image) -> list[str]:
    """Return the text of every QR code in the picture."""
    formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    return [found.text for found in zxingcpp.read_barcodes(picture, formats=formats)]


def open_png(body: bytes) -> Image.Image:
    """Return the picture of a PNG after Pillow has checked its structure and its check sums."""
    with Image.open(io.BytesIO(body)) as checked:
        checked.verify()
    with Image.open(io.BytesIO(body)) as picture:
        return picture.convert("L")


def rasterise(svg: ElementTree.Element, scale: int = 4) -> Image.Image:
    """Draw an ``<svg>`` that holds paths of horizontal runs; anything else in a dark path fails the test."""
    side = int(svg.attrib["viewBox"].split()[2])
    picture = Image.new("L", (side * scale, side * scale), 255)
    pen = ImageDraw.Draw(picture)
    for path in svg.iter(f"{SVG}path"):
        if path.get("fill") == "#fff":
            continue
        runs = list(_RUN.finditer(path.attrib["d"]))
        assert "".join(run[0] for run in runs) == path.attrib["d"]
        for run in runs:
            x, y, width, back = (int(number) for number in run.groups())
            assert width == back
            pen.rectangle(
                (x * scale, y * scale, (x + width) * scale - 1, (y + 1) * scale - 1),
                fill=0,
            )
    return picture


def svg_root(body: bytes | str) -> ElementTree.Element:
    """Return the parsed root; malformed XML raises ParseError."""
    return ElementTree.fromstring(body)  # noqa: S314  # Our own output.
