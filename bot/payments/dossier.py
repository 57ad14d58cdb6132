"""All that we know of one order: charges, lines, refunds, surplus, twins, and what the gateway's bill says of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from bot.kernel.clock import Clock, business_day, to_micros
from bot.payments import values
from bot.payments.orders import Orders
from bot.payments.states import LIVE
from bot.payments.values import Charge, Order, OrderLine, Refund, Suspended
from bot.storage.port import Database, Reader, Row

# How long ago a complaint may look for its order.
_LOOKED_BACK: Final = timedelta(days=365)
_MOST: Final = 40
# Two payments for the same thing within so long are likely one wish that was paid twice.
_TWINS_WITHIN: Final = timedelta(days=1)

# Money may have moved: it is paid, or a charge was begun. What was never tried to be paid nobody complains of.
_CANDIDATES: Final = """
SELECT o.* FROM orders o WHERE o.customer_id = $1 AND o.created_at > $2
  AND (o.state = 'paid' OR EXISTS (SELECT 1 FROM charges c WHERE c.order_id = o.id))
ORDER BY COALESCE(o.paid_at, o.created_at) DESC LIMIT $3
"""
_LINES: Final = "SELECT * FROM order_lines WHERE order_id = $1 ORDER BY position"
_OWN: Final = "SELECT * FROM orders WHERE id = $1 AND customer_id = $2"
_CHARGES: Final = "SELECT * FROM charges WHERE order_id = $1 ORDER BY created_at, id"
_REFUNDS: Final = "SELECT * FROM refunds WHERE order_id = $1 AND state <> 'rejected' ORDER BY created_at, id"
_SUSPENSE: Final = """
SELECT DISTINCT s.* FROM suspense s WHERE s.state <> 'applied' AND (s.order_id = $1
  OR s.charge_id IN (SELECT c.id FROM charges c WHERE c.order_id = $1)) ORDER BY s.at, s.id
"""
_SURPLUS_REFUNDS: Final = """
SELECT * FROM refunds WHERE suspense_id = $1 AND state <> 'rejected' ORDER BY created_at DESC, id DESC LIMIT 1
"""
_NEAR: Final = """
SELECT o.* FROM orders o WHERE o.customer_id = $1 AND o.id <> $2 AND o.state = 'paid'
  AND o.paid_at BETWEEN $3 AND $4 ORDER BY o.paid_at LIMIT 20
