"""Orders of mini-program customers: made, paid, followed, given up, looked back at."""

from dataclasses import dataclass
from typing import Final

from bot.billers.port import Refusal
from bot.channels.miniprogram.inbound import CHANNEL
from bot.kernel.errors import Conflict, NotFound
from bot.payments.charges import AlreadyPaid, ChargeAsk, Charges, Confirming, Ready
from bot.payments.closing import Closing
from bot.payments.facts import PayerId, Way
from bot.payments.gatekeeper import Placing
from bot.payments.orders import Orders
from bot.payments.receipts import Receipts
from bot.payments.registry import Gateways, Route
from bot.payments.routing import Need
from bot.payments.values import Order
from bot.storage.port import Database
from bot.trail.port import Trail
from bot.web.mini import models
from bot.web.mini.call import Call, declined, moment
from bot.web.mini.shelf import Shelf
from bot.web.watch import OrderWatch, told

_WALLET: Final = "wechat"
_PAGE: Final = """
SELECT id FROM orders WHERE customer_id = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class OrderingParts:
    database: Database
    orders: Orders
    charges: Charges
    closing: Closing
    receipts: Receipts
    gateways: Gateways
    watch: OrderWatch
    shelf: Shelf
    trail: Trail


class Ordering:
    """The handlers from the order to the receipt. An order of another customer is one that is not there."""

    def __init__(self, parts: OrderingParts) -> None:
        self._p = parts

    async def order(self, call: Call) -> models.OrderShown:
        session = call.session
        quote = await self._p.shelf.quote(session.customer_id, call.ask(models.OrderAsk).quote)
        placing = Placing("mini", call.trace_id, CHANNEL, session.account, session.customer_id)
        placed = await self._p.orders.place(quote, placing)
        if isinstance(placed, Refusal):
            raise declined(placed)
        self._p.trail.note(placed.trace_id, "order", placed.title, {"order": placed.id, "amount": placed.amount})
        return shown(placed)

    async def pay(self, call: Call) -> models.PayAnswer:
        """Raises Declined for a refusal, Conflict(``no_way``) where nothing takes this merchant's money here."""
        order, session = await self._own(call), call.session
        routes = await self._routes(order, session.app_id)
        if not routes:
            raise Conflict("no_way", "this merchant takes no payment in this mini-program")
        payer = PayerId(_WALLET, session.app_id, session.openid, session.unionid)
        asks = [
            ChargeAsk(order.id, route.gateway.name, route.account, Way.MINI, payer, payer_ip=call.address or None)
            for route in routes
        ]
        opened = await self._p.charges.open_first(asks)
        self._p.trail.note(order.trace_id, "charge", f"mini: {type(opened).__name__.lower()}", {"order": order.id})
        if isinstance(opened, Ready):
            names = models.Payment.model_fields
            payment = models.Payment.model_validate({name: opened.handover[name] for name in names})
            return models.PayAnswer(result="pay", payment=payment)
        if isinstance(opened, Confirming):
            return models.PayAnswer(result="wait", retry_after=opened.retry_after)
        if isinstance(opened, AlreadyPaid):
            return models.PayAnswer(result="paid")
        raise declined(opened)

    async def status(self, call: Call) -> models.OrderShown:
        """Answer when the order is no longer ``since``, or after ``wait`` seconds."""
        asked, order = call.ask(models.WaitQuery), await self._own(call)
        if asked.wait and asked.since:
            await self._p.watch.changed(order.token, asked.since, asked.wait)
            order = await self._own(call)
        return shown(order)

    async def cancel(self, call: Call) -> models.Done:
        """Raises Conflict(``order_state``) for an order that is paid or closed."""
        order = await self._own(call)
        if not await self._p.closing.begin(order.id):
            raise Conflict("order_state", "only an order that waits for payment can be given up")
        return models.Done()

    async def history(self, call: Call) -> models.HistoryAnswer:
        asked = call.ask(models.HistoryQuery)
        rows = await self._p.database.rows(_PAGE, call.session.customer_id, asked.before, asked.limit + 1)
        orders = [await self._p.orders.get(row["id"]) for row in rows[: asked.limit]]
        return models.HistoryAnswer(orders=[shown(order) for order in orders], more=len(rows) > asked.limit)

    async def receipt(self, call: Call) -> models.ReceiptAnswer:
        """Raises NotFound(``order_unpaid``)."""
        receipt = await self._p.receipts.of_order((await self._own(call)).id)
        return models.ReceiptAnswer(
            number=receipt.number,
            order=receipt.order_id,
            title=receipt.title,
            payee=receipt.payee,
            amount=receipt.amount,
            currency=receipt.currency,
            paid_at=moment(receipt.paid_at),
            refunded=receipt.refunded,
            settled=receipt.settled,
            code=receipt.code,
            lines=[
                models.ReceiptLineShown(
                    title=line.title,
                    account_mask=line.account_mask,
                    period=line.period,
                    amount=line.amount,
                    late_fee=line.late_fee,
                    state=line.state,
                )
                for line in receipt.lines
            ],
        )

    async def _own(self, call: Call) -> Order:
        """Return the order of the path; raises NotFound(``order_unknown``), alike for another's."""
        order = await self._p.orders.get(call.id)
        if order.customer_id != call.session.customer_id:
            raise NotFound("order_unknown")
        return order

    async def _routes(self, order: Order, app_id: str) -> list[Route]:
        """Return the places that take the money of this app's payers: an openid belongs to one appid."""
        need = Need(_WALLET, order.merchant_id, Way.MINI, order.amount)
        routes = await self._p.gateways.routes(self._p.database, need, order.id)
        return [route for route in routes if app_id in route.gateway.owner(route.account)[1]]


def shown(order: Order) -> models.OrderShown:
    """Return an order as its customer sees it."""
    state = told(order.state, open_=any(line.state != "settled" for line in order.lines))
    return models.OrderShown.model_validate(
        {
            "id": order.id,
            "state": state,
            "scene": order.scene,
            "title": order.title,
            "amount": order.amount,
            "currency": order.currency,
            "refunded": order.refunded,
            "created_at": moment(order.created_at),
            "expires_at": moment(order.expires_at),
            "paid_at": moment(order.paid_at) if order.paid_at else None,
            "lines": [
                {"title": line.title, "account_mask": line.account_mask, "amount": line.amount} for line in order.lines
            ],
        }
    )
