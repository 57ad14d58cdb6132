"""Tells billers of paid lines (销账) and has them take payments back: the order line's states around SceneBiller."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.billers.port import (
    Directory,
    PaidLine,
    Pending,
    Refused,
    Reversed,
    Settled,
    Silent,
)
from bot.jobs.outbox import enqueue
from bot.jobs.port import NewJob
from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import NotFound
from bot.payments import locks, refund_rows, values, work
from bot.payments.orders import Orders
from bot.payments.policy import Policy
from bot.payments.refunds import RefundAsk, request_in
from bot.payments.sharing import plan
from bot.payments.states import LINE, quoted
from bot.payments.values import Order, OrderLine, Refund
from bot.storage.port import Database, Tx

# The biller's code that means: the customer has paid this bill through another channel in the meantime.
PAID_ELSEWHERE: Final = "paid_elsewhere"
# After these the money goes back by itself: the biller had its own already, or has nothing left to give for it.
_GIVEN_BACK: Final = frozenset({PAID_ELSEWHERE, "sold_out"})
_ASK_AGAIN_SECONDS: Final = 5.0
_LATER_SECONDS_MAX: Final = 3600.0

# A refund of the line that has not failed stands against telling the biller; the order is locked meanwhile.
_SENT: Final = LINE.move(
    "none",
    to="sent",
    sets="attempts = attempts + 1",
    only="NOT EXISTS (SELECT 1 FROM refunds r WHERE r.order_id = order_lines.order_id AND r.suspense_id IS NULL "  # noqa: S608
    f"AND (r.line_id IS NULL OR r.line_id = order_lines.id) AND r.state IN ({refund_rows.RESERVING_SQL}))",
)
_SETTLED: Final = LINE.move("sent", "unknown", to="settled", sets="biller_ref = $3, refusal = NULL")
_REFUSED: Final = LINE.move("sent", "unknown", to="refused", sets="refusal = $3")
_UNKNOWN: Final = LINE.move("sent", to="unknown")
_REVERSED: Final = LINE.move("reversing", to="reversed", sets="biller_ref = $3")
_REVERSAL_REFUSED: Final = LINE.move("reversing", to="reversal_refused", sets="refusal = $3")
_ATTEMPT: Final = "UPDATE order_lines SET attempts = attempts + 1 WHERE id = $1"
_LINE: Final = "SELECT * FROM order_lines WHERE id = $1"
_ATTEMPTS: Final = "SELECT attempts FROM order_lines WHERE id = $1"
_OPEN_LINES: Final = f"""
SELECT COUNT(*) AS open FROM order_lines
WHERE order_id = $1 AND state IN ({quoted(("none", "sent", "unknown"))})
"""  # noqa: S608 - The names of our own states.


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing is left to do for this job; the line is in ``state``."""

    state: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Not at its end; ask again after so many seconds, or by the job's own schedule where None."""

    reason: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class _Turn:
    """A line whose next call is committed; ``first`` when the biller cannot have heard of it."""

    line: OrderLine
    order: Order
    first: bool


