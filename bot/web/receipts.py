"""The receipt of a paid order, for whoever holds its link."""

from typing import Final

from aiohttp import web

from bot.kernel.errors import NotFound
from bot.payments.orders import Orders
from bot.payments.receipts import Receipt, Receipts
from bot.payments.values import Order
from bot.web.answers import page
from bot.web.middlewares import adopt_trace
from bot.web.receipt_files import ReceiptFiles

_TOKEN_CHARS = 32
_TYPED_MAX = 40
# Readers inside browsers style and embed what they show; nothing of it comes from elsewhere.
_FILE_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; object-src 'self'; frame-ancestors 'none'"
)


class ReceiptDoor:
    """``/receipts/{token}``, the same as a file, and the page where a printed one is checked."""

    def __init__(self, receipts: Receipts, orders: Orders, files: ReceiptFiles) -> None:
        self._receipts = receipts
        self._orders = orders
        self._files = files

    async def verify(self, request: web.Request) -> web.StreamResponse:
        """Tell whoever holds a receipt on paper whether it is ours: ``/receipts/verify?no=…&code=…``."""
        number, code = (request.query.get(name, "").strip()[:_TYPED_MAX] for name in ("no", "code"))
        asked = bool(number and code)
        fits = asked and number.isascii() and number.isalnum()
        receipt = await self._receipts.shown(number, code) if fits else None
        return page("receipt/verify.html", receipt=receipt, asked=asked, number=number, code=code)

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Show the receipt, or that the payment is not in the books yet."""
        order = await self._order(request)
        if not order.paid:
            return _pending(order)
        receipt = await self._receipts.of_order(order.id)
        return page("receipt/receipt.html", receipt=receipt, pictures=self._files.pictures)

    async def pdf(self, request: web.Request) -> web.StreamResponse:
        """Give the receipt out as a PDF; ``/receipts/{token}.pdf``."""
        order = await self._order(request)
        if not order.paid:
            return _pending(order)
        receipt = await self._receipts.of_order(order.id)
        return _file(receipt, await self._files.pdf(receipt), "application/pdf", "pdf")

    async def png(self, request: web.Request) -> web.StreamResponse:
        """Give the receipt out as a picture, where the operator has set a font; ``/receipts/{token}.png``."""
        order = await self._order(request)
        if not order.paid:
            return _pending(order)
        receipt = await self._receipts.of_order(order.id)
        return _file(receipt, await self._files.png(receipt), "image/png", "png")

    async def _order(self, request: web.Request) -> Order:
        token = request.match_info["token"]
        if len(token) != _TOKEN_CHARS or not (token.isascii() and token.isalnum()):
            raise NotFound("order_unknown")
        order = await self._orders.by_token(token)
        adopt_trace(request, order.trace_id)
        return order


def _pending(order: Order) -> web.Response:
    return page("receipt/pending.html", status=202, order=order)


def _file(receipt: Receipt, body: bytes, media_type: str, ending: str) -> web.Response:
    headers = {
        "Content-Disposition": f'inline; filename="receipt-{receipt.number}.{ending}"',
        "Cache-Control": "private, no-store",
        "Content-Security-Policy": _FILE_POLICY,
    }
    return web.Response(body=body, content_type=media_type, headers=headers)
