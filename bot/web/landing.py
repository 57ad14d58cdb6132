"""What a scanned code leads to: a store's amount page, an order's cashier, or a clear word why not."""

from dataclasses import dataclass, replace
from typing import Final

from aiohttp import web

from bot.billers.catalogue import Catalogue, Store
from bot.billers.codes import CodeToken, read_code
from bot.billers.items import AmountRule, BillItem, Flow
from bot.billers.port import Directory, Later, Line, Quote, Refusal
from bot.kernel.clock import Clock
from bot.kernel.errors import BadRequest, Busy, Limited, NotFound
from bot.kernel.ids import random_text
from bot.kernel.money import parse_yuan
from bot.kernel.text import normalise
from bot.payments.charges import Charges
from bot.payments.facts import Way
from bot.payments.gatekeeper import Placing
from bot.payments.orders import Orders
from bot.payments.values import Order
from bot.storage.ephemeral_port import Ephemeral
from bot.storage.port import Database
from bot.storage.vault import Vault
from bot.trail.port import Trail
from bot.web.answers import answer_json, page
from bot.web.bodies import read_form
from bot.web.manners import CHOSEN, INSIDE, PHONES, Manner, offered
from bot.web.middlewares import TRACE
from bot.web.payers import Payers
from bot.web.peers import Peers, require_own_page
from bot.web.visitors import Visit
from qrcodes.image import CodeImage, qr_png, qr_svg
from qrcodes.tokens import code_url, is_token
from qrcodes.wallet import Wallet

_NONCE_CHARS: Final = 24
_AMOUNT_CHARS_MAX: Final = 16
_CACHE: Final = "public, max-age=86400, immutable"
# A payer who mistypes makes an order each time; more than this within so many seconds is no payer.
ORDERS_MAX: Final = 20
ORDERS_OF_ADDRESS_MAX: Final = 100
ORDERS_SECONDS: Final = 600.0
# A drawing's own colours are the only style that it may have.
_DRAWING_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class LandingParts:
    database: Database
    ephemeral: Ephemeral
    catalogue: Catalogue
    billers: Directory
    orders: Orders
    payers: Payers
    vault: Vault
    clock: Clock
    trail: Trail
    charges: Charges
    peers: Peers


@dataclass(frozen=True, slots=True)
class _Orderer:
    """By whom orders are counted, and how many of theirs are too many."""

    name: str
    orders_max: int


@dataclass(frozen=True, slots=True)
class _Till:
    """A store's code with what it takes money for."""

    code: CodeToken
    item: BillItem
    store: Store | None

    @property
    def rule(self) -> AmountRule:
        return self.item.definition.amount

    @property
    def title(self) -> str:
        return f"{self.store.name} {self.item.name}" if self.store else self.item.name