class Fulfilment:
    """Carries order lines to their end at their billers. Safe to repeat at any point: the line's id is the key."""

    def __init__(self, database: Database, clock: Clock, orders: Orders, directory: Directory, policy: Policy) -> None:
        self._database = database
        self._clock = clock
        self._orders = orders
        self._directory = directory
        self._policy = policy

    async def fulfil_line(self, line_id: str) -> Ended | Wait:
        """Tell the biller that a line is paid, or ask how an earlier telling stands. Raises NotFound."""
        turn = await self._database.effect(lambda tx: self._begin(tx, line_id))
        if not isinstance(turn, _Turn):
            return turn
        biller = await self._directory.biller(turn.line.item_id)
        paid = self._paid_line(turn)
        answer = None if turn.first else await biller.settle_status(paid)
        if answer is None:
            answer = await biller.settle(paid)
        match answer:
            case Settled():
                return await self._settled(turn.line, answer.ref)
            case Refused():
                return await self._refused(turn.line, answer)
            case Pending():
                return Wait("pending", _bounded(answer.retry_after))
            case Silent():
                return await self._silent(turn.line, answer.reason)

    async def undo_line(self, line_id: str) -> Ended | Wait:
        """Have the biller take a settled line back, or ask how that stands. Raises NotFound."""
        turn = await self._database.effect(lambda tx: self._begin_undo(tx, line_id))
        if not isinstance(turn, _Turn):
            return turn
        biller = await self._directory.biller(turn.line.item_id)
        paid = self._paid_line(turn)
        answer = None if turn.first else await biller.undo_status(paid)
        if answer is None:
            answer = await biller.undo(paid, "refund")
        match answer:
            case Reversed():
                return await self._reversed(turn.line, answer.ref)
            case Refused():
                return await self._reversal_refused(turn.line, answer)
            case Pending():
                return Wait("pending", _bounded(answer.retry_after))
            case Silent():
                return Wait(answer.reason)

    async def _begin(self, tx: Tx, line_id: str) -> _Turn | Ended | Wait:
        """Commit that the biller is about to be told, before it is."""
        line, order = await self._read(tx, line_id)
        if not order.paid:
            return Wait("order_unpaid", _ASK_AGAIN_SECONDS)
        if line.state == "none":
            told = await _SENT(tx, line_id, to_micros(self._clock.now()))
            # Else its money is on its way back; should that fail, the refund has the line told by a new job.
            return _Turn(line, order, first=True) if told else Ended("none")
        if line.state in ("sent", "unknown"):
            await tx.execute(_ATTEMPT, line_id)
            return _Turn(line, order, first=False)
        return Ended(line.state)

    async def _begin_undo(self, tx: Tx, line_id: str) -> _Turn | Ended:
        line, order = await self._read(tx, line_id)
        if line.state != "reversing":
            return Ended(line.state)
        row = await tx.row(_ATTEMPTS, line_id)
        await tx.execute(_ATTEMPT, line_id)
        return _Turn(line, order, first=row is None or row["attempts"] == 0)

    async def _read(self, tx: Tx, line_id: str) -> tuple[OrderLine, Order]:
        row = await tx.row(_LINE, line_id)
        if row is None:
            raise NotFound("line_unknown")
        order = await locks.order(tx, row["order_id"])
        # Read again under the lock: what was read before it may have changed while it was waited for.
        fresh = await tx.row(_LINE, line_id)
        assert order is not None
        assert fresh is not None
        return values.line(fresh), values.order(order)

    def _paid_line(self, turn: _Turn) -> PaidLine:
        line, order = turn.line, turn.order
        assert order.paid_at is not None
        return PaidLine(
            id=line.id,
            order_id=line.order_id,
            item_id=line.item_id,
            account=self._orders.account(line),
            bill_id=line.bill_id,
            bill_no=line.bill_no,
            period=line.period,
            amount=line.amount,
            paid_at=order.paid_at,
            trace_id=order.trace_id,
            late_fee=line.late_fee,
            discount=line.discount,
        )

    async def _settled(self, line: OrderLine, ref: str) -> Ended:
        now = self._clock.now()

        async def record(tx: Tx) -> Ended:
            order = await _lock(tx, line)
            if await _SETTLED(tx, line.id, to_micros(now), ref):
                await _after_end(tx, order, [], now)
            return await _as_it_stands(tx, line)

        return await self._database.effect(record)

    async def _refused(self, line: OrderLine, answer: Refused) -> Ended:
        now = self._clock.now()

        async def record(tx: Tx) -> Ended:
            order = await _lock(tx, line)
            if await _REFUSED(tx, line.id, to_micros(now), answer.code):
                await _after_end(tx, order, await self._consequence(tx, line, answer, order, now), now)
            return await _as_it_stands(tx, line)

        return await self._database.effect(record)

    async def _consequence(self, tx: Tx, line: OrderLine, answer: Refused, order: Order, now: datetime) -> list[NewJob]:
        """Give the money back where the biller says it had its own; else a person decides."""
        if answer.code in _GIVEN_BACK:
            ask = RefundAsk(order.id, f"{answer.code}:{line.id}", f"system:{answer.code}", answer.code, line.id)
            if isinstance(await request_in(tx, ask, self._policy, now), Refund):
                return []
        facts = {"code": answer.code, "amount": line.amount, "biller": line.biller, "item_id": line.item_id}
        return [work.case("settle_refused", line.id, order.id, facts, order.trace_id)]

    async def _silent(self, line: OrderLine, reason: str) -> Wait:
        now = to_micros(self._clock.now())

        async def record(tx: Tx) -> Wait:
            await _UNKNOWN(tx, line.id, now)
            return Wait(reason)

        return await self._database.effect(record)

    async def _reversed(self, line: OrderLine, ref: str) -> Ended:
        now = self._clock.now()

        async def record(tx: Tx) -> Ended:
            order = await _lock(tx, line)
            if await _REVERSED(tx, line.id, to_micros(now), ref):
                await _wake_refunds(tx, order, line, now)
            return await _as_it_stands(tx, line)

        return await self._database.effect(record)

    async def _reversal_refused(self, line: OrderLine, answer: Refused) -> Ended:
        now = self._clock.now()

        async def record(tx: Tx) -> Ended:
            order = await _lock(tx, line)
            if await _REVERSAL_REFUSED(tx, line.id, to_micros(now), answer.code):
                await _wake_refunds(tx, order, line, now)
            return await _as_it_stands(tx, line)

        return await self._database.effect(record)


async def _lock(tx: Tx, line: OrderLine) -> Order:
    row = await locks.order(tx, line.order_id)
    assert row is not None
    return values.order(row)


async def _as_it_stands(tx: Tx, line: OrderLine) -> Ended:
    row = await tx.row(_LINE, line.id)
    assert row is not None
    return Ended(row["state"])


async def _after_end(tx: Tx, order: Order, jobs: list[NewJob], now: datetime) -> None:
    """Once no line is open any more, the customer is told how each of them ended."""
    row = await tx.row(_OPEN_LINES, order.id)
    assert row is not None
    if row["open"] == 0 and order.channel is not None and order.customer_id is not None:
        jobs = [*jobs, work.receipt(order.id, order.channel, order.account or "", order.trace_id)]
    if row["open"] == 0:
        jobs = [*jobs, *await plan.due(tx, order.paid_charge_id, now)]
    await enqueue(tx, jobs, now)
    tx.signal(work.ORDER_CHANNEL)


async def _wake_refunds(tx: Tx, order: Order, line: OrderLine, now: datetime) -> None:
    """Let refunds that waited for this line go on at once."""
    waiting = [refund for refund in await refund_rows.undecided(tx, order.id) if refund.state == "approved"]
    jobs = [
        work.refund_submit(refund.id, refund.gateway, refund.gateway_account, refund.trace_id, because=line.id)
        for refund in waiting
    ]
    await enqueue(tx, jobs, now)
    tx.signal(work.ORDER_CHANNEL)


def _bounded(seconds: float) -> float:
    return min(max(seconds, 1.0), _LATER_SECONDS_MAX)
