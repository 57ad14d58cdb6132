"""The platform's own records of orders and refunds, and the JSON that describes them to a merchant."""

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

CHINA = timezone(timedelta(hours=8))
PREPAY_LIFE = timedelta(hours=2)
DEFAULT_LIFE = timedelta(days=7)


class TradeState(StrEnum):
    """The states of an order that the query answers."""

    NOTPAY = "NOTPAY"
    SUCCESS = "SUCCESS"
    REFUND = "REFUND"
    CLOSED = "CLOSED"
    USERPAYING = "USERPAYING"
    PAYERROR = "PAYERROR"
    REVOKED = "REVOKED"
    ACCEPT = "ACCEPT"


class RefundState(StrEnum):
    """The states of a refund."""

    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    CLOSED = "CLOSED"
    ABNORMAL = "ABNORMAL"


STATE_WORDS = {
    TradeState.NOTPAY: "订单未支付",
    TradeState.SUCCESS: "支付成功",
    TradeState.REFUND: "订单发生过退款，退款详情请查询退款单",
    TradeState.CLOSED: "订单已关闭",
    TradeState.USERPAYING: "用户支付中，需要输入密码",
    TradeState.PAYERROR: "支付失败，请撤销订单",
    TradeState.REVOKED: "订单已撤销",
    TradeState.ACCEPT: "已接收，等待扣款",
}
# The states in which nothing was paid yet, though it still can be.
OPEN = (TradeState.NOTPAY, TradeState.USERPAYING, TradeState.ACCEPT)


@dataclass(slots=True)
class Refund:
    """One refund; amounts in fen. A console refund has a number that WeChat made, not the merchant."""

    out_refund_no: str
    refund_id: str
    amount: int
    reason: str
    notify_url: str
    fingerprint: str
    created_at: datetime
    from_console: bool = False
    coupon_share: int = 0
    state: RefundState = RefundState.PROCESSING
    finished_at: datetime | None = None


@dataclass(slots=True)
class Order:
    """One order; amounts in fen. `expires_at` is when it can no longer be paid, which does not close it."""

    mchid: str
    appid: str
    out_trade_no: str
    description: str
    total: int
    trade_type: str
    notify_url: str
    attach: str
    openid: str
    fingerprint: str
    created_at: datetime
    expires_at: datetime
    prepay_id: str
    prepay_until: datetime
    code_url: str = ""
    h5_url: str = ""
    device_id: str = ""
    state: TradeState = TradeState.NOTPAY
    transaction_id: str = ""
    paid_at: datetime | None = None
    payer: str = ""
    bank_type: str = "OTHERS"
    coupon: int = 0
    coupon_prefunded: bool = False
    hidden_queries: int = 0
    denied_queries: int = 0
    refunds: list[Refund] = field(default_factory=list)
    sub_mchid: str = ""
    sub_appid: str = ""
    profit_sharing: bool = False
    finished_sharing: bool = False
    reversed_at: datetime | None = None
    reversal_id: str = ""
    contract_id: str = ""

    @property
    def payer_total(self) -> int:
        """What the payer paid, fen."""
        return self.total - self.coupon

    @property
    def settlement_total(self) -> int:
        """What the merchant is credited, fen: the order amount less coupons that nobody prefunded (trap 24)."""
        return self.total if self.coupon_prefunded else self.total - self.coupon

    @property
    def refunded(self) -> int:
        """What refunds have taken or hold, fen."""
        return sum(r.amount for r in self.refunds if r.state is not RefundState.CLOSED)

    def why_not_payable(self, now: datetime) -> str:
        """An empty string when the order can be paid now, else the reason."""
        if self.state in (TradeState.SUCCESS, TradeState.REFUND):
            return "paid"
        if self.state is not TradeState.NOTPAY:
            return "closed"
        if now >= self.expires_at:
            return "expired"
        return "prepay_expired" if now >= self.prepay_until else ""


