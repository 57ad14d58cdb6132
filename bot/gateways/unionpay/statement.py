"""The merchant's file of one settlement day: asked for, proven by the answer's signature, and read line by line."""

import asyncio
import binascii
import io
import re
import zipfile
import zlib
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import IO, Final

from bot.gateways.unionpay.account import UnionPayAccount
from bot.gateways.unionpay.answers import NO_FILE
from bot.gateways.unionpay.client import Client, Silent
from bot.gateways.unionpay.columns import NEEDED, PLACES
from bot.gateways.unionpay.mapping import FILE, common, wire_time
from bot.kernel.clock import SHANGHAI, Clock
from bot.kernel.errors import GatewayTrouble
from bot.kernel.money import CNY, MAX_FEN
from bot.payments.facts import StatementLine

# The answer is one message in memory; what is inflated out of it is bounded too, and the lines are a stream.
ANSWER_MAX: Final = 64 << 20
ARCHIVE_MAX: Final = 128 << 20
TEXT_MAX: Final = 1 << 30
_LINE_MAX: Final = 4096
_AT_ONCE: Final = 500
_MEMBER: Final = "ZM_"
_ENCODING: Final = "gb18030"  # GBK and what has been added to it since.
_AMOUNT: Final = re.compile(r"\d{12}", re.ASCII)
# D: the merchant pays it. C: the merchant receives it.
_SIGNED: Final = re.compile(r"([CD])(\d{12})", re.ASCII)
_TIME: Final = re.compile(r"\d{10}", re.ASCII)
# A reversal (99) and a cancellation (31) are lines of their own beside the payment that they undo.
_KINDS: Final[Mapping[str, str]] = {"01": "payment", "04": "refund", "31": "reversal", "99": "reversal"}
_OURS: Final = re.compile(r"([0-9A-Za-z]{8,32})_", re.ASCII)
# A line is settled on its own day or some days later; the clocks at midnight may differ.
_LATE: Final = timedelta(days=180)
_EARLY: Final = timedelta(days=1)


async def fetch(client: Client, account: UnionPayAccount, clock: Clock, day: date) -> AsyncIterator[StatementLine]:
    """Yield every line of the file of that settlement day, none where UnionPay says that there is no file.

    A settlement day ends at 23:00 in Shanghai, so a payment of the last hour stands in the next day's file. The file
    holds no sums of its own: it comes within the signed answer, so that nobody could change or shorten it, and each
    line's settlement is held against its amount and fee. Raises GatewayTrouble when there is no usable file now, or
    when what is in it does not add up.
    """
    form = {
        **common(account, FILE),
        "settleDate": day.strftime("%m%d"),
        "txnTime": wire_time(clock.now()),
        "fileType": account.file_type,
    }
    reply = await client.fetch(form, ANSWER_MAX)
    if isinstance(reply, Silent):
        raise GatewayTrouble("statement_unavailable", reply.reason)
    if reply.code == NO_FILE:
        return
    if reply.code != "00":
        raise GatewayTrouble("statement_unavailable", f"resp_{reply.code}")
    if reply.data.get("settleDate", form["settleDate"]) != form["settleDate"]:
        raise GatewayTrouble("statement_malformed", "the file is of another day")
    # Inflating and parsing a large file takes seconds, which the event loop must not lose.
    archive = await asyncio.to_thread(unpacked, reply.data.get("fileContent", ""))
    parsed = read(archive, account.mer_id, day)
    while batch := await asyncio.to_thread(_next, parsed):
        for line in batch:
            yield line


def _next(parsed: Iterator[StatementLine]) -> list[StatementLine]:
    return list(islice(parsed, _AT_ONCE))


def unpacked(content: str) -> bytes:
    """Return the zip archive of a ``fileContent``, base64 of deflated bytes; raises GatewayTrouble."""
    try:
        inflater = zlib.decompressobj()
        archive = inflater.decompress(b64decode(content, validate=True), ARCHIVE_MAX)
    except (binascii.Error, ValueError, zlib.error):
        raise GatewayTrouble("statement_malformed", "the file does not inflate") from None
    if not inflater.eof:
        raise GatewayTrouble("statement_malformed", "the file is cut off or above every size")
    return archive


