"""Create, query and close of direct-merchant mode (partner mode will be a second field reader and prefix)."""

import secrets
from datetime import datetime
from urllib.parse import urlencode

from bot.simulators.wechatpay import announce
from bot.simulators.wechatpay.book import (
    CHINA,
    PREPAY_LIFE,
    Order,
    TradeState,
    transaction_json,
)
from bot.simulators.wechatpay.core import Simulator
from bot.simulators.wechatpay.fields import OrderRequest, read_order
from bot.simulators.wechatpay.wire import Answer, ApiError, Call

TRADE_TYPES = {"jsapi": "JSAPI", "native": "NATIVE", "h5": "MWEB", "app": "APP"}
PAID = (TradeState.SUCCESS, TradeState.REFUND)


async def create(sim: Simulator, call: Call, way: str) -> Answer:
    """POST /v3/pay/transactions/{way}: idempotent by out_trade_no and all parameters."""
    call.only_query(())
    now = sim.clock.now()
    wish = read_order(call, TRADE_TYPES[way], now)
    fault = sim.faults.draw("create", wish.out_trade_no, wish.total)
    if refusal := _refused_create(fault):
        raise refusal
    if fault == "create_reset":
        return Answer(fault=fault)
    order = sim.book.order(call.merchant.mchid, wish.out_trade_no)
    if order is None:
        wish.check_expiry(now)
        order = _new_order(sim, call, wish, way, now)
        sim.book.add(order)
    else:
        _check_repeat(order, wish, TRADE_TYPES[way], now)
        order.prepay_until = now + PREPAY_LIFE
    return Answer(facts=_token(order), fault=fault)


async def query(sim: Simulator, call: Call, out_trade_no: str) -> Answer:
    """GET …/out-trade-no/{out_trade_no}?mchid=."""
    _own_mchid(call, call.only_query(("mchid",))["mchid"])
    return _tell(sim, sim.book.order(call.merchant.mchid, out_trade_no))


async def query_transaction(sim: Simulator, call: Call, transaction_id: str) -> Answer:
    """GET …/id/{transaction_id}?mchid=."""
    _own_mchid(call, call.only_query(("mchid",))["mchid"])
    return _tell(sim, sim.book.by_transaction(call.merchant.mchid, transaction_id))


async def close(sim: Simulator, call: Call, out_trade_no: str) -> Answer:
    """POST …/out-trade-no/{out_trade_no}/close: 204, repeated too; a paid order is refused with ORDERPAID."""
    call.only_query(())
    facts = call.json()
    _own_mchid(call, facts.get("mchid"))
    order = sim.book.order(call.merchant.mchid, out_trade_no)
    if order is None:
        raise ApiError(404, "ORDER_NOT_EXIST", "订单不存在")
    fault = sim.faults.draw("close", out_trade_no, order.total)
    if fault == "paid_while_closing" and not order.why_not_payable(sim.clock.now()):
        payer = order.openid or sim.plan.default_openid
        sim.book.pay(order, payer=payer, coupon=0, prefunded=False, now=sim.clock.now())
        announce.payment(sim, order)
    if order.hidden_queries:
        raise ApiError(400, "USERPAYING", "用户支付中，需要输入密码")
    if order.state in PAID:
        raise ApiError(400, "ORDERPAID", "该订单已支付")
    if fault != "paid_after_close":
        order.state = TradeState.CLOSED
    return Answer(status=204, fault=fault)


def _refused_create(fault: str) -> ApiError | None:
    if fault == "create_500":
        return ApiError(500, "SYSTEM_ERROR", "系统异常，请用相同参数重新调用")
    if fault == "create_429":
        return ApiError(429, "FREQUENCY_LIMITED", "频率超限，请降低请求接口频率")
    return None


def _check_repeat(order: Order, wish: OrderRequest, trade_type: str, now: datetime) -> None:
    if order.state in PAID:
        raise ApiError(400, "ORDERPAID", "该订单已支付")
    if order.state is TradeState.CLOSED:
        raise ApiError(400, "ORDER_CLOSED", "该订单已关闭")
    if order.trade_type != trade_type:
        raise ApiError(403, "OUT_TRADE_NO_USED", "商户订单号重复")
    if order.fingerprint != wish.fingerprint:
        raise ApiError(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致")
    if now >= order.expires_at:
        raise ApiError(400, "INVALID_REQUEST", "订单已超过time_expire")


def _new_order(sim: Simulator, call: Call, wish: OrderRequest, way: str, now: datetime) -> Order:
    prepay_id = "wx" + now.astimezone(CHINA).strftime("%Y%m%d%H%M%S") + secrets.token_hex(10)
    link = urlencode({"prepay_id": prepay_id, "package": str(secrets.randbelow(2**31))})
    return Order(
        mchid=call.merchant.mchid,
        appid=wish.appid,
        out_trade_no=wish.out_trade_no,
        description=wish.description,
        total=wish.total,
        trade_type=TRADE_TYPES[way],
        notify_url=wish.notify_url,
        attach=wish.attach,
        openid=wish.openid,
        fingerprint=wish.fingerprint,
        created_at=now,
        expires_at=wish.expires_at,
        prepay_id=prepay_id,
        prepay_until=now + PREPAY_LIFE,
        code_url=f"weixin://wxpay/bizpayurl?pr={secrets.token_urlsafe(8)}" if way == "native" else "",
        h5_url=f"{sim.plan.h5_page}?{link}" if way == "h5" else "",
        device_id=wish.device_id,
    )


def _token(order: Order) -> dict[str, str]:
    if order.code_url:
        return {"code_url": order.code_url}
    return {"h5_url": order.h5_url} if order.h5_url else {"prepay_id": order.prepay_id}


def _tell(sim: Simulator, order: Order | None) -> Answer:
    if order is None:
        raise ApiError(404, "ORDER_NOT_EXIST", "订单不存在")
    fault = sim.faults.draw("query", order.out_trade_no, order.total)
    if fault == "query_500":
        raise ApiError(500, "SYSTEM_ERROR", "系统异常，请用相同参数重新调用")
    if fault == "query_not_found":
        raise ApiError(404, "ORDER_NOT_EXIST", "订单不存在")
    state = order.state
    if order.hidden_queries:
        order.hidden_queries -= 1
        state = TradeState.USERPAYING
    return Answer(facts=transaction_json(order, state), fault=fault)


def _own_mchid(call: Call, mchid: object) -> None:
    if mchid != call.merchant.mchid:
        raise ApiError(403, "NO_AUTH", "mchid与签名的商户号不一致")
