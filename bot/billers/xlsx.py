"""Reads the first sheet of an XLSX workbook (ECMA-376) in constant memory, with a bound on everything it unpacks.

A parser of our own, because the usual library keeps all shared strings in memory and hides what matters with money: a
formula without a result, a number that has lost digits, the noise of binary fractions.
"""

import posixpath
import re
import sqlite3
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final
from xml.parsers import expat

from bot.billers.cells import UNREADABLE, Cell, Trouble
from bot.billers.xlsx_rows import Attributes, Gathered, SheetReader
from bot.kernel.errors import BadRequest

_CHUNK: Final = 1 << 16
# An XML token longer than this is no cell; the parser would have to hold it whole.
_TOKEN_MAX: Final = 1 << 20
_PARTS_MAX: Final = 2_000
_SMALL_PART_MAX: Final = 8 << 20
_STRINGS_MAX: Final = 512 << 20
_SHEET_MAX: Final = 1 << 30
_STYLES_MAX: Final = 100_000
_STRINGS_CACHED: Final = 4_096
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    expat.ExpatError,
    EOFError,
    OSError,
    KeyError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)

_DATE_FORMATS: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_LITERALS: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_DATE_LETTERS: Final = re.compile(r"[ymdhs]", re.IGNORECASE)


class _TooLarge(ValueError):
    """A part unpacks to more than any bill file has."""


@contextmanager
def opened(path: Path) -> Iterator["Workbook"]:
    """Open a workbook; raises BadRequest for a file that is none."""
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            strings = stack.enter_context(closing(_Strings()))
            book = Workbook(archive, strings)
        except _TooLarge as fault:
            raise BadRequest("file_too_large", "split the workbook") from fault
        except _BROKEN as fault:
            raise BadRequest("file_xlsx", "this is no XLSX workbook; save it again from the program") from fault
        yield book


class Workbook:
    """An open workbook. ``sheet`` is the name of the first visible sheet, ``sheets`` how many are visible."""

    def __init__(self, archive: zipfile.ZipFile, strings: "_Strings") -> None:
        if len(archive.infolist()) > _PARTS_MAX:
            raise _TooLarge
        self._archive = archive
        self._strings = strings
        main = _main_part(archive)
        visible, self._epoch_1904 = _sheets(archive, main)
        relations = _relations(archive, main)
        (self.sheet, relation), self.sheets = visible[0], len(visible)
        self._part = relations[relation][1]
        kinds = dict(relations.values())
        self._dates = _date_styles(archive, kinds["styles"]) if "styles" in kinds else frozenset()
        if "sharedStrings" in kinds:
            strings.fill(archive, kinds["sharedStrings"])
        _sized(archive, self._part, _SHEET_MAX)

    def rows(self) -> Iterator[tuple[int, Sequence[Cell] | Trouble]]:
        """Yield each row with its number; one that cannot be read is the last, as a ``Trouble``."""
        reader = SheetReader(self._strings.get, self._dates, epoch_1904=self._epoch_1904)
        try:
            for _ in _parse(self._archive, self._part, _SHEET_MAX, reader.start, reader.end, reader.text):
                yield from reader.taken()
        except _BROKEN:
            yield from reader.taken()
            yield reader.unfinished, UNREADABLE


