"""What payments do to hosted bills: hold them for an order, let go, mark as paid, open again after a refund."""

from collections.abc import Sequence
from typing import Final

from bot.payments.states import BILL
from bot.payments.values import OrderLine
from bot.storage.port import Tx

# At placing, the bill must owe exactly what the quote was made for.
HOLD: Final = BILL.move("open", "partly_paid", "reopened", to="held", sets="held_by = $3", only="amount - paid = $4")
# When money came after the order was closed, it is enough that the bill still owes as much.
_HOLD_LATE: Final = BILL.move(
    "open", "partly_paid", "reopened", to="held", sets="held_by = $3", only="amount - paid >= $4"
)
_RELEASE_WHOLE: Final = BILL.move("held", to="open", sets="held_by = NULL", only="paid = 0", key="held_by")
_RELEASE_REST: Final = BILL.move("held", to="partly_paid", sets="held_by = NULL", only="paid > 0", key="held_by")
_PAY_WHOLE: Final = BILL.move(
    "held", to="paid", sets="paid = amount, held_by = NULL", only="held_by = $3 AND paid + $4 >= amount"
)
_PAY_PART: Final = BILL.move(
    "held", to="partly_paid", sets="paid = paid + $4, held_by = NULL", only="held_by = $3 AND paid + $4 < amount"
)
_REOPEN: Final = BILL.move(
    "paid", "partly_paid", to="reopened", sets="paid = CASE WHEN paid > $3 THEN paid - $3 ELSE 0 END"
)
# Another order holds the rest of the bill: it stays held and owes more.
_LESSEN_HELD: Final = """
UPDATE bills SET paid = CASE WHEN paid > $3 THEN paid - $3 ELSE 0 END, changed_at = $2
WHERE id = $1 AND state = 'held'
"""


async def hold(tx: Tx, bill_id: str, order_id: str, owed: int, at: int) -> bool:
    """Reserve a bill that owes exactly ``owed`` fen for an order; False when it is held, paid or changed."""
    return await HOLD(tx, bill_id, at, order_id, owed)


async def hold_late(tx: Tx, line: OrderLine, at: int) -> bool:
    """Reserve the bill of a line whose order had let it go; False when it cannot take the line's amount any more."""
    assert line.bill_id is not None
    return await _HOLD_LATE(tx, line.bill_id, at, line.order_id, line.principal)


async def release(tx: Tx, order_id: str, at: int) -> None:
    """Let go of all that an order holds; only after its charges are closed upstream (DESIGN §4)."""
    await _RELEASE_WHOLE(tx, order_id, at)
    await _RELEASE_REST(tx, order_id, at)


async def pay(tx: Tx, line: OrderLine, at: int) -> bool:
    """Book a line on the bill that its order holds; False when the order does not hold it."""
    assert line.bill_id is not None
    values = (line.bill_id, at, line.order_id, line.principal)
    return await _PAY_WHOLE(tx, *values) or await _PAY_PART(tx, *values)


async def reopen(tx: Tx, lines: Sequence[OrderLine], at: int) -> None:
    """Take refunded lines off their bills. For lines that their biller never booked: what it booked, it undoes."""
    for line in lines:
        if line.bill_id is not None and not await _REOPEN(tx, line.bill_id, at, line.principal):
            await tx.execute(_LESSEN_HELD, line.bill_id, at, line.principal)
