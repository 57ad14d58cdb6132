"""The statements of refunds: reserving, moving, posting, each in the caller's transaction, under the order's lock.

Everything that has not finally failed reserves its amount (DESIGN §4): ``orders.refunded`` is the sum of an order's
refunds in those states, and the database itself refuses a sum above the order's amount.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.jobs.outbox import enqueue
from bot.kernel.clock import to_micros
from bot.ledger import accounts
from bot.ledger.postings import Posting, Refs, post
from bot.payments import bills, values, work
from bot.payments.states import REFUND, RESERVING, SUSPENSE, quoted
from bot.payments.values import OrderLine, Refund, Suspended
from bot.storage.port import Tx

RESERVING_SQL: Final = quoted(RESERVING)
# In place of a line's id: an amount given back in a gateway's console that is no sum of lines. It takes no line back,
# so billers are still told of them all; a person decides what follows.
PART: Final = "part"

APPROVED: Final = REFUND.move("requested", to="approved", sets="approved_by = $3", only="requested_by <> $3")
REJECTED: Final = REFUND.move(
    "requested", "approved", to="rejected", sets="failure = $3, approved_by = $4, next_query_at = NULL"
)
SUBMITTED: Final = REFUND.move("approved", to="pending", sets="next_query_at = $3, queries = 0")
UNKNOWN: Final = REFUND.move("pending", to="unknown", sets="next_query_at = $3")
PENDING: Final = REFUND.move("unknown", to="pending", sets="refund_id = $3")
ABNORMAL: Final = REFUND.move("pending", "unknown", to="abnormal", sets="refund_id = $3, next_query_at = $4")
SUCCEEDED: Final = REFUND.move(
    "pending",
    "unknown",
    "abnormal",
    to="succeeded",
    sets="refund_id = $3, succeeded_at = $4, next_query_at = NULL, failure = NULL",
)
FAILED: Final = REFUND.move("pending", "unknown", "abnormal", to="failed", sets="failure = $3, next_query_at = NULL")
SUSPENSE_REFUNDING: Final = SUSPENSE.move("held", to="refunding")
SUSPENSE_REFUNDED: Final = SUSPENSE.move("refunding", to="refunded")
SUSPENSE_HELD: Final = SUSPENSE.move("refunding", to="held")

_RESERVE: Final = """
UPDATE orders SET refunded = refunded + $2 WHERE id = $1 AND state = 'paid' AND refunded + $2 <= amount
"""
# A refund that a merchant made in its console can meet one of ours that is under way; the gateway refuses one of
# them, and until it has said so their sum may exceed the order, which the counter cannot show.
_RECOUNT: Final = f"""
UPDATE orders SET refunded = (
  SELECT CASE WHEN COALESCE(SUM(r.amount), 0) > orders.amount THEN orders.amount ELSE COALESCE(SUM(r.amount), 0) END
  FROM refunds r WHERE r.order_id = orders.id AND r.suspense_id IS NULL AND r.state IN ({RESERVING_SQL}))
WHERE id = $1
"""  # noqa: S608 - The names of our own states.
_INSERT: Final = """
INSERT INTO refunds (id, order_id, charge_id, line_id, suspense_id, out_refund_no, gateway, gateway_account,
  out_trade_no, transaction_id, total, source, amount, currency, reason, state, requested_by, approved_by, trace_id,
  created_at, queries, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, 0, $20)
"""
_BY_ID: Final = "SELECT * FROM refunds WHERE id = $1"
_BY_NUMBER: Final = "SELECT * FROM refunds WHERE out_refund_no = $1"
_OF_SUSPENSE: Final = "SELECT * FROM refunds WHERE suspense_id = $1 ORDER BY created_at DESC LIMIT 1"
_OPEN_OF_ORDER: Final = """
SELECT * FROM refunds WHERE order_id = $1 AND suspense_id IS NULL AND state IN ('requested', 'approved')
ORDER BY created_at
"""
# The lines that no refund of their own gives back.
_REST: Final = f"""
SELECT l.* FROM order_lines l WHERE l.order_id = $1 AND NOT EXISTS (
  SELECT 1 FROM refunds r WHERE r.order_id = $1 AND r.line_id = l.id AND r.state IN ({RESERVING_SQL}))
