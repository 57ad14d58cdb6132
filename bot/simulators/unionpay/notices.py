"""Tells the merchant about payments and refunds, in the manner that the drawn fault prescribes, and forges notices."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from urllib.parse import urlencode

from bot.simulators.courier import Attempt, Manner, Notice, Wire
from bot.simulators.unionpay.book import Order, Refund, new_query_id, order_pairs, refund_pairs
from bot.simulators.unionpay.core import Simulator
from bot.simulators.unionpay.plan import Signing

DUPLICATES = 3
OVERSIZE_BYTES = 80 * 1024
HEADERS = {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
PRECEDED_BY = {
    "notice_wrong_amount": "wrong_amount",
    "notice_forged": "stranger",
    "notice_other_merchant": "other_merchant",
    "notice_flawed": "flawed",
}
# Truthfully signed by the platform, but wrong for the order.
TRUE_BUT_WRONG: Mapping[str, Callable[[Order], dict[str, str]]] = {
    "wrong_amount": lambda order: {"txnAmt": str(order.amount + 1)},
    "other_currency": lambda order: {"currencyCode": "344"},
    "other_merchant": lambda order: {"merId": "777290058119999"},
    "unknown_order": lambda order: {"orderId": secrets.token_hex(16)},
    "flawed": lambda order: {"respCode": "A6"},
    "not_paid": lambda order: {"respCode": "64"},
}
UNTRUE = ("stranger", "other_owner", "unsigned", "changed", "twice", "oversize", "certificate_exchanged")
KINDS = (*TRUE_BUT_WRONG, *UNTRUE)


def payment(sim: Simulator, order: Order) -> tuple[Notice, bool]:
    """Start telling of a payment: the notice, and whether it must arrive before the payer hears."""
    notice = sim.courier.keep(_notice(sim, "genuine", order.order_id, order.back_url, _paid(order)))
    fault = sim.faults.draw("notice", order.order_id, order.amount)
    manner = Manner(
        delay=sim.plan.late_notice_seconds if fault == "notice_late" or order.hidden_queries else 0.0,
        copies=DUPLICATES if fault == "notice_duplicate" else 1,
        before=(_forgery(sim, order, PRECEDED_BY[fault]),) if fault in PRECEDED_BY else (),
        never=fault == "notice_never",
    )
    sim.courier.dispatch(notice, manner)
    return notice, fault == "notice_first"


def refund(sim: Simulator, order: Order, done: Refund) -> None:
    """Start telling of a refund that succeeded; UnionPay tells of no other."""
    pairs = {"merId": order.mer_id, **refund_pairs(order, done)}
    sim.courier.dispatch(
        sim.courier.keep(_notice(sim, "genuine", done.order_id, done.back_url, pairs)), Manner(never=not done.back_url)
    )


async def forge(sim: Simulator, order: Order, kind: str, url: str = "") -> tuple[Notice, Attempt]:
    """Send one forged notice, once; raises ValueError for a kind that does not exist."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}")
    pairs = _paid(_as_paid(sim, order)) | (TRUE_BUT_WRONG[kind](order) if kind in TRUE_BUT_WRONG else {})
    by: Signing | None = {"stranger": sim.stranger, "other_owner": sim.other_owner}.get(kind, lambda: None)()
    body = urlencode(_spoiled(sim, sim.signed(_whole(pairs), by), kind)).encode()
    if kind == "twice":
        body += b"&txnAmt=1"
    if kind == "oversize":
        body += b"&more=" + b"x" * OVERSIZE_BYTES
    wire = Wire(HEADERS, body)
    notice = Notice(f"{kind}-{secrets.token_hex(8)}", kind, order.order_id, url or order.back_url, lambda: wire)
    return sim.courier.keep(notice), await sim.courier.attempt(notice)


def _spoiled(sim: Simulator, pairs: dict[str, str], kind: str) -> dict[str, str]:
    if kind == "unsigned":
        return {name: value for name, value in pairs.items() if name != "signature"}
    if kind == "changed":
        return {**pairs, "txnAmt": "1"}
    if kind == "certificate_exchanged":
        return {**pairs, "signPubKeyCert": sim.stranger().certificate}
    return pairs


def _forgery(sim: Simulator, order: Order, kind: str) -> Callable[[], Awaitable[object]]:
    return lambda: forge(sim, order, kind)


def _notice(sim: Simulator, kind: str, subject: str, url: str, pairs: Mapping[str, str]) -> Notice:
    def write() -> Wire:
        return Wire(HEADERS, urlencode(sim.signed(_whole(pairs))).encode())

    return Notice(secrets.token_hex(16), kind, subject, url, write)


def _whole(pairs: Mapping[str, str]) -> dict[str, str]:
    fixed = {"version": "5.1.0", "encoding": "UTF-8", "bizType": "000000", "accessType": "0"}
    return {"respCode": "00", "respMsg": "成功[0000000]", **fixed, **pairs}


def _paid(order: Order) -> dict[str, str]:
    return {"merId": order.mer_id, **order_pairs(order)}


def _as_paid(sim: Simulator, order: Order) -> Order:
    """A copy that claims to be paid, whatever the truth is."""
    if order.paid_at is not None:
        return order
    now = sim.clock.now().replace(microsecond=0)
    return replace(order, query_id=new_query_id(now), paid_at=now)
