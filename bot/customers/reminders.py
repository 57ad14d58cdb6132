"""Who wants to be reminded of bills, which saved accounts are to be looked at next, and what was told of which bill."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from bot.customers.accounts import SavedAccount, SavedAccounts
from bot.jobs.outbox import enqueue
from bot.jobs.port import NewJob
from bot.kernel.clock import Clock, to_micros
from bot.kernel.ids import new_id
from bot.storage.port import Database, Row, Tx
from bot.storage.vault import Vault

JOB: Final = "reminder"
PURPOSE: Final = "reminders"
VERSION: Final = "1"
BILL: Final = "reminders.bill_key"

_WISH: Final = """
INSERT INTO reminder_wishes (customer_id, channel, account, created_at, stopped_at) VALUES ($1, $2, $3, $4, NULL)
ON CONFLICT (customer_id) DO UPDATE SET channel = excluded.channel, account = excluded.account,
  created_at = excluded.created_at, stopped_at = NULL
"""
_CONSENT: Final = """
INSERT INTO consents (id, customer_id, purpose, version, given_at) VALUES ($1, $2, $3, $4, $5)
"""
_LOOK: Final = "UPDATE saved_accounts SET remind_at = $2 WHERE customer_id = $1 AND remind_at IS NULL"
_STOP: Final = "UPDATE reminder_wishes SET stopped_at = $2 WHERE customer_id = $1 AND stopped_at IS NULL"
_WITHDRAW: Final = """
UPDATE consents SET withdrawn_at = $2 WHERE customer_id = $1 AND purpose = $3 AND withdrawn_at IS NULL
"""
_LEAVE: Final = "UPDATE saved_accounts SET remind_at = NULL WHERE customer_id = $1 AND remind_at IS NOT NULL"
_ASKED: Final = "SELECT 1 AS one FROM reminder_wishes WHERE customer_id = $1 AND stopped_at IS NULL"
# In the order of the index, so that a page costs what it holds however many accounts are not due.
_DUE: Final = """
SELECT s.id, s.customer_id, s.item_id, s.scene, s.account_sealed, s.account_mask, s.fields_sealed, s.nickname_sealed,
  s.remind_at, w.channel, w.account
