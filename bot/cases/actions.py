"""What the desk may do with each kind of case; each action runs in the transaction that records the decision."""

from datetime import datetime
from typing import Final

from bot.cases.book import Case
from bot.cases.desk import Action, Actions
from bot.jobs.outbox import CHANNEL, enqueue
from bot.jobs.port import NewJob
from bot.kernel.clock import to_micros
from bot.kernel.errors import Conflict
from bot.payments import refunds, work
from bot.payments.policy import Policy
from bot.payments.refunds import RefundAsk
from bot.storage.port import Tx

_REVIVE = """
UPDATE outbox SET state = 'ready', attempts = 0, due_at = $2, done_at = NULL WHERE id = $1 AND state = 'dead'
"""
_SUSPENSE = "SELECT gateway, gateway_account FROM suspense WHERE id = $1 AND state = 'held'"


async def close(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Nothing to do here: what there was to do was done elsewhere, and the note says where."""


async def retry_job(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Let a dead job try again from the start; raises Conflict when it is not dead any more."""
    if await tx.execute(_REVIVE, case.key, to_micros(now)) != 1:
        raise Conflict("job_not_dead", "look at the case again")
    tx.signal(CHANNEL)


async def refund_suspense(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Send money that no order could take back to its payer; raises Conflict when it lies there no more."""
    row = await tx.row(_SUSPENSE, case.key)
    if row is None:
        raise Conflict("suspense_moved", "the money was refunded or applied already")
    dest = f"{row['gateway']}:{row['gateway_account']}"
    job = NewJob(work.REFUND_SURPLUS, f"{case.key}:{case.id}", dest, {"suspense_id": case.key}, case.trace_id)
    await enqueue(tx, [job], now)


class RefundOrder:
    """Gives back an order, or the one line that the case is about; the desk's two names are the refund's two names."""

    def __init__(self, policy: Policy, *, line: bool) -> None:
        self._policy = policy
        self._line = line

    async def __call__(self, tx: Tx, case: Case, actor: str, now: datetime) -> None:
        ask = RefundAsk(
            order_id=case.subject,
            key=f"case:{case.id}",
            requested_by=case.proposed_by or "",
            reason=f"case {case.kind}",
            line_id=case.key if self._line else None,
        )
        await refunds.request_approved_in(tx, ask, self._policy, approved_by=actor, now=now)


async def approve_refund(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Release a refund that was too large for one name."""
    await refunds.approve_in(tx, case.key, actor, now)


async def reject_refund(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Refuse a refund that was too large for one name."""
    await refunds.reject_in(tx, case.key, actor, f"case {case.id}", now)


# Kinds that need nothing but a person's note.
_CLOSE_ONLY: Final = (
    "contradiction",
    "refund_foreign",
    "paid_and_returned",
    "charge_stuck",
    "refund_unknown",
    "refund_mismatch",
    "refund_contradiction",
    "refund_failed",
    "refund_abnormal",
    "console_refund",
    "reversal_refused",
)


def actions(policy: Policy) -> Actions:
    """Return the table of the desk."""
    note: dict[str, Action] = {"close": close}
    return {
        **dict.fromkeys(_CLOSE_ONLY, note),
        "dead_letter": {"retry": retry_job, **note},
        "suspense": {"refund": refund_suspense, **note},
        "settle_refused": {"refund": RefundOrder(policy, line=True), **note},
        "customer": {"refund": RefundOrder(policy, line=False), **note},
        "refund_approval": {"approve": approve_refund, "reject": reject_refund},
    }
