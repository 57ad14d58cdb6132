"""Reconciles days: fetches, compares, tells the desk, and puts each day back until nothing of it is open."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.kernel.clock import Clock, business_day
from bot.kernel.errors import BadRequest, Conflict, GatewayTrouble
from bot.outside.logging import get_logger
from bot.payments.facts import StatementLine, Way
from bot.payments.reconciliation import differences
from bot.payments.reconciliation.arrivals import Arrival, Arrivals, Kept
from bot.payments.reconciliation.asking import Asking
from bot.payments.reconciliation.board import Board, Held
from bot.payments.reconciliation.days import AccountDay, Terms
from bot.payments.reconciliation.flows import FlowMatch
from bot.payments.reconciliation.intake import Intake, Source, Taken
from bot.payments.reconciliation.matching import Matching, unready
from bot.payments.reconciliation.report import Report, Reports
from bot.payments.reconciliation.shares import ShareMatch
from bot.payments.room import Payments
from bot.storage.port import Database, Tx

log = get_logger(__name__)

# Who signs what the worker does by itself.
_SYSTEM: Final = "system"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run did; ``counts`` are the differences that ended, expired and were asked about in vain.

    ``trouble`` says why money's movements were not compared; the day is then tried again.
    """

    report: Report
    counts: Mapping[str, int]
    trouble: str = ""


