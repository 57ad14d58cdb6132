"""What the desk may do with each kind of case; each action runs in the transaction that records the decision."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from bot.cases.book import Case
from bot.cases.desk import CLOSE, Action, Actions
from bot.jobs.outbox import CHANNEL, enqueue
from bot.jobs.port import NewJob
from bot.kernel.clock import to_micros
from bot.kernel.errors import Conflict
from bot.payments import refunds, work
from bot.payments.policy import Policy
from bot.payments.refunds import RefundAsk
from bot.storage.port import Row, Tx

_REVIVE: Final = """
UPDATE outbox SET state = 'ready', attempts = 0, due_at = $2, done_at = NULL WHERE id = $1 AND state = 'dead'
"""
_REVIVE_ALL: Final = """
UPDATE outbox SET state = 'ready', attempts = 0, due_at = $4, done_at = NULL
WHERE state = 'dead' AND kind = $1 AND dest = $2 AND last_error = $3
"""
_SUSPENSE: Final = "SELECT gateway, gateway_account, state FROM suspense WHERE id = $1"
_REFUND: Final = "SELECT order_id, line_id, suspense_id, state FROM refunds WHERE id = $1"
_OPEN_CASE: Final = "look at the case again with `python -m bot desk show`"


async def close(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Nothing to do here: what there was to do was done elsewhere, and the note says where."""


async def retry_jobs(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Let a dead job, or all that died of the same, try again from the start; raises Conflict when none is dead."""
    if case.facts.get("all"):
        same = (case.facts["job"], case.facts["dest"], case.facts["reason"])
        revived = await tx.execute(_REVIVE_ALL, *same, to_micros(now))
    else:
        revived = await tx.execute(_REVIVE, case.key, to_micros(now))
    if not revived:
        raise Conflict("job_not_dead", _OPEN_CASE)
    tx.signal(CHANNEL)


async def refund_suspense(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Send money that no order could take back to its payer; raises Conflict when it lies there no more."""
    await _give_back(tx, case, case.key, now)


async def close_suspense(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Close a case whose money has gone where it belongs; raises Conflict while it lies in suspense."""
    row = await tx.row(_SUSPENSE, case.key)
    if row is not None and row["state"] == "held":
        raise Conflict("suspense_held", "the money still lies there: propose to refund it")


async def close_approval(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Close a case about a refund that was decided elsewhere; raises Conflict while it waits."""
    row = await tx.row(_REFUND, case.key)
    if row is not None and row["state"] == "requested":
        raise Conflict("refund_waits", "approve or reject it")


async def approve_refund(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Release a refund that was too large for one name."""
    await refunds.approve_in(tx, case.key, actor, now)


async def reject_refund(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Refuse a refund that was too large for one name."""
    await refunds.reject_in(tx, case.key, actor, f"case {case.id}", now)


class RefundOrder:
    """Gives back an order, or one line of it; the desk's two names are the refund's two names."""

    def __init__(self, policy: Policy, order_id: str, line_id: str | None = None) -> None:
        self._policy = policy
        self._order_id = order_id
        self._line_id = line_id

    async def __call__(self, tx: Tx, case: Case, actor: str, now: datetime) -> None:
        ask = RefundAsk(
            order_id=self._order_id,
            # A case that was opened again and is decided again is another decision.
            key=f"case:{case.id}:{to_micros(now)}",
            requested_by=case.proposed_by or "",
            reason=f"case {case.kind}",
            line_id=self._line_id,
        )
        await refunds.request_approved_in(tx, ask, self._policy, approved_by=actor, now=now)


class RefundAgain:
    """Makes another refund in place of one that its gateway refused for good."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def __call__(self, tx: Tx, case: Case, actor: str, now: datetime) -> None:
        failed = await tx.row(_REFUND, case.key)
        if failed is None or failed["state"] != "failed":
            raise Conflict("refund_not_failed", _OPEN_CASE)
        if failed["suspense_id"] is not None:
            await _give_back(tx, case, failed["suspense_id"], now)
        else:
            await RefundOrder(self._policy, failed["order_id"], failed["line_id"])(tx, case, actor, now)


async def _give_back(tx: Tx, case: Case, suspense_id: str, now: datetime) -> None:
    row: Row | None = await tx.row(_SUSPENSE, suspense_id)
    if row is None or row["state"] != "held":
        raise Conflict("suspense_moved", "the money was refunded or applied already")
    dest = f"{row['gateway']}:{row['gateway_account']}"
    key = f"{suspense_id}:{case.id}:{to_micros(now)}"
    await enqueue(tx, [NewJob(work.REFUND_SURPLUS, key, dest, {"suspense_id": suspense_id}, case.trace_id)], now)


def actions(policy: Policy) -> Actions:
    """Return the table of the desk. A kind that is not in it needs nothing but a person's note."""
    again = RefundAgain(policy)

    def of_case(case: Case) -> Mapping[str, Action]:
        match case.kind:
            case "dead_letter":
                return {"retry": retry_jobs, CLOSE: close}
            case "suspense":
                return {"refund": refund_suspense, CLOSE: close_suspense}
            case "settle_refused":
                return {"refund": RefundOrder(policy, case.subject, case.key), CLOSE: close}
            case "refund_failed":
                return {"again": again, CLOSE: close}
            case "refund_approval":
                return {"approve": approve_refund, "reject": reject_refund, CLOSE: close_approval}
            case "customer":
                orders = {f"refund:{order_id}": RefundOrder(policy, order_id) for order_id in _orders(case)}
                return {**orders, CLOSE: close}
            case _:
                return {CLOSE: close}

    return of_case


def _orders(case: Case) -> Iterator[str]:
    """The orders that a customer may have meant, as they stood when the case was opened."""
    for order in case.facts.get("orders", ()):
        yield str(order["id"])
