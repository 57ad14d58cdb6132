"""Create, query and close, in direct-merchant mode and in a service provider's, which names the sub-merchant too."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
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
from bot.simulators.wechatpay.fields import OrderRequest, check_sub, read_order
from bot.simulators.wechatpay.wire import Answer, ApiError, Call

TRADE_TYPES = {"jsapi": "JSAPI", "native": "NATIVE", "h5": "MWEB", "app": "APP"}
PARTNER_NUMBERS = ("sp_mchid", "sub_mchid")
PAID = (TradeState.SUCCESS, TradeState.REFUND)


async def create(sim: Simulator, call: Call, way: str, *, partner: bool = False) -> Answer:
    """POST /v3/pay[/partner]/transactions/{way}: idempotent by out_trade_no and all parameters."""
    call.only_query(())
    now = sim.clock.now()
    wish = read_order(call, TRADE_TYPES[way], now, partner=partner)
    fault = sim.faults.draw("create", wish.out_trade_no, wish.total)
    if refusal := _refused_create(fault):
        raise refusal
    if fault == "create_reset":
        return Answer(fault=fault)
    order = sim.book.order(call.merchant.mchid, wish.out_trade_no)
    if order is None:
        wish.check_expiry(now)
        order = new_order(sim, call, wish, way, now)
        sim.book.add(order)
    else:
        check_repeat(order, wish, TRADE_TYPES[way], now)
        order.prepay_until = now + PREPAY_LIFE
    return Answer(facts=_token(order), fault=fault)


async def query(sim: Simulator, call: Call, out_trade_no: str, *, partner: bool = False) -> Answer:
    """GET …/out-trade-no/{out_trade_no}?mchid= (or ?sp_mchid=&sub_mchid=)."""
    whose = own_numbers(call, call.only_query(PARTNER_NUMBERS if partner else ("mchid",)), partner=partner)
    return await _tell(sim, find(sim, call, out_trade_no, whose))


async def query_transaction(sim: Simulator, call: Call, transaction_id: str, *, partner: bool = False) -> Answer:
    """GET …/id/{transaction_id}?mchid= (or ?sp_mchid=&sub_mchid=)."""
    whose = own_numbers(call, call.only_query(PARTNER_NUMBERS if partner else ("mchid",)), partner=partner)
    order = sim.book.by_transaction(call.merchant.mchid, transaction_id)
    return await _tell(sim, order if order and order.sub_mchid == whose else None)


def own_numbers(call: Call, facts: Mapping[str, Any], *, partner: bool) -> str:
    """Check that a call names its own merchant; returns the sub-merchant it is about, empty for none."""
    if facts.get("sp_mchid" if partner else "mchid") != call.merchant.mchid:
        raise ApiError(403, "NO_AUTH", "mchid与签名的商户号不一致")
    return check_sub(call, str(facts.get("sub_mchid", ""))).mchid if partner else ""


def find(sim: Simulator, call: Call, out_trade_no: str, sub_mchid: str) -> Order | None:
    """The caller's order with this number, for this sub-merchant."""
    order = sim.book.order(call.merchant.mchid, out_trade_no)
    return order if order and order.sub_mchid == sub_mchid else None


async def close(sim: Simulator, call: Call, out_trade_no: str, *, partner: bool = False) -> Answer:
    """POST …/out-trade-no/{out_trade_no}/close: 204, repeated too; a paid order is refused with ORDERPAID."""
    call.only_query(())
    whose = own_numbers(call, call.json(), partner=partner)
    order = find(sim, call, out_trade_no, whose)
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
    if order.state is TradeState.REVOKED:
        raise ApiError(400, "ORDERREVERSED", "该订单已撤销")
    if fault != "paid_after_close":
        order.state = TradeState.CLOSED
    return Answer(status=204, fault=fault)


def _refused_create(fault: str) -> ApiError | None:
    if fault == "create_500":
        return ApiError(500, "SYSTEM_ERROR", "系统异常，请用相同参数重新调用")
    if fault == "create_429":
        return ApiError(429, "FREQUENCY_LIMITED", "频率超限，请降低请求接口频率")
    return None


def check_repeat(order: Order, wish: OrderRequest, trade_type: str, now: datetime) -> None:
    if order.state in PAID:
        raise ApiError(400, "ORDERPAID", "该订单已支付")
    if order.state is TradeState.CLOSED:
        raise ApiError(400, "ORDER_CLOSED", "该订单已关闭")
    if order.state is TradeState.REVOKED:
        raise ApiError(400, "ORDERREVERSED", "该订单已撤销")
    if order.trade_type != trade_type:
        raise ApiError(403, "OUT_TRADE_NO_USED", "商户订单号重复")
    if order.fingerprint != wish.fingerprint:
        raise ApiError(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致")
    if now >= order.expires_at:
        raise ApiError(400, "INVALID_REQUEST", "订单已超过time_expire")


def new_order(sim: Simulator, call: Call, wish: OrderRequest, way: str, now: datetime) -> Order:
    # A scanned code and a deduction have nothing that a payer could hold.
    held = way in TRADE_TYPES
    prepay_id = "wx" + now.astimezone(CHINA).strftime("%Y%m%d%H%M%S") + secrets.token_hex(10) if held else ""
    link = urlencode({"prepay_id": prepay_id, "package": str(secrets.randbelow(2**31))})
    return Order(
        mchid=call.merchant.mchid,
        appid=wish.appid,
        out_trade_no=wish.out_trade_no,
        description=wish.description,
        total=wish.total,
        trade_type=TRADE_TYPES.get(way, way),
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
        sub_mchid=wish.sub_mchid,
        sub_appid=wish.sub_appid,
        profit_sharing=wish.profit_sharing,
    )


def _token(order: Order) -> dict[str, str]:
    if order.code_url:
        return {"code_url": order.code_url}
    return {"h5_url": order.h5_url} if order.h5_url else {"prepay_id": order.prepay_id}


async def _tell(sim: Simulator, order: Order | None) -> Answer:
    if order is None:
        raise ApiError(404, "ORDER_NOT_EXIST", "订单不存在")
    fault = sim.faults.draw("query", order.out_trade_no, order.total)
    if fault == "query_500":
        raise ApiError(500, "SYSTEM_ERROR", "系统异常，请用相同参数重新调用")
    if fault == "query_not_found":
        raise ApiError(404, "ORDER_NOT_EXIST", "订单不存在")
    if fault == "query_slow":
        await sim.clock.sleep(sim.plan.slow_query_seconds)
    if fault == "query_contradicts" and order.state in PAID and not order.denied_queries:
        order.denied_queries = sim.plan.contradicting_queries + 1
    state = order.state
    if order.hidden_queries:
        order.hidden_queries -= 1
        state = TradeState.USERPAYING
    elif order.denied_queries > 1:
        order.denied_queries -= 1
        state = TradeState.NOTPAY
    return Answer(facts=transaction_json(order, state), fault=fault)