class Book:
    """All orders and refunds of one platform, in memory, with an optional journal of money movements."""

    def __init__(self, journal: str | None) -> None:
        self._orders: dict[tuple[str, str], Order] = {}
        self._by_number: dict[str, Order] = {}
        self._by_transaction: dict[str, Order] = {}
        self._by_token: dict[str, Order] = {}
        self._refunds: dict[tuple[str, str], tuple[Order, Refund]] = {}
        self._journal: IO[str] | None = None
        self._path = Path(journal) if journal else None

    def open(self) -> None:
        """Open the journal for appending."""
        if self._path is not None:
            self._journal = self._path.open("a", encoding="utf-8", buffering=1)

    def close(self) -> None:
        """Close the journal."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def add(self, order: Order) -> None:
        """Take in a new order and make it findable by every token that a payer may hold."""
        self._orders[(order.mchid, order.out_trade_no)] = order
        self._by_number[order.out_trade_no] = order
        for token in filter(None, (order.prepay_id, order.code_url, order.h5_url)):
            self._by_token[token] = order

    def order(self, mchid: str, out_trade_no: str) -> Order | None:
        """The order of this merchant with this number."""
        return self._orders.get((mchid, out_trade_no))

    def by_number(self, out_trade_no: str) -> Order | None:
        """The order with this number at any merchant, for the control interface."""
        return self._by_number.get(out_trade_no)

    def by_transaction(self, mchid: str, transaction_id: str) -> Order | None:
        """The paid order of this merchant with this transaction."""
        order = self._by_transaction.get(transaction_id)
        return order if order and order.mchid == mchid else None

    def by_token(self, token: str) -> Order | None:
        """The order behind a prepay_id, code_url or h5_url."""
        return self._by_token.get(token)

    def orders(self) -> Iterator[Order]:
        """All orders, oldest first."""
        return iter(self._orders.values())

    def pay(self, order: Order, *, payer: str, coupon: int, prefunded: bool, now: datetime) -> None:
        """Move an unpaid order to SUCCESS; the caller has checked that it may be paid."""
        assert order.state in OPEN, "only an unpaid order is paid"
        order.state = TradeState.SUCCESS
        order.transaction_id = new_number("4200", now, 28)
        order.paid_at = now.replace(microsecond=0)
        order.payer = payer
        order.coupon, order.coupon_prefunded = coupon, prefunded
        self._by_transaction[order.transaction_id] = order
        self._write("paid", order, amount=order.total, number=order.transaction_id)

    def reverse(self, order: Order, now: datetime) -> None:
        """End an order for good; what was paid goes back."""
        order.state = TradeState.REVOKED
        order.hidden_queries = 0
        order.reversed_at = now.replace(microsecond=0)
        if order.paid_at is not None:
            order.reversal_id = new_number("5031", now, 29)
            self._write("reversed", order, amount=order.total, number=order.reversal_id)

    def refund(self, mchid: str, out_refund_no: str) -> tuple[Order, Refund] | None:
        """The refund of this merchant with this number, and its order."""
        return self._refunds.get((mchid, out_refund_no))

    def refunds(self) -> Iterator[tuple[Order, Refund]]:
        """All refunds, oldest first."""
        return iter(self._refunds.values())

    def add_refund(self, order: Order, refund: Refund) -> None:
        """Take in a refund of a paid order, with its part of the coupon so that the parts add up to the fen."""
        before, after = order.refunded, order.refunded + refund.amount
        refund.coupon_share = order.coupon * after // order.total - order.coupon * before // order.total
        order.refunds.append(refund)
        order.state = TradeState.REFUND
        self._refunds[(order.mchid, refund.out_refund_no)] = (order, refund)

    def finish_refund(self, order: Order, refund: Refund, state: RefundState, now: datetime) -> None:
        """Give a refund its result; an ABNORMAL one may later be finished again."""
        refund.state = state
        refund.finished_at = now.replace(microsecond=0) if state is RefundState.SUCCESS else None
        if state is RefundState.SUCCESS:
            self._write("refunded", order, amount=refund.amount, number=refund.refund_id)

    def _write(self, kind: str, order: Order, *, amount: int, number: str) -> None:
        facts = {
            "kind": kind,
            "mchid": order.mchid,
            "out_trade_no": order.out_trade_no,
            "amount": amount,
            "number": number,
        }
        if self._journal is not None:
            self._journal.write(json.dumps(facts) + "\n")


def new_number(prefix: str, now: datetime, length: int) -> str:
    """A decimal number of the platform: prefix, the Chinese time to the second, and random digits."""
    stamp = prefix + now.astimezone(CHINA).strftime("%Y%m%d%H%M%S")
    room = length - len(stamp)
    return stamp + str(secrets.randbelow(10**room)).zfill(room)


def wire_time(moment: datetime) -> str:
    """RFC 3339 in Chinese time, whole seconds, as WeChat Pay writes it."""
    return moment.astimezone(CHINA).replace(microsecond=0).isoformat()


def fingerprint(facts: dict[str, Any]) -> str:
    """A digest that tells identical repetitions from conflicting ones."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def transaction_json(order: Order, state: TradeState) -> dict[str, Any]:
    """An order as the query and the notice tell it, in the given state."""
    facts: dict[str, Any] = {
        **parties(order),
        "out_trade_no": order.out_trade_no,
        "trade_state": str(state),
        "trade_state_desc": STATE_WORDS[state],
        "attach": order.attach,
        "promotion_detail": [],
        "amount": {"total": order.total, "currency": "CNY"},
    }
    if order.device_id:
        facts["scene_info"] = {"device_id": order.device_id}
    if order.paid_at is None or state in OPEN:
        return facts
    facts |= {
        "transaction_id": order.transaction_id,
        "trade_type": order.trade_type,
        "bank_type": order.bank_type,
        "success_time": wire_time(order.paid_at),
        "payer": _payer(order),
    }
    facts["amount"] |= {"payer_total": order.payer_total, "payer_currency": "CNY"}
    if order.coupon:
        facts["promotion_detail"] = [_coupon_json(order)]
    return facts


