"""What two names decide about a difference: carried out at once, or after the gateway was asked; never an old row."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final

from bot.jobs.outbox import enqueue
from bot.jobs.port import NewJob
from bot.kernel.clock import business_day, to_micros
from bot.kernel.errors import BadRequest, Conflict, Forbidden
from bot.ledger import accounts
from bot.ledger.postings import Posting, Refs, post
from bot.payments.reconciliation import differences
from bot.payments.reconciliation.days import Terms
from bot.payments.reconciliation.differences import Difference
from bot.payments.reconciliation.kinds import DIFFERENCE, DISPOSITIONS, allowed
from bot.storage.port import Tx
from bot.trail import audit

# The job by which a gateway is asked after two names have agreed.
ASK: Final = "reconcile_ask"

_NAMES: Final = "disposition = $3, proposed_by = $4, decided_by = $5, note = $6"
_EXPLAINED: Final = DIFFERENCE.move("open", to="explained", sets=_NAMES)
_WORKING: Final = DIFFERENCE.move("open", to="working", sets=f"{_NAMES}, asked = 0")
_POOLED: Final = DIFFERENCE.move("open", to="pooled", sets=f"{_NAMES}, told = 0, pool_until = $7")

_MERCHANT_OF_CHARGE: Final = """
SELECT o.merchant_id, o.id, c.trace_id FROM charges c JOIN orders o ON o.id = c.order_id WHERE c.id = $1
"""
_MERCHANT_OF_REFUND: Final = """
SELECT o.merchant_id, o.id, r.trace_id FROM refunds r JOIN orders o ON o.id = r.order_id WHERE r.id = $1
"""


def choices(kind: str, measure: str) -> Sequence[str]:
    """Return what may be decided about a difference of this kind."""
    return allowed(kind, measure)


async def dispose_in(
    tx: Tx,
    difference_id: str,
    name: str,
    *,
    proposed_by: str,
    approved_by: str,
    note: str,
    now: datetime,
    terms: Terms,
) -> Difference:
    """Decide about a difference inside the caller's transaction, and have it carried out.

    Raises Forbidden(``same_person``), BadRequest for a decision that this kind does not have or that lacks its note,
    Conflict for a difference that is not open any more, NotFound.
    """
    if not proposed_by or proposed_by == approved_by:
        raise Forbidden("same_person", "another person than the one who proposed has to approve")
    difference = await differences.show(tx, difference_id)
    known = choices(difference.kind, difference.measure)
    if name not in known:
        raise BadRequest("disposition_unknown", f"choose one of: {', '.join(known)}")
    disposition = DISPOSITIONS[name]
    if disposition.noted and not note:
        raise BadRequest("note_missing", "say with --note what the gateway answered, and when")
    _fits(difference, name)
    decided = (name, proposed_by, approved_by, note)
    if disposition.asks:
        moved = await _WORKING(tx, difference_id, to_micros(now), *decided)
        await enqueue(tx, [_ask(difference, now)], now)
    elif name == "wait":
        until = (business_day(now) + timedelta(days=terms.pool_days)).isoformat()
        moved = await _POOLED(tx, difference_id, to_micros(now), *decided, until)
    else:
        moved = await _EXPLAINED(tx, difference_id, to_micros(now), *decided)
        if name == "write_off_fee":
            await _write_off(tx, difference, now)
    if not moved:
        raise Conflict("difference_not_open", f"it is {difference.state}", state=difference.state)
    detail = {"disposition": name, "proposed_by": proposed_by, "note": note, **_facts(difference)}
    await audit.record(
        tx,
        actor=approved_by,
        action="reconciliation.disposed",
        subject=difference_id,
        detail=detail,
        trace_id=difference_id,
        now=now,
    )
    return await differences.show(tx, difference_id)


def _fits(difference: Difference, name: str) -> None:
    """Refuse to credit what no charge of ours is about, and to hold in suspense what one is."""
    if name == "credit_late" and difference.our_id is None:
        raise Conflict("charge_unknown", "no charge of ours has this number: propose to_suspense")
    if name == "to_suspense" and difference.our_id is not None:
        raise Conflict("charge_known", "a charge of ours has this number: propose credit_late")


def _ask(difference: Difference, now: datetime) -> NewJob:
    key = f"{difference.id}:{to_micros(now)}"
    dest = f"{difference.gateway}:{difference.account}"
    return NewJob(ASK, key, dest, {"difference_id": difference.id}, difference.id)


def _facts(difference: Difference) -> dict[str, object]:
    names = ("kind", "measure", "number", "currency", "ours", "theirs", "ours_fee", "theirs_fee")
    facts = asdict(difference)
    return {name: facts[name] for name in names}


async def _write_off(tx: Tx, difference: Difference, now: datetime) -> None:
    """Post what the gateway kept beyond the agreed fee, or less, against the merchant whose payment it was."""
    query = _MERCHANT_OF_REFUND if difference.measure == "refund" else _MERCHANT_OF_CHARGE
    row = await tx.row(query, difference.our_id or "")
    if row is None:
        raise Conflict("fee_without_merchant", "no merchant's payment had this fee: propose explained_by_gateway")
    due = accounts.merchant_due(row["merchant_id"])
    fees = accounts.fees(difference.gateway, difference.account)
    more = difference.theirs_fee - difference.ours_fee
    way = (due, fees) if more > 0 else (fees, due)
    refs = Refs(row["trace_id"], row["id"])
    await post(tx, f"fee:{difference.id}:{to_micros(now)}", [Posting(*way, abs(more), difference.currency)], refs, now)
