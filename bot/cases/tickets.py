"""Complaints with a number: opened once for one wish and order, with a clock, their progress, and their end."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from bot.cases.book import Case, open_case
from bot.cases.sla import Service
from bot.jobs.outbox import enqueue
from bot.jobs.port import NewJob
from bot.kernel.clock import SHANGHAI, from_micros, to_micros
from bot.kernel.errors import NotFound
from bot.kernel.ids import new_id, random_digits
from bot.storage.port import Database, Reader, Row, Tx
from bot.storage.vault import Vault
from bot.trail import audit

KIND: Final = "customer"
# The job that writes to the customer about an entry.
MESSAGE: Final = "ticket"
WORDS_MAX: Final = 300
_WORDS: Final = "ticket_entries.words"
_ID: Final = "tkt"
_DIGITS: Final = 6
_NUMBERS_TRIED: Final = 8
# Said again within so long after its end, a complaint is the same one and goes on; later it is another.
_SAME_MATTER: Final = timedelta(days=30)
_REMARKS_MAX: Final = 20

_INSERT: Final = """
INSERT INTO tickets (id, number, customer_id, channel, account, wish, disposition, matter, order_id, title, amount,
  state, trace_id, opened_at, counted_at, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'open', $12, $13, $13, $14)
ON CONFLICT DO NOTHING
"""
_NEWEST: Final = "SELECT * FROM tickets WHERE matter = $1 ORDER BY opened_at DESC LIMIT 1"
_BY_ID: Final = "SELECT * FROM tickets WHERE id = $1"
_BY_NUMBER: Final = "SELECT * FROM tickets WHERE number = $1 AND customer_id = $2"
_OF_CUSTOMER: Final = """
SELECT * FROM tickets WHERE customer_id = $1 ORDER BY state = 'open' DESC, opened_at DESC LIMIT $2
"""
_ENTRIES: Final = "SELECT * FROM ticket_entries WHERE ticket_id = $1 ORDER BY at, id"
_REMARKS: Final = "SELECT COUNT(*) AS n FROM ticket_entries WHERE ticket_id = $1 AND what = 'remark'"
_ADD: Final = """
INSERT INTO ticket_entries (id, ticket_id, at, what, by_whom, words_sealed) VALUES ($1, $2, $3, $4, $5, $6)
"""
_CLOSE: Final = "UPDATE tickets SET state = 'closed', closed_at = $2 WHERE id = $1 AND state = 'open'"
_WITHDRAW: Final = """
UPDATE tickets SET state = 'withdrawn', closed_at = $3 WHERE id = $1 AND customer_id = $2 AND state = 'open'
"""
_WITHDRAW_CASE: Final = """
UPDATE cases SET state = 'resolved', decided_by = 'customer', note = 'withdrawn by the customer', closed_at = $2
WHERE kind = 'customer' AND key = $1 AND state IN ('open', 'proposed')
"""
_REOPEN: Final = """
UPDATE tickets SET state = 'open', counted_at = $2, due_at = $3, overdue_at = NULL, closed_at = NULL
WHERE id = $1 AND state <> 'open'
"""
_OVERDUE: Final = """
SELECT id FROM tickets WHERE state = 'open' AND due_at < $1 AND overdue_at IS NULL ORDER BY due_at LIMIT $2
"""
_MARK: Final = "UPDATE tickets SET overdue_at = $2 WHERE id = $1 AND state = 'open' AND overdue_at IS NULL"


@dataclass(frozen=True, slots=True)
class Entry:
    """One step of a ticket. ``words`` are what was said to or by the customer."""

    id: str
    at: datetime
    what: str
    by: str
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A customer's complaint as the customer sees it; ``amount`` in fen is that of the order it is about."""

    id: str
    number: str
    customer_id: str
    channel: str
    account: str
    wish: str
    disposition: str
    matter: str
    order_id: str | None
    title: str
    amount: int | None
    state: str
    trace_id: str
    opened_at: datetime
    due_at: datetime
    overdue_at: datetime | None
    closed_at: datetime | None
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a ticket is opened with; ``facts`` are for the desk, masked or sealed."""

    customer_id: str
    channel: str
    account: str
    wish: str
    disposition: str
    trace_id: str
    order_id: str | None = None
    title: str = ""
    amount: int | None = None
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def matter(self) -> str:
        return f"{self.customer_id}:{self.wish}:{self.order_id or ''}"


class Tickets:
    """The book of complaints. Every method names the customer, and none shows or changes another's."""

    def __init__(self, database: Database, vault: Vault, service: Service) -> None:
        self._database = database
        self._vault = vault
        self._service = service

    async def open(self, complaint: Complaint, now: datetime) -> tuple[Ticket, str]:
        """Return the ticket of a complaint and whether it is ``new``, ``known``, or open ``again``."""

        async def work(tx: Tx) -> tuple[Ticket, str]:
            row = await tx.row(_NEWEST, complaint.matter)
            if row is not None and row["state"] == "open":
                return _ticket(row), "known"
            if row is not None and from_micros(row["closed_at"]) > now - _SAME_MATTER:
                return await self._opened_again(tx, _ticket(row), now, complaint.facts), "again"
            return await self._opened(tx, complaint, now)

        ticket, how = await self._database.effect(work)
        return await self._whole(ticket), how

    async def of_customer(self, customer_id: str, limit: int = 8) -> Sequence[Ticket]:
        """Return a customer's tickets without their entries, the open ones first."""
        return [_ticket(row) for row in await self._database.rows(_OF_CUSTOMER, customer_id, limit)]

    async def by_number(self, number: str, customer_id: str) -> Ticket | None:
        """Return a customer's own ticket with its entries; None for any other number, another's among them."""
        row = await self._database.row(_BY_NUMBER, number, customer_id)
        return await self._whole(_ticket(row)) if row is not None else None

    async def by_id(self, ticket_id: str) -> Ticket | None:
        """Return a ticket with its entries, for who writes to its own customer."""
        row = await self._database.row(_BY_ID, ticket_id)
        return await self._whole(_ticket(row)) if row is not None else None

    async def remark(self, ticket: Ticket, words: str, now: datetime) -> bool:
        """Add what a customer says to an open ticket; False for too many remarks, or one that is closed by now."""
        sealed = self._vault.seal(words[:WORDS_MAX], _WORDS)

        async def work(tx: Tx) -> bool:
            row = await tx.row(_BY_ID, ticket.id)
            said = await tx.row(_REMARKS, ticket.id)
            if row is None or row["state"] != "open" or (said is not None and said["n"] >= _REMARKS_MAX):
                return False
            await _add(tx, ticket.id, "remark", "customer", now, sealed)
            return True

        return await self._database.effect(work)

    async def withdraw(self, ticket: Ticket, now: datetime) -> bool:
        """End a customer's own ticket at their wish, and its case with it; False when it is at its end already."""

        async def work(tx: Tx) -> bool:
            if not await tx.execute(_WITHDRAW, ticket.id, ticket.customer_id, to_micros(now)):
                return False
            await tx.execute(_WITHDRAW_CASE, ticket.id, to_micros(now))
            await _add(tx, ticket.id, "withdrawn", "customer", now)
            await audit.record(
                tx,
                actor="customer",
                action="ticket.withdrawn",
                subject=ticket.id,
                detail={"number": ticket.number},
                trace_id=ticket.trace_id,
                now=now,
            )
            return True

        return await self._database.effect(work)

    async def reopen(self, ticket: Ticket, now: datetime) -> Ticket:
        """Let the clock run anew on a customer's own ticket that was ended; an open one stays as it is."""

        async def work(tx: Tx) -> Ticket:
            row = await tx.row(_BY_ID, ticket.id)
            assert row is not None, "tickets are never deleted"
            if row["state"] == "open":
                return _ticket(row)
            return await self._opened_again(tx, _ticket(row), now, {})

        return await self._whole(await self._database.effect(work))

    async def _opened(self, tx: Tx, complaint: Complaint, now: datetime) -> tuple[Ticket, str]:
        due = self._service.due(complaint.disposition, now)
        ticket_id = new_id(_ID, now)
        for _ in range(_NUMBERS_TRIED):
            inserted = await tx.execute(
                _INSERT,
                ticket_id,
                f"T{now.astimezone(SHANGHAI):%y%m%d}{random_digits(_DIGITS)}",
                complaint.customer_id,
                complaint.channel,
                complaint.account,
                complaint.wish,
                complaint.disposition,
                complaint.matter,
                complaint.order_id,
                complaint.title,
                complaint.amount,
                complaint.trace_id,
                to_micros(now),
                to_micros(due),
            )
            row = await tx.row(_NEWEST, complaint.matter)
            if inserted:
                break
            if row is not None and row["state"] == "open":
                # A twin of this very message was faster.
                return _ticket(row), "known"
        assert row is not None
        ticket = _ticket(row)
        await _add(tx, ticket.id, "opened", "customer", now)
        await self._on_the_desk(tx, ticket, complaint.facts, now)
        return ticket, "new"

    async def _opened_again(self, tx: Tx, ticket: Ticket, now: datetime, facts: Mapping[str, object]) -> Ticket:
        due = self._service.due(ticket.disposition, now)
        await tx.execute(_REOPEN, ticket.id, to_micros(now), to_micros(due))
        await _add(tx, ticket.id, "reopened", "customer", now)
        row = await tx.row(_BY_ID, ticket.id)
        assert row is not None
        before = await tx.row("SELECT facts FROM cases WHERE kind = $1 AND key = $2", KIND, ticket.id)
        known = json.loads(before["facts"]) if before is not None else {}
        again = _ticket(row)
        await self._on_the_desk(tx, again, {**known, **facts}, now)
        return again

    async def _on_the_desk(self, tx: Tx, ticket: Ticket, facts: Mapping[str, object], now: datetime) -> None:
        await open_case(
            tx,
            kind=KIND,
            key=ticket.id,
            subject=ticket.order_id or ticket.customer_id,
            facts={**facts, "ticket": ticket.number, "wish": ticket.wish, "disposition": ticket.disposition},
            trace_id=ticket.trace_id,
            told_at=now,
            now=now,
            due_at=ticket.due_at,
        )

    async def _whole(self, ticket: Ticket) -> Ticket:
        rows = await self._database.rows(_ENTRIES, ticket.id)
        return replace(ticket, entries=tuple(self._entry(row) for row in rows))

    def _entry(self, row: Row) -> Entry:
        sealed = row["words_sealed"]
        words = self._vault.open(sealed, _WORDS) if sealed is not None else ""
        return Entry(row["id"], from_micros(row["at"]), row["what"], row["by_whom"], words)


