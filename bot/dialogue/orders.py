"""The conversation's view of payments: place what was agreed to, and show a customer's own orders."""

from collections.abc import Sequence

from bot.billers.port import Quote, Refusal
from bot.dialogue.scene import PlacedOrder
from bot.payments.gatekeeper import Placing
from bot.payments.orders import Orders
from bot.payments.values import Order
from bot.storage.port import Database

_LIVE = "SELECT id FROM orders WHERE id = $1 AND customer_id = $2 AND state = 'created'"


class ChatOrders:
    """Implements ``bot.dialogue.scene.Orders``; a customer never sees another customer's order."""

    def __init__(self, orders: Orders, database: Database) -> None:
        self._orders = orders
        self._database = database

    async def place(
        self, quote: Quote, *, customer_id: str, channel: str, account: str, trace_id: str
    ) -> PlacedOrder | Refusal:
        placing = Placing(origin="chat", trace_id=trace_id, channel=channel, account=account, customer_id=customer_id)
        placed = await self._orders.place(quote, placing)
        return placed if isinstance(placed, Refusal) else _shown(placed, quote.payee)

    async def mine(self, customer_id: str, limit: int, scene: str | None = None) -> Sequence[PlacedOrder]:
        orders = await self._orders.of_customer(customer_id, limit if scene is None else 4 * limit)
        return [_shown(order) for order in orders if scene is None or order.scene == scene][:limit]

    async def live(self, order_id: str, customer_id: str) -> PlacedOrder | None:
        if await self._database.row(_LIVE, order_id, customer_id) is None:
            return None
        return _shown(await self._orders.get(order_id))


def _shown(order: Order, payee: str = "") -> PlacedOrder:
    return PlacedOrder(
        id=order.id,
        token=order.token,
        title=order.title,
        amount=order.amount,
        state=order.state,
        created_at=order.created_at,
        payee=payee,
    )
