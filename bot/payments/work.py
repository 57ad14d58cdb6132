"""The jobs that the payment rooms put into the outbox: one constructor a kind, so that names live in one place."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.jobs.port import NewJob

FULFIL = "fulfil"
UNDO = "undo"
REFUND_SUBMIT = "refund_submit"
REFUND_SURPLUS = "refund_surplus"
REFUND_SUM = "refund_sum"
RECEIPT = "receipt"
SHARE = "share"
SHARE_RETURN = "share_return"
DEDUCTION_NOTICE = "deduction_notice"
CASE = "case"

# Whoever shows a live status listens here; woken after each commit that changes an order.
ORDER_CHANNEL = "order"


def fulfil(line_id: str, order_id: str, biller: str, trace_id: str, *, because: str = "") -> NewJob:
    """Tell the biller that a line is paid (销账); ``because`` makes a further job when the first found no cause."""
    key = f"{line_id}:{because}" if because else line_id
    return NewJob(FULFIL, key, biller, {"line_id": line_id, "order_id": order_id}, trace_id)


def undo(line_id: str, order_id: str, biller: str, trace_id: str) -> NewJob:
    """Ask the biller to take a settled line back, so that its money can be refunded."""
    return NewJob(UNDO, line_id, biller, {"line_id": line_id, "order_id": order_id}, trace_id)


def refund_submit(refund_id: str, gateway: str, account: str, trace_id: str, *, because: str = "") -> NewJob:
    """Send an approved refund to its gateway; ``because`` makes a further, immediate attempt when something changed."""
    key = f"{refund_id}:{because}" if because else refund_id
    return NewJob(REFUND_SUBMIT, key, f"{gateway}:{account}", {"refund_id": refund_id}, trace_id)


def refund_surplus(suspense_id: str, gateway: str, account: str, trace_id: str) -> NewJob:
    """Give back money that no order can take."""
    return NewJob(REFUND_SURPLUS, suspense_id, f"{gateway}:{account}", {"suspense_id": suspense_id}, trace_id)


def refund_sum(gateway: str, account: str, notice_id: str, told: Mapping[str, Any], trace_id: str) -> NewJob:
    """Find out by asking what a notice was about that told only how much of a charge went back so far."""
    payload = {"gateway": gateway, "account": account, "told": dict(told)}
    return NewJob(REFUND_SUM, f"{gateway}:{account}:{notice_id}", f"{gateway}:{account}", payload, trace_id)


def share(share_id: str, gateway: str, account: str, trace_id: str, due_at: datetime) -> NewJob:
    """Give others their parts of a paid charge, once its billers have answered."""
    return NewJob(SHARE, share_id, f"{gateway}:{account}", {"share_id": share_id}, trace_id, due_at)


def share_return(return_id: str, gateway: str, account: str, trace_id: str) -> NewJob:
    """Take a part back from its receiver, so that the payment can be refunded."""
    return NewJob(SHARE_RETURN, return_id, f"{gateway}:{account}", {"return_id": return_id}, trace_id)


def deduction_notice(deduction_id: str, channel: str, trace_id: str) -> NewJob:
    """Tell a customer, in our own words, what will be deducted and when."""
    return NewJob(DEDUCTION_NOTICE, deduction_id, channel, {"deduction_id": deduction_id}, trace_id)


def receipt(order_id: str, channel: str, account: str, trace_id: str) -> NewJob:
    """Tell the customer that the payment is done, with the state of each line at its biller."""
    return NewJob(RECEIPT, order_id, f"{channel}:{account}", {"order_id": order_id}, trace_id)


def refund_receipt(order_id: str, refund_id: str, channel: str, account: str, trace_id: str) -> NewJob:
    """Tell the customer that money came back."""
    payload = {"order_id": order_id, "refund_id": refund_id}
    return NewJob(RECEIPT, refund_id, f"{channel}:{account}", payload, trace_id)


def case(
    kind: str,
    key: str,
    subject: str,
    facts: Mapping[str, Any],
    trace_id: str,
    due_at: datetime | None = None,
) -> NewJob:
    """Put something on a person's desk; ``kind`` and ``key`` together open one case only. Facts hold no secrets."""
    payload = {"kind": kind, "key": key, "subject": subject, "facts": dict(facts)}
    return NewJob(CASE, f"{kind}:{key}", "desk", payload, trace_id, due_at)