async def told_in(tx: Tx, case: Case, words: str, vault: Vault, now: datetime) -> None:
    """Note what the desk tells the customer of a case, and write it to them; raises NotFound without a ticket."""
    ticket = await _of_case(tx, case)
    if ticket is None or ticket.state != "open":
        raise NotFound("ticket_unknown", "only an open case of kind customer with a ticket has somebody to tell")
    await _tell(tx, ticket, await _add(tx, ticket.id, "progress", "desk", now, vault.seal(words, _WORDS)), now)


async def moved_in(tx: Tx, case: Case, what: str, now: datetime) -> None:
    """Note for the customer that the desk has begun on a case (``proposed``) or looks at it anew (``rejected``)."""
    ticket = await _of_case(tx, case)
    if ticket is not None and ticket.state == "open":
        await _add(tx, ticket.id, what, "desk", now)


async def closed_in(tx: Tx, case: Case, now: datetime) -> None:
    """End the ticket of a case that was decided, and write to its customer; a case without one needs nothing."""
    ticket = await _of_case(tx, case)
    if ticket is None or not await tx.execute(_CLOSE, ticket.id, to_micros(now)):
        return
    what = "refunded" if (case.action or "").startswith("refund:") else "closed"
    await _tell(tx, ticket, await _add(tx, ticket.id, what, "desk", now), now)


