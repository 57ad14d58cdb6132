"""Refund and refund query; the result comes later, as in reality."""

from bot.simulators.wechatpay import announce
from bot.simulators.wechatpay.book import Order, Refund, RefundState, TradeState, new_number, refund_json
from bot.simulators.wechatpay.core import Simulator
from bot.simulators.wechatpay.fields import RefundRequest, read_refund
from bot.simulators.wechatpay.wire import Answer, ApiError, Call

MAX_REFUNDS = 50
RESULTS = {"refund_abnormal": RefundState.ABNORMAL, "refund_closed": RefundState.CLOSED}


async def create(sim: Simulator, call: Call) -> Answer:
    """POST /v3/refund/domestic/refunds: idempotent by out_refund_no and all parameters."""
    call.only_query(())
    wish = read_refund(call)
    mchid = call.merchant.mchid
    order = (
        sim.book.order(mchid, wish.out_trade_no)
        if wish.out_trade_no
        else sim.book.by_transaction(mchid, wish.transaction_id)
    )
    if order is None or order.sub_mchid != wish.sub_mchid:
        raise ApiError(404, "RESOURCE_NOT_EXISTS", "订单号不存在")
    fault = sim.faults.draw("refund", wish.out_refund_no, wish.amount)
    if fault == "refund_500":
        raise ApiError(500, "SYSTEM_ERROR", "系统超时")
    if fault == "refund_not_enough":
        raise ApiError(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起")
    known = sim.book.refund(mchid, wish.out_refund_no)
    if known is not None:
        if known[1].fingerprint != wish.fingerprint:
            raise ApiError(400, "PARAM_ERROR", "请求重入时，参数与首次请求时不一致")
        return Answer(facts=refund_json(*known), fault=fault)
    _check(order, wish)
    made = _new_refund(sim, wish)
    sim.book.add_refund(order, made)
    told = refund_json(order, made)
    await _proceed(sim, order, made)
    return Answer(facts=told, fault=fault)


async def query(sim: Simulator, call: Call, out_refund_no: str) -> Answer:
    """GET /v3/refund/domestic/refunds/{out_refund_no}."""
    query = call.only_query((), ("sub_mchid",))
    known = sim.book.refund(call.merchant.mchid, out_refund_no)
    if known is None or known[0].sub_mchid != query.get("sub_mchid", ""):
        raise ApiError(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
    fault = sim.faults.draw("refund_query", out_refund_no, known[1].amount)
    return Answer(facts=refund_json(*known), fault=fault)


def from_console(sim: Simulator, order: Order, amount: int, reason: str) -> Refund:
    """A refund that a person made in the merchant console: WeChat numbers it and no notice goes out.

    Raises ApiError where the money is not there.
    """
    now = sim.clock.now()
    number = new_number("BD", now, 32)
    _check(order, RefundRequest(order.out_trade_no, "", number, amount, order.total, reason, "", ""))
    made = Refund(
        out_refund_no=number,
        refund_id=new_number("5030", now, 29),
        amount=amount,
        reason=reason,
        notify_url="",
        fingerprint="",
        created_at=now,
        from_console=True,
    )
    sim.book.add_refund(order, made)
    sim.book.finish_refund(order, made, RefundState.SUCCESS, now)
    return made


def finish(sim: Simulator, order: Order, made: Refund, state: RefundState, *, never: bool = False) -> None:
    """Give a refund its result and start telling of it."""
    sim.book.finish_refund(order, made, state, sim.clock.now())
    announce.refund(sim, order, made, never=never)


async def _proceed(sim: Simulator, order: Order, made: Refund) -> None:
    result = RESULTS.get(sim.faults.draw("refund_result", made.out_refund_no, made.amount), RefundState.SUCCESS)
    fault = sim.faults.draw("refund_notice", made.out_refund_no, made.amount)
    if fault != "notice_first":
        sim.background.start(_finish_later(sim, order, made, result, fault == "refund_notice_never"))
        return
    sim.book.finish_refund(order, made, result, sim.clock.now())
    if notice := announce.refund(sim, order, made, never=False):
        await announce.wait_for_first(sim, notice)


async def _finish_later(sim: Simulator, order: Order, made: Refund, result: RefundState, never: bool) -> None:
    await sim.clock.sleep(sim.plan.refund_seconds)
    if made.state is RefundState.PROCESSING:
        finish(sim, order, made, result, never=never)


def _check(order: Order, wish: RefundRequest) -> None:
    if order.state not in (TradeState.SUCCESS, TradeState.REFUND):
        raise ApiError(400, "INVALID_REQUEST", "订单未支付，不能退款")
    if wish.total != order.total:
        raise ApiError(400, "INVALID_REQUEST", "订单金额与原订单不一致")
    if wish.amount > order.total - order.refunded:
        raise ApiError(400, "INVALID_REQUEST", "退款金额大于可退金额")
    if len(order.refunds) >= MAX_REFUNDS:
        raise ApiError(400, "INVALID_REQUEST", "一笔订单最多退款50次")


def _new_refund(sim: Simulator, wish: RefundRequest) -> Refund:
    now = sim.clock.now()
    return Refund(
        out_refund_no=wish.out_refund_no,
        refund_id=new_number("5030", now, 29),
        amount=wish.amount,
        reason=wish.reason,
        notify_url=wish.notify_url,
        fingerprint=wish.fingerprint,
        created_at=now,
    )
