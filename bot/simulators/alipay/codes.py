"""alipay.trade.pay: a scanned code, or a deduction by agreement."""

import re

from bot.simulators.alipay import agreements, announce, trades
from bot.simulators.alipay.book import Trade, wire_time, yuan
from bot.simulators.alipay.core import Simulator
from bot.simulators.alipay.wire import Answer, ApiError, Call, bad, trouble

AUTH_CODE = re.compile(r"(?:2[5-9]|30)[0-9]{14,22}")
PAID_BUT_20000 = "code_20000_paid"


async def pay(sim: Simulator, call: Call) -> Answer:
    """Pay at once, wait for a password, decline, or leave it in doubt."""
    amount, number = call.fen("total_amount"), call.text("out_trade_no", 64)
    deducts = call.content.get("product_code") == "GENERAL_WITHHOLDING"
    code = "" if deducts else _code(call)
    fault = sim.faults.draw("code", number, amount)
    if fault == "code_20000":
        raise trouble()
    buyer = agreements.deduct(sim, call, amount) if deducts else sim.plan.default_buyer
    trade = trades.known(sim, call)
    if code and code in sim.book.used_codes:
        raise ApiError("ACQ.PAYMENT_AUTH_CODE_INVALID", "支付授权码无效")
    trade = trade or trades.new_trade(sim, call)
    sim.book.used_codes.add(code)
    if fault == "declined":
        raise ApiError("ACQ.BUYER_BALANCE_NOT_ENOUGH", "买家余额不足")
    told = {"trade_no": trade.trade_no, "out_trade_no": trade.out_trade_no, "total_amount": yuan(trade.amount)}
    if fault == "userpaying":
        trade.hidden_queries = sim.plan.userpaying_queries
        return Answer(told, fault, code="10003")
    await _pay(sim, trade, buyer)
    if fault == PAID_BUT_20000:
        raise trouble()
    assert trade.paid_at is not None, "it was paid just now"
    return Answer(told | {"gmt_payment": wire_time(trade.paid_at)} | trades.paid_json(trade, call), fault)


async def _pay(sim: Simulator, trade: Trade, buyer: str) -> None:
    sim.book.pay(trade, buyer=buyer, now=sim.clock.now())
    notice, first = announce.payment(sim, trade)
    if first:
        await announce.wait_for_first(sim, notice)


def _code(call: Call) -> str:
    if call.content.get("scene") != "bar_code":
        raise bad("scene")
    code = call.text("auth_code", 64)
    if not AUTH_CODE.fullmatch(code):
        raise ApiError("ACQ.PAYMENT_AUTH_CODE_INVALID", "支付授权码无效")
    return code
