"""The cashier of an order: who pays is found out here, the charge is born here, and the notice decides."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from bot.billers.catalogue import Catalogue
from bot.billers.codes import add_code
from bot.billers.port import Refusal
from bot.kernel.clock import Clock
from bot.kernel.errors import BadRequest, Forbidden, GatewayTrouble, NotFound
from bot.outside.logging import get_logger
from bot.payments.charges import AlreadyPaid, ChargeAsk, Charges, Confirming, Opened, Ready
from bot.payments.facts import Way
from bot.payments.orders import Orders
from bot.payments.registry import Route
from bot.payments.routing import SWITCHING
from bot.payments.values import Order
from bot.storage.port import Database, Tx
from bot.trail.port import Trail
from bot.web.answers import answer_json, page
from bot.web.manners import CHOSEN, INSIDE, Manner, offered
from bot.web.middlewares import adopt_trace, error_answer
from bot.web.payers import Payers
from bot.web.peers import Peers, require_own_page
from bot.web.watch import OrderWatch
from qrcodes.wallet import Visitor, Wallet

log = get_logger(__name__)

# A long poll ends after this many seconds, below every proxy's patience; then the page asks again.
POLL_SECONDS: Final = 20.0
_TOKEN_CHARS: Final = 32
_SINCE_CHARS_MAX: Final = 16

_ORDER_CODE: Final = "SELECT token FROM code_tokens WHERE order_id = $1 AND kind = 'order' AND state = 'active' LIMIT 1"
# What the gateways call the address of a page on which the payer goes on.
_PAGES: Final = ("url", "h5_url")
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
        manner = INSIDE.get(visitor.wallet)
        if manner is None:
            return await self._outside(order, visitor)
        routes = await self._p.payers.routes(manner, order.merchant_id, amount=order.amount, order_id=order.id)
        if not routes:
            return await self._elsewhere(order, visitor, manner)
        visit = self._p.payers.visitors.visit(request)
        if manner.signs_in and await self._p.payers.who(visit, manner, routes[0]) is None:
            raise await self._p.payers.sign_in(visit, manner, routes[0], f"/cashier/{order.token}")
        payee = await self._payee(order)
        return page("cashier/pay.html", order=order, payee=payee, wallet=visitor.wallet.value)

    async def back(self, request: web.Request) -> web.StreamResponse:
        """Take the payer back from the wallet's sign-in: ``/oauth/{gateway}/{account}``.

        What fails after the state was spent cannot be tried again at this address, so the page names the way back.
        """
        gateway, account = request.match_info["gateway"], request.match_info["account"]
        if not self._p.payers.wallets.serves(gateway, account):
            raise NotFound("wallet_unknown")
        expected = await self._p.payers.visitors.expected(request, gateway, account)
        try:
            sign_in = self._p.payers.wallets.get(expected.at)
            await self._p.payers.visitors.identify(request, sign_in, expected.at)
        except (BadRequest, Forbidden, GatewayTrouble) as fault:
            log.warning("sign_in.failed", code=fault.code)
            if fault.code == "oauth_snapshot":
                return page("cashier/notice.html", status=403, kind="snapshot")
            return error_answer(request, fault.http_status, fault.code, fault.remedy, again_at=expected.back)
        raise web.HTTPSeeOther(expected.back)

    async def charge(self, request: web.Request) -> web.Response:
        """Open the charge and answer with what the payer's side needs.

        Only a page of ours may ask: a foreign site cannot set the header, and the session cookie is SameSite.
        """
        if request.headers.get("X-Scenepay") != "cashier":
            raise Forbidden("cross_site")
        require_own_page(request, self._p.payers.public_url)
        order = await self._order(request)
        manner = self._p.payers.manner(request)
        if manner is None:
            return answer_json({"result": "refused", "code": "wallet"}, 409)
        routes = await self._p.payers.routes(manner, order.merchant_id, amount=order.amount, order_id=order.id)
        if not routes:
            sick = await self._p.payers.has(manner, order.merchant_id, amount=order.amount)
            return answer_json({"result": "refused", "code": "busy" if sick else "no_way"}, 409)
        asks = [ask async for ask in self._asks(request, order, manner, routes)]
        if not asks:
            return answer_json({"result": "sign_in", "url": f"/cashier/{order.token}"})
        opened = await self._p.charges.open_first(asks)
        self._p.trail.note(order.trace_id, "charge", _TOLD[type(opened)], {"order": order.id})
        if len(asks) < len(routes) and _own_fault(opened):
            # The next place knows the payer by another name, which its own sign-in has to tell first.
            return answer_json({"result": "sign_in", "url": f"/cashier/{order.token}"})
        if isinstance(opened, Ready) and manner.way is Way.NATIVE:
            source = f"/q/{await self._order_code(order)}.svg?{CHOSEN}={manner.wallet.value}"
            return answer_json({"result": "pay", "code": source})
        return _opened(opened, order)

    async def _asks(
        self, request: web.Request, order: Order, manner: Manner, routes: Sequence[Route]
    ) -> AsyncIterator[ChargeAsk]:
        """Yield the places to ask, as far as the payer is known to them."""
        visit = self._p.payers.visitors.visit(request)
        for route in routes:
            payer = await self._p.payers.who(visit, manner, route) if manner.signs_in else None
            if manner.signs_in and payer is None:
                return
            yield ChargeAsk(
                order.id,
                route.gateway.name,
                route.account,
                manner.way,
                payer,
                payer_ip=self._p.peers.address(request),
                return_url=f"{self._p.payers.public_url}/cashier/{order.token}",
                app=self._p.payers.visitor(request).identifier,
            )

    async def status(self, request: web.Request) -> web.Response:
        """Answer when the order's state differs from ``?since=``, or after a while; the notice decides, not a page."""
        token = _token(request)
        since = request.query.get("since", "created")[:_SINCE_CHARS_MAX]
        state = await self._p.watch.changed(token, since, self._p.poll_seconds)
        return answer_json({"state": state, "receipt": f"/receipts/{token}"})

    async def close(self) -> None:
        """Let the pages that wait go, so that the server can end."""
        await self._p.watch.close()

    async def _outside(self, order: Order, visitor: Visitor) -> web.Response:
        """Offer the merchant's wallets to a browser that is none of them: by code at a desk, by choice on a phone."""
        manners = offered(visitor)
        choices = await self._p.payers.choices(manners, order.merchant_id, amount=order.amount)
        if visitor.wallet is Wallet.DESKTOP:
            scanning = await self._p.payers.scanning(order.merchant_id, amount=order.amount)
            if scanning or choices:
                return page(
                    "cashier/desk.html",
                    order=order,
                    payee=await self._payee(order),
                    code_src=f"/q/{await self._order_code(order)}.svg",
                    scanning=scanning,
                    choices=[choice.wallet for choice in choices],
                )
        elif choices:
            return page(
                "cashier/choose.html",
                order=order,
                payee=await self._payee(order),
                choices=[choice.wallet for choice in choices],
            )
        return await self._elsewhere(order, visitor, *manners)

    async def _elsewhere(self, order: Order, visitor: Visitor, *manners: Manner) -> web.Response:
        """Say what to do where nothing can be paid in this browser now."""
        scanning = await self._p.payers.scanning(order.merchant_id, amount=order.amount)
        for manner in manners:
            if await self._p.payers.has(manner, order.merchant_id, amount=order.amount):
                return page("cashier/notice.html", status=503, kind="busy")
        if not scanning:
            return page("cashier/notice.html", status=503, kind="no_way")
        return page(
            "cashier/elsewhere.html",
            payee=await self._payee(order),
            store=None,
            amount=order.amount,
            wallet=visitor.wallet.value,
            scanning=scanning,
            code_src=f"/q/{await self._order_code(order)}.svg",
        )

    async def _payee(self, order: Order) -> str:
        return (await self._p.catalogue.merchant(order.merchant_id)).name

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


def _own_fault(opened: Opened) -> bool:
    return isinstance(opened, Refusal) and opened.code == "declined" and opened.facts.get("code") in SWITCHING


def _opened(opened: Opened, order: Order) -> web.Response:
    if isinstance(opened, Ready):
        # A page of the wallet's own where there is one, else the parameters of its bridge.
        url = next((opened.handover[name] for name in _PAGES if name in opened.handover), "")
        return answer_json({"result": "pay", "url": url} if url else {"result": "pay", "bridge": dict(opened.handover)})
    if isinstance(opened, Confirming):
        return answer_json({"result": "wait", "retry_after": opened.retry_after})
    if isinstance(opened, AlreadyPaid):
        return answer_json({"result": "paid", "url": f"/receipts/{order.token}"})
    return answer_json({"result": "refused", "code": opened.code}, 409)