class LandingDoor:
    """``/q/{token}``: the server decides what the scanner sees from the code's state and the wallet's User-Agent."""

    def __init__(self, parts: LandingParts) -> None:
        self._p = parts

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Show the amount page of a store to a payer who is known, or go on to the cashier of an order."""
        code = await self._code(request)
        if code.state != "active":
            return page("cashier/notice.html", status=410, kind=f"code_{code.state}")
        if code.kind == "order" and code.order_id is not None:
            order = await self._p.orders.get(code.order_id)
            raise web.HTTPSeeOther(f"/cashier/{order.token}")
        till = await self._till(code)
        if till is None:
            return page("cashier/notice.html", status=404, kind="code_blank")
        visitor = self._p.payers.visitor(request)
        manner = INSIDE.get(visitor.wallet)
        if manner is not None:
            return await self._at_till(request, till, manner)
        if visitor.wallet in PHONES and await self._p.payers.choices(offered(visitor), till.item.merchant_id):
            # Who pays is found out at the order's cashier, where the wallet is chosen.
            stop = _stop(till.item)
            answer = page("cashier/notice.html", status=503, kind=stop) if stop else _amount_page(till, visitor.wallet)
            self._p.payers.visitors.remember(answer, self._p.payers.visitors.visit(request))
            return answer
        return await self._elsewhere(till, visitor.wallet, *offered(visitor))

    async def _at_till(self, request: web.Request, till: _Till, manner: Manner) -> web.StreamResponse:
        """Sign the payer in before anything is typed, so that paying is one tap once the amount is there."""
        stop = _stop(till.item)
        if stop:
            return page("cashier/notice.html", status=503, kind=stop)
        routes = await self._p.payers.routes(manner, till.item.merchant_id)
        if not routes:
            return await self._elsewhere(till, manner.wallet, manner)
        visit = self._p.payers.visitors.visit(request)
        if manner.signs_in and await self._p.payers.who(visit, manner, routes[0]) is None:
            raise await self._p.payers.sign_in(visit, manner, routes[0], f"/q/{till.code.token}")
        answer = _amount_page(till, manner.wallet)
        self._p.payers.visitors.remember(answer, visit)
        return answer

    async def _elsewhere(self, till: _Till, wallet: Wallet, *manners: Manner) -> web.Response:
        """Say what to do where nothing can be paid in this browser now."""
        merchant_id = till.item.merchant_id
        for manner in manners:
            if manner.way is not Way.NATIVE and await self._p.payers.has(manner, merchant_id):
                return page("cashier/notice.html", status=503, kind="busy")
        scanning = await self._p.payers.scanning(merchant_id)
        if not scanning:
            return page("cashier/notice.html", status=503, kind="no_way")
        return page(
            "cashier/elsewhere.html",
            payee=till.item.merchant_name,
            store=till.store,
            amount=None,
            wallet=wallet.value,
            scanning=scanning,
            code_src=f"/q/{till.code.token}.svg",
        )

    async def order(self, request: web.Request) -> web.StreamResponse:
        """Make an order over the amount that the payer typed; the same form sent twice is one order.

        The price is checked against the item's rule here; nothing that the page says but the amount is used.
        """
        require_own_page(request, self._p.payers.public_url)
        till = await self._till(await self._code(request))
        if till is None or till.code.state != "active":
            raise NotFound("code_stopped", "ask the shop for its present code")
        wallet = self._p.payers.visitor(request).wallet
        visit = self._p.payers.visitors.visit(request)
        who = await self._orderer(request, till, visit, wallet)
        if who is None:
            # A session that ended, or no wallet at all: the code's own page tells which.
            return _go_on(request, {"result": "sign_in", "url": f"/q/{till.code.token}"})
        form = await read_form(request)
        placed = await self._placed(request, till, visit, who, form.get("amount", ""), form.get("nonce", ""))
        if isinstance(placed, Refusal):
            if _json(request):
                return answer_json({"result": "refused", "code": placed.code}, 409)
            return _amount_page(till, wallet, problem=placed.code, typed=form.get("amount", ""))
        return _go_on(request, {"result": "order", "order": placed.token, "url": f"/cashier/{placed.token}"})

    async def _orderer(self, request: web.Request, till: _Till, visit: Visit, wallet: Wallet) -> _Orderer | None:
        """Return who makes the order, by whom its number is limited; None for whom there is no order here.

        A payer where the wallet tells one, else the address, behind which a whole shop may stand.
        """
        manner = INSIDE.get(wallet)
        if manner is not None and manner.signs_in:
            routes = await self._p.payers.routes(manner, till.item.merchant_id)
            payer = await self._p.payers.who(visit, manner, routes[0]) if routes else None
            return _Orderer(f"{payer.app_id}:{payer.subject}", ORDERS_MAX) if payer is not None else None
        if visit.fresh or (manner is None and wallet not in PHONES):
            return None
        return _Orderer(f"address:{self._p.peers.address(request)}", ORDERS_OF_ADDRESS_MAX)

    async def _placed(
        self, request: web.Request, till: _Till, visit: Visit, who: _Orderer, typed: str, nonce: str
    ) -> Order | Refusal:
        amount = _fen(typed)
        if amount is None:
            return Refusal("amount_form")
        if len(nonce) != _NONCE_CHARS or not (nonce.isascii() and nonce.isalnum()):
            raise BadRequest("form", "open the code again")
        await self._within_limit(who)
        quote = await self._quote(till, amount)
        if isinstance(quote, Refusal):
            return quote
        # The form's own number makes the order's: a double tap or a reload meets the order that is there already.
        blind = self._p.vault.blind(f"{till.code.token}:{visit.id}:{nonce}", "web.static_order")
        placing = Placing(origin="static_code", trace_id=request[TRACE])
        order = await self._p.orders.place(replace(quote, id=f"quo_{blind}"), placing)
        if isinstance(order, Order):
            self._p.trail.note(order.trace_id, "order", order.title, {"order": order.id, "amount": order.amount})
        return order

    async def _within_limit(self, who: _Orderer) -> None:
        blind = self._p.vault.blind(who.name, "web.static_order")
        if not await self._p.ephemeral.allow(f"orders:{blind}", who.orders_max, ORDERS_SECONDS):
            raise Limited("orders_limit", "try again in a few minutes")

    async def _quote(self, till: _Till, amount: int) -> Quote | Refusal:
        biller = await self._p.billers.biller(till.item.id)
        line = Line(till.item.id, amount, till.title)
        quote = await biller.quote([line], self._p.clock.now(), till.code.store_id)
        if isinstance(quote, Later):
            raise Busy("biller_later", "try again in a minute")
        return quote

    async def svg(self, request: web.Request) -> web.Response:
        """Draw the code of a token; ``/q/{token}.svg``."""
        return await self._image(request, svg=True)

    async def png(self, request: web.Request) -> web.Response:
        """Draw the code of a token; ``/q/{token}.png``."""
        return await self._image(request, svg=False)

    async def _image(self, request: web.Request, *, svg: bool) -> web.Response:
        """Draw our own address, or with ``?with=wallet`` the wallet's own code of an order that has one now."""
        code = await self._code(request)
        content, cache = code_url(self._p.payers.public_url, code.token), _CACHE
        chosen = request.query.get(CHOSEN)
        if chosen is not None:
            content, cache = await self._own_code(code, chosen), "no-store"
        image: CodeImage = qr_svg(content) if svg else qr_png(content)
        headers = {"Cache-Control": cache, "ETag": f'"{image.etag}"', "Content-Security-Policy": _DRAWING_POLICY}
        return web.Response(body=image.body, content_type=image.media_type, headers=headers)

    async def _own_code(self, code: CodeToken, wallet: str) -> str:
        """Return the content of a wallet's own code; raises NotFound unless a charge waits to be paid by just that."""
        content = (
            await self._p.charges.native(code.order_id, wallet) if code.order_id and code.state == "active" else None
        )
        if content is None:
            raise NotFound("code_unknown", "open the payment page again")
        return content

    async def _code(self, request: web.Request) -> CodeToken:
        token = request.match_info["token"]
        if not is_token(token):
            raise NotFound("code_unknown", "scan the code again")
        return await read_code(self._p.database, token)

    async def _till(self, code: CodeToken) -> _Till | None:
        """Return what a static code takes money for; None for a code of another kind."""
        if code.kind != "static" or code.item_id is None:
            return None
        item = await self._p.catalogue.item(code.item_id)
        store = await self._p.catalogue.store(code.store_id) if code.store_id else None
        return _Till(code, item, store)