def read(archive: bytes, mer_id: str, day: date) -> Iterator[StatementLine]:
    """Yield the lines of the ZM members of an archive; raises GatewayTrouble for anything that is not as expected."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            members = [each for each in opened.infolist() if _MEMBER in each.filename.rpartition("/")[2]]
            if not members or sum(each.file_size for each in members) > TEXT_MAX:
                raise GatewayTrouble("statement_malformed", "no ZM file, or one above every size")
            for member in members:
                with opened.open(member) as text:
                    for line in _lines(text):
                        yield _trade(line, mer_id, day)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError):
        # The last two are said of members that are encrypted or packed in some other way.
        raise GatewayTrouble("statement_malformed", "the archive cannot be read") from None


def _lines(text: IO[bytes]) -> Iterator[bytes]:
    while line := text.readline(_LINE_MAX):
        if not line.endswith(b"\n") and len(line) >= _LINE_MAX:
            raise GatewayTrouble("statement_malformed", "a line without end")
        if stripped := line.rstrip(b"\r\n"):
            yield stripped


def _trade(line: bytes, mer_id: str, day: date) -> StatementLine:
    if len(line) < NEEDED:
        raise GatewayTrouble("statement_malformed", "a line that is too short")
    kind = _KINDS.get(_value(line, "txn_type"))
    if kind is None:
        raise GatewayTrouble("statement_malformed", "a transaction type that nobody knows")
    if _value(line, "mer_id") != mer_id:
        raise GatewayTrouble("statement_malformed", "a line of another merchant")
    amount, fee, settlement = _fen(line), -_signed(line, "fee"), _signed(line, "settlement")
    paid = kind == "payment"
    if not _value(line, "discount").strip("0CD") and settlement + fee != (amount if paid else -amount):
        raise GatewayTrouble("statement_malformed", "a settlement that differs from amount and fee")
    order, number, original = (_value(line, name) for name in ("order_id", "query_id", "original_query_id"))
    refund = kind == "refund"
    # A refund's line names the payment by UnionPay's number, and by ours where our own words came back whole.
    ours = _OURS.match(_value(line, "reserved")) if refund else None
    return StatementLine(
        kind=kind,
        out_trade_no=(ours[1] if ours else "") if refund else order,
        transaction_id=original or number if not paid else number,
        amount=amount,
        currency=CNY,
        state="SUCCESS",
        at=_moment(_value(line, "at"), day),
        fee=fee,
        out_refund_no=order if refund else "",
        refund_id=number if refund else "",
        # The file tells what is left after the fee; ours is what there was before it.
        settlement_amount=abs(settlement + fee),
        vendor_state=_value(line, "trade_code"),
    )


def _value(line: bytes, name: str) -> str:
    start, end = PLACES[name]
    return line[start:end].decode(_ENCODING, "replace").strip()


def _fen(line: bytes) -> int:
    text = _value(line, "amount")
    if not _AMOUNT.fullmatch(text) or int(text) > MAX_FEN:
        raise GatewayTrouble("statement_malformed", "an amount that is none")
    return int(text)


def _signed(line: bytes, name: str) -> int:
    """Return fen from the merchant's side: positive for what it receives."""
    match = _SIGNED.fullmatch(_value(line, name))
    if match is None:
        raise GatewayTrouble("statement_malformed", f"no usable column {name}")
    return int(match[2]) if match[1] == "C" else -int(match[2])


def _moment(text: str, day: date) -> datetime:
    """Return the moment of month to second; the year is the one that brings it shortly before the settlement day."""
    if not _TIME.fullmatch(text):
        raise GatewayTrouble("statement_malformed", "a time that is none")
    for year in (day.year, day.year - 1, day.year + 1):
        try:
            moment = datetime.strptime(f"{year:04d}{text}", "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI)
        except ValueError:
            # The 29th of February is a day of some years only.
            continue
        if -_LATE < moment.date() - day <= _EARLY:
            return moment.astimezone(UTC)
    raise GatewayTrouble("statement_malformed", "a time that is none")
