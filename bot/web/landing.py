"""What a scanned code leads to: a store's amount page, an order's cashier, or a clear word why not."""

from dataclasses import dataclass, replace
from typing import Final

from aiohttp import web

from bot.billers.catalogue import Catalogue
from bot.billers.codes import CodeToken, read_code
from bot.billers.items import BillItem
from bot.billers.port import Directory, Later, Line, Quote, Refusal
from bot.dialogue.numbers import parse_amount
from bot.kernel.clock import Clock
from bot.kernel.errors import BadRequest, Busy, Conflict, NotFound
from bot.kernel.ids import random_text
from bot.payments.gatekeeper import Placing
from bot.payments.orders import Orders
from bot.payments.values import Order
from bot.storage.port import Database
from bot.storage.vault import Vault
from bot.trail.port import Trail
from bot.web.middlewares import TRACE, answer_json, page
from bot.web.visitors import Visit, Visitors
from qrcodes.image import CodeImage, qr_png, qr_svg
from qrcodes.tokens import code_url, is_token
from qrcodes.wallet import Wallet, read_user_agent

_NONCE_CHARS: Final = 24
_CACHE: Final = "public, max-age=86400, immutable"


@dataclass(frozen=True, slots=True)
class LandingParts:
    database: Database
    catalogue: Catalogue
    billers: Directory
    orders: Orders
    visitors: Visitors
    vault: Vault
    clock: Clock
    trail: Trail
    public_url: str


class LandingDoor:
    """``/q/{token}``: the server decides what the scanner sees from the code's state and the wallet's User-Agent."""

    def __init__(self, parts: LandingParts) -> None:
        self._p = parts

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Show the amount page of a store, or go on to the cashier of an order."""
        code = await self._code(request)
        if code.state != "active":
            return page(request, "cashier/code_stopped.html", status=410, state=code.state)
        if code.kind == "order" and code.order_id is not None:
            order = await self._p.orders.get(code.order_id)
            raise web.HTTPSeeOther(f"/cashier/{order.token}")
        if code.kind != "static" or code.item_id is None:
            return page(request, "cashier/code_stopped.html", status=404, state=code.kind)
        visit = self._p.visitors.visit(request)
        response = await self._amount_page(request, code, code.item_id)
        self._p.visitors.remember(response, visit)
        return response

    async def _amount_page(self, request: web.Request, code: CodeToken, item_id: str) -> web.Response:
        item = await self._p.catalogue.item(item_id)
        store = await self._p.catalogue.store(code.store_id) if code.store_id else None
        wallet = read_user_agent(request.headers.get("User-Agent")).wallet
        rule = item.definition.amount
        return page(
            request,
            "cashier/amount.html" if wallet is Wallet.WECHAT else "cashier/choose_wallet.html",
            payee=item.merchant_name,
            store=store,
            item=item,
            rule=rule,
            token=code.token,
            nonce_value=random_text(_NONCE_CHARS),
            wallet=wallet.value,
            code_src=f"/q/{code.token}.svg",
        )

    async def order(self, request: web.Request) -> web.StreamResponse:
        """Make an order over the amount that the payer typed; the same form sent twice is one order.

        The price is checked against the item's rule here; nothing that the page says but the amount is used.
        """
        code = await self._code(request)
        if code.state != "active" or code.kind != "static" or code.item_id is None:
            raise Conflict("code_stopped", "ask the shop for its present code")
        visit = self._p.visitors.visit(request)
        if visit.fresh:
            raise BadRequest("cookie_missing", "allow cookies and open the code again")
        form = await request.post()
        amount = parse_amount(str(form.get("amount", ""))[:32])
        nonce = str(form.get("nonce", ""))
        if amount is None:
            raise BadRequest("amount", "type an amount such as 25.50")
        if len(nonce) != _NONCE_CHARS or not nonce.isalnum():
            raise BadRequest("form", "open the code again")
        order = await self._placed(request, code, code.item_id, amount, visit, nonce)
        if "application/json" in request.headers.get("Accept", ""):
            return answer_json({"cashier": f"/cashier/{order.token}", "order": order.token})
        raise web.HTTPSeeOther(f"/cashier/{order.token}")

    async def _placed(
        self, request: web.Request, code: CodeToken, item_id: str, amount: int, visit: Visit, nonce: str
    ) -> Order:
        item = await self._p.catalogue.item(item_id)
        quote = await self._quote(item, code, amount)
        # The form's own number makes the order's: a double tap or a reload meets the order that is there already.
        blind = self._p.vault.blind(f"{code.token}:{visit.id}:{nonce}", "web.static_order")
        placing = Placing(origin="static_code", trace_id=request[TRACE])
        order = await self._p.orders.place(replace(quote, id=f"quo_{blind}"), placing)
        if isinstance(order, Refusal):
            raise Conflict(order.code, "the shop cannot take this payment now")
        self._p.trail.note(order.trace_id, "order", f"{order.title}", {"order": order.id, "amount": order.amount})
        return order

    async def _quote(self, item: BillItem, code: CodeToken, amount: int) -> Quote:
        title = item.name
        if code.store_id:
            title = f"{(await self._p.catalogue.store(code.store_id)).name} {item.name}"
        biller = await self._p.billers.biller(item.id)
        quote = await biller.quote([Line(item.id, amount, title)], self._p.clock.now(), code.store_id)
        if isinstance(quote, Later):
            raise Busy("biller_later", "try again in a minute")
        if isinstance(quote, Refusal):
            raise BadRequest(quote.code, "check the amount and the opening hours")
        return quote

    async def svg(self, request: web.Request) -> web.Response:
        """Draw the code of a token; ``/q/{token}.svg``."""
        return await self._image(request, svg=True)

    async def png(self, request: web.Request) -> web.Response:
        """Draw the code of a token; ``/q/{token}.png``."""
        return await self._image(request, svg=False)

    async def _image(self, request: web.Request, *, svg: bool) -> web.Response:
        code = await self._code(request)
        url = code_url(self._p.public_url, code.token)
        image: CodeImage = qr_svg(url) if svg else qr_png(url)
        headers = {"Cache-Control": _CACHE, "ETag": f'"{image.etag}"', "X-Content-Type-Options": "nosniff"}
        if svg:
            headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
        return web.Response(body=image.body, content_type=image.media_type, headers=headers)

    async def _code(self, request: web.Request) -> CodeToken:
        token = request.match_info["token"]
        if not is_token(token):
            raise NotFound("code_unknown", "scan the code again")
        return await read_code(self._p.database, token)
