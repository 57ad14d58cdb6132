"""The payer's side: what the pay sheet shows, and paying, as the WeChat client does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.simulators.wechatpay import announce, crypto
from bot.simulators.wechatpay.book import Order
from bot.simulators.wechatpay.core import Simulator
from bot.simulators.wechatpay.fields import OPENID

JSAPI_FIELDS = frozenset({"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"})
MESSAGES = {
    "paid": "该订单已支付",
    "closed": "订单已关闭",
    "expired": "订单已过期",
    "prepay_expired": "支付会话已过期，请重新下单",
    "not_enough": "余额不足，支付失败",
    "bad_openid": "无效的用户",
    "other_payer": "支付用户与下单用户不一致",
    "bad_parameters": "支付参数错误",
    "bad_pay_sign": "支付验证签名失败",
    "bad_coupon": "优惠金额有误",
}


@dataclass(frozen=True, slots=True)
class Payment:
    """Who pays which order. `jsapi` is what the page gave to getBrandWCPayRequest; `coupon` is in fen."""

    order: Order
    openid: str
    coupon: int = 0
    prefunded: bool = False
    jsapi: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the client tells the page: `result` is ok, declined or refused, with the reason."""

    result: str
    reason: str = ""
    transaction_id: str = ""

    def describe(self) -> dict[str, str]:
        verb = "ok" if self.result == "ok" else "fail"
        return {
            "result": self.result,
            "reason": self.reason,
            "message": MESSAGES.get(self.reason, ""),
            "transaction_id": self.transaction_id,
            "err_msg": f"get_brand_wcpay_request:{verb}",
        }


def sheet(sim: Simulator, order: Order) -> dict[str, Any]:
    """The facts of the pay sheet (amount in fen), and whether the order can be paid or why not."""
    reason = order.why_not_payable(sim.clock.now())
    return {
        "prepay_id": order.prepay_id,
        "out_trade_no": order.out_trade_no,
        "trade_type": order.trade_type,
        "description": order.description,
        "amount": order.total,
        "currency": "CNY",
        "mchid": order.mchid,
        "merchant": sim.merchant(order.mchid).name,
        "appid": order.appid,
        "openid": order.openid,
        "expires_at": order.expires_at.isoformat(),
        "payable": not reason,
        "reason": reason,
        "message": MESSAGES.get(reason, ""),
    }


async def pay(sim: Simulator, payment: Payment) -> Outcome:
    """Pay, decline or refuse. From the check to the change of state nothing is awaited, so it happens once."""
    order = payment.order
    if reason := _refusal(sim, payment):
        return Outcome("refused", reason)
    fault = sim.faults.draw("pay", order.out_trade_no, order.total)
    if fault == "declined":
        return Outcome("declined", "not_enough")
    sim.book.pay(
        order,
        payer=payment.openid,
        coupon=payment.coupon,
        prefunded=payment.prefunded,
        now=sim.clock.now(),
    )
    if fault == "userpaying":
        order.hidden_queries = sim.plan.userpaying_queries
    notice, first = announce.payment(sim, order)
    if first:
        await announce.wait_for_first(sim, notice)
    return Outcome("ok", transaction_id=order.transaction_id)


def _refusal(sim: Simulator, payment: Payment) -> str:
    order = payment.order
    if not OPENID.fullmatch(payment.openid):
        return "bad_openid"
    if payment.jsapi is not None and (reason := _bad_jsapi(sim, order, payment.jsapi)):
        return reason
    if order.openid and payment.openid != order.openid:
        return "other_payer"
    if not 0 <= payment.coupon < order.total:
        return "bad_coupon"
    return order.why_not_payable(sim.clock.now())


def _bad_jsapi(sim: Simulator, order: Order, jsapi: Mapping[str, Any]) -> str:
    """Why a client refuses the page's parameters; payments.md §4.1 JSAPI paySign."""
    if jsapi.keys() != JSAPI_FIELDS or not all(isinstance(v, str) and v for v in jsapi.values()):
        return "bad_parameters"
    if jsapi["signType"] != "RSA" or jsapi["package"] != f"prepay_id={order.prepay_id}":
        return "bad_parameters"
    if jsapi["appId"] != order.appid or not jsapi["timeStamp"].isdigit():
        return "bad_parameters"
    message = crypto.lines(jsapi["appId"], jsapi["timeStamp"], jsapi["nonceStr"], jsapi["package"])
    merchant = sim.merchant(order.mchid)
    return "" if crypto.verifies(merchant.public_key_pem, message, jsapi["paySign"]) else "bad_pay_sign"