def parties(order: Order) -> dict[str, str]:
    """Whose order it is, as every message about it says."""
    if not order.sub_mchid:
        return {"appid": order.appid, "mchid": order.mchid}
    sub = {"sub_appid": order.sub_appid} if order.sub_appid else {}
    return {"sp_appid": order.appid, "sp_mchid": order.mchid, "sub_mchid": order.sub_mchid, **sub}


def _payer(order: Order) -> dict[str, str]:
    """A payer known under the sub-merchant's app has two names; the provider's is made up here."""
    if not order.sub_mchid:
        return {"openid": order.payer}
    if not order.sub_appid:
        return {"sp_openid": order.payer}
    return {"sp_openid": "oSp" + order.payer[3:], "sub_openid": order.payer}


def _coupon_json(order: Order) -> dict[str, Any]:
    return {
        "coupon_id": order.transaction_id[-16:],
        "name": "立减券",
        "scope": "GLOBAL",
        "type": "CASH" if order.coupon_prefunded else "NOCASH",
        "amount": order.coupon,
        "stock_id": "9836588",
        "wechatpay_contribute": order.coupon if order.coupon_prefunded else 0,
        "merchant_contribute": 0 if order.coupon_prefunded else order.coupon,
        "other_contribute": 0,
        "currency": "CNY",
    }


def refund_json(order: Order, refund: Refund) -> dict[str, Any]:
    """A refund as the refund calls answer it."""
    share = refund.coupon_share
    facts: dict[str, Any] = {
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": order.transaction_id,
        "out_trade_no": order.out_trade_no,
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": wire_time(refund.created_at),
        "status": str(refund.state),
        "funds_account": "AVAILABLE",
        "amount": {
            "total": order.total,
            "refund": refund.amount,
            "payer_total": order.payer_total,
            "payer_refund": refund.amount - share,
            "settlement_total": order.settlement_total,
            "settlement_refund": refund.amount if order.coupon_prefunded else refund.amount - share,
            "discount_refund": share,
            "currency": "CNY",
        },
        "promotion_detail": [],
    }
    if refund.finished_at is not None:
        facts["success_time"] = wire_time(refund.finished_at)
    return facts


def refund_notice_json(order: Order, refund: Refund) -> dict[str, Any]:
    """A refund as its notice tells it."""
    told = refund_json(order, refund)
    facts: dict[str, Any] = {
        **{name: value for name, value in parties(order).items() if name.endswith("mchid")},
        "out_trade_no": order.out_trade_no,
        "transaction_id": order.transaction_id,
        "out_refund_no": refund.out_refund_no,
        "refund_id": refund.refund_id,
        "refund_status": str(refund.state),
        "user_received_account": told["user_received_account"],
        "amount": {name: told["amount"][name] for name in ("total", "refund", "payer_total", "payer_refund")},
    }
    if "success_time" in told:
        facts["success_time"] = told["success_time"]
    return facts
