"""付款码: the pay call, the payer's device that may ask for a password, and the reversal with its recall."""

from datetime import timedelta

from bot.simulators.wechatpay.book import Order, TradeState, parties, transaction_json
from bot.simulators.wechatpay.core import Simulator
from bot.simulators.wechatpay.fields import OrderRequest, read_order, read_party
from bot.simulators.wechatpay.orders import PAID, check_repeat, find, new_order
from bot.simulators.wechatpay.screens import Behaviour
from bot.simulators.wechatpay.wire import Answer, ApiError, Call

REVERSIBLE = timedelta(days=7)
SETTLING = timedelta(seconds=15)
# What a fault makes of the payer's device, where it decides that.
DEVICES: dict[str, Behaviour] = {
    "code_password": "password",
    "code_password_never": "never",
    "code_password_refused": "cancel",
    "code_not_enough": "not_enough",
}


async def pay(sim: Simulator, call: Call, *, partner: bool = False) -> Answer:
    """POST /v3/pay[/partner]/transactions/codepay: paid at once, or USERPAYING while the device asks its owner."""
    call.only_query(())
    now = sim.clock.now()
    wish = read_order(call, "MICROPAY", now, partner=partner)
    known = sim.book.order(call.merchant.mchid, wish.out_trade_no)
    if known is not None:
        check_repeat(known, wish, "MICROPAY", now)
        raise ApiError(400, "OUT_TRADE_NO_USED", "商户订单号重复")
    fault = sim.faults.draw("code", wish.out_trade_no, wish.total)
    if fault == "code_bank_error":
        raise ApiError(400, "BANKERROR", "银行系统异常")
    shown = sim.screens.take(wish.auth_code, sim.plan.default_openid, now)
    behaviour = _behaviour(sim, wish, DEVICES.get(fault, shown.behaviour))
    if behaviour == "not_enough":
        raise ApiError(403, "NOT_ENOUGH", "用户账号余额不足")
    order = new_order(sim, call, wish, "MICROPAY", now)
    sim.book.add(order)
    if behaviour == "pay":
        take_money(sim, order, shown.openid)
    else:
        order.state = TradeState.USERPAYING
        sim.background.start(_typing(sim, order, shown.openid, behaviour))
    if fault == "code_system_error":
        raise ApiError(500, "SYSTEM_ERROR", "系统超时")
    return Answer(facts=transaction_json(order, order.state), fault=fault)


def take_money(sim: Simulator, order: Order, openid: str) -> None:
    """The payer pays; a scanned code has no notice."""
    sim.book.pay(order, payer=openid, coupon=0, prefunded=False, now=sim.clock.now())


def decide(sim: Simulator, order: Order, *, entered: bool, openid: str = "") -> None:
    """The payer types the password or cancels; does nothing where the order no longer waits for it."""
    if order.state is not TradeState.USERPAYING:
        return
    if entered:
        take_money(sim, order, openid or sim.plan.default_openid)
    else:
        order.state = TradeState.PAYERROR


async def reverse(sim: Simulator, call: Call, out_trade_no: str, *, partner: bool = False) -> Answer:
    """POST …/out-trade-no/{out_trade_no}/reverse: closes what is unpaid, gives back what was paid; repeatable."""
    call.only_query(())
    party = read_party(call, call.json(), partner=partner)
    order = find(sim, call, out_trade_no, party.sub_mchid)
    if order is None:
        raise ApiError(404, "ORDER_NOT_EXIST", "订单不存在")
    if order.trade_type != "MICROPAY":
        raise ApiError(400, "INVALID_REQUEST", "该订单不是付款码支付订单")
    now = sim.clock.now()
    fault = sim.faults.draw("reverse", out_trade_no, order.total)
    if fault == "reverse_over" or now - order.created_at > REVERSIBLE:
        raise ApiError(400, "REVERSE_EXPIRE", "订单已超过可撤销的期限")
    if fault == "reverse_system_error":
        raise ApiError(500, "SYSTEM_ERROR", "系统超时")
    asking = order.state is TradeState.USERPAYING and now - order.created_at < SETTLING
    if fault == "reverse_userpaying" or asking:
        raise ApiError(400, "USERPAYING", "正在支付中，不能发起撤销")
    told = {**parties(order), "out_trade_no": out_trade_no}
    if fault == "reverse_recall":
        return Answer(facts={**told, "recall": "Y"})
    if order.state is not TradeState.REVOKED:
        if order.state in PAID and order.refunded:
            raise ApiError(400, "INVALID_REQUEST", "订单发生过退款，不能撤销")
        sim.book.reverse(order, now)
    return Answer(facts=told, fault=fault)


def _behaviour(sim: Simulator, wish: OrderRequest, behaviour: Behaviour) -> Behaviour:
    """What the device does; an amount above the plan's asks for the password (payments.md, trap 4)."""
    return "password" if behaviour == "pay" and wish.total > sim.plan.password_above else behaviour


async def _typing(sim: Simulator, order: Order, openid: str, behaviour: Behaviour) -> None:
    if behaviour == "never":
        return
    await sim.clock.sleep(sim.plan.password_seconds)
    decide(sim, order, entered=behaviour == "password", openid=openid)