ORDER BY l.position
"""  # noqa: S608 - The names of our own states.
_LINE: Final = "SELECT * FROM order_lines WHERE id = $2 AND order_id = $1"
_MERCHANT: Final = "SELECT merchant_id FROM orders WHERE id = $1"
_SUSPENSE: Final = "SELECT * FROM suspense WHERE id = $1"
_UNCLAIM: Final = "DELETE FROM paid_claims WHERE claim = $1 AND line_id = $2"
_LATER: Final = """
UPDATE refunds SET queries = queries + 1, next_query_at = $2
WHERE id = $1 AND state IN ('pending', 'unknown', 'abnormal')
"""


async def by_id(tx: Tx, refund_id: str) -> Refund | None:
    row = await tx.row(_BY_ID, refund_id)
    return values.refund(row) if row is not None else None


async def by_number(tx: Tx, out_refund_no: str) -> Refund | None:
    row = await tx.row(_BY_NUMBER, out_refund_no)
    return values.refund(row) if row is not None else None


async def of_suspense(tx: Tx, suspense_id: str) -> Refund | None:
    """Return the newest refund of money in suspense."""
    row = await tx.row(_OF_SUSPENSE, suspense_id)
    return values.refund(row) if row is not None else None


async def undecided(tx: Tx, order_id: str) -> list[Refund]:
    """Return the refunds of an order that no gateway has heard of yet."""
    return [values.refund(row) for row in await tx.rows(_OPEN_OF_ORDER, order_id)]


async def suspended(tx: Tx, suspense_id: str) -> Suspended | None:
    row = await tx.row(_SUSPENSE, suspense_id)
    return values.suspended(row) if row is not None else None


async def rest(tx: Tx, order_id: str) -> list[OrderLine]:
    """Return the lines of an order that no refund of their own gives back or is about to."""
    return [values.line(row) for row in await tx.rows(_REST, order_id)]


async def line(tx: Tx, order_id: str, line_id: str) -> OrderLine | None:
    row = await tx.row(_LINE, order_id, line_id)
    return values.line(row) if row is not None else None


async def lines(tx: Tx, refund: Refund) -> list[OrderLine]:
    """Return the order lines that a refund gives back whole.

    None where it gives back what was never applied, or a part that is no line.
    """
    if refund.order_id is None or refund.suspense_id is not None:
        return []
    if refund.line_id is not None:
        own = await line(tx, refund.order_id, refund.line_id)
        return [own] if own is not None else []
    return await rest(tx, refund.order_id)


async def reserve(tx: Tx, order_id: str, amount: int) -> bool:
    """Take ``amount`` (fen) of what a paid order can still give back; exact under any concurrency."""
    return await tx.execute(_RESERVE, order_id, amount) == 1


async def recount(tx: Tx, order_id: str | None) -> None:
    """Bring an order's reserved sum in line with its refunds, after one of them changed."""
    if order_id is not None:
        await tx.execute(_RECOUNT, order_id)


async def insert(tx: Tx, refund: Refund, at: int) -> None:
    await tx.execute(
        _INSERT,
        refund.id,
        refund.order_id,
        refund.charge_id,
        refund.line_id,
        refund.suspense_id,
        refund.out_refund_no,
        refund.gateway,
        refund.gateway_account,
        refund.out_trade_no,
        refund.transaction_id,
        refund.total,
        refund.source,
        refund.amount,
        refund.currency,
        refund.reason,
        refund.state,
        refund.requested_by,
        refund.approved_by,
        refund.trace_id,
        at,
    )


async def take_back(tx: Tx, refund: Refund, now: datetime) -> None:
    """Post the reservation: from the merchant, or from suspense, to the money under way to payers."""
    way = Posting(await _origin(tx, refund), _under_way(refund), refund.amount, refund.currency)
    await post(tx, f"reserve:{refund.id}", [way], _refs(refund), now)


async def pay_out(tx: Tx, refund: Refund, now: datetime) -> None:
    """Post that the payer has the money again."""
    way = Posting(_under_way(refund), accounts.payers(refund.gateway), refund.amount, refund.currency)
    await post(tx, f"refund:{refund.id}", [way], _refs(refund), now)


async def put_back(tx: Tx, refund: Refund, now: datetime) -> None:
    """Post that the reservation is over and the money stays where it was."""
    way = Posting(_under_way(refund), await _origin(tx, refund), refund.amount, refund.currency)
    await post(tx, f"restore:{refund.id}", [way], _refs(refund), now)


async def reject(tx: Tx, refund: Refund, why: str, by: str | None, now: datetime) -> bool:
    """Reject a refund that no gateway has heard of, giving up its reservation; False when it is not so any more."""
    if not await REJECTED(tx, refund.id, to_micros(now), why, by or refund.approved_by):
        return False
    if refund.state == "approved":
        await put_back(tx, refund, now)
    await stands_again(tx, refund, now)
    return True


async def stands_again(tx: Tx, refund: Refund, now: datetime) -> None:
    """A refund came to nothing: free its amount, and have billers told of lines that it had kept from them."""
    await recount(tx, refund.order_id)
    untold = [entry for entry in await lines(tx, refund) if entry.state == "none"]
    jobs = [work.fulfil(entry.id, entry.order_id, entry.biller, refund.trace_id, because=refund.id) for entry in untold]
    await enqueue(tx, jobs, now)


async def ask_later(tx: Tx, refund_id: str, moment: datetime) -> None:
    await tx.execute(_LATER, refund_id, to_micros(moment))


async def undo_payment(tx: Tx, refunded: Sequence[OrderLine], now: datetime) -> None:
    """Let refunded bills be paid anew: free their claims, and open those whose biller never booked the payment."""
    for line in refunded:
        if line.claim is not None:
            await tx.execute(_UNCLAIM, line.claim, line.id)
    await bills.reopen(tx, [line for line in refunded if line.state in ("none", "refused")], to_micros(now))


async def _origin(tx: Tx, refund: Refund) -> str:
    if refund.suspense_id is not None:
        return accounts.suspense(refund.gateway, refund.gateway_account)
    row = await tx.row(_MERCHANT, refund.order_id)
    assert row is not None
    return accounts.merchant_due(row["merchant_id"])


def _under_way(refund: Refund) -> str:
    return accounts.refunding(refund.gateway, refund.gateway_account)


def _refs(refund: Refund) -> Refs:
    return Refs(refund.trace_id, refund.order_id, refund.charge_id, refund.id)
