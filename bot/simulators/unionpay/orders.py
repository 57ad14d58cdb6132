"""Consumption by code, page and scanned code; query and reversal."""

import secrets
from datetime import datetime, timedelta

from bot.simulators.unionpay import notices
from bot.simulators.unionpay.book import CHINA, Order, State, order_pairs, refund_pairs
from bot.simulators.unionpay.core import Simulator
from bot.simulators.unionpay.wire import Answer, ApiError, Call

CUT_HOUR = 23
CODE_DIGITS = range(16, 25)


async def consume(sim: Simulator, call: Call, base_url: str) -> Answer:
    """01/07 (a code to scan) and 01/01 (a page in the wallet): idempotent by orderId, txnTime and all fields."""
    order, fault = _take_in(sim, call, "create")
    if order is None:
        return Answer(fault=fault)
    if order.sub_type == "07":
        return Answer({"qrCode": f"{base_url}/qr/{order.token}", **_told(order)}, fault)
    call.text("userId", 64)
    return Answer({"payInfo": f"{base_url}/pay/{order.token}", **_told(order)}, fault)


async def scan(sim: Simulator, call: Call) -> Answer:
    """01/06: charge the code that the payer shows."""
    code, _ = call.text("qrNo", 24), call.text("termId", 8)
    if not code.isdigit() or len(code) not in CODE_DIGITS:
        raise ApiError("44", "二维码无效")
    order, fault = _take_in(sim, call, "scan")
    if order is None:
        return Answer(fault=fault)
    if order.state is State.UNPAID and fault != "scan_password":
        await pay(sim, order, sim.plan.default_user, fault)
    return Answer(_told(order), fault)


async def pay(sim: Simulator, order: Order, payer: str, fault: str) -> bool:
    """Carry a payment out or decline it; the caller has checked that the order can be paid."""
    if fault == "declined":
        order.state, order.code = State.FAILED, "64"
        return False
    sim.book.pay(order, payer, sim.clock.now())
    if fault == "under_way":
        order.hidden_queries = sim.plan.under_way_queries
    notice, first = notices.payment(sim, order)
    if first:
        await sim.courier.wait_for_first(notice)
    return True


async def query(sim: Simulator, call: Call) -> Answer:
    """00/00: an order or a refund by orderId and txnTime; 34 where the two do not fit together."""
    identity = (call.merchant.mer_id, call.order_id(), call.text("txnTime", 14))
    order, refund = sim.book.order(*identity), sim.book.refund(*identity)
    amount = order.amount if order else refund[1].amount if refund else 0
    fault = sim.faults.draw("query", identity[1], amount)
    if fault == "query_slow":
        await sim.clock.sleep(sim.plan.slow_seconds)
    if (order is None and refund is None) or fault == "query_not_found":
        raise ApiError("34", "查无此交易")
    if refund is not None:
        return Answer({**refund_pairs(*refund), "origRespCode": refund[1].code}, fault)
    assert order is not None, "it was found"
    code = order.told(sim.clock.now())
    if order.hidden_queries:
        order.hidden_queries -= 1
        code = "05"
    if fault == "query_contradicts":
        code = "64"
    return Answer({**order_pairs(order), "origRespCode": code, "origRespMsg": "模拟应答"}, fault)


async def reverse(sim: Simulator, call: Call) -> Answer:
    """99/01: undo an order, paid or not, until the cut of its day."""
    order = sim.book.order(call.merchant.mer_id, call.order_id(), call.text("txnTime", 14))
    if order is None:
        raise ApiError("35", "原交易不存在或状态不正确")
    fault = sim.faults.draw("reverse", order.order_id, order.amount)
    if fault == "reverse_refused" or sim.clock.now() >= _cut(call):
        raise ApiError("39", "交易不在受理时间范围内")
    if order.refunds:
        raise ApiError("45", "原交易已被成功退货或已被成功撤销")
    if fault == "paid_while_reversing" and order.payable(sim.clock.now()):
        await pay(sim, order, sim.plan.default_user, "")
    order.state = State.REVERSED
    return Answer(fault=fault)


def _take_in(sim: Simulator, call: Call, stage: str) -> tuple[Order | None, str]:
    """The order of this request, made now or made before by the identical one; None where a reset comes first."""
    number, sent, amount = call.order_id(), call.time(), call.amount()
    if call.text("currencyCode", 3) != "156":
        raise ApiError("10", "报文格式错误[currencyCode]")
    known = sim.book.order(call.merchant.mer_id, number, call.text("txnTime", 14))
    fault = sim.faults.draw(stage, number, amount)
    if fault == "create_busy":
        raise ApiError("06", "系统繁忙，请稍后再试")
    if fault == "create_reset":
        return None, fault
    if known is not None:
        same = {**known.fields, "signature": ""} == {**call.fields, "signature": ""}
        if stage == "scan" or not same or known.state is not State.UNPAID:
            raise ApiError("12", "重复交易")
        return known, fault
    now, until = sim.clock.now(), call.time("payTimeout")
    if until <= now or until > now + timedelta(days=90) or abs((now - sent).total_seconds()) > 3600:
        raise ApiError("10", "报文格式错误[payTimeout]")
    order = Order(
        mer_id=call.merchant.mer_id,
        order_id=number,
        txn_time=call.text("txnTime", 14),
        amount=amount,
        sub_type=call.kind[1],
        back_url=call.text("backUrl"),
        front_url=call.fields.get("frontUrl", ""),
        user_id=call.fields.get("userId", ""),
        description=call.fields.get("orderDesc", ""),
        expires_at=until,
        token=secrets.token_urlsafe(16),
        fields=dict(call.fields),
    )
    sim.book.add(order)
    return order, fault


def _told(order: Order) -> dict[str, str]:
    return {"txnAmt": str(order.amount), "currencyCode": "156"}


def _cut(call: Call) -> datetime:
    sent = call.time().astimezone(CHINA)
    cut = sent.replace(hour=CUT_HOUR, minute=0, second=0)
    return cut if sent < cut else cut + timedelta(days=1)
