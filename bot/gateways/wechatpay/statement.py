"""The trade bill of one day: asked for, downloaded, proven by its hash, and read line by line."""

import asyncio
import gzip
import hashlib
import hmac
import io
import re
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice
from typing import IO, Final

from bot.gateways.wechatpay.client import Bad, Client, Silent
from bot.gateways.wechatpay.mapping import NO_STATEMENT
from bot.kernel.clock import SHANGHAI
from bot.kernel.errors import GatewayTrouble
from bot.kernel.money import MAX_FEN
from bot.payments.facts import StatementLine

# The compressed file is held in memory as one piece and everything after it is a stream. About a tenth of the text,
# so this carries more than a million trades a day.
FILE_MAX: Final = 64 << 20
TEXT_MAX: Final = 2 << 30
_LINE_MAX: Final = 16 << 10
_CHUNK: Final = 1 << 16
_AT_ONCE: Final = 500
_GZIP: Final = b"\x1f\x8b"
_SHA1: Final = re.compile(r"[0-9a-f]{40}", re.ASCII)
_AMOUNT: Final = re.compile(r"(\d{1,10})(?:\.(\d{1,2}))?", re.ASCII)
_FEE: Final = re.compile(r"-?\d{1,8}(?:\.\d{1,5})?", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
# The first word of the summary. The count is written as 45 or as 45.0, so it is read like an amount, in hundredths.
_COUNT: Final = "总交易单数"
# Names left of the texts that people write are found from the left, the others from the right: a product's name may
# hold the very characters that separate values.
_FREE_TEXT: Final = ("商品名称", "商户数据包")
_TYPES: Final[Mapping[str, str]] = {"SUCCESS": "payment", "REFUND": "refund", "REVOKED": "refund"}


async def fetch(client: Client, day: date) -> AsyncIterator[StatementLine]:
    """Yield every line of that day's bill, none where WeChat Pay says that there is no bill.

    The file itself is not signed: its hash, named in a signed answer, is compared before the first line is given
    out. Bills appear on the next day after 10:00 and for three months. Raises GatewayTrouble when there is no
    usable bill now, or when what is in it does not add up.
    """
    named = await client.get(f"/v3/bill/tradebill?bill_date={day.isoformat()}&bill_type=ALL&tar_type=GZIP")
    if isinstance(named, Silent):
        raise GatewayTrouble("statement_unavailable", named.reason)
    if isinstance(named, Bad):
        if named.code == NO_STATEMENT:
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
    parsed = read(file)
    while batch := await asyncio.to_thread(_next, parsed):
        for line in batch:
            yield line


def _next(parsed: Iterator[StatementLine]) -> list[StatementLine]:
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


def read(file: bytes) -> Iterator[StatementLine]:
    """Yield the lines of a proven file, in constant memory beside the file itself; raises GatewayTrouble.

    Format (payments.md §4.1): UTF-8 with a byte order mark, a line of column names, one line a trade with a backtick
    before each value and no quoting, then a line of names and one of values that sum up the bill.
    """
    with _opened(file) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="\n") as text:
        lines = _lines(text)
        columns = _columns(next(lines, "").split(","))
        count = paid = refunded = 0
        for line in lines:
            if line.startswith(_COUNT):
                sums = {_COUNT: count * 100, "订单总金额": paid, "申请退款总金额": refunded}
                _compare(line.split(","), _values(next(lines, "")), sums)
                return
            values = _values(line)
            if len(values) < columns.count:
                raise GatewayTrouble("statement_malformed", "a line with too few values")
            trade, sums_of_line = _trade(columns, values)
            count, paid, refunded = count + 1, paid + sums_of_line[0], refunded + sums_of_line[1]
            yield trade
    raise GatewayTrouble("statement_malformed", "the bill ends without its summary")


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
    if not line.startswith("`"):
        raise GatewayTrouble("statement_malformed", "a line whose values have no backtick")
    return line[1:].split(",`")


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the values that we read stand in a line; None where this kind of bill does not have them."""

    count: int
    at: int
    transaction_id: int
    out_trade_no: int
    trade_state: int
    currency: int
    fee: int
    paid: int
    refunded: int | None
    refund_state: int | None
    refund_id: int | None
    out_refund_no: int | None


def _columns(names: list[str]) -> _Columns:
    free = next((names.index(name) for name in _FREE_TEXT if name in names), len(names))
    places = {name: at if at < free else at - len(names) for at, name in enumerate(names)}

    def place(*wanted: str) -> int:
        for name in wanted:
            if name in places:
                return places[name]
        raise GatewayTrouble("statement_malformed", f"no column {wanted[0]}")

    return _Columns(
        count=len(names),
        at=place("交易时间"),
        transaction_id=place("微信订单号"),
        out_trade_no=place("商户订单号"),
        trade_state=place("交易状态"),
        currency=place("货币种类"),
        fee=place("手续费"),
        # The amounts that order and refund were made with; those of the settlement are lowered by coupons.
        paid=place("订单金额", "应结订单金额"),
        refunded=places.get("申请退款金额", places.get("退款金额")),
        refund_state=places.get("退款状态"),
        refund_id=places.get("微信退款单号"),
        out_refund_no=places.get("商户退款单号"),
    )


def _trade(columns: _Columns, values: list[str]) -> tuple[StatementLine, tuple[int, int]]:
    """Return one line, and its part of the sums of payments and refunds."""
    state = values[columns.trade_state]
    kind = _TYPES.get(state)
    if kind is None:
        raise GatewayTrouble("statement_malformed", "a trade state that nobody knows")
    is_refund = kind == "refund"
    paid = _fen(values[columns.paid])
    refunded = 0 if columns.refunded is None else _fen(values[columns.refunded])
    trade = StatementLine(
        kind=kind,
        out_trade_no=values[columns.out_trade_no],
        transaction_id=values[columns.transaction_id],
        amount=refunded if is_refund else paid,
        currency=values[columns.currency],
        state=(_optional(values, columns.refund_state) if state == "REFUND" else "") or state,
        at=_moment(values[columns.at]),
        fee=_rounded(values[columns.fee]),
        out_refund_no=_optional(values, columns.out_refund_no) if is_refund else "",
        refund_id=_optional(values, columns.refund_id) if is_refund else "",
    )
    return trade, (paid, refunded)


def _optional(values: list[str], place: int | None) -> str:
    return "" if place is None else values[place]


def _compare(names: list[str], values: list[str], sums: Mapping[str, int]) -> None:
    """Hold the sums that the bill itself states against those of the lines that were read from it."""
    told = dict(zip(names, values, strict=False))
    for name, found in sums.items():
        if name in told and _fen(told[name]) != found:
            raise GatewayTrouble("statement_malformed", f"{name} differs from its lines")


def _fen(text: str) -> int:
    """Return the fen of an amount in yuan with at most two decimals (or a count, in hundredths)."""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise GatewayTrouble("statement_malformed", "an amount that is none")
    fen = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    if fen > MAX_FEN:
        raise GatewayTrouble("statement_malformed", "an amount above every limit")
    return fen


def _rounded(text: str) -> int:
    """Return fen of a fee, which has five decimals and may be negative, rounded half up (payments.md, trap 20)."""
    if not _FEE.fullmatch(text):
        raise GatewayTrouble("statement_malformed", "a fee that is none")
    return int((Decimal(text) * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _moment(text: str) -> datetime:
    try:
        if not _TIME.fullmatch(text):
            raise ValueError
        return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)
    except ValueError:
        raise GatewayTrouble("statement_malformed", "a time that is none") from None