class Reconciliation:
    """All that workers, commands and the desk ask of this room."""

    def __init__(self, database: Database, clock: Clock, payments: Payments, terms: Terms) -> None:
        self._clock = clock
        self._gateways = payments.gateways
        self._terms = terms
        self._intake = Intake(database, clock)
        self._database = database
        flows = FlowMatch(database)
        self.board = Board(database, clock, terms)
        self._reports = Reports(database, self.board, flows, terms)
        self._arrivals = Arrivals(database, clock, self._reports.net)
        self._reports.arrivals = self._arrivals
        shares = ShareMatch(database, terms)
        more = {
            "share_lines": shares.lines,
            "share_parts": shares.parts,
            "share_returns": shares.backs,
            "flow_lines": flows.lines,
            "flows": flows.flows,
            "arrivals": self._arrivals.compare,
        }
        self._matching = Matching(database, clock, self.board, terms, more)
        self._asking = Asking(database, clock, payments, self.board)

    # --- what the worker calls ---------------------------------------------------------------------------------------

    async def plan(self, accounts: Sequence[tuple[str, str]]) -> None:
        """See that every day up to yesterday is on the board for these (gateway, account)."""
        await self.board.plan([each for each in accounts if Way.STATEMENT in self._gateways.get(each[0]).can])

    async def work(self, limit: int = 1) -> int:
        """Reconcile days whose time has come; return how many there were."""
        due = await self.board.due(limit)
        for day in due:
            await self._work(day)
        return len(due)

    async def _work(self, day: AccountDay) -> None:
        try:
            await self.run(day)
        except Conflict as taken:
            if taken.code not in ("day_taken", "day_lost"):
                raise
        except GatewayTrouble as trouble:
            log.warning("reconciliation.waits", day=day.key, fault=trouble.code)

    async def ask(self, difference_id: str) -> bool:
        """Carry out a decision that needs the gateway; False where it must be asked again."""
        return await self._asking.carry_out(difference_id)

    # --- what the commands call --------------------------------------------------------------------------------------

    async def fetch(self, day: AccountDay, actor: str = _SYSTEM) -> Taken:
        """Fetch the day's bills anew.

        Raises GatewayTrouble, Conflict(``day_taken``), BadRequest(``day_not_over``).
        """
        self._over(day)
        async with self._holding(day) as held:
            taken = await self._trade(held, actor)
            await self._flow(held, actor)
            return taken

    async def store(self, day: AccountDay, bill: Callable[[], AsyncIterator[StatementLine]], actor: str) -> Taken:
        """Take a day's bill from elsewhere; ``bill`` begins it anew each time. Audited with the actor's name."""
        self._over(day)
        self._gateways.get(day.gateway)
        async with self._holding(day) as held:
            return await self._intake.trade(day, bill, self._source(held, "file", actor))

    async def run(self, day: AccountDay) -> Ran:
        """Compare a day, fetching its bills where there are none yet, and return its report.

        Raises GatewayTrouble where there is no bill to be had, Conflict(``day_taken``), Conflict(``statement_missing``)
        where this gateway gives none.
        """
        self._over(day)
        async with self._holding(day) as held:
            trouble = await self._bills(held)
            bill = await self._intake.current(day, "trade")
            if bill is None:
                raise unready(day)
            counts = await self._matching.run(held, bill["id"], bill["lines"])
            if trouble:
                await self.board.failed(held, trouble)
        return Ran(await self.report(day), counts, trouble)

    async def report(self, day: AccountDay) -> Report:
        """Return a day's report as the rows stand now; raises NotFound(``day_unknown``)."""
        return await self._reports.of(day)

    async def arrivals(self, arrivals: Sequence[Arrival], actor: str) -> Kept:
        """Take the bank's list in; its days are compared anew. Raises BadRequest(``arrival_differs``)."""
        return await self._arrivals.keep(arrivals, actor, self.board.soon)

    # --- parts -------------------------------------------------------------------------------------------------------

    async def _bills(self, held: Held) -> str:
        """Fetch what is missing. A fund-flow bill that is not to be had keeps no trade bill from being compared."""
        day = held.day
        if await self._intake.current(day, "trade") is None and self._can(day, Way.STATEMENT):
            await self._trade(held, _SYSTEM)
        if await self._intake.current(day, "flow") is None:
            try:
                await self._flow(held, _SYSTEM)
            except GatewayTrouble as fault:
                return fault.code
        return ""

    async def _trade(self, held: Held, actor: str) -> Taken:
        gateway, day = self._gateways.get(held.day.gateway), held.day
        return await self._intake.trade(
            day, lambda: gateway.statement(day.account, day.day), self._source(held, "gateway", actor)
        )

    async def _flow(self, held: Held, actor: str) -> None:
        gateway, day = self._gateways.get(held.day.gateway), held.day
        flows = gateway.flows
        if flows is not None and Way.FLOW in gateway.can:
            source = self._source(held, "gateway", actor)
            await self._intake.flow(day, lambda: flows.lines(day.account, day.day), source)

    def _can(self, day: AccountDay, way: Way) -> bool:
        return way in self._gateways.get(day.gateway).can

    def _source(self, held: Held, name: str, actor: str) -> Source:
        async def hold(tx: Tx) -> None:
            await self.board.hold(tx, held)

        async def ready(tx: Tx) -> None:
            await self.board.loaded(tx, held.day)

        return Source("file" if name == "file" else "gateway", actor, hold, ready)

    @asynccontextmanager
    async def _holding(self, day: AccountDay) -> AsyncIterator[Held]:
        """Have a day for oneself, and put it back for the time at which it needs to be looked at again."""
        held = await self.board.take(day)
        try:
            yield held
        except GatewayTrouble as trouble:
            await self.board.failed(held, trouble.code)
            raise
        except Conflict:
            # Lost to another process, or no bill to be had by asking: nothing here would be better a moment later.
            await self.board.give(held, again=None)
            raise
        except BaseException:
            # A day that is dropped half-way is due at once; what its steps have committed stays.
            await self.board.give(held, again=self._clock.now())
            raise
        await self.board.give(held, again=await self._again(day))

    async def _again(self, day: AccountDay) -> datetime | None:
        row = await self.board.show(day)
        if row is not None and row["state"] != "matched":
            return self._clock.now()
        if await differences.left(self._database, day) == 0:
            return None
        tomorrow = business_day(self._clock.now()) + timedelta(days=1)
        return self._terms.due(AccountDay(day.gateway, day.account, tomorrow - timedelta(days=1)))

    def _over(self, day: AccountDay) -> None:
        """Raises BadRequest for a day that is not over yet: its bill would be a part."""
        if day.day >= business_day(self._clock.now()):
            raise BadRequest("day_not_over", "choose a day before today")
