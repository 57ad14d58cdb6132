"""What our own books say of each paid line: booked on its bill once, taken off it once, however often that is asked.

Three hands move a hosted bill. The payments hold it, note money on it (``paid``) and let it go again while the biller
has not booked it; this file books what they noted and is the only one that takes a booked line off again; the import
changes bills that nobody has paid. So the sum of the standing bookings of a bill never exceeds its ``paid``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from bot.billers.port import PaidLine, Refused, Reversed, Settled
from bot.kernel.clock import to_micros
from bot.storage.port import Reader, Row, Tx

# Where this file may lead a bill (DESIGN §4). A bill that another order holds meanwhile stays held and owes more.
BILL: Final[Mapping[str, frozenset[str]]] = {
    "paid": frozenset({"settled", "reopened"}),
    "settled": frozenset({"reopened"}),
    "partly_paid": frozenset({"reopened"}),
    "reopened": frozenset({"reopened"}),
    "held": frozenset({"held"}),
}
# What was answered to an advice never changes; an undo is a second fact about the same line.
BOOKING: Final[Mapping[str, frozenset[str]]] = {
    "settled": frozenset({"reversed"}),
    "refused": frozenset(),
    "reversed": frozenset(),
}

# SQLite has one writer, which has the database to itself from BEGIN IMMEDIATE on.
_BILL: Final[Mapping[Literal["sqlite", "postgresql"], str]] = {
    "sqlite": "SELECT state, amount, paid FROM bills WHERE id = $1",
    "postgresql": "SELECT state, amount, paid FROM bills WHERE id = $1 FOR UPDATE",
}
_BOOKING: Final = "SELECT bill_id, amount, principal, state, refusal FROM bookings WHERE line_id = $1"
_BOOKED: Final = """
SELECT CAST(COALESCE(SUM(principal), 0) AS BIGINT) AS booked FROM bookings WHERE bill_id = $1 AND state = 'settled'
"""
_ADD: Final = """
INSERT INTO bookings (line_id, bill_id, amount, principal, state, refusal, booked_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
"""
_SETTLE_BILL: Final = "UPDATE bills SET state = 'settled', changed_at = $2 WHERE id = $1 AND state = 'paid'"
_REVERSE: Final = "UPDATE bookings SET state = 'reversed', changed_at = $2 WHERE line_id = $1 AND state = 'settled'"
_TAKE_OFF: Final = """
UPDATE bills SET paid = paid - $2, state = CASE WHEN state = 'held' THEN state ELSE 'reopened' END, changed_at = $3
WHERE id = $1 AND state IN ('paid', 'settled', 'partly_paid', 'reopened', 'held') AND paid >= $2
"""


async def settle(tx: Tx, line: PaidLine, now: datetime) -> Settled | Refused:
    """Book a line on its bill; the same line again gets the same answer, with other facts ``conflict``."""
    bill = await tx.row(_BILL[tx.engine], line.bill_id)
    known = await tx.row(_BOOKING, line.id)
    if known is not None:
        return _answer(line, known)
    if bill is None:
        return Refused("not_found")
    summed = await tx.row(_BOOKED, line.bill_id)
    booked = (summed["booked"] if summed is not None else 0) + _principal(line)
    # Money that no payment noted on the bill, or that another line has booked already, is not booked.
    refusal = _refusal(line, bill) if booked > bill["paid"] else None
    state, at = "settled" if refusal is None else "refused", to_micros(now)
    await tx.execute(_ADD, line.id, line.bill_id, line.amount, _principal(line), state, refusal, at)
    if refusal is not None:
        return Refused(refusal)
    if booked == bill["amount"]:
        await tx.execute(_SETTLE_BILL, line.bill_id, at)
    return Settled(ref=line.id)


async def undo(tx: Tx, line: PaidLine, now: datetime) -> Reversed | Refused:
    """Take a booked line off its bill, once: a repeat finds it done, whatever has happened to the bill since."""
    await tx.row(_BILL[tx.engine], line.bill_id)
    known = await tx.row(_BOOKING, line.id)
    if known is None or known["state"] == "refused":
        return Refused("not_found")
    if not _same(line, known):
        return Refused("conflict")
    if known["state"] == "settled":
        at = to_micros(now)
        if not await tx.execute(_TAKE_OFF, line.bill_id, known["principal"], at):
            return Refused("other")
        await tx.execute(_REVERSE, line.id, at)
    return Reversed(ref=line.id)


async def settlement(reader: Reader, line: PaidLine) -> Settled | Refused | None:
    """Return what was answered to the advice of a line; None where it was never given."""
    known = await reader.row(_BOOKING, line.id)
    return None if known is None else _answer(line, known)


async def reversal(reader: Reader, line: PaidLine) -> Reversed | None:
    """Return how an undo stands; None where none was carried out."""
    known = await reader.row(_BOOKING, line.id)
    return Reversed(ref=line.id) if known is not None and known["state"] == "reversed" else None


def _answer(line: PaidLine, known: Row) -> Settled | Refused:
    if not _same(line, known):
        return Refused("conflict")
    return Refused(known["refusal"]) if known["state"] == "refused" else Settled(ref=line.id)


def _same(line: PaidLine, known: Row) -> bool:
    return (known["bill_id"], known["amount"], known["principal"]) == (line.bill_id, line.amount, _principal(line))


def _principal(line: PaidLine) -> int:
    """Return the fen that the line takes off its bill: no late fee, but what was let off."""
    return line.amount - line.late_fee + line.discount


def _refusal(line: PaidLine, bill: Row) -> str:
    if bill["state"] == "paid_elsewhere":
        return "paid_elsewhere"
    # We keep no balances: what an item's rule ``exact_or_more`` lets others take in advance has no place on a bill.
    return "amount" if _principal(line) > bill["amount"] else "closed"
