"""The conversation's view of payments shows and cancels a customer's own orders only."""

from collections.abc import AsyncIterator

import pytest

from bot.dialogue.orders import ChatOrders
from bot.dialogue.scene import PlacedOrder
from bot.payments.closing import Closing
from tests.dialogue.town import TickingClock, Town, open_town


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    """The town on each durable engine."""
    async with open_town(database_url, "memory://") as opened:
        yield opened


@pytest.fixture
def orders(town: Town) -> ChatOrders:
    return ChatOrders(town.orders, Closing(town.database, town.clock), town.database, town.clock)


async def customer_of(town: Town, order: PlacedOrder) -> str:
    return str((await town.orders.get(order.id)).customer_id)


async def placed(town: Town) -> PlacedOrder:
    """An order over two bills, and its view."""
    await town.chat("交物业费", "5-2-602", "王建国", "全部", "1")
    order = await town.last_order()
    numbers = tuple(line.bill_no for line in order.lines)
    return PlacedOrder(order.id, order.token, order.title, order.amount, order.state, order.created_at, numbers)


async def test_a_waiting_order_is_shown_with_its_bills(town: Town, orders: ChatOrders) -> None:
    order = await placed(town)
    mine = await customer_of(town, order)

    assert list(await orders.waiting(mine)) == [order]
    assert list(await orders.waiting(mine, "itm_fee")) == [order]
    assert list(await orders.waiting(mine, "itm_power")) == []
    assert list(await orders.waiting("cus_other")) == []


async def test_an_expired_order_waits_no_more(town: Town, orders: ChatOrders) -> None:
    order = await placed(town)
    assert isinstance(town.clock, TickingClock)
    town.clock.advance(3600)

    assert list(await orders.waiting(await customer_of(town, order))) == []
    assert not await orders.cancel(order.id, await customer_of(town, order))


async def test_only_ones_own_order_is_cancelled_and_only_once(town: Town, orders: ChatOrders) -> None:
    order = await placed(town)
    mine = await customer_of(town, order)

    assert not await orders.cancel(order.id, "cus_other")
    assert (await town.orders.get(order.id)).state == "created"
    assert await orders.cancel(order.id, mine)
    assert (await town.orders.get(order.id)).state == "closed"
    assert not await orders.cancel(order.id, mine)


async def test_paid_orders_are_shown_newest_first_by_scene(town: Town, orders: ChatOrders) -> None:
    """Unpaid ones in between hide none of them."""
    await town.chat("买单", "1", "10", "1")
    await town.pay_last()
    await town.chat("买单", "1", "20", "1")
    order = await placed(town)
    await town.pay_last()
    mine = await customer_of(town, order)

    assert [found.amount for found in await orders.paid(mine, 5)] == [60_240, 1_000]
    assert [found.amount for found in await orders.paid(mine, 1)] == [60_240]
    assert [found.amount for found in await orders.paid(mine, 5, "dining")] == [1_000]
    assert list(await orders.paid("cus_other", 5)) == []


async def test_a_quote_is_placed_once_however_often_it_is_agreed_to(sqlite_url: str) -> None:
    """The state that still held the quote was lost; the yes after it finds the same order."""
    async with open_town(sqlite_url, "memory://") as town:
        await town.chat("交物业费", "1-1-301", "林美华")
        sessions = town.engine._p.sessions
        opened: list[bytes] = []
        packed = sessions._packed
        sessions._packed = lambda state: opened[0] if opened else packed(state)  # type: ignore[method-assign]
        key = f"{{dlg:{town.vault.blind('official:main:openid-小陈', 'dialogue.state')}}}:state"
        opened.append((await town.ephemeral.load(key)).value or b"")

        first, second = await town.say("1"), await town.say("1")
        assert "点这里付款" in first
        assert first == second
        assert await town.order_count() == 1
