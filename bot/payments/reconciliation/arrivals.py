"""The bank's side: what arrived for a day (一笔到账), imported from its list and held against the day's net sum."""

import csv
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import BadRequest
from bot.kernel.ids import new_id
from bot.kernel.money import CNY, parse_yuan
from bot.payments.reconciliation.days import AccountDay
from bot.payments.reconciliation.judging import Finding
from bot.storage.port import Database, Tx
from bot.trail import audit

COLUMNS: Final = ("gateway", "account", "day", "amount", "reference")
LINES_MAX: Final = 10_000
_REFERENCE: Final = re.compile(r"[0-9A-Za-z_./-]{1,64}", re.ASCII)

_INSERT: Final = """
INSERT INTO arrivals (id, gateway, account, day, reference, amount, currency, actor, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (gateway, account, reference) DO NOTHING
"""
_STANDING: Final = """
SELECT day, amount, currency FROM arrivals WHERE gateway = $1 AND account = $2 AND reference = $3
"""
_OF_DAY: Final = """
SELECT currency, COUNT(*) AS count, CAST(SUM(amount) AS BIGINT) AS amount FROM arrivals
WHERE gateway = $1 AND account = $2 AND day = $3 GROUP BY currency
"""
_EVER: Final = "SELECT 1 AS one FROM arrivals WHERE gateway = $1 AND account = $2 LIMIT 1"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One sum that the bank received, in fen, for one business day of an account."""

    day: AccountDay
    amount: int
    reference: str
    currency: str = CNY


@dataclass(frozen=True, slots=True)
class Kept:
    """How many arrivals were new, and how many were known already."""

    new: int
    known: int


def read(path: Path) -> list[Arrival]:
    """Read a list of the bank: CSV in UTF-8 with the columns of ``COLUMNS``, amounts in yuan.

    Raises BadRequest naming the line: a list is taken whole or not at all.
    """
    if not path.is_file():
        raise BadRequest("file_missing", f"there is no file {path.name}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as text:
            return list(_arrivals(text))
    except (UnicodeDecodeError, csv.Error):
        raise BadRequest("file_unreadable", "save the file as CSV UTF-8") from None


def _arrivals(text: Iterator[str]) -> Iterator[Arrival]:
    reader = csv.DictReader(text)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise BadRequest("column_missing", f"the first line must name {', '.join(COLUMNS)}; missing: {missing[0]}")
    for row in reader:
        if reader.line_num > LINES_MAX:
            raise BadRequest("file_too_large", f"split the file: at most {LINES_MAX} lines")
        amount, reference = parse_yuan(row["amount"] or ""), (row["reference"] or "").strip()
        if amount is None or not _REFERENCE.fullmatch(reference):
            raise BadRequest("arrival_malformed", f"line {reader.line_num}: an amount in yuan and the bank's reference")
        try:
            day = date.fromisoformat((row["day"] or "").strip())
        except ValueError:
            raise BadRequest("arrival_malformed", f"line {reader.line_num}: a day such as 2026-11-23") from None
        gateway, account = (row["gateway"] or "").strip(), (row["account"] or "").strip()
        yield Arrival(AccountDay(gateway, account, day), amount, reference)


Net = Callable[[AccountDay], AsyncIterator[tuple[str, int]]]
After = Callable[[Tx, AccountDay], Awaitable[None]]


class Arrivals:
    """Keeps what the bank received and compares it with what a day's bill comes to."""

    def __init__(self, database: Database, clock: Clock, net: Net) -> None:
        self._database = database
        self._clock = clock
        self._net = net

    async def keep(self, arrivals: Sequence[Arrival], actor: str, after: After) -> Kept:
        """Take a list in, in one transaction; ``after`` is called for each day that has something new.

        Raises BadRequest(``arrival_differs``) where a known reference is told with another day or sum.
        """
        now = self._clock.now()

        async def keep(tx: Tx) -> Kept:
            new = [each for each in arrivals if await self._put(tx, each, actor)]
            for each in new:
                await audit.record(
                    tx,
                    actor=actor,
                    action="arrival.taken",
                    subject=each.day.key,
                    detail={"amount": each.amount, "currency": each.currency, "reference": each.reference},
                    trace_id=each.day.key,
                    now=now,
                )
            for day in {each.day.key: each.day for each in new}.values():
                await after(tx, day)
            return Kept(len(new), len(arrivals) - len(new))

        return await self._database.effect(keep)

    async def _put(self, tx: Tx, arrival: Arrival, actor: str) -> bool:
        now = self._clock.now()
        named = (arrival.reference, arrival.amount, arrival.currency, actor, to_micros(now))
        if await tx.execute(_INSERT, new_id("arr", now), *arrival.day.row, *named):
            return True
        day = arrival.day
        standing = await tx.row(_STANDING, day.gateway, day.account, arrival.reference)
        told = (day.text, arrival.amount, arrival.currency)
        if standing is None or (standing["day"], standing["amount"], standing["currency"]) != told:
            raise BadRequest("arrival_differs", f"the reference {arrival.reference} is known with another day or sum")
        return False

    async def of_day(self, day: AccountDay) -> dict[str, int] | None:
        """Return what arrived by currency, in fen; None where this account's bank tells nothing at all."""
        rows = await self._database.rows(_OF_DAY, *day.row)
        if not rows and await self._database.row(_EVER, day.gateway, day.account) is None:
            return None
        return {row["currency"]: row["amount"] for row in rows}

    async def compare(self, day: AccountDay, after: int, step: int) -> tuple[int | None, Sequence[Finding]]:
        """Find, in one step, whether the bank received what the bill comes to: payments less refunds, fees, shares."""
        arrived = await self.of_day(day)
        if arrived is None:
            return None, ()
        net = {currency: amount async for currency, amount in self._net(day)}
        pairs = {currency: (net.get(currency, 0), arrived.get(currency)) for currency in {*net, *arrived}}
        return None, [
            _differs(day, currency, ours, theirs)
            for currency, (ours, theirs) in sorted(pairs.items())
            if ours != (theirs or 0)
        ]


def _differs(day: AccountDay, currency: str, ours: int, theirs: int | None) -> Finding:
    return Finding(
        kind="arrival_missing" if theirs is None else "arrival",
        measure="arrival",
        number=currency,
        currency=currency,
        at=day.end - 1,
        ours_currency=currency,
        ours=ours,
        theirs=theirs or 0,
        # A transfer between banks takes a day or two, over a weekend more.
        waits=theirs is None,
    )
