"""Takes an order for one transaction, where what must not change is spread over its charges, lines and refunds."""

from collections.abc import Mapping
from typing import Final, Literal

from bot.storage.port import Row, Tx

# SQLite has one writer, which has the database to itself from BEGIN IMMEDIATE on.
_ORDER: Final[Mapping[Literal["sqlite", "postgresql"], str]] = {
    "sqlite": "SELECT * FROM orders WHERE id = $1",
    "postgresql": "SELECT * FROM orders WHERE id = $1 FOR UPDATE",
}
_ORDER_OF_CHARGE: Final = """
SELECT o.id FROM orders o JOIN charges c ON c.order_id = o.id WHERE c.out_trade_no = $1 FOR UPDATE OF o, c
"""


async def order(tx: Tx, order_id: str) -> Row | None:
    """Return an order's row as it is now and keep everybody else from changing it until the commit."""
    return await tx.row(_ORDER[tx.engine], order_id)


async def charge_and_order(tx: Tx, out_trade_no: str) -> None:
    """Keep everybody else from changing a charge and its order until the commit."""
    if tx.engine == "postgresql":
        await tx.row(_ORDER_OF_CHARGE, out_trade_no)