def _parse(
    archive: zipfile.ZipFile,
    part: str,
    limit: int,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None],
    text: Callable[[str], None],
) -> Iterator[None]:
    """Feed a part to an XML parser, pausing after each chunk; elements come without their prefix."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
    parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    parser.CharacterDataHandler = text
    # No part of a workbook has a document type; with none there are no entities to expand.
    parser.StartDoctypeDeclHandler = _refuse_doctype
    fed = 0
    _sized(archive, part, limit)
    with archive.open(part) as file:
        while chunk := file.read(_CHUNK):
            parser.Parse(chunk)
            fed += len(chunk)
            if fed - parser.CurrentByteIndex > _TOKEN_MAX:
                raise _TooLarge
            yield
        parser.Parse(b"", True)
        yield


def _read(archive: zipfile.ZipFile, part: str, start: Callable[[str, Attributes], None]) -> None:
    """Read a small part of which only the opening tags matter."""
    for _ in _parse(archive, part, _SMALL_PART_MAX, start, _nothing, _nothing):
        pass


def _nothing(_text: str) -> None:
    return None


def _refuse_doctype(*_declared: object) -> None:
    raise ValueError("a part of a workbook declares no document type")


def _sized(archive: zipfile.ZipFile, part: str, limit: int) -> None:
    """Raise unless a part is there and unpacks to so many bytes at most; zipfile reads no further than it declares."""
    if archive.getinfo(part).file_size > limit:
        raise _TooLarge


def _relations(archive: zipfile.ZipFile, part: str) -> Mapping[str, tuple[str, str]]:
    """Return what a part refers to: id → (kind, name of the other part)."""
    folder, _, name = part.rpartition("/")
    found: dict[str, tuple[str, str]] = {}

    def start(tag: str, attributes: Attributes) -> None:
        if tag == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, attributes["Target"])).lstrip("/")
            found[attributes["Id"]] = (attributes["Type"].rpartition("/")[2], target)

    _read(archive, posixpath.join(folder, "_rels", f"{name}.rels"), start)
    return found


def _main_part(archive: zipfile.ZipFile) -> str:
    for kind, part in _relations(archive, "").values():
        if kind == "officeDocument":
            return part
    raise ValueError("no main part")


def _sheets(archive: zipfile.ZipFile, main: str) -> tuple[Sequence[tuple[str, str]], bool]:
    """Return the visible sheets, as (name, relation), and whether days are counted from 1904."""
    visible: list[tuple[str, str]] = []
    flags: dict[str, bool] = {}

    def start(tag: str, attributes: Attributes) -> None:
        if tag == "sheet" and attributes.get("state", "visible") == "visible":
            # ``r:id`` by custom; the prefix is the writer's choice.
            relation = next(value for key, value in attributes.items() if key.rpartition(":")[1:] == (":", "id"))
            visible.append((attributes["name"][:31], relation))
        elif tag == "workbookPr":
            flags["1904"] = attributes.get("date1904") in ("1", "true")

    _read(archive, main, start)
    if not visible:
        raise ValueError("no visible sheet")
    return visible, flags.get("1904", False)


def _date_styles(archive: zipfile.ZipFile, part: str) -> frozenset[int]:
    """Return the numbers of the cell styles that show a number as a date."""
    dates = set(_DATE_FORMATS)
    styles: list[int] = []
    inside: list[str] = []

    def start(tag: str, attributes: Attributes) -> None:
        inside.append(tag)
        if tag == "numFmt" and _DATE_LETTERS.search(_LITERALS.sub("", attributes["formatCode"])):
            dates.add(int(attributes["numFmtId"]))
        elif tag == "xf" and "cellXfs" in inside[-2:]:
            styles.append(int(attributes.get("numFmtId", "0")))

    def end(_tag: str) -> None:
        inside.pop()

    for _ in _parse(archive, part, _SMALL_PART_MAX, start, end, _nothing):
        if len(styles) > _STYLES_MAX:
            raise _TooLarge
    return frozenset(number for number, style in enumerate(styles) if style in dates)


class _Strings:
    """The shared strings of a workbook, on disk, so that their number does not matter."""

    def __init__(self) -> None:
        # Rows may be read in another thread than the one that opened the workbook, never in two at once.
        self._store = sqlite3.connect("", check_same_thread=False)
        self._store.execute("CREATE TABLE strings (number INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        self._cache: OrderedDict[int, str] = OrderedDict()

    def fill(self, archive: zipfile.ZipFile, part: str) -> None:
        gathered = Gathered()
        ready: list[str] = []

        def start(tag: str, _attributes: Attributes) -> None:
            if tag == "si":
                gathered.clear()
            gathered.start(tag)

        def end(tag: str) -> None:
            gathered.end(tag)
            if tag == "si":
                ready.append(gathered.whole())

        def text(part: str) -> None:
            if gathered.taking:
                gathered.add(part)

        count = 0
        for _ in _parse(archive, part, _STRINGS_MAX, start, end, text):
            self._store.executemany("INSERT INTO strings VALUES (?, ?)", enumerate(ready, start=count))
            count += len(ready)
            ready.clear()

    def get(self, number: int) -> str:
        """Return a shared string; raises ValueError for one that is not there."""
        known = self._cache.get(number)
        if known is None:
            row = self._store.execute("SELECT text FROM strings WHERE number = ?", (number,)).fetchone()
            if row is None:
                raise ValueError("no such shared string")
            known = self._cache[number] = str(row[0])
            if len(self._cache) > _STRINGS_CACHED:
                self._cache.popitem(last=False)
        return known

    def close(self) -> None:
        self._store.close()
