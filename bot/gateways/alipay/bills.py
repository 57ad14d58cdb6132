"""Alipay's bill files: asked for, downloaded, unzipped within bounds and read row by row."""

import asyncio
import io
import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice
from typing import Final, TypeVar

from bot.gateways.alipay.client import Client, Silent
from bot.gateways.alipay.errors import NO_BILL, NOT_PERMITTED
from bot.kernel.clock import SHANGHAI, Clock
from bot.kernel.errors import GatewayTrouble
from bot.kernel.money import MAX_FEN

QUERY: Final = "alipay.data.dataservice.bill.downloadurl.query"
# The zip is held in memory as one piece and everything after it is a stream. The text is about ten times as large,
# so this carries more than a million trades a day.
FILE_MAX: Final = 64 << 20
TEXT_MAX: Final = 2 << 30
_MEMBERS_MAX: Final = 16
_LINE_MAX: Final = 16 << 10
_AT_ONCE: Final = 500
# Bills of a day appear in the morning of the next; before that "there is none" says nothing.
_READY: Final = time(10, 0)
_SUMMARY: Final = "汇总"
_END: Final = "列表结束"
# People write into this column, and nothing is quoted: what it holds of commas is put together again.
_FREE_TEXT: Final = "商品名称"
_AMOUNT: Final = re.compile(r"([+-]?)(\d{1,10})(?:\.(\d{1,2}))?", re.ASCII)
_FEE: Final = re.compile(r"[+-]?\d{1,8}(?:\.\d{1,6})?", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    UnicodeDecodeError,
    OSError,
)
T = TypeVar("T")


async def fetch(client: Client, kind: str, day: date, clock: Clock, *, optional: bool = False) -> bytes | None:
    """Return the file of a day's bill (``trade`` or ``signcustomer``), None where Alipay says that there is none.

    One that is ``optional`` is not there either where this application may not ask for its kind.

    Nothing signs the file: its address comes from a verified answer and leads to Alipay over TLS, and the sums that
    the file states are held against its rows. Raises GatewayTrouble when there is no usable bill now.
    """
    reply = await client.call(QUERY, {"bill_type": kind, "bill_date": day.isoformat()})
    if isinstance(reply, Silent):
        raise GatewayTrouble("statement_unavailable", reply.reason)
    if not reply.good:
        ready = datetime.combine(day + timedelta(days=1), _READY, SHANGHAI)
        if reply.sub_code == NO_BILL and clock.now() >= ready:
            return None
        if optional and reply.code == NOT_PERMITTED:
            return None
        raise GatewayTrouble("statement_unavailable", reply.reason)
    url = reply.data.get("bill_download_url")
    if not isinstance(url, str) or not url:
        raise GatewayTrouble("statement_malformed", "no bill_download_url")
    file = await client.download(url, FILE_MAX)
    if isinstance(file, Silent):
        raise GatewayTrouble("statement_unavailable", file.reason)
    return file


async def streamed(items: Iterator[T]) -> AsyncIterator[T]:
    """Yield what a reader yields, read in a thread: inflating a large bill takes seconds from no other request."""
    while batch := await asyncio.to_thread(_next, items):
        for item in batch:
            yield item


