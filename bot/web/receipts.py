"""The receipt of a paid order, for whoever holds its link."""

from aiohttp import web

from bot.kernel.errors import NotFound
from bot.payments.orders import Orders
from bot.payments.receipts import Receipts
from bot.web.answers import page
from bot.web.middlewares import adopt_trace

_TOKEN_CHARS = 32
_TYPED_MAX = 40


class ReceiptDoor:
    """``/receipts/{token}``, and the page where a printed one is checked."""

    def __init__(self, receipts: Receipts, orders: Orders) -> None:
        self._receipts = receipts
        self._orders = orders

    async def verify(self, request: web.Request) -> web.StreamResponse:
        """Tell whoever holds a receipt on paper whether it is ours: ``/receipts/verify?no=…&code=…``."""
        number, code = (request.query.get(name, "").strip()[:_TYPED_MAX] for name in ("no", "code"))
        asked = bool(number and code)
        fits = asked and number.isascii() and number.isalnum()
        receipt = await self._receipts.shown(number, code) if fits else None
        return page("receipt/verify.html", receipt=receipt, asked=asked, number=number, code=code)

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Show the receipt, or that the payment is not in the books yet."""
        token = request.match_info["token"]
        if len(token) != _TOKEN_CHARS or not (token.isascii() and token.isalnum()):
            raise NotFound("order_unknown")
        order = await self._orders.by_token(token)
        adopt_trace(request, order.trace_id)
        if not order.paid:
            return page("receipt/pending.html", status=202, order=order)
        return page("receipt/receipt.html", receipt=await self._receipts.of_order(order.id))
