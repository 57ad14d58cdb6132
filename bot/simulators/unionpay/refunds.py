"""Refunds: accepted at once, ended a while later, asked about by their own number."""

from bot.simulators.unionpay import notices
from bot.simulators.unionpay.book import SETTLED, Order, Refund, State, new_query_id, wire_time
from bot.simulators.unionpay.core import Simulator
from bot.simulators.unionpay.wire import Answer, ApiError, Call

RESULTS = {"refund_failed": "01", "refund_card": "63"}


async def create(sim: Simulator, call: Call) -> Answer:
    """04/00: idempotent by orderId, txnTime and all fields."""
    order = sim.book.by_query_id(call.merchant.mer_id, call.text("origQryId", 32))
    number, amount = call.order_id(), call.amount()
    call.time()
    known = sim.book.refund(call.merchant.mer_id, number, call.text("txnTime", 14))
    fault = sim.faults.draw("refund", number, amount)
    if known is not None:
        if {**known[1].fields, "signature": ""} != {**call.fields, "signature": ""}:
            raise ApiError("12", "重复交易")
        return Answer(_told(known[1]), fault)
    if order is None or order.state is not State.PAID:
        raise ApiError("35", "原交易不存在或状态不正确")
    if amount > order.amount - order.refunded:
        raise ApiError("36", "与原交易信息不符")
    made = Refund(
        order_id=number,
        txn_time=call.text("txnTime", 14),
        query_id=new_query_id(sim.clock.now()),
        amount=amount,
        back_url=call.fields.get("backUrl", ""),
        reserved=call.fields.get("reqReserved", ""),
        fields=dict(call.fields),
    )
    sim.book.add_refund(order, made)
    sim.background.start(_finish_later(sim, order, made))
    return Answer(_told(made), fault)


def from_console(sim: Simulator, order: Order, amount: int) -> Refund:
    """A refund that a person made in the merchant console; raises ApiError where the money is not there."""
    if order.state is not State.PAID or not 0 < amount <= order.amount - order.refunded:
        raise ApiError("36", "与原交易信息不符")
    now = sim.clock.now()
    query_id = new_query_id(now)
    made = Refund(f"CON{query_id}", wire_time(now), query_id, amount, order.back_url, "", {})
    sim.book.add_refund(order, made)
    finish(sim, order, made, SETTLED)
    return made


def finish(sim: Simulator, order: Order, made: Refund, code: str) -> None:
    """Give a refund its result, and tell of one that succeeded."""
    made.code = code
    if code == SETTLED:
        made.finished_at = sim.clock.now().replace(microsecond=0)
        notices.refund(sim, order, made)


async def _finish_later(sim: Simulator, order: Order, made: Refund) -> None:
    result = RESULTS.get(sim.faults.draw("refund_result", made.order_id, made.amount), SETTLED)
    await sim.clock.sleep(sim.plan.refund_seconds)
    if made.code == "05":
        finish(sim, order, made, result)


def _told(refund: Refund) -> dict[str, str]:
    pairs = {"txnAmt": str(refund.amount), "queryId": refund.query_id}
    return {**pairs, "reqReserved": refund.reserved} if refund.reserved else pairs