"""
# What the desk has proposed or decided about a line that its biller refused.
_DECIDED: Final = """
SELECT 1 AS one FROM cases WHERE kind = 'settle_refused' AND key = $1 AND state IN ('proposed', 'resolved')
"""
_DAY: Final = "SELECT state FROM recon_days WHERE gateway = $1 AND account = $2 AND day = $3"
_DIFFERENCES: Final = """
SELECT COUNT(*) AS n FROM recon_differences
WHERE gateway = $1 AND account = $2 AND out_trade_no = $3 AND state IN ('pooled', 'open', 'working')
"""

Statement = Literal["none", "matched", "differs"]


@dataclass(frozen=True, slots=True)
class Surplus:
    """Money that came for an order and that the order could not take, and the refund of it as far as there is one."""

    receipt: Suspended
    refund: Refund | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """The facts of one order. ``twins`` are paid orders of the same customer for the same within a day.

    ``statement`` says whether the gateway's own bill of that day was compared, and with which result. ``decided``
    names the refused lines about which the desk has proposed something already.
    """

    order: Order
    charges: tuple[Charge, ...] = ()
    refunds: tuple[Refund, ...] = ()
    surplus: tuple[Surplus, ...] = ()
    twins: tuple[Order, ...] = ()
    statement: Statement = "none"
    decided: frozenset[str] = frozenset()

    @property
    def live(self) -> Charge | None:
        """The charge that may still be paid."""
        return next((charge for charge in self.charges if charge.state in LIVE), None)

    def refund_of(self, line: OrderLine) -> Refund | None:
        """Return the newest refund that gives a line back, alone or with its whole order, unless it failed."""
        found = [refund for refund in self.refunds if refund.suspense_id is None and refund.state != "failed"]
        return next((refund for refund in reversed(found) if refund.line_id in (None, line.id)), None)


class Dossiers:
    """Reads orders for their own customers; the order of anybody else is not there."""

    def __init__(self, database: Database, clock: Clock, orders: Orders) -> None:
        self._database = database
        self._clock = clock
        self._orders = orders

    async def candidates(self, customer_id: str) -> Sequence[Order]:
        """Return the orders that a customer may complain of, the newest payment first."""
        since = to_micros(self._clock.now() - _LOOKED_BACK)
        rows = await self._database.rows(_CANDIDATES, customer_id, since, _MOST)
        return [await _whole(self._database, row) for row in rows]

    async def of(self, order_id: str, customer_id: str) -> Dossier | None:
        """Return the facts of a customer's own order; None for any other id."""
        row = await self._database.row(_OWN, order_id, customer_id)
        if row is None:
            return None
        order = await _whole(self._database, row)
        charges = tuple(values.charge(each) for each in await self._database.rows(_CHARGES, order_id))
        refunds = [values.refund(each) for each in await self._database.rows(_REFUNDS, order_id)]
        return Dossier(
            order=order,
            charges=charges,
            refunds=tuple(refund for refund in refunds if refund.suspense_id is None),
            surplus=await self._surplus(order_id),
            twins=await self._twins(order, customer_id),
            statement=await self._statement(order, charges),
            decided=frozenset([line.id for line in order.lines if line.state == "refused" and await self._met(line)]),
        )

    async def _surplus(self, order_id: str) -> tuple[Surplus, ...]:
        found = [values.suspended(row) for row in await self._database.rows(_SUSPENSE, order_id)]
        pairs = []
        for receipt in found:
            row = await self._database.row(_SURPLUS_REFUNDS, receipt.id)
            pairs.append(Surplus(receipt, values.refund(row) if row is not None else None))
        return tuple(pairs)

    async def _twins(self, order: Order, customer_id: str) -> tuple[Order, ...]:
        if order.paid_at is None:
            return ()
        ends = (to_micros(order.paid_at - _TWINS_WITHIN), to_micros(order.paid_at + _TWINS_WITHIN))
        rows = await self._database.rows(_NEAR, customer_id, order.id, *ends)
        others = [await _whole(self._database, row) for row in rows]
        return tuple(other for other in others if self._alike(order, other))

    def _alike(self, one: Order, other: Order) -> bool:
        """Tell whether two orders pay the same: a line of the same item, account, amount and bill."""
        known = {self._named(line) for line in one.lines}
        return one.store_id == other.store_id and any(self._named(line) in known for line in other.lines)

    def _named(self, line: OrderLine) -> tuple[str, str, int, str]:
        return line.item_id, self._orders.account(line), line.amount, line.bill_no or line.period or ""

    async def _statement(self, order: Order, charges: Sequence[Charge]) -> Statement:
        """Return what the gateway's bill of the day of payment says, where it has been compared with the books."""
        charge = next((each for each in charges if each.id == order.paid_charge_id), None)
        if charge is None or charge.paid_at is None:
            return "none"
        where = (charge.gateway, charge.gateway_account)
        differences = await self._database.row(_DIFFERENCES, *where, charge.out_trade_no)
        if differences is not None and differences["n"]:
            return "differs"
        day = await self._database.row(_DAY, *where, business_day(charge.paid_at).isoformat())
        return "matched" if day is not None and day["state"] == "matched" else "none"

    async def _met(self, line: OrderLine) -> bool:
        return await self._database.row(_DECIDED, line.id) is not None


def waited(line: OrderLine, order: Order, now: datetime) -> timedelta:
    """Return how long a paid line has been on its way to its biller."""
    return now - (order.paid_at or line.changed_at)


async def _whole(reader: Reader, row: Row) -> Order:
    return values.order(row, await reader.rows(_LINES, row["id"]))
