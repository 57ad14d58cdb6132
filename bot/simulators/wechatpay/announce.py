"""Tells the merchant about payments and refunds, in the manner that the drawn fault prescribes."""

import asyncio

from bot.simulators.wechatpay.book import (
    Order,
    Refund,
    RefundState,
    TradeState,
    refund_notice_json,
    transaction_json,
)
from bot.simulators.wechatpay.core import Simulator
from bot.simulators.wechatpay.forge import forgery
from bot.simulators.wechatpay.notices import Manner, Notice

DUPLICATES = 3
PRECEDED_BY = {
    "notice_wrong_amount": "wrong_amount",
    "notice_forged": "forged_signature",
    "notice_other_mchid": "other_mchid",
    "notice_stale": "stale_timestamp",
}


def payment(sim: Simulator, order: Order) -> tuple[Notice, bool]:
    """Start telling of a payment: the notice, and whether it must arrive before the pay call answers."""
    notice = sim.notifier.write(
        event_type="TRANSACTION.SUCCESS",
        original_type="transaction",
        facts=transaction_json(order, TradeState.SUCCESS),
        key=sim.merchant(order.mchid).apiv3_key,
        url=order.notify_url,
        subject=order.out_trade_no,
    )
    fault = sim.faults.draw("notice", order.out_trade_no, order.total)
    late = fault == "notice_late" or order.hidden_queries > 0
    sim.notifier.dispatch(
        notice,
        Manner(
            delay=sim.plan.late_notice_seconds if late else 0.0,
            copies=DUPLICATES if fault == "notice_duplicate" else 1,
            before=(forgery(sim, order, PRECEDED_BY[fault]),) if fault in PRECEDED_BY else (),
            never=fault == "notice_never",
        ),
    )
    return notice, fault == "notice_first"


def refund(sim: Simulator, order: Order, done: Refund, *, never: bool) -> Notice | None:
    """Start telling of a refund's result; None where no notice_url was given."""
    if not done.notify_url or done.state is RefundState.PROCESSING:
        return None
    notice = sim.notifier.write(
        event_type=f"REFUND.{done.state}",
        original_type="refund",
        facts=refund_notice_json(order, done),
        key=sim.merchant(order.mchid).apiv3_key,
        url=done.notify_url,
        subject=done.out_refund_no,
    )
    sim.notifier.dispatch(notice, Manner(never=never))
    return notice


async def wait_for_first(sim: Simulator, notice: Notice) -> None:
    """Wait until the first delivery is over, whatever its result."""
    try:
        await asyncio.wait_for(notice.first_done.wait(), sim.plan.notice_timeout + 1)
    except TimeoutError:
        return
