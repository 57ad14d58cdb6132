"""The merchant's calls: create, query, close, refund and its query, and the statement of a day."""

import hashlib
import json
import secrets
from collections.abc import Iterator
from datetime import date
from typing import Any

from bot.simulators.bankapp import notices
from bot.simulators.bankapp.book import CHINA, Payment, Refund, new_number, payment_json, refund_json, wire_time
from bot.simulators.bankapp.core import Simulator
from bot.simulators.bankapp.wire import Answer, ApiError, Call, amount, bad, moment, number, text

RESULTS = {"refund_abnormal": "abnormal", "refund_failed": "failed"}


async def create(sim: Simulator, call: Call, base_url: str) -> Answer:
    """POST /v1/payments: idempotent by out_trade_no and the whole body."""
    facts = call.json()
    out_trade_no, total = number(facts, "out_trade_no"), amount(facts)
    if facts.get("currency") != "CNY":
        raise bad("currency")
    fault = sim.faults.draw("create", out_trade_no, total)
    if fault == "create_500":
        raise ApiError(503, "trouble", "busy")
    known = sim.book.payment(call.merchant.number, out_trade_no)
    if fault == "create_reset":
        return Answer(fault=fault)
    if known is not None:
        if known.body != call.body:
            raise ApiError(409, "conflict", "another payment has this number")
        state = known.told(sim.clock.now())
        if state != "unpaid":
            raise ApiError(409, "closed" if state == "closed" else "paid", state)
        return Answer({"cashier_url": f"{base_url}/pay/{known.token}"}, fault=fault)
    expires_at = moment(facts, "expires_at")
    if expires_at <= sim.clock.now():
        raise ApiError(400, "expired", "expires_at is over")
    payment = Payment(
        merchant=call.merchant.number,
        number=out_trade_no,
        amount=total,
        description=text(facts, "description"),
        notify_url=text(facts, "notify_url"),
        return_url=str(facts.get("return_url", "")),
        expires_at=expires_at,
        token=secrets.token_urlsafe(16),
        body=call.body,
    )
    sim.book.add(payment)
    return Answer({"cashier_url": f"{base_url}/pay/{payment.token}"}, fault=fault)


async def pay(sim: Simulator, payment: Payment) -> str:
    """Pay as the payer does in the bank's app: ok, declined or refused."""
    if not payment.payable(sim.clock.now()):
        return "refused"
    fault = sim.faults.draw("pay", payment.number, payment.amount)
    if fault == "declined":
        return "declined"
    sim.book.pay(payment, sim.clock.now())
    if fault == "returned":
        payment.state = "returned"
        return "ok"
    if fault == "paying":
        payment.hidden_queries = sim.plan.paying_queries
    notice, first = notices.payment(sim, payment)
    if first:
        await sim.courier.wait_for_first(notice)
    return "ok"


async def query(sim: Simulator, call: Call, out_trade_no: str) -> Answer:
    """GET /v1/payments/{out_trade_no}."""
    payment = _known(sim, call, out_trade_no)
    fault = sim.faults.draw("query", out_trade_no, payment.amount)
    if fault == "query_slow":
        await sim.clock.sleep(sim.plan.slow_seconds)
    if fault == "query_500":
        raise ApiError(503, "trouble", "busy")
    if fault == "query_not_found":
        raise ApiError(404, "not_found", "no such payment")
    state = payment.told(sim.clock.now())
    if payment.hidden_queries:
        payment.hidden_queries -= 1
        state = "paying"
    return Answer(payment_json(payment, state, sim.plan.name), fault=fault)


async def close(sim: Simulator, call: Call, out_trade_no: str) -> Answer:
    """POST /v1/payments/{out_trade_no}/close: the payment as it stands afterwards."""
    call.json()
    payment = _known(sim, call, out_trade_no)
    fault = sim.faults.draw("close", out_trade_no, payment.amount)
    if fault == "paid_while_closing" and payment.payable(sim.clock.now()):
        sim.book.pay(payment, sim.clock.now())
        notices.payment(sim, payment)
    if payment.hidden_queries:
        return Answer(payment_json(payment, "paying", sim.plan.name), fault=fault)
    if payment.state == "unpaid":
        payment.state = "closed"
    return Answer(payment_json(payment, payment.state, sim.plan.name), fault=fault)


