"""What stands between a till and a scanned payment: a quote, one order for each request, one charge for each order."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from bot.billers.devices import Device
from bot.billers.port import Directory, Later, Line, Refusal
from bot.kernel.clock import Clock
from bot.kernel.errors import BadRequest, Busy, NotFound
from bot.kernel.masking import Secret
from bot.payments import values
from bot.payments.facts import Way
from bot.payments.gatekeeper import Placing
from bot.payments.orders import Orders
from bot.payments.registry import Gateways
from bot.payments.scanned import CodeAsk, Scanned
from bot.payments.values import Charge, Order
from bot.storage.port import Database
from bot.storage.vault import Vault

REQUEST_CHARS_MAX: Final = 64
_CHARGE_OF: Final = "SELECT * FROM charges WHERE order_id = $1 ORDER BY created_at DESC LIMIT 1"
_CHARGE_AND_ORDER: Final = """
SELECT c.*, o.store_id, o.origin, o.paid_charge_id FROM charges c JOIN orders o ON o.id = c.order_id WHERE c.id = $1
"""
_QUOTE: Final = "device.request"


class TillState(StrEnum):
    """What the cashier sees."""

    WAITING = "waiting"  # The customer is entering the password.
    CONFIRMING = "confirming"  # No answer yet; it is being asked for.
    PAID = "paid"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    RETURNED = "returned"  # Paid after it was given up: the money goes back.

    @property
    def final(self) -> bool:
        return self in (TillState.PAID, TillState.FAILED, TillState.CANCELLED, TillState.RETURNED)


@dataclass(frozen=True, slots=True)
class TillCharge:
    """One scanned payment as the till may show it; ``amount`` in fen, ``failure`` one of our words."""

    id: str
    order_id: str
    out_trade_no: str
    gateway: str
    amount: int
    currency: str
    state: TillState
    failure: str
    created_at: datetime
    paid_at: datetime | None


class Till:
    """Takes payments for devices."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        vault: Vault,
        gateways: Gateways,
        directory: Directory,
        orders: Orders,
        scanned: Scanned,
    ) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._gateways = gateways
        self._directory = directory
        self._orders = orders
        self._scanned = scanned

    async def charge(
        self, device: Device, *, request_no: str, amount: int, wallet: str, auth_code: Secret, trace_id: str
    ) -> TillCharge | Refusal:
        """Take ``amount`` fen by a scanned code, once for each request number of a device.

        A repeat answers how the first stands, whatever code comes with it: another code needs another request number.
        Refusals: ``wallet_unsupported`` and those of quotes, orders and ``Scanned.pay``. Raises BadRequest
        (``request_no``), Conflict(``quote_conflict``) for a number that came with another amount, Busy.
        """
        if not (request_no.isascii() and request_no.isalnum() and len(request_no) <= REQUEST_CHARS_MAX):
            raise BadRequest("request_no", f"number each request with 1 to {REQUEST_CHARS_MAX} letters and digits")
        order = await self._order(device, request_no, amount, trace_id)
        if isinstance(order, Refusal):
            return order
        standing = await self._database.row(_CHARGE_OF, order.id)
        if standing is None:
            route = await self._gateways.route(
                self._database, wallet=wallet, merchant_id=device.merchant_id, way=Way.CODE
            )
            if route is None:
                return Refusal("wallet_unsupported")
            ask = CodeAsk(order.id, route.gateway.name, route.account, device.store_id, device.id, once=True)
            charge = await self._scanned.pay(ask, auth_code)
            if isinstance(charge, Refusal) and charge.code != "charge_made":
                return charge
            standing = await self._database.row(_CHARGE_OF, order.id)
        assert standing is not None
        return await self.get(device, standing["id"])

    async def get(self, device: Device, charge_id: str) -> TillCharge:
        """Return a scanned payment of this device's store. Raises NotFound(``charge_unknown``), for others' too."""
        row = await self._database.row(_CHARGE_AND_ORDER, charge_id)
        if row is None or row["origin"] != "device" or row["store_id"] != device.store_id:
            raise NotFound("charge_unknown")
        return _shown(values.charge(row), applied=row["paid_charge_id"] == row["id"])

    async def cancel(self, device: Device, charge_id: str) -> TillCharge:
        """Give a payment up. One that is decided stays as it is. Raises NotFound(``charge_unknown``)."""
        shown = await self.get(device, charge_id)
        if shown.state in (TillState.WAITING, TillState.CONFIRMING):
            await self._scanned.cancel(charge_id)
        return await self.get(device, charge_id)

    async def _order(self, device: Device, request_no: str, amount: int, trace_id: str) -> Order | Refusal:
        biller = await self._directory.biller(device.item_id)
        title = device.name
        quote = await biller.quote([Line(device.item_id, amount, title)], self._clock.now(), device.store_id)
        if isinstance(quote, Later):
            raise Busy("biller_later", "try again in a minute")
        if isinstance(quote, Refusal):
            return quote
        # The request's own number makes the order's, so a repetition meets the order that is there already.
        blind = self._vault.blind(f"{device.id}:{request_no}", _QUOTE)
        return await self._orders.place(replace(quote, id=f"quo_{blind}"), Placing(origin="device", trace_id=trace_id))


_STATES: Final = {
    "created": TillState.CONFIRMING,
    "pending": TillState.WAITING,
    "unknown": TillState.CONFIRMING,
    "failed": TillState.FAILED,
    "closing": TillState.CANCELLING,
    "reversing": TillState.CANCELLING,
    "closed": TillState.CANCELLED,
    "reversed": TillState.CANCELLED,
}


def _shown(charge: Charge, *, applied: bool) -> TillCharge:
    state = _STATES.get(charge.state) or (TillState.PAID if applied else TillState.RETURNED)
    return TillCharge(
        id=charge.id,
        order_id=charge.order_id,
        out_trade_no=charge.out_trade_no,
        gateway=charge.gateway,
        amount=charge.amount,
        currency=charge.currency,
        state=state,
        failure=(charge.failure or "") if state is TillState.FAILED else "",
        created_at=charge.created_at,
        paid_at=charge.paid_at,
    )
