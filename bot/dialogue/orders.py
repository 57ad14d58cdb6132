"""The conversation's view of payments: place what was agreed to, show a customer's own orders, cancel one."""

from collections.abc import Sequence

from bot.billers.port import Quote, Refusal
from bot.dialogue.looking_back import Page
from bot.dialogue.scene import PaidBefore, PlacedOrder
from bot.kernel.clock import Clock, from_micros, to_micros
from bot.payments.closing import Closing
from bot.payments.gatekeeper import Placing
from bot.payments.orders import Orders
from bot.payments.values import Order
from bot.storage.port import Database, Row

_PAID = """
SELECT id, token, title, amount, state, created_at FROM orders
WHERE customer_id = $1 AND state = 'paid' ORDER BY created_at DESC LIMIT $2
"""
_PAID_IN_SCENE = """
SELECT id, token, title, amount, state, created_at FROM orders
WHERE customer_id = $1 AND scene = $3 AND state = 'paid' ORDER BY created_at DESC LIMIT $2
"""
# Ids are ordered by time, so the one shown last says where the next page begins.
_FOUND = """
SELECT id, token, title, amount, state, created_at FROM orders
WHERE customer_id = $1 AND state = 'paid' AND created_at >= $2 AND created_at < $3 AND ($4 = '' OR scene = $4)
  AND (CAST($5 AS BIGINT) = 0 OR amount = CAST($5 AS BIGINT))
  AND ($6 = '' OR created_at <= (SELECT created_at FROM orders WHERE id = $6) AND id < $6)
ORDER BY created_at DESC, id DESC LIMIT $7
"""
_OWN = """
SELECT id, token, title, amount, state, created_at FROM orders
WHERE customer_id = $1 AND id = $2 AND state = 'paid'
"""
_WAITING = """
SELECT o.id, o.token, o.title, o.amount, o.state, o.created_at, l.item_id, l.bill_no
FROM orders o JOIN order_lines l ON l.order_id = o.id
WHERE o.customer_id = $1 AND o.state = 'created' AND o.expires_at > $2
ORDER BY o.created_at DESC, l.position LIMIT 100
"""


class ChatOrders:
    """Implements ``bot.dialogue.scene.Orders``; a customer never sees another customer's order."""

    def __init__(self, orders: Orders, closing: Closing, database: Database, clock: Clock) -> None:
        self._orders = orders
        self._closing = closing
        self._database = database
        self._clock = clock

    async def place(
        self, quote: Quote, *, customer_id: str, channel: str, account: str, trace_id: str
    ) -> PlacedOrder | Refusal:
        placing = Placing(origin="chat", trace_id=trace_id, channel=channel, account=account, customer_id=customer_id)
        placed = await self._orders.place(quote, placing)
        return placed if isinstance(placed, Refusal) else _of_order(placed)

    async def paid(self, customer_id: str, limit: int, scene: str | None = None) -> Sequence[PlacedOrder]:
        if scene is None:
            rows = await self._database.rows(_PAID, customer_id, limit)
        else:
            rows = await self._database.rows(_PAID_IN_SCENE, customer_id, limit, scene)
        return [_of_row(row) for row in rows]

    async def found(self, customer_id: str, page: Page, limit: int) -> Sequence[PlacedOrder]:
        values = (customer_id, page.since, page.until, page.scene, page.amount, page.last, limit)
        return [_of_row(row) for row in await self._database.rows(_FOUND, *values)]

    async def own(self, customer_id: str, order_id: str) -> PlacedOrder | None:
        row = await self._database.row(_OWN, customer_id, order_id)
        return None if row is None else _of_row(row)

    async def last_paid(self, customer_id: str, scene: str | None = None) -> PaidBefore | None:
        newest = await self.paid(customer_id, 1, scene)
        if not newest:
            return None
        order = await self._orders.get(newest[0].id)
        line = order.lines[0]
        return PaidBefore(
            scene=order.scene,
            item_id=line.item_id,
            store_id=order.store_id,
            account=self._orders.account(line),
            account_mask=line.account_mask,
            title=line.title,
            amount=None if line.bill_no or line.bill_id else line.amount,
        )

    async def waiting(self, customer_id: str, item_id: str | None = None) -> Sequence[PlacedOrder]:
        rows = await self._database.rows(_WAITING, customer_id, to_micros(self._clock.now()))
        bills: dict[str, list[str]] = {}
        for row in rows:
            if item_id in (None, row["item_id"]):
                bills.setdefault(row["id"], []).extend([row["bill_no"]] if row["bill_no"] else [])
        first = {row["id"]: row for row in reversed(rows)}
        return [_of_row(first[order_id], tuple(numbers)) for order_id, numbers in bills.items()]

    async def cancel(self, order_id: str, customer_id: str) -> bool:
        own = any(order.id == order_id for order in await self.waiting(customer_id))
        return own and await self._closing.begin(order_id)


def _of_order(order: Order) -> PlacedOrder:
    return PlacedOrder(
        id=order.id,
        token=order.token,
        title=order.title,
        amount=order.amount,
        state=order.state,
        created_at=order.created_at,
        bill_nos=tuple(line.bill_no for line in order.lines if line.bill_no),
    )


def _of_row(row: Row, bill_nos: tuple[str, ...] = ()) -> PlacedOrder:
    return PlacedOrder(
        id=row["id"],
        token=row["token"],
        title=row["title"],
        amount=row["amount"],
        state=row["state"],
        created_at=from_micros(row["created_at"]),
        bill_nos=bill_nos,
    )
