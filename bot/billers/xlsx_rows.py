"""Takes the XML events of an XLSX sheet and makes rows of cells as a person saw them (ECMA-376, part 1, §18.3)."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Context, Decimal, DecimalException
from typing import Final

from bot.billers.cells import (
    CELL_CHARACTERS_MAX,
    COLUMNS_MAX,
    NO_NUMBER,
    NO_RESULT,
    TOO_MANY_DIGITS,
    TOO_WIDE,
    Cell,
    Trouble,
    text_cell,
)

Attributes = Mapping[str, str]

# Numbers beyond 15 digits are cut by the program that wrote them; within, this is what the person saw.
_DIGITS: Final = 15
_SHOWN: Final = Context(prec=_DIGITS)
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})[0-9]{1,7}")
_LAST_DAY: Final = 2_958_465
_DAYS_BEFORE_1904: Final = 1_462
# Lotus believed in 29 February 1900, and Excel with it.
_LEAP_THAT_NEVER_WAS: Final = 60


class Gathered:
    """Gathers the text of ``t`` elements, but not of the phonetic hints beside them; no more than a cell may hold."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0
        self.taking = False
        self.hints = 0

    def clear(self) -> None:
        self.parts.clear()
        self.length = 0

    def start(self, tag: str) -> None:
        self.hints += tag == "rPh"
        self.taking = tag == "t" and not self.hints

    def end(self, tag: str) -> None:
        self.hints -= tag == "rPh"
        self.taking = False

    def add(self, text: str) -> None:
        room = CELL_CHARACTERS_MAX + 1 - self.length
        if room > 0:
            self.parts.append(text[:room])
            self.length += len(text)

    def whole(self) -> str:
        return "".join(self.parts)


class SheetReader:
    """Takes the events of a sheet's XML and keeps the rows that are complete."""

    def __init__(self, shared: Callable[[int], str], dates: frozenset[int], *, epoch_1904: bool) -> None:
        """``shared`` returns a shared string by its number, ``dates`` are the styles that show a date."""
        self._shared = shared
        self._dates = dates
        self._epoch_1904 = epoch_1904
        self._ready: list[tuple[int, Sequence[Cell] | Trouble]] = []
        self._cells: list[Cell] = []
        self._wide = False
        self._column = -1
        self._kind = "n"
        self._style = 0
        self._formula = False
        self._valued = False
        self._text = Gathered()
        self._number = 0
        self._inside = False

    @property
    def unfinished(self) -> int:
        """The number of the row that is being read, or of the next one."""
        return self._number if self._inside else self._number + 1

    def taken(self) -> list[tuple[int, Sequence[Cell] | Trouble]]:
        """Hand over the rows that have become complete."""
        ready, self._ready = self._ready, []
        return ready

    def start(self, tag: str, attributes: Attributes) -> None:
        self._text.start(tag)
        if tag == "row":
            self._number, self._inside = int(attributes.get("r", self._number + 1)), True
            self._cells, self._column, self._wide = [], -1, False
        elif tag == "c":
            reference = _REFERENCE.fullmatch(attributes.get("r", ""))
            self._column = _column(reference[1]) if reference else self._column + 1
            self._kind, self._style = attributes.get("t", "n"), int(attributes.get("s", "0"))
            self._formula = self._valued = False
            self._text.clear()
        elif tag == "v":
            self._text.taking = self._valued = True
        elif tag == "f":
            self._formula = True

    def text(self, text: str) -> None:
        if self._text.taking:
            self._text.add(text)

    def end(self, tag: str) -> None:
        self._text.end(tag)
        if tag == "c":
            self._put(self._value())
        elif tag == "row":
            self._ready.append((self._number, TOO_WIDE if self._wide else self._cells))
            self._inside = False

    def _put(self, cell: Cell) -> None:
        if not cell:
            return
        if self._column >= COLUMNS_MAX:
            self._wide = True
            return
        self._cells.extend([""] * (self._column + 1 - len(self._cells)))
        self._cells[self._column] = cell

    def _value(self) -> Cell:
        text = self._text.whole()
        match self._kind:
            case "s":
                return text_cell(self._shared(int(text))) if text else ""
            case "inlineStr" | "str":
                return NO_RESULT if self._formula and not self._valued else text_cell(text)
            case "e":
                return Trouble(f"单元格是错误值 {text[:10]}", "改正公式，或粘贴为数值")
            case "b":
                return "TRUE" if text.strip() == "1" else "FALSE"
            case "d":
                return text.strip()[:10]
            case _ if not text.strip():
                return NO_RESULT if self._formula else ""
            case _:
                return _number(text.strip(), dated=self._style in self._dates, epoch_1904=self._epoch_1904)


def _column(letters: str) -> int:
    """Return 0 for A, 26 for AA."""
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - ord("A") + 1
    return place - 1


def _number(text: str, *, dated: bool, epoch_1904: bool) -> Cell:
    """Return a number as the person saw it: a date as ISO, without exponent, without the noise of binary fractions."""
    try:
        value = Decimal(text)
    except DecimalException:
        return NO_NUMBER
    if not value.is_finite():
        return NO_NUMBER
    if value and value.adjusted() >= _DIGITS:
        return TOO_MANY_DIGITS
    if dated:
        return _day(int(value), epoch_1904=epoch_1904)
    if not value or value.adjusted() < -_DIGITS:
        return "0"
    return format(_SHOWN.plus(value).normalize(_SHOWN), "f")


def _day(serial: int, *, epoch_1904: bool) -> Cell:
    if epoch_1904 and 0 <= serial <= _LAST_DAY - _DAYS_BEFORE_1904:
        return (date(1904, 1, 1) + timedelta(days=serial)).isoformat()
    if epoch_1904 or not 0 < serial <= _LAST_DAY or serial == _LEAP_THAT_NEVER_WAS:
        return Trouble("日期无法识别", "填写如 2026-11-30")
    start = date(1899, 12, 31) if serial < _LEAP_THAT_NEVER_WAS else date(1899, 12, 30)
    return (start + timedelta(days=serial)).isoformat()
