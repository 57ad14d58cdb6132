"""Every movement on a merchant's account at the platform: payments, fees, refunds, reversals, shares and returns."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from bot.simulators.wechatpay.book import CHINA, Order, RefundState
from bot.simulators.wechatpay.core import Simulator
from bot.simulators.wechatpay.shares import PartState, Share


@dataclass(frozen=True, slots=True)
class Flow:
    """One movement; ``fen`` is negative for money out."""

    moment: datetime
    business_no: str
    flow_no: str
    name: str
    kind: str
    fen: int
    proof: str
    note: str = ""

    def cells(self, balance: int) -> list[str]:
        """Its line, with the balance (fen) after it."""
        return [
            self.moment.strftime("%Y-%m-%d %H:%M:%S"),
            self.business_no,
            self.flow_no,
            self.name,
            self.kind,
            "收入" if self.fen > 0 else "支出",
            yuan(abs(self.fen)),
            yuan(balance),
            "system",
            self.note,
            self.proof,
        ]


def yuan(fen: int) -> str:
    """Fen as yuan with two decimals."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def fee_of(fen: int, basis_points: int) -> Decimal:
    """The fee in yuan, rounded half up to the fen (payments.md trap 20) and shown with five decimals."""
    return (Decimal(fen) * basis_points / 1_000_000).quantize(Decimal("0.01"), ROUND_HALF_UP)


def flows(sim: Simulator, mchid: str, sub_mchid: str = "") -> list[Flow]:
    """Every movement of one account, oldest first: a merchant's own, or that of one of its sub-merchants."""
    orders = [order for order in sim.book.orders() if (order.mchid, order.sub_mchid or "") == (mchid, sub_mchid)]
    every = [flow for order in orders for flow in _of_order(sim, order)]
    every += [flow for share in sim.shares.every() if share.order in orders for flow in _of_share(share)]
    return sorted(every, key=lambda flow: flow.moment)


def _of_order(sim: Simulator, order: Order) -> Iterator[Flow]:
    if order.paid_at is None:
        return
    paid, number = order.paid_at.astimezone(CHINA), order.transaction_id
    yield Flow(paid, number, number + "1", "交易", "交易", order.settlement_total, order.out_trade_no)
    if fee := int(fee_of(order.settlement_total, sim.plan.fee_basis_points) * 100):
        yield Flow(paid, number, number + "2", "交易", "扣除交易手续费", -fee, order.out_trade_no)
    if order.reversed_at is not None:
        at, number = order.reversed_at.astimezone(CHINA), order.reversal_id
        yield Flow(at, number, number + "2", "退款", "退款", -order.settlement_total, order.out_trade_no, "撤销")
    for refund in order.refunds:
        if refund.state is not RefundState.CLOSED:
            own = 0 if order.coupon_prefunded else refund.coupon_share
            at, number, fen = refund.created_at.astimezone(CHINA), refund.refund_id, refund.amount - own
            note = f"退款总金额{yuan(fen)}元;含手续费0.00元"
            yield Flow(at, number, number + "2", "退款", "退款", -fen, refund.out_refund_no, note)


def _of_share(share: Share) -> Iterator[Flow]:
    """What was given to others; what was unfrozen to the merchant itself has never left the account."""
    own = share.order.sub_mchid or share.order.mchid
    for part in share.parts:
        if part.state is PartState.SUCCESS and part.account != own and part.finished_at is not None:
            at, number = part.finished_at.astimezone(CHINA), part.detail_id
            yield Flow(at, share.order_id, number + "2", "分账", "分账", -part.amount, share.out_order_no)
    for back in share.returns:
        if back.result == "SUCCESS":
            at, number = back.created_at.astimezone(CHINA), back.return_id
            yield Flow(at, number, number + "1", "分账回退", "分账回退", back.amount, back.out_return_no)
