"""A platform that gave a payment back may still tell of it late; nothing is fulfilled with money that is gone.

Found by tests/stateful: the order of a scanned code was cancelled after its payer had paid, the reversal gave the
money back, and the payment's own notice, which came after that, paid the closed order.
"""

from collections.abc import AsyncIterator

import pytest

from bot.kernel.masking import Secret
from bot.payments.facts import Closed, PaidFact
from bot.payments.scanned import CodeAsk
from bot.payments.values import Charge, Order
from bot.storage.database import connect
from tests.payments.scripted_codes import PAYS, ScriptedCodes
from tests.payments.scripted_gateway import LOST_AFTER
from tests.payments.world import DUE, START, SUSPENSE, TickingClock, World, build, populate


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    clock = TickingClock(START)
    database = await connect(database_url, clock)
    try:
        await database.effect(populate)
        yield build(database, clock)
    finally:
        await database.close()


async def in_suspense_on_a_desk(world: World, order_id: str) -> None:
    order = await world.payments.orders.get(order_id)
    assert (order.state, [line.state for line in order.lines]) in (("closed", ["none"]), ("paid_late", ["none"]))
    assert await world.suspense() == [("closed", "held", 3_500)]
    assert (await world.balance(DUE), await world.balance(SUSPENSE)) == (0, 3_500)
    assert await world.jobs("fulfil") == []
    assert "suspense" in await world.cases()
    assert await world.audit() == []


async def cancelled(world: World, *answers: str) -> tuple[Order, PaidFact]:
    """The order of a scanned code that was paid is cancelled; so are the answers to its reversal."""
    world.gateway.codes = ScriptedCodes(world.gateway)
    order = await world.order()
    world.gateway.script("pay", LOST_AFTER)
    charge = await world.payments.scanned.pay(CodeAsk(order.id, "scripted", "main"), Secret(PAYS))
    assert isinstance(charge, Charge)
    fact = world.gateway.pay(charge.out_trade_no)
    await world.payments.sweeper.close_order(order.id)
    world.clock.advance(20)
    world.gateway.script("reverse", *answers)
    await world.sweep()
    return order, fact


async def test_a_cancelled_orders_code_was_reversed_before_its_notice(world: World) -> None:
    order, fact = await cancelled(world)
    await world.tell(fact)

    await in_suspense_on_a_desk(world, order.id)


async def test_a_cancelled_orders_code_is_being_reversed_when_its_notice_comes(world: World) -> None:
    """The reversal may have given the money back already: it is asked until that is certain, and nobody else is."""
    order, fact = await cancelled(world, LOST_AFTER)
    await world.tell(fact)
    assert (await world.suspense(), await world.cases()) == ([], [])
    world.clock.advance(5)
    await world.sweep()

    assert [charge.state for charge in await world.charges(order)] == ["reversed"]
    after = await world.payments.orders.get(order.id)
    assert (after.state, [line.state for line in after.lines]) == ("closed", ["none"])
    assert (await world.suspense(), await world.cases(), await world.jobs("fulfil")) == ([], [], [])
    assert (await world.balance(DUE), await world.balance(SUSPENSE)) == (0, 0)
    assert await world.audit() == []


async def test_a_payment_that_was_given_back_before_its_notice(world: World) -> None:
    """As when a person refunds in the gateway's console, or UnionPay reverses what was paid while it was closed."""
    order = await world.order()
    ready = await world.open(order)
    fact = world.gateway.pay(ready.out_trade_no)
    world.gateway.script("close", Closed("REVERSED", was_paid=True))
    await world.payments.sweeper.close_order(order.id)
    await world.tell(fact)

    assert "paid_and_returned" in await world.cases()
    await in_suspense_on_a_desk(world, order.id)