FROM saved_accounts s JOIN reminder_wishes w ON w.customer_id = s.customer_id
WHERE s.remind_at IS NOT NULL AND s.remind_at <= $1 AND w.stopped_at IS NULL
ORDER BY s.remind_at, s.id LIMIT $2
"""
# Whoever is first has the account; a customer who has stopped meanwhile is left alone.
_TAKE: Final = "UPDATE saved_accounts SET remind_at = $3 WHERE id = $1 AND remind_at = $2"
_NEXT: Final = "UPDATE saved_accounts SET remind_at = $2 WHERE id = $1 AND remind_at IS NOT NULL"
_INSERT: Final = """
INSERT INTO reminders (id, customer_id, item_id, account_mask, bill_key, amount, due_on, state, trace_id, created_at,
  changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', $8, $9, $9)
ON CONFLICT (customer_id, bill_key) DO NOTHING
"""
_STATE: Final = "SELECT state FROM reminders WHERE id = $1"
_END: Final = "UPDATE reminders SET state = $2, reason = $3, changed_at = $4 WHERE id = $1 AND state = 'queued'"


@dataclass(frozen=True, slots=True)
class DueAccount:
    """A saved account whose bills are to be looked at, with where its customer is told of them."""

    customer_id: str
    saved: SavedAccount = field(repr=False)
    channel: str
    account: str
    remind_at: int


@dataclass(frozen=True, slots=True)
class BillDue:
    """One bill to be told of; ``amount`` is fen."""

    bill_no: str
    period: str
    title: str
    amount: int
    due_on: date | None


class Reminders:
    """Wishes are the customer's own word; a reminder is written down once a bill, whether it can be sent or not."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, saved: SavedAccounts) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._saved = saved

    async def start(self, customer_id: str, channel: str, account: str) -> None:
        """Remind a customer, at this account of a channel, of the bills of all that is and will be saved."""
        now = self._clock.now()
        at = to_micros(now)

        async def work(tx: Tx) -> None:
            fresh = await tx.row(_ASKED, customer_id) is None
            await tx.execute(_WISH, customer_id, channel, account, at)
            await tx.execute(_LOOK, customer_id, at)
            if fresh:
                await tx.execute(_CONSENT, new_id("con", now), customer_id, PURPOSE, VERSION, at)

        await self._database.effect(work)

    async def stop(self, customer_id: str) -> bool:
        """Remind a customer of nothing from now on; False when there was no wish."""
        at = to_micros(self._clock.now())

        async def work(tx: Tx) -> bool:
            stopped = await tx.execute(_STOP, customer_id, at)
            await tx.execute(_LEAVE, customer_id)
            await tx.execute(_WITHDRAW, customer_id, at, PURPOSE)
            return stopped == 1

        return await self._database.effect(work)

    async def wanted(self, customer_id: str) -> bool:
        """Tell whether a customer wants to be reminded."""
        return await self._database.row(_ASKED, customer_id) is not None

    async def due(self, limit: int) -> Sequence[DueAccount]:
        """Return the accounts that are to be looked at now, those that have waited longest first."""
        rows = await self._database.rows(_DUE, to_micros(self._clock.now()), limit)
        return [self._due(row) for row in rows]

    def _due(self, row: Row) -> DueAccount:
        return DueAccount(row["customer_id"], self._saved.opened(row), row["channel"], row["account"], row["remind_at"])

    async def take(self, due: DueAccount, until: datetime) -> bool:
        """Take an account for one look, so that no other worker looks meanwhile; False for who comes second."""
        values = (due.saved.id, due.remind_at, to_micros(until))
        return await self._database.effect(lambda tx: tx.execute(_TAKE, *values)) == 1

    async def look_again(self, due: DueAccount, at: datetime) -> None:
        """Set when an account is looked at next, unless its customer has stopped meanwhile."""
        await self._database.effect(lambda tx: tx.execute(_NEXT, due.saved.id, to_micros(at)))

    async def note(self, due: DueAccount, bills: Sequence[BillDue], item: str, trace_id: str) -> int:
        """Write down and queue a reminder for each bill that was not told of before; return how many are new."""
        now = self._clock.now()
        saved = due.saved

        async def one(tx: Tx, bill: BillDue) -> int:
            key = self._vault.blind(f"{saved.item_id}\x1f{saved.account}\x1f{bill.bill_no}", BILL)
            reminder_id, day = new_id("rmd", now), bill.due_on.isoformat() if bill.due_on else None
            values = (reminder_id, due.customer_id, saved.item_id, saved.account_mask, key, bill.amount, day, trace_id)
            if not await tx.execute(_INSERT, *values, to_micros(now)):
                return 0
            told = {
                "reminder_id": reminder_id,
                "customer_id": due.customer_id,
                "channel": due.channel,
                "account": due.account,
                "item": item,
                "mask": saved.account_mask,
                "called": saved.nickname,
                "title": bill.period or bill.title,
                "amount": bill.amount,
                "due_on": day or "",
            }
            job = NewJob(JOB, reminder_id, f"{due.channel}:{due.account}", told, trace_id, private=True)
            await enqueue(tx, [job], now, self._vault)
            return 1

        async def work(tx: Tx) -> int:
            return sum([await one(tx, bill) for bill in bills])

        return await self._database.effect(work)

    async def waits(self, reminder_id: str) -> bool:
        """Tell whether a reminder is still to be sent."""
        row = await self._database.row(_STATE, reminder_id)
        return row is not None and row["state"] == "queued"

    async def end(self, reminder_id: str, state: str, reason: str = "") -> None:
        """Write down what became of a reminder: ``sent``, ``unsent`` with the reason, or ``dropped``."""
        at = to_micros(self._clock.now())
        await self._database.effect(lambda tx: tx.execute(_END, reminder_id, state, reason, at))
