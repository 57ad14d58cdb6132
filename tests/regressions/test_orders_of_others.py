"""A customer neither sees nor cancels what another one ordered (reliability.md §5, IDOR)."""

from bot.dialogue.orders import ChatOrders
from bot.payments.closing import Closing
from tests.dialogue.town import open_town


async def test_nobody_sees_or_cancels_the_order_of_another(sqlite_url: str) -> None:
    async with open_town(sqlite_url, "memory://") as town:
        await town.chat("买单", "1", "25.50", "1", customer="小陈")
        order = await town.last_order()
        for text in ("取消", "1", "取消订单", "1"):
            await town.say(text, customer="小李")
        orders = ChatOrders(town.orders, Closing(town.database, town.clock), town.database, town.clock)

        assert await town.order_count("created") == 1
        assert [each.id for each in await orders.waiting(str(order.customer_id))] == [order.id]
        assert await orders.waiting("cus_of_somebody_else") == []
        assert await orders.paid("cus_of_somebody_else", 10) == []
        assert await orders.cancel(order.id, "cus_of_somebody_else") is False
        assert await town.order_count("created") == 1
        assert await orders.cancel(order.id, str(order.customer_id)) is True
        assert await town.order_count("created") == 0
