"""Whoever is cancelled or killed, wherever, leaves rows from which sweeping and working bring everything to its end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest

from bot.payments.facts import Way
from bot.payments.values import Refund
from bot.storage.port import Batch, Database, Question, Row, Tx, Value
from tests.payments.scripted_biller import ScriptedBiller
from tests.payments.scripted_gateway import Call, ScriptedGateway
from tests.payments.world import DUE, OTHER_PAYER, PAYERS, World, build


class Trip:
    """Cancels at the n-th boundary: before or after a commit, before or after a call to the outside."""

    def __init__(self) -> None:
        self.left = 0

    def pull(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise asyncio.CancelledError


class TrippingDatabase:
    """Passes everything on and cancels where the wire says."""

    def __init__(self, inner: Database, trip: Trip) -> None:
        self._inner = inner
        self._trip = trip
        self.engine = inner.engine

    async def effect(self, work: Callable[[Tx], Awaitable[Any]]) -> Any:
        return await self._around(self._inner.effect(work))

    async def batch(self, form: Batch[Any, Any], item: Any) -> Any:
        return await self._around(self._inner.batch(form, item))

    async def _around(self, step: Awaitable[Any]) -> Any:
        task = asyncio.ensure_future(step)
        try:
            self._trip.pull()
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
        result = await task
        self._trip.pull()
        return result

    async def row(self, sql: str, *values: Value) -> Row | None:
        return await self._inner.row(sql, *values)

    async def rows(self, sql: str, *values: Value) -> Sequence[Row]:
        return await self._inner.rows(sql, *values)

    async def ask(self, question: Question[Any, Any], item: Any) -> Any:
        return await self._inner.ask(question, item)

    def stream(self, sql: str, *values: Value, chunk: int = 500) -> AsyncIterator[Row]:
        return self._inner.stream(sql, *values, chunk=chunk)

    async def heard(self, channel: str, within: float) -> bool:
        return await self._inner.heard(channel, within)

    async def ping(self) -> None:
        await self._inner.ping()

    async def close(self) -> None:
        await self._inner.close()


class TrippingGateway(ScriptedGateway):
    trip: Trip

    async def _call(self, call: Call, number: str, carry_out: Callable[[], Any]) -> Any:
        self.trip.pull()
        answer = await ScriptedGateway._call(self, call, number, carry_out)
        self.trip.pull()
        return answer


class TrippingBiller(ScriptedBiller):
    trip: Trip

    def _told(self, call: Any, line: Any) -> Any:
        self.trip.pull()
        return ScriptedBiller._told(self, call, line)


def wired(world: World, trip: Trip) -> World:
    gateway, biller = TrippingGateway(world.clock), TrippingBiller(world.biller.hosted)
    gateway.trip = biller.trip = trip
    return build(TrippingDatabase(world.database, trip), world.clock, gateway=gateway, biller=biller)


async def purchase(world: World) -> None:
    """A customer pays, after a change of mind, is served and gets the money back: every effect of the rooms."""
    bill = await world.bill()
    order = await world.order(world.rent(bill), world.power(bill.bill_no))
    await world.open(order)
    ready = await world.open(order, payer=OTHER_PAYER, way=Way.JSAPI)
    await world.tell(world.gateway.pay(ready.out_trade_no))
    await world.work_off("fulfil")
    refund = await world.refund(order)
    assert isinstance(refund, Refund)
    await world.work_off()


async def recover(world: World) -> None:
    """What the workers do in the hours after a crash."""
    for pause in (6, 900, 3_600, 3_600):
        world.clock.advance(pause)
        await world.sweep()
        await world.work_off()


async def received_upstream(world: World) -> int:
    """What the gateway holds of ours: all it took less all it gave back."""
    taken = sum(charge.fact.amount for charge in world.gateway.charges.values() if charge.fact is not None)
    return taken - sum(refund.fact.amount for refund in world.gateway.refunds.values())


async def test_cancelled_at_every_boundary_in_turn(world: World, full_counts: bool) -> None:
    """In a quick run each engine takes every sixth boundary, and the two not the same ones."""
    trip = Trip()
    held = 0
    first = 1 if full_counts or world.database.engine == "sqlite" else 4
    for boundary in range(first, 200, 1 if full_counts else 6):
        tripping = wired(world, trip)
        trip.left = boundary
        try:
            await purchase(tripping)
        except asyncio.CancelledError:
            finished = False
        else:
            finished = True
        trip.left = 0
        await recover(tripping)
        held += await received_upstream(tripping)

        assert -await world.balance(PAYERS) == held
        assert await world.balance(DUE) == held
        assert await world.audit() == []
        open_orders = await world.rows("SELECT id FROM orders WHERE state NOT IN ('paid', 'closed')")
        assert open_orders == []
        if finished:
            assert boundary > 40
            return
    pytest.fail("the purchase never came to its end")


@pytest.mark.parametrize("call", ["create", "refund"])
async def test_a_cancelled_call_leaves_its_intent_and_the_sweeper_carries_on(world: World, call: str) -> None:
    """The browser went away, or the process was told to stop, while the gateway was being asked."""
    reached, go = asyncio.Event(), asyncio.Event()
    order = await world.order() if call == "create" else await world.paid()
    refund = await world.refund(order) if call == "refund" else None
    world.gateway.gate = (reached, go)
    calling = (
        asyncio.create_task(world.payments.refunds.submit(refund.id))
        if refund is not None
        else asyncio.create_task(world.payments.charges.open(world.ask(order)))
    )
    await reached.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    world.gateway.gate = None

    if refund is None:
        assert [charge.state for charge in await world.charges(order)] == ["created"]
        world.clock.advance(6)
        await world.sweep()
        assert [charge.state for charge in await world.charges(order)] == ["pending"]
    else:
        assert (await world.payments.refunds.get(refund.id)).state == "pending"
        world.clock.advance(6)
        await world.sweep()
        assert (await world.payments.refunds.get(refund.id)).state == "succeeded"
        assert len(world.gateway.refunds) == 1
    assert await world.audit() == []
