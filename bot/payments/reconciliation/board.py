"""Which days are to be reconciled, when, and by whom: a row a day, which is its own queue and its own lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from bot.jobs.outbox import enqueue
from bot.kernel.clock import Clock, business_day, to_micros
from bot.kernel.errors import Conflict
from bot.kernel.ids import new_id
from bot.payments import work
from bot.payments.policy import pause
from bot.payments.reconciliation.days import AccountDay, Terms
from bot.storage.port import Database, Row, Tx

# An installation that was away for long catches up by so many days; older ones a person reconciles by command.
_CATCH_UP_DAYS: Final = 31

_PLAN: Final = """
INSERT INTO recon_days (gateway, account, day, state, due_at) VALUES ($1, $2, $3, 'planned', $4)
ON CONFLICT (gateway, account, day) DO NOTHING
"""
_NEWEST: Final = "SELECT MAX(day) AS day FROM recon_days WHERE gateway = $1 AND account = $2"
_DUE: Final = """
SELECT gateway, account, day FROM recon_days WHERE due_at <= $1 ORDER BY due_at, day LIMIT $2
"""
# Free, or its holder's lease ran out: a dead process keeps nobody waiting for longer than that.
_TAKE: Final = """
UPDATE recon_days SET owner = $4, due_at = $5
WHERE gateway = $1 AND account = $2 AND day = $3 AND (owner IS NULL OR due_at <= $6)
"""
_HOLD: Final = """
UPDATE recon_days SET due_at = $5 WHERE gateway = $1 AND account = $2 AND day = $3 AND owner = $4
"""
_GIVE: Final = """
UPDATE recon_days SET owner = NULL, due_at = $5, tries = $6, trouble = $7
WHERE gateway = $1 AND account = $2 AND day = $3 AND owner = $4
"""
_SHOW: Final = "SELECT * FROM recon_days WHERE gateway = $1 AND account = $2 AND day = $3"
# Another bill counts: whatever was compared has to be compared again.
_LOADED: Final = """
UPDATE recon_days SET state = 'loaded', stage = '', upto = 0 WHERE gateway = $1 AND account = $2 AND day = $3
"""
_PROGRESS: Final = """
UPDATE recon_days SET run = $4, stage = $5, upto = $6 WHERE gateway = $1 AND account = $2 AND day = $3
"""
_MATCHED: Final = """
UPDATE recon_days SET state = 'matched', stage = '', upto = 0, matched_at = $4, tries = 0, trouble = ''
WHERE gateway = $1 AND account = $2 AND day = $3
"""
_SOON: Final = """
UPDATE recon_days SET due_at = $4
WHERE gateway = $1 AND account = $2 AND day = $3 AND owner IS NULL AND (due_at IS NULL OR due_at > $4)
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A day that this process has to itself."""

    day: AccountDay
    owner: str


def account_day(row: Row) -> AccountDay:
    return AccountDay(row["gateway"], row["account"], date.fromisoformat(row["day"]))


class Board:
    """Plans days, gives each to one process at a time, and takes it back when that process dies."""

    def __init__(self, database: Database, clock: Clock, terms: Terms) -> None:
        self._database = database
        self._clock = clock
        self._terms = terms

    async def plan(self, accounts: Sequence[tuple[str, str]]) -> None:
        """See that every day up to yesterday is on the board, from the last one that was."""
        yesterday = business_day(self._clock.now()) - timedelta(days=1)
        for gateway, account in accounts:
            newest = await self._database.row(_NEWEST, gateway, account)
            last = newest["day"] if newest is not None else None
            day = date.fromisoformat(last) + timedelta(days=1) if last else yesterday
            day = max(day, yesterday - timedelta(days=_CATCH_UP_DAYS))
            while day <= yesterday:
                await self._plan(AccountDay(gateway, account, day))
                day += timedelta(days=1)

    async def _plan(self, day: AccountDay) -> None:
        # A day that is caught up with is due from now on: nobody was late with it before.
        due = max(to_micros(self._terms.due(day)), to_micros(self._clock.now()))
        await self._database.effect(lambda tx: tx.execute(_PLAN, *day.row, due))

    async def due(self, limit: int) -> list[AccountDay]:
        """Return days whose time has come and that nobody works at."""
        rows = await self._database.rows(_DUE, to_micros(self._clock.now()), limit)
        return [account_day(row) for row in rows]

    async def take(self, day: AccountDay) -> Held:
        """Take a day for this process; raises Conflict(``day_taken``) while another has it."""
        now = self._clock.now()
        owner = new_id("run", now)

        async def take(tx: Tx) -> int:
            await tx.execute(_PLAN, *day.row, None)
            return await tx.execute(_TAKE, *day.row, owner, self._until(), to_micros(now))

        if not await self._database.effect(take):
            raise Conflict("day_taken", "another process works at this day; try again in some minutes")
        return Held(day, owner)

    async def hold(self, tx: Tx, held: Held) -> None:
        """Renew the lease as part of a step; raises Conflict(``day_lost``), so that nothing of the step stays."""
        if not await tx.execute(_HOLD, *held.day.row, held.owner, self._until()):
            raise Conflict("day_lost", "another process took this day over")

    async def give(self, held: Held, *, again: datetime | None) -> None:
        """Put a day back; ``again`` is when to look at it next, None for never by itself."""
        due = to_micros(again) if again is not None else None
        await self._database.effect(lambda tx: tx.execute(_GIVE, *held.day.row, held.owner, due, 0, ""))

    async def failed(self, held: Held, code: str) -> None:
        """Put a day back that could not be finished; after some tries a person is told as well."""
        row = await self.show(held.day)
        tries = (row["tries"] if row is not None else 0) + 1
        now = self._clock.now()
        again = to_micros(now + timedelta(seconds=pause(self._terms.pauses, tries - 1)))

        async def give(tx: Tx) -> None:
            await tx.execute(_GIVE, *held.day.row, held.owner, again, tries, code)
            if tries == self._terms.tries_before_case:
                facts = {"code": code, "day": held.day.text, "gateway": held.day.gateway, "account": held.day.account}
                await enqueue(tx, [work.case("statement_missing", held.day.key, held.day.key, facts, held.owner)], now)

        await self._database.effect(give)

    async def show(self, day: AccountDay) -> Row | None:
        return await self._database.row(_SHOW, *day.row)

    async def soon(self, tx: Tx, day: AccountDay) -> None:
        """Have a day looked at again at once, because something about it was changed."""
        await tx.execute(_SOON, *day.row, to_micros(self._clock.now()))

    async def loaded(self, tx: Tx, day: AccountDay) -> None:
        await tx.execute(_LOADED, *day.row)

    async def progress(self, tx: Tx, day: AccountDay, run: int, stage: str, upto: int) -> None:
        await tx.execute(_PROGRESS, *day.row, run, stage, upto)

    async def matched(self, tx: Tx, day: AccountDay) -> None:
        await tx.execute(_MATCHED, *day.row, to_micros(self._clock.now()))

    def _until(self) -> int:
        return to_micros(self._clock.now() + timedelta(seconds=self._terms.lease))
