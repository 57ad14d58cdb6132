"""The statement of one day: named in a signed answer, downloaded, proven by its hash and sums, read line by line."""

import asyncio
import hashlib
import hmac
import io
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Final

from bot.gateways.bankapp.client import Bad, Client, Silent, read_object
from bot.gateways.bankapp.mapping import STATEMENTS, Call, Malformed, Verdict, count_of, moment_of, text_of, verdict_of
from bot.kernel.errors import GatewayTrouble
from bot.payments.facts import StatementLine

FILE_MAX: Final = 256 << 20
_LINE_MAX: Final = 4096
_AT_ONCE: Final = 500
_PATH: Final = re.compile(r"/v1/[0-9A-Za-z._~/-]{1,200}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_KINDS: Final = ("payment", "refund", "reversal")


@dataclass(frozen=True, slots=True)
class Named:
    """What the signed answer says of the file: where it is, its hash, and how many lines and fen of each kind."""

    path: str
    sha256: str
    sums: Mapping[str, tuple[int, int]]


async def fetch(client: Client, day: date) -> AsyncIterator[StatementLine]:
    """Yield every line of a Shanghai day's statement, none where the bank says that there is none.

    The file itself is not signed: its hash, named in a signed answer, is compared before the first line is given
    out, and its sums after the last. Raises GatewayTrouble when there is no usable statement now, or when what is in
    it does not add up.
    """
    reply = await client.get(f"{STATEMENTS}/{day.isoformat()}")
    if isinstance(reply, Silent):
        raise GatewayTrouble("statement_unavailable", reply.reason)
    if isinstance(reply, Bad):
        if verdict_of(Call.QUERY, reply.status, reply.code) is Verdict.MISSING:
            return
        raise GatewayTrouble("statement_unavailable", reply.code or f"status {reply.status}")
    named = _named(reply.data, day)
    file = await client.download(named.path, FILE_MAX)
    if isinstance(file, Silent):
        raise GatewayTrouble("statement_unavailable", file.reason)
    # Hashing and parsing a large file takes seconds, which the event loop must not lose.
    found = await asyncio.to_thread(lambda: hashlib.sha256(file).hexdigest())
    if not hmac.compare_digest(found, named.sha256):
        raise GatewayTrouble("statement_hash", "the file is not the one that was named")
    parsed = read(file, named.sums)
    while batch := await asyncio.to_thread(_next, parsed):
        for line in batch:
            yield line


def _next(parsed: Iterator[StatementLine]) -> list[StatementLine]:
    return list(islice(parsed, _AT_ONCE))


def _named(data: Mapping[str, object], day: date) -> Named:
    try:
        path, digest = text_of(data, "file"), text_of(data, "sha256")
        sums = {kind: _sum(data.get(f"{kind}s")) for kind in _KINDS}
    except Malformed as fault:
        raise GatewayTrouble("statement_malformed", f"no usable {fault}") from None
    if data.get("day") != day.isoformat() or not _PATH.fullmatch(path) or ".." in path or not _SHA256.fullmatch(digest):
        raise GatewayTrouble("statement_malformed", "no file with a SHA-256 for this day")
    return Named(path, digest, sums)


def _sum(value: object) -> tuple[int, int]:
    if value is None:
        return 0, 0
    count = count_of(value.get("count")) if isinstance(value, dict) else None
    amount = value.get("amount") if isinstance(value, dict) else None
    if count is None or not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
        raise Malformed("sums")
    return count, amount


def read(file: bytes, sums: Mapping[str, tuple[int, int]]) -> Iterator[StatementLine]:
    """Yield the lines of a proven file of JSON lines, and compare its sums at the end; raises GatewayTrouble."""
    found = dict.fromkeys(_KINDS, (0, 0))
    text = io.BytesIO(file)
    while raw := text.readline(_LINE_MAX):
        if not raw.endswith(b"\n"):
            raise GatewayTrouble("statement_malformed", "a line without end")
        line = _line(raw)
        count, amount = found[line.kind]
        found[line.kind] = (count + 1, amount + line.amount)
        yield line
    for kind, told in sums.items():
        if found[kind] != told:
            raise GatewayTrouble("statement_malformed", f"the sums of {kind}s differ from the lines")


def _line(raw: bytes) -> StatementLine:
    data = read_object(raw)
    try:
        if data is None:
            raise Malformed("line")
        kind, amount, fee = text_of(data, "kind"), count_of(data.get("amount")), data.get("fee", 0)
        if kind not in _KINDS or not amount or not isinstance(fee, int) or isinstance(fee, bool):
            raise Malformed("amount")
        refund = kind == "refund"
        return StatementLine(
            kind=kind,
            out_trade_no=text_of(data, "out_trade_no"),
            transaction_id=text_of(data, "transaction_id"),
            amount=amount,
            currency=text_of(data, "currency"),
            state="SUCCESS",
            at=moment_of(data, "at"),
            fee=fee,
            out_refund_no=text_of(data, "out_refund_no") if refund else "",
            refund_id=text_of(data, "refund_id") if refund else "",
            settlement_amount=count_of(data.get("settlement_amount")),
            vendor_state=kind,
        )
    except Malformed as fault:
        raise GatewayTrouble("statement_malformed", f"a line without a usable {fault}") from None
