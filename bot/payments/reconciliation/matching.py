"""Compares one day in both directions, step by step; a run that was interrupted goes on where its last step ended."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final, LiteralString

from bot.jobs.outbox import enqueue
from bot.jobs.port import NewJob
from bot.kernel.clock import Clock, business_day, to_micros
from bot.kernel.errors import Conflict
from bot.payments import work
from bot.payments.reconciliation import differences, judging, pairs
from bot.payments.reconciliation.board import Board, Held
from bot.payments.reconciliation.days import AccountDay, FeeTerms, Terms
from bot.payments.reconciliation.differences import Difference
from bot.payments.reconciliation.judging import Finding
from bot.payments.reconciliation.kinds import CASE
from bot.storage.port import Database, Row, Tx
from bot.trail import audit

_ACTOR: Final = "system"
Judge = Callable[[Row, AccountDay, FeeTerms], list[Finding]]
# Where a step ended, None at the end of its stage, and what it found.
Stepped = tuple[int | None, Sequence[Finding]]
Stage = Callable[[int], Awaitable[Stepped]]
# More stages of a day, by (day, where the last step ended, how much to take): flows and arrivals have their own rooms.
More = Callable[[AccountDay, int, int], Awaitable[Stepped]]


@dataclass(frozen=True, slots=True)
class _Ours:
    """One walk over our own rows of a day, by their moment."""

    stage: str
    bound: LiteralString
    find: LiteralString
    judge: Judge


_WALKS: Final = (
    _Ours("charges", pairs.NEXT_CHARGE, pairs.CHARGES, judging.receipt),
    _Ours("suspense", pairs.NEXT_SUSPENSE, pairs.SUSPENSE, judging.receipt),
    _Ours("refunds", pairs.NEXT_GIVEN, pairs.GIVEN, judging.given),
)


class Matching:
    """Finds what differs on a day whose bill is loaded."""

    def __init__(
        self, database: Database, clock: Clock, board: Board, terms: Terms, more: Mapping[str, More] | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._board = board
        self._terms = terms
        self._more = dict(more or {})

    async def run(self, held: Held, statement_id: str, lines: int) -> Mapping[str, int]:
        """Compare the day; return how many differences ended, expired, and were asked about in vain.

        The same bill against the same books again changes nothing. Raises Conflict(``day_lost``).
        """
        row = await self._board.show(held.day)
        stages = self._stages(held.day, statement_id, lines)
        run, stage, upto = to_micros(self._clock.now()), next(iter(stages)), 0
        if row is not None and row["stage"] in stages:
            run, stage, upto = row["run"], row["stage"], row["upto"]
        names = list(stages)
        for name in names[names.index(stage) :]:
            at: int | None = upto if name == stage else 0
            while at is not None:
                at = await self._step(held, run, name, at, stages[name])
        return await self._finish(held, run)

    def _stages(self, day: AccountDay, statement_id: str, lines: int) -> Mapping[str, Stage]:
        """Return the stages of a run by name, in their order; each takes where its last step ended."""
        fees = self._terms.fee(day)

        async def bill(after: int) -> Stepped:
            upto = after + self._terms.step
            return (upto if upto < lines else None), await self._lines(day, statement_id, after, upto, fees)

        def walk(ours: _Ours) -> Stage:
            return lambda after: self._ours(day, ours, after, fees)

        def more(part: More) -> Stage:
            return lambda after: part(day, after, self._terms.step)

        return {
            "lines": bill,
            **{ours.stage: walk(ours) for ours in _WALKS},
            **{name: more(part) for name, part in self._more.items()},
        }

    async def _lines(self, day: AccountDay, statement_id: str, after: int, upto: int, fees: FeeTerms) -> list[Finding]:
        span = (*day.row, statement_id, after, upto, day.begin, day.end)
        back = fees.bound if fees.returned else 0
        paid = await pairs.nested(self._database, pairs.PAYMENTS, *span, fees.bound)
        refunded = await pairs.nested(self._database, pairs.REFUNDS, *span, fees.bound, back)
        return [
            *(finding for row in paid for finding in judging.payment(row, day, fees)),
            *(finding for row in refunded for finding in judging.refund(row, day, fees)),
        ]

    async def _ours(self, day: AccountDay, ours: _Ours, after: int, fees: FeeTerms) -> Stepped:
        begin = after or day.begin
        row = await self._database.row(ours.bound, day.gateway, day.account, begin, day.end, self._terms.step)
        end = row["at"] if row is not None else day.end
        if end == begin:
            # All of a step's rows have one moment; they are taken together with whatever else has it.
            end = begin + 1
        rows = await pairs.nested(self._database, ours.find, *day.row, begin, end)
        found = [finding for each in rows for finding in ours.judge(each, day, fees)]
        return (end if end < day.end else None), found

    async def _step(
        self,
        held: Held,
        run: int,
        stage: str,
        after: int,
        find: Stage,
    ) -> int | None:
        """Compare one step and commit what it found together with how far the run has come."""
        upto, found = await find(after)
        now = self._clock.now()
        today = business_day(now).isoformat()

        async def keep(tx: Tx) -> None:
            await self._board.hold(tx, held)
            await differences.note(tx, held.day, found, self._terms, run, to_micros(now), today)
            await self._board.progress(tx, held.day, run, stage, upto if upto is not None else after)

        await self._database.effect(keep)
        return upto

    async def _finish(self, held: Held, run: int) -> Mapping[str, int]:
        now = self._clock.now()
        at, today, day = to_micros(now), business_day(now).isoformat(), held.day

        async def finish(tx: Tx) -> Mapping[str, int]:
            await self._board.hold(tx, held)
            counts = await differences.settle(tx, day, run, at, today)
            told = await differences.untold(tx, day, self._terms.cases_max)
            await enqueue(tx, [case(each, held.owner, run) for each in told], now)
            await self._board.matched(tx, day)
            if told or any(counts.values()):
                detail = {**counts, "told": len(told)}
                await audit.record(
                    tx,
                    actor=_ACTOR,
                    action="reconciliation.matched",
                    subject=day.key,
                    detail=detail,
                    trace_id=held.owner,
                    now=now,
                )
            return counts

        return await self._database.effect(finish)


def case(difference: Difference, trace_id: str, run: int) -> NewJob:
    """Put a difference on the desk; found anew after its case was resolved, it opens the case again."""
    facts = asdict(difference)
    for name in ("id", "copy", "line_no", "disposition", "note", "state"):
        facts.pop(name)
    subject = difference.our_id or difference.number
    payload = {"kind": CASE, "key": difference.id, "subject": subject, "facts": facts}
    return NewJob(work.CASE, f"{CASE}:{difference.id}:{run}", "desk", payload, trace_id)


def unready(day: AccountDay) -> Conflict:
    """A day without a bill cannot be compared."""
    return Conflict(
        "statement_missing", f"fetch it first: python -m bot statement {day.gateway} {day.account} {day.text}"
    )
