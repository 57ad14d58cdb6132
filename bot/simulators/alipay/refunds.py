"""Refund and refund query: a refund is made at once, and a query of an unknown one succeeds without a status."""

from typing import Any

from bot.simulators.alipay import announce, trades
from bot.simulators.alipay.book import Refund, Trade, new_number, wire_time, yuan
from bot.simulators.alipay.core import Simulator
from bot.simulators.alipay.wire import Answer, ApiError, Call, trouble


async def create(sim: Simulator, call: Call) -> Answer:
    """alipay.trade.refund: idempotent by out_request_no; a repetition says that it moved nothing."""
    trade, amount = trades.named(sim, call), call.fen("refund_amount")
    number = call.text("out_request_no", 64, required=False) or trade.out_trade_no
    fault = sim.faults.draw("refund", number, amount)
    if fault == "refund_20000":
        raise trouble()
    if fault == "refund_not_enough":
        raise ApiError("ACQ.SELLER_BALANCE_NOT_ENOUGH", "商户的支付宝账户中无足够的资金进行撤销")
    made = next((refund for refund in trade.refunds if refund.number == number), None)
    changed = made is None and fault != "refund_unchanged"
    if made is None:
        made = _made(sim, trade, number, amount, call.text("refund_reason", 256, required=False))
        announce.refund(sim, trade, made)
    elif made.amount != amount:
        raise ApiError("ACQ.DISCORDANT_REPEAT_REQUEST", "不一致的请求")
    facts: dict[str, Any] = {
        "trade_no": trade.trade_no,
        "out_trade_no": trade.out_trade_no,
        "buyer_logon_id": "pay***@sandbox.com",
        "fund_change": "Y" if changed else "N",
        # The sum of all refunds of the trade, this one included.
        "refund_fee": yuan(trade.refunded),
        "gmt_refund_pay": wire_time(made.at),
    }
    return Answer(facts, fault)


async def query(sim: Simulator, call: Call) -> Answer:
    """alipay.trade.fastpay.refund.query."""
    trade, number = trades.named(sim, call), call.text("out_request_no", 64)
    made = next((refund for refund in trade.refunds if refund.number == number), None)
    facts: dict[str, Any] = {"trade_no": trade.trade_no, "out_trade_no": trade.out_trade_no, "out_request_no": number}
    if made is None:
        return Answer(facts)
    fault = sim.faults.draw("refund_query", number, made.amount)
    if fault == "refund_query_silent":
        return Answer(facts, fault)
    facts |= {
        "total_amount": yuan(trade.amount),
        "refund_amount": yuan(made.amount),
        "refund_status": "REFUND_SUCCESS",
    }
    if "gmt_refund_pay" in call.content.get("query_options", []):
        facts["gmt_refund_pay"] = wire_time(made.at)
    return Answer(facts, fault)


def from_console(sim: Simulator, trade: Trade, amount: int, reason: str) -> Refund:
    """A refund that a person made in the merchant console: Alipay numbers it. Raises ApiError."""
    made = _made(sim, trade, new_number(sim.clock.now(), 32), amount, reason, from_console=True)
    announce.refund(sim, trade, made)
    return made


def _made(sim: Simulator, trade: Trade, number: str, amount: int, reason: str, *, from_console: bool = False) -> Refund:
    if trade.paid_at is None:
        raise ApiError("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
    if amount > trade.amount - trade.refunded:
        raise ApiError("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限")
    if amount > trade.amount - trade.refunded - trade.shared():
        raise ApiError("ACQ.SELLER_BALANCE_NOT_ENOUGH", "已分账的金额需先退分账")
    made = Refund(number, amount, reason, sim.clock.now(), from_console=from_console)
    sim.book.refund(trade, made)
    return made