async def refund(sim: Simulator, call: Call) -> Answer:
    """POST /v1/refunds: idempotent by out_refund_no and the whole body."""
    facts = call.json()
    out_refund_no, worth = number(facts, "out_refund_no"), amount(facts)
    payment = _known(sim, call, number(facts, "out_trade_no"))
    fault = sim.faults.draw("refund", out_refund_no, worth)
    if fault == "refund_funds":
        raise ApiError(403, "funds", "the merchant's account lacks money")
    known = sim.book.refund(call.merchant.number, out_refund_no)
    if known is not None:
        if known[1].body != call.body:
            raise ApiError(409, "conflict", "another refund has this number")
        return Answer(refund_json(*known), fault=fault)
    if payment.state != "paid" or amount(facts, "total") != payment.amount:
        raise ApiError(409, "amount", "not paid, or not this sum")
    if worth > payment.amount - payment.refunded:
        raise ApiError(409, "amount", "more than is left")
    now = sim.clock.now()
    url = str(facts.get("notify_url", ""))
    made = Refund(out_refund_no, new_number("BR", now), worth, url, call.body, now)
    sim.book.add_refund(payment, made)
    told = refund_json(payment, made)
    sim.background.start(_finish_later(sim, payment, made))
    return Answer(told, fault=fault)


async def refund_query(sim: Simulator, call: Call, out_refund_no: str) -> Answer:
    """GET /v1/refunds/{out_refund_no}."""
    known = sim.book.refund(call.merchant.number, out_refund_no)
    if known is None:
        raise ApiError(404, "not_found", "no such refund")
    return Answer(refund_json(*known))


def finish(sim: Simulator, payment: Payment, made: Refund, state: str) -> None:
    """Give a refund its result and start telling of it."""
    made.state = state
    made.finished_at = sim.clock.now().replace(microsecond=0) if state == "succeeded" else None
    notices.refund(sim, payment, made)


async def statement(sim: Simulator, call: Call, day: str) -> Answer:
    """GET /v1/statements/{day}: where the file is, its hash and its sums; 404 where there was nothing."""
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        raise bad("day") from None
    lines = list(_lines(sim, call.merchant.number, wanted))
    if not lines:
        raise ApiError(404, "not_found", "nothing on that day")
    file = b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)
    name = f"{call.merchant.number}-{day}-{secrets.token_hex(8)}.jsonl"
    sim.files[name] = file
    sums = {
        f"{kind}s": {
            "count": sum(line["kind"] == kind for line in lines),
            "amount": sum(line["amount"] for line in lines if line["kind"] == kind),
        }
        for kind in ("payment", "refund", "reversal")
    }
    return Answer({"day": day, "file": f"/v1/files/{name}", "sha256": hashlib.sha256(file).hexdigest(), **sums})


def _known(sim: Simulator, call: Call, out_trade_no: str) -> Payment:
    payment = sim.book.payment(call.merchant.number, out_trade_no)
    if payment is None:
        raise ApiError(404, "not_found", "no such payment")
    return payment


async def _finish_later(sim: Simulator, payment: Payment, made: Refund) -> None:
    result = RESULTS.get(sim.faults.draw("refund_result", made.number, made.amount), "succeeded")
    await sim.clock.sleep(sim.plan.refund_seconds)
    if made.state == "pending":
        finish(sim, payment, made, result)


def _lines(sim: Simulator, merchant: str, day: date) -> Iterator[dict[str, Any]]:
    for payment in sim.book.payments():
        if payment.merchant != merchant or payment.paid_at is None:
            continue
        if payment.paid_at.astimezone(CHINA).date() == day:
            fault = sim.faults.draw("bill", payment.number, payment.amount)
            yield from [_line(sim, payment, fault)] * {"bill_missing": 0, "bill_double": 2}.get(fault, 1)
        for refund in payment.refunds:
            if refund.finished_at and refund.finished_at.astimezone(CHINA).date() == day:
                yield {
                    **_common(sim, payment, "refund", refund.amount, wire_time(refund.finished_at)),
                    "fee": -_fee(sim, refund.amount),
                    "out_refund_no": refund.number,
                    "refund_id": refund.refund_id,
                }


def _line(sim: Simulator, payment: Payment, fault: str) -> dict[str, Any]:
    assert payment.paid_at is not None, "only paid payments are listed"
    worth = payment.amount + (1 if fault == "bill_amount" else 0)
    # What was undone after the payment is listed all the same.
    kind = "reversal" if payment.state == "returned" else "payment"
    fee = _fee(sim, worth) + (1 if fault == "bill_fee" else 0)
    return {
        **_common(sim, payment, kind, worth, wire_time(payment.paid_at)),
        "fee": fee,
        "settlement_amount": payment.amount,
    }


def _common(sim: Simulator, payment: Payment, kind: str, worth: int, at: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "out_trade_no": payment.number,
        "transaction_id": payment.transaction_id,
        "amount": worth,
        "currency": "CNY",
        "at": at,
    }


def _fee(sim: Simulator, worth: int) -> int:
    """The fee in fen, rounded half up (payments.md trap 20)."""
    return (worth * sim.plan.fee_basis_points + 5000) // 10000