def _next(items: Iterator[T]) -> list[T]:
    return list(islice(items, _AT_ONCE))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table by the names of its columns."""

    places: Mapping[str, int]
    values: Sequence[str]

    def __getitem__(self, name: str) -> str:
        """Return a value; raises GatewayTrouble for a column that this bill does not have."""
        place = self.places.get(name)
        if place is None:
            raise GatewayTrouble("statement_malformed", f"no column {name}")
        return self.values[place]

    def get(self, name: str) -> str:
        place = self.places.get(name)
        return "" if place is None else self.values[place]


class BillFile:
    """A downloaded file. Its names and texts are GBK, and the names bear no flag that would say so (trap 21)."""

    def __init__(self, file: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(file), metadata_encoding="gbk")
        except _BROKEN:
            raise GatewayTrouble("statement_malformed", "the file is no zip") from None
        if len(self._zip.infolist()) > _MEMBERS_MAX:
            raise GatewayTrouble("statement_too_large", "too many files in one")

    def rows(self, word: str, tail: list[str]) -> Iterator[Row]:
        """Yield the rows of the table whose name holds the word; its comments after them go into ``tail``."""
        name = self._member(word, summary=False)
        if name is None:
            raise GatewayTrouble("statement_malformed", f"no file {word}")
        yield from _rows(self._lines(name), tail)
        if not any(_END in line for line in tail):
            raise GatewayTrouble("statement_malformed", "the bill ends without its end")

    def summary(self, word: str) -> Row | None:
        """Return the line of sums of the summary, None where there is no summary or no such line."""
        name = self._member(word, summary=True)
        if name is None:
            return None
        return next((row for row in _rows(self._lines(name), []) if row.values[0] == "合计"), None)

    def _member(self, word: str, *, summary: bool) -> str | None:
        names = [name for name in self._zip.namelist() if word in name and (_SUMMARY in name) is summary]
        if len(names) > 1:
            raise GatewayTrouble("statement_malformed", f"two files {word}")
        return names[0] if names else None

    def _lines(self, name: str) -> Iterator[str]:
        """Yield the lines of a member; what it says of its size is believed by nobody."""
        size = 0
        try:
            with (
                self._zip.open(name) as raw,
                io.TextIOWrapper(raw, encoding="gb18030", errors="replace", newline="\n") as lines,
            ):
                while line := lines.readline(_LINE_MAX):
                    size += len(line)
                    if size > TEXT_MAX:
                        raise GatewayTrouble("statement_too_large")
                    if not line.endswith("\n") and len(line) >= _LINE_MAX:
                        raise GatewayTrouble("statement_malformed", "a line without end")
                    if stripped := line.strip():
                        yield stripped
        except _BROKEN:
            raise GatewayTrouble("statement_malformed", "the file does not inflate") from None


def _rows(lines: Iterator[str], tail: list[str]) -> Iterator[Row]:
    """Yield the lines between the comments at the head, the names of the columns, and the comments at the end."""
    places: dict[str, int] = {}
    for line in lines:
        if line.startswith("#"):
            if places:
                tail.append(plain(line))
            continue
        values = [value.strip() for value in line.split(",")]
        if not places:
            # The unit in brackets comes in full and half width, and says nothing that we do not know.
            places = {plain(name).partition("(")[0]: at for at, name in enumerate(values)}
            continue
        yield Row(places, _whole(values, places))


def _whole(values: list[str], places: Mapping[str, int]) -> list[str]:
    more = len(values) - len(places)
    if more < 0:
        raise GatewayTrouble("statement_malformed", "a line with too few values")
    at = places.get(_FREE_TEXT)
    if not more:
        return values
    if at is None:
        raise GatewayTrouble("statement_malformed", "a line with too many values")
    return [*values[:at], ",".join(values[at : at + more + 1]), *values[at + more + 1 :]]


def plain(text: str) -> str:
    """Return a text with full-width characters made half-width."""
    return unicodedata.normalize("NFKC", text).strip()


def fen(text: str) -> int:
    """Return the fen of an amount in yuan with at most two decimals, which may be negative; an empty one is 0."""
    if not text:
        return 0
    match = _AMOUNT.fullmatch(text if text.isascii() else plain(text).replace("−", "-"))
    if match is None:
        raise GatewayTrouble("statement_malformed", "an amount that is none")
    found = int(match[2]) * 100 + int((match[3] or "").ljust(2, "0"))
    if found > MAX_FEN:
        raise GatewayTrouble("statement_malformed", "an amount above every limit")
    return -found if match[1] == "-" else found


def rounded(text: str) -> int:
    """Return fen of a fee, rounded half up (payments.md, trap 20); an empty one is 0."""
    if not text:
        return 0
    if not _FEE.fullmatch(text):
        raise GatewayTrouble("statement_malformed", "a fee that is none")
    return int((Decimal(text) * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def moment(text: str) -> datetime:
    try:
        if not _TIME.fullmatch(text):
            raise ValueError
        return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)
    except ValueError:
        raise GatewayTrouble("statement_malformed", "a time that is none") from None


def compare(name: str, told: int, found: int) -> None:
    """Hold a sum that the bill itself states against that of the rows that were read from it."""
    if told != found:
        raise GatewayTrouble("statement_malformed", f"{name} differs from its lines")