def _stop(item: BillItem) -> str:
    """Return the kind of notice for an item that no amount can be paid on at a till, else nothing."""
    if item.state != "active":
        return "item_paused"
    # What has an account or bills is found by talking: the till knows neither.
    return "" if item.definition.flow is Flow.DIRECT else "in_chat"


def _amount_page(till: _Till, wallet: Wallet, problem: str = "", typed: str = "") -> web.Response:
    return page(
        "cashier/amount.html",
        status=409 if problem else 200,
        payee=till.item.merchant_name,
        store=till.store,
        item=till.item,
        rule=till.rule,
        token=till.code.token,
        nonce_value=random_text(_NONCE_CHARS),
        wallet=wallet.value,
        chooses=wallet in PHONES,
        problem=problem,
        typed=typed[:_AMOUNT_CHARS_MAX],
    )


def _fen(typed: str) -> int | None:
    """Return the fen of a typed amount above zero. No grouping: a comma may be somebody's decimal point."""
    text = normalise(typed[:_AMOUNT_CHARS_MAX])
    return None if "," in text else parse_yuan(text) or None


def _json(request: web.Request) -> bool:
    return "application/json" in request.headers.get("Accept", "")


def _go_on(request: web.Request, answer: dict[str, str]) -> web.Response:
    """Tell a script what came of it; take a plain form to the next page."""
    if _json(request):
        return answer_json(answer)
    raise web.HTTPSeeOther(answer["url"])
