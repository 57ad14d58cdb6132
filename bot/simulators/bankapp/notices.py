"""Tells the merchant about payments and refunds, in the manner that the drawn fault prescribes, and forges notices."""

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.simulators.bankapp.book import Payment, Refund, new_number, payment_json, refund_json
from bot.simulators.bankapp.core import Simulator
from bot.simulators.courier import Attempt, Manner, Notice, Wire

DUPLICATES = 3
STALE = timedelta(minutes=10)
OVERSIZE_BYTES = 80 * 1024
PRECEDED_BY = {
    "notice_wrong_amount": "wrong_amount",
    "notice_forged": "stranger",
    "notice_other_merchant": "other_merchant",
    "notice_stale": "stale",
}
# Truthfully signed by the bank, but wrong for the payment.
TRUE_BUT_WRONG: Mapping[str, Callable[[Payment], dict[str, Any]]] = {
    "wrong_amount": lambda payment: {"amount": payment.amount + 1},
    "other_currency": lambda payment: {"currency": "HKD"},
    "unknown_order": lambda payment: {"out_trade_no": secrets.token_hex(16)},
    "not_paid": lambda payment: {"state": "unpaid"},
}
UNTRUE = ("stranger", "stale", "unsigned", "changed", "other_merchant", "unknown_serial", "oversize")
KINDS = (*TRUE_BUT_WRONG, *UNTRUE)


def payment(sim: Simulator, paid: Payment) -> tuple[Notice, bool]:
    """Start telling of a payment: the notice, and whether it must arrive before the payer comes back."""
    told = payment_json(paid, "paid", sim.plan.name)
    notice = sim.courier.keep(_notice(sim, paid.merchant, "payment", "paid", told, paid.number, paid.notify_url))
    fault = sim.faults.draw("notice", paid.number, paid.amount)
    manner = Manner(
        delay=sim.plan.late_notice_seconds if fault == "notice_late" or paid.hidden_queries else 0.0,
        copies=DUPLICATES if fault == "notice_duplicate" else 1,
        before=(_forgery(sim, paid, PRECEDED_BY[fault]),) if fault in PRECEDED_BY else (),
        never=fault == "notice_never",
    )
    sim.courier.dispatch(notice, manner)
    return notice, fault == "notice_first"


def refund(sim: Simulator, paid: Payment, done: Refund) -> None:
    """Start telling of a refund's result."""
    told = refund_json(paid, done)
    notice = _notice(sim, paid.merchant, "refund", done.state, told, done.number, done.notify_url)
    sim.courier.dispatch(sim.courier.keep(notice), Manner(never=not done.notify_url))


async def forge(sim: Simulator, paid: Payment, kind: str, url: str = "") -> tuple[Notice, Attempt]:
    """Send one forged notice, once; raises ValueError for a kind that does not exist."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}")
    facts = payment_json(_as_paid(sim, paid), "paid", sim.plan.name)
    facts |= TRUE_BUT_WRONG[kind](paid) if kind in TRUE_BUT_WRONG else {}
    body = _body(f"{kind}-{secrets.token_hex(8)}", "payment", "paid", facts)
    if kind == "oversize":
        body += b" " * OVERSIZE_BYTES
    wire = _spoiled(sim, paid, kind, body)
    notice = Notice(f"{kind}-{secrets.token_hex(8)}", kind, paid.number, url or paid.notify_url, lambda: wire)
    return sim.courier.keep(notice), await sim.courier.attempt(notice)


def _spoiled(sim: Simulator, paid: Payment, kind: str, body: bytes) -> Wire:
    key = sim.stranger() if kind == "stranger" else sim.key
    if kind == "unknown_serial":
        key = replace(key, serial="bank-1999")
    at = sim.clock.now() - (STALE if kind == "stale" else timedelta())
    merchant = "M999999999" if kind == "other_merchant" else paid.merchant
    headers = sim.headers(key, at, body, "NOTICE", merchant)
    if kind == "unsigned":
        del headers["Scenepay-Signature"]
    if kind == "changed":
        body = body.replace(b'"paid"', b'"Paid"')
    return Wire({"Content-Type": "application/json", **headers}, body)


def _forgery(sim: Simulator, paid: Payment, kind: str) -> Callable[[], Awaitable[object]]:
    return lambda: forge(sim, paid, kind)


def _notice(
    sim: Simulator, merchant: str, subject: str, word: str, facts: Mapping[str, Any], number: str, url: str
) -> Notice:
    identifier = secrets.token_hex(16)
    body = _body(identifier, subject, word, facts)

    def write() -> Wire:
        headers = sim.headers(sim.key, sim.clock.now(), body, "NOTICE", merchant)
        return Wire({"Content-Type": "application/json", **headers}, body)

    return Notice(identifier, "genuine", number, url, write)


def _body(identifier: str, subject: str, word: str, facts: Mapping[str, Any]) -> bytes:
    return json.dumps({"id": identifier, "kind": f"{subject}.{word}", subject: facts}, ensure_ascii=False).encode()


def _as_paid(sim: Simulator, paid: Payment) -> Payment:
    """A copy that claims to be paid, whatever the truth is."""
    if paid.paid_at is not None:
        return paid
    now = sim.clock.now().replace(microsecond=0)
    return replace(paid, transaction_id=new_number("B", now), paid_at=now)
