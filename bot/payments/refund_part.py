"""Says what of an order can go back in part: an amount that takes no line back and needs no biller's yes."""

from typing import Final

from bot.billers.items import HOSTED
from bot.billers.port import Refusal
from bot.payments import refund_rows
from bot.payments.states import RESERVING, quoted
from bot.payments.values import Order, OrderLine
from bot.storage.port import Tx

# Parts that a merchant gave back in its console are no measure: what they were for, only a person knows.
_PARTS: Final = f"""
SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS amount FROM refunds
WHERE order_id = $1 AND line_id = $2 AND suspense_id IS NULL AND source = 'order' AND state IN ({quoted(RESERVING)})
"""  # noqa: S608 - The names of our own states.


def divisible(line: OrderLine) -> bool:
    """Tell whether a part of a line can go back: a free amount (a meal, a purchase) that the operator itself books.

    A bill is paid or it is not, and a remote biller would go on counting what it was told (DESIGN §4).
    """
    return line.biller == HOSTED and line.bill_id is None and line.claim is None


async def refusal(tx: Tx, order: Order, amount: int) -> Refusal | None:
    """Say why ``amount`` (fen) cannot go back as a part of an order; None when it can, as far as its lines go."""
    left = await _left(tx, order)
    return None if amount <= left else Refusal("partial_refund", {"left": left})


async def line_refusal(tx: Tx, order: Order, line: OrderLine) -> Refusal | None:
    """Say why a whole line cannot go back any more: parts of it went already."""
    if not divisible(line) or line.amount <= await _left(tx, order):
        return None
    return Refusal("partial_refund", {"left": await _left(tx, order)})


async def _left(tx: Tx, order: Order) -> int:
    row = await tx.row(_PARTS, order.id, refund_rows.PART)
    assert row is not None
    whole = sum(line.amount for line in await refund_rows.rest(tx, order.id) if divisible(line))
    return whole - int(row["amount"])
