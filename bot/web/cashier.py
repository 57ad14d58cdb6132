"""The cashier of an order: who pays is found out here, the charge is born here, and the notice decides."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from bot.billers.catalogue import Catalogue
from bot.billers.codes import add_code
from bot.billers.port import Refusal
from bot.kernel.clock import Clock
from bot.kernel.errors import BadRequest, Forbidden, GatewayTrouble, NotFound
from bot.outside.logging import get_logger
from bot.payments.charges import AlreadyPaid, ChargeAsk, Charges, Confirming, Ready
from bot.payments.facts import Way
from bot.payments.orders import Orders
from bot.payments.values import Order
from bot.storage.port import Database, Tx
from bot.trail.port import Trail
from bot.web.answers import answer_json, page
from bot.web.middlewares import adopt_trace, error_answer
from bot.web.payers import BRIDGED, Payers
from bot.web.peers import Peers, require_own_page
from bot.web.visitors import At
from bot.web.watch import OrderWatch
from qrcodes.wallet import Visitor, Wallet

log = get_logger(__name__)

# A long poll ends after this many seconds, below every proxy's patience; then the page asks again.
POLL_SECONDS: Final = 20.0
_TOKEN_CHARS: Final = 32
_SINCE_CHARS_MAX: Final = 16

_ORDER_CODE: Final = "SELECT token FROM code_tokens WHERE order_id = $1 AND kind = 'order' AND state = 'active' LIMIT 1"
_TOLD: Final[dict[type, str]] = {
    Ready: "ready to pay",
    Confirming: "waiting for the gateway",
    AlreadyPaid: "paid already",
    Refusal: "refused",
}


@dataclass(frozen=True, slots=True)
class CashierParts:
    database: Database
    catalogue: Catalogue
    orders: Orders
    charges: Charges
    payers: Payers
    peers: Peers
    watch: OrderWatch
    trail: Trail
    clock: Clock
    poll_seconds: float = POLL_SECONDS


class CashierDoor:
    """``/cashier/{token}``. The page never carries a price that we would believe."""

    def __init__(self, parts: CashierParts) -> None:
        self._p = parts

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Show the order to whoever holds the link, in the way of the wallet that opened it."""
        order = await self._order(request)
        visitor = self._p.payers.visitor(request)
        log.info("cashier.opened", wallet=visitor.label, state=order.state)
        if order.state != "created" or order.expires_at <= self._p.clock.now():
            return _ended(order)
        if visitor.wallet not in BRIDGED:
            return await self._elsewhere(order, visitor)
        route = await self._p.payers.route(visitor.wallet, order.merchant_id)
        if route is None:
            return page("cashier/notice.html", status=503, kind="no_way")
        visit = self._p.payers.visitors.visit(request)
        if await self._p.payers.who(visit, route) is None:
            raise await self._p.payers.sign_in(visit, route, f"/cashier/{order.token}")
        merchant = await self._p.catalogue.merchant(order.merchant_id)
        return page("cashier/pay.html", order=order, payee=merchant.name, wallet=visitor.wallet.value)

    async def back(self, request: web.Request) -> web.StreamResponse:
        """Take the payer back from the wallet's sign-in: ``/oauth/{gateway}/{account}``.

        What fails after the state was spent cannot be tried again at this address, so the page names the way back.
        """
        at = At(request.match_info["gateway"], request.match_info["account"])
        wallet = self._p.payers.wallets.get(at)
        path = await self._p.payers.visitors.expected(request, at)
        try:
            await self._p.payers.visitors.identify(request, wallet, at)
        except (BadRequest, Forbidden, GatewayTrouble) as fault:
            log.warning("sign_in.failed", code=fault.code)
            if fault.code == "oauth_snapshot":
                return page("cashier/notice.html", status=403, kind="snapshot")
            return error_answer(request, fault.http_status, fault.code, fault.remedy, again_at=path)
        raise web.HTTPSeeOther(path)

    async def charge(self, request: web.Request) -> web.Response:
        """Open the charge and answer with what the wallet's bridge needs.

        Only a page of ours may ask: a foreign site cannot set the header, and the session cookie is SameSite.
        """
        if request.headers.get("X-Scenepay") != "cashier":
            raise Forbidden("cross_site")
        require_own_page(request, self._p.payers.public_url)
        order = await self._order(request)
        wallet = self._p.payers.visitor(request).wallet
        if wallet not in BRIDGED:
            return answer_json({"result": "refused", "code": "wallet"}, 409)
        route = await self._p.payers.route(wallet, order.merchant_id)
        if route is None:
            return answer_json({"result": "refused", "code": "no_way"}, 409)
        payer = await self._p.payers.who(self._p.payers.visitors.visit(request), route)
        if payer is None:
            return answer_json({"result": "sign_in", "url": f"/cashier/{order.token}"})
        ask = ChargeAsk(order.id, route.gateway.name, route.account, Way.JSAPI, payer, self._p.peers.address(request))
        opened = await self._p.charges.open(ask)
        self._p.trail.note(order.trace_id, "charge", _TOLD[type(opened)], {"order": order.id})
        return _opened(opened, order)

    async def status(self, request: web.Request) -> web.Response:
        """Answer when the order's state differs from ``?since=``, or after a while; the notice decides, not a page."""
        token = _token(request)
        since = request.query.get("since", "created")[:_SINCE_CHARS_MAX]
        state = await self._p.watch.changed(token, since, self._p.poll_seconds)
        return answer_json({"state": state, "receipt": f"/receipts/{token}"})

    async def close(self) -> None:
        """Let the pages that wait go, so that the server can end."""
        await self._p.watch.close()

    async def _elsewhere(self, order: Order, visitor: Visitor) -> web.Response:
        """Show the order's code to a desktop, with its live status; name the wallet to use to other phones."""
        merchant = await self._p.catalogue.merchant(order.merchant_id)
        code_src = f"/q/{await self._order_code(order)}.svg"
        if visitor.wallet is Wallet.DESKTOP:
            return page("cashier/desk.html", order=order, payee=merchant.name, code_src=code_src)
        return page(
            "cashier/elsewhere.html",
            payee=merchant.name,
            store=None,
            amount=order.amount,
            wallet=visitor.wallet.value,
            code_src=code_src,
        )

    async def _order_code(self, order: Order) -> str:
        row = await self._p.database.row(_ORDER_CODE, order.id)
        if row is not None:
            return str(row["token"])

        async def add(tx: Tx) -> str:
            return await add_code(
                tx, self._p.clock, kind="order", merchant_id=order.merchant_id, order_id=order.id, label=order.title
            )

        return await self._p.database.effect(add)

    async def _order(self, request: web.Request) -> Order:
        """Return the order that the address names and go on under its trace."""
        order = await self._p.orders.by_token(_token(request))
        adopt_trace(request, order.trace_id)
        return order


def _token(request: web.Request) -> str:
    token = request.match_info["token"]
    if len(token) != _TOKEN_CHARS or not (token.isascii() and token.isalnum()):
        raise NotFound("order_unknown")
    return token


def _ended(order: Order) -> web.StreamResponse:
    if order.paid or order.state == "paid_late":
        raise web.HTTPSeeOther(f"/receipts/{order.token}")
    kind = "order_expired" if order.state == "created" else f"order_{order.state}"
    return page("cashier/notice.html", status=410, kind=kind, order=order)


def _opened(opened: Ready | Confirming | AlreadyPaid | Refusal, order: Order) -> web.Response:
    if isinstance(opened, Ready):
        return answer_json({"result": "pay", "bridge": dict(opened.handover)})
    if isinstance(opened, Confirming):
        return answer_json({"result": "wait", "retry_after": opened.retry_after})
    if isinstance(opened, AlreadyPaid):
        return answer_json({"result": "paid", "url": f"/receipts/{order.token}"})
    return answer_json({"result": "refused", "code": opened.code}, 409)
