"""Tells the merchant about payments, refunds and agreements, in the manner that the drawn fault prescribes."""

import asyncio
import json
from datetime import timedelta

from bot.simulators.alipay.book import CHINA, Agreement, Refund, Trade, wire_time, yuan
from bot.simulators.alipay.core import Simulator
from bot.simulators.alipay.forge import forgery
from bot.simulators.alipay.notices import Manner, Notice

DUPLICATES = 3
PRECEDED_BY = {
    "notice_wrong_amount": "wrong_amount",
    "notice_forged": "forged_signature",
    "notice_other_seller": "other_seller",
    "notice_stale": "stale_time",
}


def payment(sim: Simulator, trade: Trade, *, late: bool = False) -> tuple[Notice, bool]:
    """Start telling of a payment: the notice, and whether it must arrive before the call that paid answers."""
    fields = trade_fields(sim, trade)
    notice = sim.notifier.write(fields, url=trade.notify_url, subject=trade.out_trade_no)
    fault = sim.faults.draw("notice", trade.out_trade_no, trade.amount)
    sim.notifier.dispatch(
        notice,
        Manner(
            delay=sim.plan.late_notice_seconds if late or fault == "notice_late" else 0.0,
            copies=DUPLICATES if fault == "notice_duplicate" else 1,
            before=(forgery(sim, trade, fields, PRECEDED_BY[fault]),) if fault in PRECEDED_BY else (),
            never=fault == "notice_never",
        ),
    )
    return notice, fault == "notice_first" and bool(trade.notify_url)


def refund(sim: Simulator, trade: Trade, done: Refund) -> None:
    """Start telling of a refund: its time and number, and the sum of all refunds of the trade."""
    fields = trade_fields(sim, trade) | {
        "refund_fee": yuan(trade.refunded),
        "gmt_refund": done.at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
        "out_biz_no": done.number,
    }
    if trade.refunded == trade.amount:
        fields["gmt_close"] = wire_time(done.at)
    never = sim.faults.draw("refund_notice", done.number, done.amount) == "refund_notice_never"
    notice = sim.notifier.write(fields, url=trade.notify_url, subject=done.number)
    sim.notifier.dispatch(notice, Manner(never=never))


def agreement(sim: Simulator, made: Agreement) -> None:
    """Start telling that an agreement was signed or ended."""
    ended = made.ended_at is not None
    fields = {
        "notify_type": "dut_user_unsign" if ended else "dut_user_sign",
        "app_id": made.app_id,
        "auth_app_id": sim.application(made.app_id).auth_app_id or made.app_id,
        **agreement_fields(made),
    }
    notice = sim.notifier.write(fields, url=made.notify_url, subject=made.external_no)
    sim.notifier.dispatch(notice, Manner())


async def wait_for_first(sim: Simulator, notice: Notice) -> None:
    """Wait until the first delivery is over, whatever its result."""
    try:
        await asyncio.wait_for(notice.first_done.wait(), sim.plan.notice_timeout + 1)
    except TimeoutError:
        return


def agreement_fields(made: Agreement) -> dict[str, str]:
    """What answers and notices tell of an agreement."""
    fields = {
        "agreement_no": made.number,
        "external_agreement_no": made.external_no,
        "personal_product_code": made.product,
        "sign_scene": made.scene,
        "status": made.status,
        "alipay_user_id": made.buyer,
    }
    if made.signed_at is not None:
        fields |= {"sign_time": wire_time(made.signed_at), "valid_time": wire_time(made.signed_at)}
        fields["invalid_time"] = wire_time(made.signed_at + timedelta(days=365 * 80))
    if made.ended_at is not None:
        fields |= {"unsign_time": wire_time(made.ended_at), "status": "UNSIGN"}
    return {name: value for name, value in fields.items() if value}


def trade_fields(sim: Simulator, trade: Trade) -> dict[str, str]:
    """What every notice about a trade tells."""
    bills = [{"amount": yuan(trade.paid_by_buyer), "fundChannel": "ALIPAYACCOUNT"}]
    vouchers = []
    if trade.merchant_coupon:
        bills.append({"amount": yuan(trade.merchant_coupon), "fundChannel": "MDISCOUNT"})
        vouchers.append(_voucher("MERCHANT_DISCOUNT_VOUCHER", trade.merchant_coupon, 0))
    if trade.alipay_coupon:
        bills.append({"amount": yuan(trade.alipay_coupon), "fundChannel": "DISCOUNT"})
        vouchers.append(_voucher("ALIPAY_DISCOUNT_VOUCHER", 0, trade.alipay_coupon))
    fields = {
        "notify_type": "trade_status_sync",
        "app_id": trade.app_id,
        "auth_app_id": sim.application(trade.app_id).auth_app_id or trade.app_id,
        "seller_id": trade.seller_id,
        "trade_no": trade.trade_no,
        "out_trade_no": trade.out_trade_no,
        "subject": trade.subject,
        "buyer_id": trade.buyer,
        "trade_status": str(trade.status),
        "total_amount": yuan(trade.amount),
        "receipt_amount": yuan(trade.receipt),
        "buyer_pay_amount": yuan(trade.paid_by_buyer),
        "invoice_amount": yuan(trade.paid_by_buyer),
        "point_amount": "0.00",
        "gmt_create": wire_time(trade.created_at),
        "fund_bill_list": json.dumps(bills, ensure_ascii=False),
    }
    if vouchers:
        fields["voucher_detail_list"] = json.dumps(vouchers, ensure_ascii=False)
    if trade.passback:
        fields["passback_params"] = trade.passback
    if trade.paid_at is not None:
        fields["gmt_payment"] = wire_time(trade.paid_at)
    return fields


def _voucher(kind: str, merchant: int, other: int) -> dict[str, str]:
    return {
        "amount": yuan(merchant + other),
        "merchantContribute": yuan(merchant),
        "otherContribute": yuan(other),
        "name": "立减券",
        "type": kind,
        "voucherId": "2026112400073002039000002D5O",
    }
