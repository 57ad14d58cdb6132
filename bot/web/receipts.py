"""The receipt of a paid order, for whoever holds its link."""

from aiohttp import web

from bot.kernel.errors import NotFound
from bot.payments.orders import Orders
from bot.payments.receipts import Receipts
from bot.web.middlewares import page


class ReceiptDoor:
    """``/receipts/{token}``."""

    def __init__(self, receipts: Receipts, orders: Orders) -> None:
        self._receipts = receipts
        self._orders = orders

    async def open(self, request: web.Request) -> web.StreamResponse:
        token = request.match_info["token"]
        if len(token) != 32 or not token.isalnum():
            raise NotFound("order_unknown")
        order = await self._orders.by_token(token)
        if not order.paid:
            return page(request, "receipt/pending.html", status=202, order=order)
        return page(request, "receipt/receipt.html", receipt=await self._receipts.of_order(order.id))
