"""The payer's side: what the pay sheet shows, and paying, as the Alipay client does it."""

from dataclasses import dataclass
from typing import Any

from bot.simulators.alipay import announce
from bot.simulators.alipay.book import Trade
from bot.simulators.alipay.core import Simulator

MESSAGES = {
    "paid": "该订单已支付",
    "closed": "订单已关闭",
    "expired": "订单已过期",
    "not_enough": "余额不足，支付失败",
    "other_payer": "支付用户与下单用户不一致",
    "bad_coupon": "优惠金额有误",
}
# What AlipayJSBridge's tradePay tells the page.
RESULT_CODES = {"ok": "9000", "declined": "4000", "refused": "4000"}


@dataclass(frozen=True, slots=True)
class Payment:
    """Who pays which trade; coupons in fen, by who bears them."""

    trade: Trade
    buyer: str
    merchant_coupon: int = 0
    alipay_coupon: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the client tells the page: `result` is ok, declined or refused, with the reason."""

    result: str
    reason: str = ""
    trade_no: str = ""

    def describe(self) -> dict[str, str]:
        return {
            "result": self.result,
            "reason": self.reason,
            "message": MESSAGES.get(self.reason, ""),
            "trade_no": self.trade_no,
            "resultCode": RESULT_CODES[self.result],
        }


def sheet(sim: Simulator, trade: Trade) -> dict[str, Any]:
    """The facts of the pay sheet (amount in fen), and whether the trade can be paid or why not."""
    # Who scans a code or opens a page makes the trade.
    trade.opened = True
    reason = trade.why_not_payable(sim.clock.now())
    return {
        "trade_no": trade.trade_no,
        "out_trade_no": trade.out_trade_no,
        "method": trade.method,
        "subject": trade.subject,
        "amount": trade.amount,
        "currency": "CNY",
        "seller_id": trade.seller_id,
        "merchant": sim.application(trade.app_id).name,
        "buyer": trade.buyer,
        "return_url": trade.return_url,
        "expires_at": trade.expires_at.isoformat(),
        "payable": not reason,
        "reason": reason,
        "message": MESSAGES.get(reason, ""),
    }


async def pay(sim: Simulator, payment: Payment) -> Outcome:
    """Pay, decline or refuse. From the check to the change of state nothing is awaited, so it happens once."""
    trade = payment.trade
    trade.opened = True
    if reason := _refusal(sim, payment):
        return Outcome("refused", reason)
    if sim.faults.draw("pay", trade.out_trade_no, trade.amount) == "declined":
        return Outcome("declined", "not_enough")
    sim.book.pay(
        trade,
        buyer=payment.buyer,
        now=sim.clock.now(),
        merchant_coupon=payment.merchant_coupon,
        alipay_coupon=payment.alipay_coupon,
    )
    notice, first = announce.payment(sim, trade)
    if first:
        await announce.wait_for_first(sim, notice)
    return Outcome("ok", trade_no=trade.trade_no)


def _refusal(sim: Simulator, payment: Payment) -> str:
    trade = payment.trade
    if trade.buyer and payment.buyer != trade.buyer:
        return "other_payer"
    coupons = (payment.merchant_coupon, payment.alipay_coupon)
    if min(coupons) < 0 or sum(coupons) >= trade.amount:
        return "bad_coupon"
    return trade.why_not_payable(sim.clock.now())