async def overdue(reader: Reader, now: datetime, limit: int) -> Sequence[str]:
    """Return open tickets past their time that nobody has escalated yet."""
    return [row["id"] for row in await reader.rows(_OVERDUE, to_micros(now), limit)]


async def escalate_in(tx: Tx, ticket_id: str, now: datetime) -> bool:
    """Mark a ticket as overdue, once, and tell its customer that it is not forgotten."""
    if not await tx.execute(_MARK, ticket_id, to_micros(now)):
        return False
    row = await tx.row(_BY_ID, ticket_id)
    assert row is not None
    ticket = _ticket(row)
    await _tell(tx, ticket, await _add(tx, ticket_id, "overdue", "system", now), now)
    await audit.record(
        tx,
        actor="system",
        action="ticket.overdue",
        subject=ticket_id,
        detail={"number": ticket.number, "disposition": ticket.disposition},
        trace_id=ticket.trace_id,
        now=now,
    )
    return True


async def _of_case(tx: Tx, case: Case) -> Ticket | None:
    if case.kind != KIND or not case.key.startswith(f"{_ID}_"):
        return None
    row = await tx.row(_BY_ID, case.key)
    return _ticket(row) if row is not None else None


async def _add(tx: Tx, ticket_id: str, what: str, by: str, now: datetime, words: bytes | None = None) -> str:
    entry_id = new_id("ten", now)
    await tx.execute(_ADD, entry_id, ticket_id, to_micros(now), what, by, words)
    return entry_id


async def _tell(tx: Tx, ticket: Ticket, entry_id: str, now: datetime) -> None:
    payload = {"ticket_id": ticket.id, "entry_id": entry_id}
    job = NewJob(MESSAGE, entry_id, f"{ticket.channel}:{ticket.account}", payload, ticket.trace_id)
    await enqueue(tx, [job], now)


def _ticket(row: Row) -> Ticket:
    return Ticket(
        id=row["id"],
        number=row["number"],
        customer_id=row["customer_id"],
        channel=row["channel"],
        account=row["account"],
        wish=row["wish"],
        disposition=row["disposition"],
        matter=row["matter"],
        order_id=row["order_id"],
        title=row["title"],
        amount=row["amount"],
        state=row["state"],
        trace_id=row["trace_id"],
        opened_at=from_micros(row["opened_at"]),
        due_at=from_micros(row["due_at"]),
        overdue_at=_moment(row["overdue_at"]),
        closed_at=_moment(row["closed_at"]),
    )


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
