"""Draws a sheet of labels and values, in Chinese, as a PDF or as a picture."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from bot.kernel.text import shorten
from bot.words.safety import visible

# One of the fonts that every reader of PDF has or replaces (PDF 1.7, §9.7.5.2: Adobe-GB1), so that none is shipped.
_FONT: Final = "STSong-Light"
pdfmetrics.registerFont(UnicodeCIDFont(_FONT))

# The printers' mark for a sign that the case does not hold; an empty box would look like a fault of the paper.
_LACKING: Final = "〓"
_TEXT_CHARACTERS_MAX: Final = 300
_MARGIN: Final = 40.0
_SMALL: Final = 11.0
_MIDDLE: Final = 13.0
_LARGE: Final = 20.0
_LEADING: Final = 1.6
_LABEL_SHARE: Final = 0.34
# The picture is as wide as a phone's page; its dots to a point, and how many of them at most stand above each other.
_PICTURE_WIDTH: Final = 400.0
_SCALE: Final = 2
_PICTURE_HEIGHT_MAX: Final = 16_000

Measure = Callable[[str, float], float]


class TooLong(ValueError):
    """A sheet that no picture of a reasonable size holds."""


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is drawn, from top to bottom; ``name`` is the document's own title and has to be ASCII."""

    name: str
    heading: str
    sections: tuple[Section, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Cell:
    """Some characters of one line, ``x`` points from the left margin."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the sheet: its letters' size and the height that it takes, in points."""

    size: float
    height: float
    cells: tuple[_Cell, ...]


def drawable(text: str) -> str:
    """Return the text on one line, in the characters that a Chinese font has (GBK), at most 300 of them.

    The sign of the yuan becomes its full-width form, which is the one in GBK; what else is not there shows as 〓.
    """
    line = " ".join(visible(text).split()).replace("¥", "￥")
    return "".join(char if _in_font(char) else _LACKING for char in shorten(line, _TEXT_CHARACTERS_MAX))


def draw_pdf(sheet: Sheet) -> bytes:
    """Return the sheet as a PDF of A4 pages; the same sheet gives the same bytes."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4, invariant=1, pageCompression=1)
    canvas.setTitle(sheet.name)
    canvas.setAuthor("")
    width, top = A4[0] - 2 * _MARGIN, A4[1] - _MARGIN
    y = top
    for line in _lines(sheet, width, _pdf_width):
        if y - line.height < _MARGIN:
            canvas.showPage()
            y = top
        y -= line.height
        canvas.setFont(_FONT, line.size)
        for cell in line.cells:
            canvas.drawString(_MARGIN + cell.x, y, cell.text)
    canvas.save()
    return target.getvalue()


def draw_png(sheet: Sheet, font: Path) -> bytes:
    """Return the sheet as one picture in the font of a file.

    Raises TooLong for more than a picture holds, OSError for a file that is no font.
    """
    letters = {size: _letters(font, size) for size in (_SMALL, _MIDDLE, _LARGE)}
    width = _PICTURE_WIDTH - 2 * _MARGIN
    lines = list(_lines(sheet, width, lambda text, size: letters[size].getlength(text) / _SCALE))
    height = int(_SCALE * (2 * _MARGIN + sum(line.height for line in lines)))
    if height > _PICTURE_HEIGHT_MAX:
        raise TooLong(f"{height} dots")
    with Image.new("L", (int(_SCALE * _PICTURE_WIDTH), height), 255) as picture:
        pen = ImageDraw.Draw(picture)
        y = _MARGIN
        for line in lines:
            y += line.height
            for cell in line.cells:
                place = (_SCALE * (_MARGIN + cell.x), _SCALE * y)
                pen.text(place, cell.text, fill=0, font=letters[line.size], anchor="ls")
        target = io.BytesIO()
        picture.save(target, "PNG")
    return target.getvalue()


def _letters(font: Path, size: float) -> ImageFont.FreeTypeFont:
    # Each drawing opens the file for itself, since two threads must not draw with one face.
    return ImageFont.truetype(font, size * _SCALE, layout_engine=ImageFont.Layout.BASIC)


def _pdf_width(text: str, size: float) -> float:
    return pdfmetrics.stringWidth(text, _FONT, size)


def _in_font(char: str) -> bool:
    try:
        char.encode("gbk")
    except UnicodeEncodeError:
        return False
    return True


def _lines(sheet: Sheet, width: float, measure: Measure) -> Iterator[_Line]:
    """Yield the lines of a sheet that is ``width`` points wide between its margins."""
    yield from _block(((0.0, sheet.heading, width),), _LARGE, measure)
    for section in sheet.sections:
        yield _gap()
        yield from _block(((0.0, section.title, width),), _MIDDLE, measure)
        for row in section.rows:
            start = _LABEL_SHARE * width
            columns = ((0.0, row.label, start - _SMALL), (start, row.value, width - start))
            yield from _block(columns, _SMALL, measure)
    yield _gap()
    for note in sheet.notes:
        yield from _block(((0.0, note, width),), _SMALL, measure)


def _gap() -> _Line:
    return _Line(_SMALL, _SMALL, ())


def _block(columns: tuple[tuple[float, str, float], ...], size: float, measure: Measure) -> Iterator[_Line]:
    """Yield the lines of texts beside each other, each (x, text, width) broken where its column ends."""
    broken = [(x, _broken(drawable(text), size, width, measure)) for x, text, width in columns]
    for number in range(max(len(parts) for _, parts in broken)):
        cells = tuple(_Cell(x, parts[number]) for x, parts in broken if number < len(parts))
        yield _Line(size, size * _LEADING, cells)


def _broken(text: str, size: float, width: float, measure: Measure) -> list[str]:
    """Break anywhere, as Chinese does; a number that is too long for its column is broken likewise, never cut."""
    parts, start, taken = [], 0, 0.0
    for place, char in enumerate(text):
        step = measure(char, size)
        if taken + step > width and place > start:
            parts.append(text[start:place])
            start, taken = place, 0.0
        taken += step
    return [*parts, text[start:]]
