"""The files that bills come in: asked for, downloaded, proven by their hash, and read line by line as a stream."""

import asyncio
import gzip
import hashlib
import hmac
import io
import re
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import IO, Final, Protocol, TypeVar

from bot.gateways.wechatpay.client import Bad, Client, Silent
from bot.gateways.wechatpay.errors import NO_STATEMENT
from bot.kernel.clock import SHANGHAI
from bot.kernel.errors import GatewayTrouble
from bot.kernel.money import MAX_FEN

Line_co = TypeVar("Line_co", covariant=True)

# The compressed file is held in memory as one piece and everything after it is a stream. About a tenth of the text,
# so this carries more than a million trades a day.
FILE_MAX: Final = 64 << 20
TEXT_MAX: Final = 2 << 30
_LINE_MAX: Final = 16 << 10
_CHUNK: Final = 1 << 16
_AT_ONCE: Final = 500
_GZIP: Final = b"\x1f\x8b"
_TICK: Final = "`"
_SHA1: Final = re.compile(r"[0-9a-f]{40}", re.ASCII)
_AMOUNT: Final = re.compile(r"(\d{1,10})(?:\.(\d{1,2}))?", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)


class Reader(Protocol[Line_co]):
    """What one kind of bill says in its lines; every method raises GatewayTrouble for what it cannot read."""

    summary: str  # The first name of the sums; empty where it is not known, and any line of names will do.

    def open(self, names: list[str]) -> int:
        """Take the column names and return how many values a line has at least."""
        ...

    def row(self, values: list[str]) -> Line_co: ...

    def check(self, names: list[str], values: list[str]) -> None:
        """Hold the sums that the bill itself states against those of the lines that were read from it."""
        ...


async def fetch(
    client: Client, path: str, reader: Reader[Line_co], none: Sequence[str] = (NO_STATEMENT,)
) -> AsyncIterator[Line_co]:
    """Yield every line of the bill that ``path`` asks for, none where one of these codes says that there is no bill.

    The file itself is not signed: its hash, named in a signed answer, is compared before the first line is given
    out. Bills appear on the next day after 10:00 and for three months. Raises GatewayTrouble when there is no
    usable bill now, or when what is in it does not add up.
    """
    named = await client.get(path)
    if isinstance(named, Silent):
        raise GatewayTrouble("statement_unavailable", named.reason)
    if isinstance(named, Bad):
        if named.code in none:
            return
        raise GatewayTrouble("statement_unavailable", named.code or f"status {named.status}")
    url, digest = named.data.get("download_url"), named.data.get("hash_value")
    if named.data.get("hash_type") != "SHA1" or not isinstance(url, str) or not isinstance(digest, str):
        raise GatewayTrouble("statement_malformed", "no download_url with a SHA1 hash")
    file = await client.download(url, FILE_MAX)
    if isinstance(file, Silent):
        raise GatewayTrouble("statement_unavailable", file.reason)
    # Inflating and parsing a large bill takes seconds, which the event loop must not lose.
    await asyncio.to_thread(prove, file, digest)
    parsed = rows(file, reader)
    while batch := await asyncio.to_thread(_next, parsed):
        for line in batch:
            yield line


def _next(parsed: Iterator[Line_co]) -> list[Line_co]:
    return list(islice(parsed, _AT_ONCE))


def prove(file: bytes, digest: str) -> None:
    """Compare the SHA-1 of the uncompressed bytes with the one that was named; raises GatewayTrouble."""
    found = hashlib.sha1(usedforsecurity=False)  # WeChat Pay names no other.
    size = 0
    try:
        with _opened(file) as text:
            while chunk := text.read(_CHUNK):
                size += len(chunk)
                if size > TEXT_MAX:
                    raise GatewayTrouble("statement_too_large")
                found.update(chunk)
    except (OSError, EOFError, zlib.error):
        raise GatewayTrouble("statement_malformed", "the file does not inflate") from None
    given = digest.lower()
    if not _SHA1.fullmatch(given) or not hmac.compare_digest(given, found.hexdigest()):
        raise GatewayTrouble("statement_hash", "the file is not the one that was named")


def rows(file: bytes, reader: Reader[Line_co]) -> Iterator[Line_co]:
    """Yield the lines of a proven file, in constant memory beside the file itself; raises GatewayTrouble.

    Format (payments.md §4.1): UTF-8 with a byte order mark, a line of column names, one line a movement with a
    backtick before each value and no quoting, then a line of names and one of values that sum up the bill.
    """
    with _opened(file) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="\n") as text:
        lines = _lines(text)
        width = reader.open(next(lines, "").split(","))
        for line in lines:
            if line.startswith(reader.summary) if reader.summary else not line.startswith(_TICK):
                reader.check(line.split(","), _values(next(lines, "")))
                return
            values = _values(line)
            if len(values) < width:
                raise GatewayTrouble("statement_malformed", "a line with too few values")
            yield reader.row(values)
    raise GatewayTrouble("statement_malformed", "the bill ends without its summary")


class Places:
    """Where each column stands in a line.

    Names left of the texts that people write are found from the left, the others from the right: a product's name or
    a note may hold the very characters that separate values.
    """

    def __init__(self, names: list[str], free_text: Sequence[str]) -> None:
        free = next((names.index(name) for name in free_text if name in names), len(names))
        self._places = {name: at if at < free else at - len(names) for at, name in enumerate(names)}

    def need(self, *wanted: str) -> int:
        """Return the place of the first of these names that is there; raises GatewayTrouble when none is."""
        for name in wanted:
            if name in self._places:
                return self._places[name]
        raise GatewayTrouble("statement_malformed", f"no column {wanted[0]}")

    def find(self, *wanted: str) -> int | None:
        """Return the place of the first of these names that is there, None where this bill has none of them."""
        return next((self._places[name] for name in wanted if name in self._places), None)


def optional(values: list[str], place: int | None) -> str:
    return "" if place is None else values[place]


def compare_sums(names: list[str], values: list[str], sums: Mapping[str, int]) -> None:
    """Hold the sums that the bill itself states against those of the lines that were read from it."""
    told = dict(zip(names, values, strict=False))
    for name, found in sums.items():
        if name in told and fen(told[name]) != found:
            raise GatewayTrouble("statement_malformed", f"{name} differs from its lines")


def fen(text: str) -> int:
    """Return the fen of an amount in yuan with at most two decimals (or a count, in hundredths)."""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise GatewayTrouble("statement_malformed", "an amount that is none")
    amount = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    if amount > MAX_FEN:
        raise GatewayTrouble("statement_malformed", "an amount above every limit")
    return amount


def moment(text: str) -> datetime:
    """Return a bill's Chinese time in UTC."""
    try:
        if not _TIME.fullmatch(text):
            raise ValueError
        return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)
    except ValueError:
        raise GatewayTrouble("statement_malformed", "a time that is none") from None


def _opened(file: bytes) -> IO[bytes]:
    plain = io.BytesIO(file)
    return gzip.GzipFile(fileobj=plain) if file.startswith(_GZIP) else plain  # type: ignore[return-value]


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(_LINE_MAX):
        if not line.endswith("\n") and len(line) >= _LINE_MAX:
            raise GatewayTrouble("statement_malformed", "a line without end")
        if stripped := line.rstrip("\r\n"):
            yield stripped


def _values(line: str) -> list[str]:
    if not line.startswith(_TICK):
        raise GatewayTrouble("statement_malformed", "a line whose values have no backtick")
    return line[1:].split(",`")
