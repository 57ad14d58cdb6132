"""The platform's own records of orders and refunds, and the pairs that describe them to a merchant."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import StrEnum

CHINA = timezone(timedelta(hours=8))
SETTLED = "00"
UNDER_WAY = "05"
TIMED_OUT = "69"
GONE_BACK = "45"


class State(StrEnum):
    """The states of an order."""

    UNPAID = "unpaid"
    PAID = "paid"
    FAILED = "failed"  # The last attempt failed.
    REVERSED = "reversed"


@dataclass(slots=True)
class Refund:
    """One refund; amounts in fen. `code` is what its query tells, `reserved` the merchant's own words."""

    order_id: str
    txn_time: str
    query_id: str
    amount: int
    back_url: str
    reserved: str
    fields: dict[str, str]
    code: str = UNDER_WAY
    finished_at: datetime | None = None


@dataclass(slots=True)
class Order:
    """One order; amounts in fen."""

    mer_id: str
    order_id: str
    txn_time: str
    amount: int
    sub_type: str
    back_url: str
    front_url: str
    user_id: str
    description: str
    expires_at: datetime
    token: str
    fields: dict[str, str]
    state: State = State.UNPAID
    code: str = UNDER_WAY
    query_id: str = ""
    paid_at: datetime | None = None
    payer: str = ""
    hidden_queries: int = 0
    refunds: list[Refund] = field(default_factory=list)

    @property
    def refunded(self) -> int:
        """What refunds have taken or hold, fen."""
        return sum(refund.amount for refund in self.refunds if refund.code in (SETTLED, UNDER_WAY))

    def told(self, now: datetime) -> str:
        """The origRespCode that a query gets."""
        if self.state is State.PAID:
            return SETTLED
        if self.state is State.REVERSED:
            return GONE_BACK if self.paid_at else TIMED_OUT
        return self.code if now < self.expires_at or self.state is State.FAILED else TIMED_OUT

    def payable(self, now: datetime) -> bool:
        return self.state in (State.UNPAID, State.FAILED) and now < self.expires_at


class Book:
    """All orders and refunds of one platform, in memory."""

    def __init__(self) -> None:
        self._orders: dict[tuple[str, str, str], Order] = {}
        self._refunds: dict[tuple[str, str, str], tuple[Order, Refund]] = {}
        self._by_number: dict[str, Order] = {}
        self._by_query_id: dict[str, Order] = {}
        self._by_token: dict[str, Order] = {}

    def add(self, order: Order) -> None:
        self._orders[(order.mer_id, order.order_id, order.txn_time)] = order
        self._by_number[order.order_id] = order
        self._by_token[order.token] = order

    def order(self, mer_id: str, order_id: str, txn_time: str) -> Order | None:
        """The order with this identity, to which its txnTime belongs."""
        return self._orders.get((mer_id, order_id, txn_time))

    def by_number(self, order_id: str) -> Order | None:
        return self._by_number.get(order_id)

    def by_token(self, token: str) -> Order | None:
        return self._by_token.get(token)

    def by_query_id(self, mer_id: str, query_id: str) -> Order | None:
        order = self._by_query_id.get(query_id)
        return order if order and order.mer_id == mer_id else None

    def orders(self) -> Iterator[Order]:
        return iter(self._orders.values())

    def pay(self, order: Order, payer: str, now: datetime) -> None:
        """Move an order to paid; the caller has checked that it may be."""
        order.state, order.code, order.payer = State.PAID, SETTLED, payer
        order.query_id, order.paid_at = new_query_id(now), now.replace(microsecond=0)
        self._by_query_id[order.query_id] = order

    def add_refund(self, order: Order, refund: Refund) -> None:
        order.refunds.append(refund)
        self._refunds[(order.mer_id, refund.order_id, refund.txn_time)] = (order, refund)

    def refund(self, mer_id: str, order_id: str, txn_time: str) -> tuple[Order, Refund] | None:
        return self._refunds.get((mer_id, order_id, txn_time))

    def refunds(self) -> Iterator[tuple[Order, Refund]]:
        return iter(self._refunds.values())


def new_query_id(now: datetime) -> str:
    """21 digits: the Chinese time and seven at random."""
    return f"{wire_time(now)}{secrets.randbelow(10**7):07d}"


def wire_time(moment: datetime) -> str:
    return moment.astimezone(CHINA).strftime("%Y%m%d%H%M%S")


def read_time(text: str) -> datetime:
    """The moment of a YYYYMMDDhhmmss in Chinese time; raises ValueError."""
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=CHINA)


def order_pairs(order: Order) -> dict[str, str]:
    """An order as query and notice tell it, without its code."""
    pairs = {
        "txnType": "01",
        "txnSubType": order.sub_type,
        "orderId": order.order_id,
        "txnTime": order.txn_time,
        "txnAmt": str(order.amount),
        "currencyCode": "156",
    }
    if order.paid_at is not None:
        pairs |= {
            "queryId": order.query_id,
            "traceTime": wire_time(order.paid_at)[4:],
            "traceNo": order.query_id[-6:],
            "settleAmt": str(order.amount),
            "settleCurrencyCode": "156",
            "settleDate": wire_time(order.paid_at + timedelta(hours=1))[4:8],
            "accNo": "621234*********0048",
            "issInsCode": "01020000",
        }
    return pairs


def refund_pairs(order: Order, refund: Refund) -> dict[str, str]:
    """A refund as query and notice tell it, without its code."""
    pairs = {
        "txnType": "04",
        "txnSubType": "00",
        "orderId": refund.order_id,
        "txnTime": refund.txn_time,
        "txnAmt": str(refund.amount),
        "currencyCode": "156",
        "queryId": refund.query_id,
        "origQryId": order.query_id,
    }
    if refund.reserved:
        pairs["reqReserved"] = refund.reserved
    if refund.finished_at is not None:
        pairs["traceTime"] = wire_time(refund.finished_at)[4:]
    return pairs
