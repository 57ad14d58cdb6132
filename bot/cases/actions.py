"""What the desk may do with each kind of case; each action runs in the transaction that records the decision."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from bot.cases.applications.deciding import ApplicationActions
from bot.cases.applications.moving import CASE as APPLICATION
from bot.cases.book import Case
from bot.cases.desk import CLOSE, Action, Actions
from bot.cases.sharing import SHARING, close_sharing
from bot.jobs.outbox import CHANNEL, enqueue
from bot.jobs.port import NewJob
from bot.kernel.clock import to_micros
from bot.kernel.errors import Conflict
from bot.payments import refund_facts, refund_rows, refunds, work
from bot.payments.facts import RefundState
from bot.payments.policy import Policy
from bot.payments.reconciliation import differences
from bot.payments.reconciliation.days import Terms
from bot.payments.reconciliation.dispositions import choices, dispose_in
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
_REFUND: Final = "SELECT order_id, line_id, suspense_id, state, amount FROM refunds WHERE id = $1"
_ASK: Final = "UPDATE refunds SET next_query_at = $2 WHERE id = $1 AND state = 'abnormal'"
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
    """Gives back an order, one line of it or a part in fen; the desk's two names are the refund's two names."""

    def __init__(self, policy: Policy, order_id: str, line_id: str | None = None, amount: int | None = None) -> None:
        self._policy = policy
        self._order_id = order_id
        self._line_id = line_id
        self._amount = amount

    async def __call__(self, tx: Tx, case: Case, actor: str, now: datetime) -> None:
        ask = RefundAsk(
            order_id=self._order_id,
            # A case that was opened again and is decided again is another decision.
            key=f"case:{case.id}:{to_micros(now)}",
            requested_by=case.proposed_by or "",
            reason=f"case {case.kind}",
            line_id=self._line_id,
            amount=self._amount,
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
            part = failed["line_id"] == refund_rows.PART
            line_id, amount = (None, failed["amount"]) if part else (failed["line_id"], None)
            await RefundOrder(self._policy, failed["order_id"], line_id, amount)(tx, case, actor, now)


class EndAbnormal:
    """Says how a refund ended that its gateway could not carry out by itself (WeChat's ABNORMAL)."""

    def __init__(self, state: RefundState) -> None:
        self._state = state

    async def __call__(self, tx: Tx, case: Case, actor: str, now: datetime) -> None:
        await refund_facts.decided(tx, case.key, self._state, now)


async def ask_abnormal(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Have the gateway asked at once; raises Conflict where the refund has come to its end."""
    if not await tx.execute(_ASK, case.key, to_micros(now)):
        raise Conflict("refund_not_abnormal", _OPEN_CASE)


async def close_abnormal(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Close a case whose refund has come to its end; raises Conflict while its money is nowhere."""
    row = await tx.row(_REFUND, case.key)
    if row is not None and row["state"] == "abnormal":
        raise Conflict("refund_abnormal", "say how it ended: returned or kept")


class Dispose:
    """Decides about a difference between the books and a bill; the desk's two names are the decision's."""

    def __init__(self, disposition: str, terms: Terms) -> None:
        self._disposition = disposition
        self._terms = terms

    async def __call__(self, tx: Tx, case: Case, actor: str, now: datetime) -> None:
        await dispose_in(
            tx,
            case.key,
            self._disposition,
            proposed_by=case.proposed_by or "",
            approved_by=actor,
            note=case.note or "",
            now=now,
            terms=self._terms,
        )


async def close_difference(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Close a case whose difference is none any more; raises Conflict while it is open."""
    if (await differences.show(tx, case.key)).state == "open":
        raise Conflict("difference_open", "propose what should be done about it")


ABNORMAL: Final[Mapping[str, Action]] = {
    "ask": ask_abnormal,
    # In the gateway's console, to another card, or at the counter: the payer has the money.
    "returned": EndAbnormal(RefundState.SUCCEEDED),
    # It went nowhere and nobody tries any more: the merchant has it.
    "kept": EndAbnormal(RefundState.FAILED),
    CLOSE: close_abnormal,
}


async def _give_back(tx: Tx, case: Case, suspense_id: str, now: datetime) -> None:
    row: Row | None = await tx.row(_SUSPENSE, suspense_id)
    if row is None or row["state"] != "held":
        raise Conflict("suspense_moved", "the money was refunded or applied already")
    dest = f"{row['gateway']}:{row['gateway_account']}"
    key = f"{suspense_id}:{case.id}:{to_micros(now)}"
    await enqueue(tx, [NewJob(work.REFUND_SURPLUS, key, dest, {"suspense_id": suspense_id}, case.trace_id)], now)


def actions(policy: Policy, terms: Terms | None = None, applications: ApplicationActions | None = None) -> Actions:
    """Return the table of the desk. A kind that is not in it needs nothing but a person's note."""
    again = RefundAgain(policy)
    agreed = terms or Terms()

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
            case "refund_abnormal":
                return ABNORMAL
            case "refund_approval":
                return {"approve": approve_refund, "reject": reject_refund, CLOSE: close_approval}
            case "customer":
                orders = {f"refund:{order_id}": RefundOrder(policy, order_id) for order_id in _orders(case)}
                return {**orders, CLOSE: close}
            case "share_rule" | "share_stuck" | "share_return_failed":
                return {**SHARING[case.kind], CLOSE: close_sharing}
            case "reconciliation":
                names = choices(str(case.facts["kind"]), str(case.facts["measure"]))
                return {**{name: Dispose(name, agreed) for name in names}, CLOSE: close_difference}
            case _:
                return {CLOSE: close}

    def of_any(case: Case) -> Mapping[str, Action]:
        return applications.of(case) if applications is not None and case.kind == APPLICATION else of_case(case)

    return of_any


def _orders(case: Case) -> Iterator[str]:
    """The orders that a customer may have meant, as they stood when the case was opened."""
    for order in case.facts.get("orders", ()):
        yield str(order["id"])
