"""Finds what a lost notice or a dead process left undecided, and asks the gateway about it."""

from typing import Final

from bot.payments import due
from bot.payments.closing import Closing
from bot.payments.contracts.charging import Charging
from bot.payments.due import Due
from bot.payments.facts import Way
from bot.payments.refunds import Refunds
from bot.payments.scanned import Scanned
from bot.payments.states import LIVE
from bot.payments.upstream import Upstream
from bot.payments.values import Charge
from bot.storage.port import Database

_CHARGES: Final = due.statements("charges")
_REFUNDS: Final = due.statements("refunds")
_REST: Final = """
UPDATE charges SET next_query_at = NULL WHERE id = $1 AND state IN ('paid', 'failed', 'closed', 'reversed')
"""
_CLOSING_OF: Final = "SELECT id FROM charges WHERE order_id = $1 AND state IN ('closing', 'reversing')"
_STATE: Final = "SELECT state FROM orders WHERE id = $1"


class Sweeper:
    """What the sweeping worker calls, again and again; every step is safe to repeat and to run in many processes."""

    def __init__(
        self,
        database: Database,
        upstream: Upstream,
        closing: Closing,
        refunds: Refunds,
        due: Due,
        scanned: Scanned,
        charging: Charging,
    ) -> None:
        self._database = database
        self._upstream = upstream
        self._closing = closing
        self._refunds = refunds
        self._due = due
        self._scanned = scanned
        self._charging = charging

    async def due_charges(self, limit: int) -> list[str]:
        """Take up to ``limit`` charges that are due to be asked about; nobody else gets them for a while."""
        return await self._due.take(_CHARGES, limit)

    async def due_refunds(self, limit: int) -> list[str]:
        """Take up to ``limit`` refunds that are due to be asked about."""
        return await self._due.take(_REFUNDS, limit)

    async def sweep_charge(self, charge_id: str) -> Charge:
        """Ask about one charge, or close it, whichever its state and its age demand; return it as it then stands."""
        charge = await self._upstream.load(charge_id)
        if charge.way is Way.CODE and charge.state in LIVE:
            return await self._scanned.sweep(charge)
        if charge.way is Way.CONTRACT and charge.state in LIVE:
            return await self._charging.sweep(charge)
        if charge.state == "closing":
            return await self._upstream.close(charge)
        if charge.state in ("created", "pending", "unknown"):
            return await self._upstream.query(charge)
        await self._database.effect(lambda tx: tx.execute(_REST, charge_id))
        return charge

    async def sweep_refund(self, refund_id: str) -> None:
        """Ask about one refund that is under way."""
        await self._refunds.ask(refund_id)

    async def expire_orders(self, limit: int = 100) -> int:
        """Start to close orders whose quote has expired; return how many."""
        return await self._closing.expire(limit)

    async def close_order(self, order_id: str) -> str:
        """Close one order now (a customer cancelled it) and return the state it is in after one attempt."""
        await self._closing.begin(order_id)
        for row in await self._database.rows(_CLOSING_OF, order_id):
            await self.sweep_charge(row["id"])
        order = await self._database.row(_STATE, order_id)
        return str(order["state"]) if order is not None else ""
