"""The cashier of an order: who pays is found out here, the charge is born here, and the notice decides."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from bot.billers.catalogue import Catalogue
from bot.billers.codes import add_code
from bot.billers.port import Refusal
from bot.kernel.clock import Clock
from bot.kernel.errors import Conflict, Forbidden, NotFound
from bot.payments import work
from bot.payments.charges import AlreadyPaid, ChargeAsk, Charges, Confirming, Ready
from bot.payments.orders import Orders
from bot.payments.ports import PayerId, Way
from bot.payments.ports import Wallet as WalletPort
from bot.payments.registry import Gateways, Route
from bot.payments.values import Order
from bot.storage.port import Database, Tx
from bot.trail.port import Trail
from bot.web.middlewares import answer_json, page
from bot.web.visitors import Visit, Visitors
from qrcodes.wallet import Wallet, read_user_agent

# A long poll ends after this many seconds, below every proxy's patience; then the page asks again.
_POLL_SECONDS: Final = 20.0
_POLL_PAUSE: Final = 0.4
_TOKEN_CHARS: Final = 32

_ORDER_CODE = "SELECT token FROM code_tokens WHERE order_id = $1 AND kind = 'order' LIMIT 1"


@dataclass(frozen=True, slots=True)
class CashierParts:
    database: Database
    catalogue: Catalogue
    orders: Orders
    charges: Charges
    gateways: Gateways
    wallets: "WalletBook"
    visitors: Visitors
    trail: Trail
    clock: Clock
    public_url: str


class WalletBook:
    """Which wallet signs in payers for an account of a gateway: ``(gateway, account) → Wallet``."""

    def __init__(self, wallets: dict[tuple[str, str], WalletPort]) -> None:
        self._wallets = wallets

    def get(self, route: Route) -> WalletPort:
        """Raises NotFound where nobody can sign in a payer for this account."""
        found = self._wallets.get((route.gateway.name, route.account))
        if found is None:
            raise NotFound("wallet_unknown")
        return found

    def named(self, gateway: str, account: str) -> WalletPort:
        """Return a wallet by the two names of its callback address; raises NotFound."""
        found = self._wallets.get((gateway, account))
        if found is None:
            raise NotFound("wallet_unknown")
        return found


class CashierDoor:
    """``/cashier/{token}``. The page never carries a price that we would believe."""

    def __init__(self, parts: CashierParts) -> None:
        self._p = parts

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Show the order to whoever holds the link, in the way of the wallet that opened it."""
        order = await self._order(request)
        if order.state != "created" or order.expires_at <= self._p.clock.now():
            return await self._ended(request, order)
        wallet = read_user_agent(request.headers.get("User-Agent")).wallet
        if wallet is not Wallet.WECHAT:
            return await self._elsewhere(request, order, wallet)
        route = await self._route(order)
        if route is None:
            return page(request, "cashier/no_way.html", status=503, order=order)
        visit = self._p.visitors.visit(request)
        payer = await self._payer(visit, order)
        if payer is None:
            return await self._sign_in(visit, order, route)
        merchant = await self._p.catalogue.merchant(order.merchant_id)
        return page(request, "cashier/pay.html", order=order, payee=merchant.name)

    async def back(self, request: web.Request) -> web.StreamResponse:
        """Take the payer back from the wallet's sign-in: ``/oauth/{gateway}/{account}``."""
        wallet = self._p.wallets.named(request.match_info["gateway"], request.match_info["account"])
        raise web.HTTPSeeOther(await self._p.visitors.come_back(request, wallet))

    async def charge(self, request: web.Request) -> web.Response:
        """Open the charge and answer with what the wallet's bridge needs.

        Only the page itself may ask: a foreign site cannot set the header, and the session cookie is SameSite.
        """
        if request.headers.get("X-Scenepay") != "cashier":
            raise Forbidden("cross_site")
        order = await self._order(request)
        wallet = read_user_agent(request.headers.get("User-Agent")).wallet
        if wallet is not Wallet.WECHAT:
            raise Conflict("wallet", "open the page in WeChat")
        route = await self._route(order)
        visit = self._p.visitors.visit(request)
        payer = await self._payer(visit, order)
        if route is None or payer is None:
            return answer_json({"result": "sign_in", "url": f"/cashier/{order.token}"})
        ask = ChargeAsk(order.id, route.gateway.name, route.account, Way.JSAPI, payer, request.remote)
        opened = await self._p.charges.open(ask)
        self._p.trail.note(order.trace_id, "charge", _TOLD[type(opened)], {"order": order.id})
        return _opened(opened, order)

    async def status(self, request: web.Request) -> web.Response:
        """Answer when the order's state differs from ``?since=``, or after a while; the notice decides, not a page."""
        order = await self._order(request)
        since = request.query.get("since", "created")
        until = self._p.clock.monotonic() + _POLL_SECONDS
        while _told(order) == since and (left := until - self._p.clock.monotonic()) > 0:
            await self._p.database.heard(work.ORDER_CHANNEL, min(left, 2.0))
            await self._p.clock.sleep(_POLL_PAUSE)
            order = await self._p.orders.by_token(order.token)
        return answer_json({"state": _told(order), "receipt": f"/receipts/{order.token}"})

    async def _ended(self, request: web.Request, order: Order) -> web.StreamResponse:
        if order.paid or order.state == "paid_late":
            raise web.HTTPSeeOther(f"/receipts/{order.token}")
        return page(request, "cashier/ended.html", status=410, order=order)

    async def _elsewhere(self, request: web.Request, order: Order, wallet: Wallet) -> web.Response:
        """Show the order's code to a desktop, with its live status; name the wallet to use to other phones."""
        token = await self._order_code(order)
        template = "cashier/desk.html" if wallet is Wallet.DESKTOP else "cashier/other_wallet.html"
        merchant = await self._p.catalogue.merchant(order.merchant_id)
        return page(
            request, template, order=order, payee=merchant.name, code_src=f"/q/{token}.svg", wallet=wallet.value
        )

    async def _order_code(self, order: Order) -> str:
        row = await self._p.database.row(_ORDER_CODE, order.id)
        if row is not None:
            return str(row["token"])

        async def work_(tx: Tx) -> str:
            return await add_code(
                tx, self._p.clock, kind="order", merchant_id=order.merchant_id, order_id=order.id, label=order.title
            )

        return await self._p.database.effect(work_)

    async def _route(self, order: Order) -> Route | None:
        return await self._p.gateways.route(
            self._p.database, wallet=Wallet.WECHAT.value, merchant_id=order.merchant_id, way=Way.JSAPI
        )

    async def _payer(self, visit: Visit, order: Order) -> PayerId | None:
        if visit.fresh:
            return None
        return await self._p.visitors.payer(visit, Wallet.WECHAT.value, order.merchant_id)

    async def _sign_in(self, visit: Visit, order: Order, route: Route) -> web.StreamResponse:
        wallet = self._p.wallets.get(route)
        callback = f"{self._p.public_url}/oauth/{route.gateway.name}/{route.account}"
        raise await self._p.visitors.send_to_wallet(
            visit, wallet, merchant_id=order.merchant_id, back=f"/cashier/{order.token}", callback=callback
        )

    async def _order(self, request: web.Request) -> Order:
        token = request.match_info["token"]
        if len(token) != _TOKEN_CHARS or not token.isalnum():
            raise NotFound("order_unknown")
        return await self._p.orders.by_token(token)


_TOLD: Final[dict[type, str]] = {
    Ready: "ready to pay",
    Confirming: "waiting for the gateway",
    AlreadyPaid: "paid already",
    Refusal: "refused",
}


def _opened(opened: Ready | Confirming | AlreadyPaid | Refusal, order: Order) -> web.Response:
    if isinstance(opened, Ready):
        return answer_json({"result": "pay", "bridge": dict(opened.handover)})
    if isinstance(opened, Confirming):
        return answer_json({"result": "wait", "retry_after": opened.retry_after})
    if isinstance(opened, AlreadyPaid):
        return answer_json({"result": "paid", "url": f"/receipts/{order.token}"})
    return answer_json({"result": "refused", "code": opened.code}, 409)


def _told(order: Order) -> str:
    """Return the state as a page needs it: a late payment is a payment to the one who made it."""
    return "paid" if order.state in ("paid", "paid_late") else order.state
