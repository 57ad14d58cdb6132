"""The bank's own records of payments and refunds, and the JSON that describes them to a merchant."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

CHINA = timezone(timedelta(hours=8))
HOLDING = ("pending", "succeeded", "abnormal")


@dataclass(slots=True)
class Refund:
    """One refund; amounts in fen."""

    number: str
    refund_id: str
    amount: int
    notify_url: str
    body: bytes
    created_at: datetime
    state: str = "pending"
    finished_at: datetime | None = None


@dataclass(slots=True)
class Payment:
    """One payment; amounts in fen. `state` is unpaid, paid, closed or returned."""

    merchant: str
    number: str
    amount: int
    description: str
    notify_url: str
    return_url: str
    expires_at: datetime
    token: str
    body: bytes
    state: str = "unpaid"
    transaction_id: str = ""
    paid_at: datetime | None = None
    hidden_queries: int = 0
    refunds: list[Refund] = field(default_factory=list)

    @property
    def refunded(self) -> int:
        """What refunds have taken or hold, fen."""
        return sum(refund.amount for refund in self.refunds if refund.state in HOLDING)

    def payable(self, now: datetime) -> bool:
        return self.state == "unpaid" and now < self.expires_at

    def told(self, now: datetime) -> str:
        """The state that a query gets: an expired payment is closed."""
        return "closed" if self.state == "unpaid" and now >= self.expires_at else self.state


class Book:
    """All payments and refunds of one bank, in memory."""

    def __init__(self) -> None:
        self._payments: dict[tuple[str, str], Payment] = {}
        self._refunds: dict[tuple[str, str], tuple[Payment, Refund]] = {}
        self._by_token: dict[str, Payment] = {}

    def add(self, payment: Payment) -> None:
        self._payments[(payment.merchant, payment.number)] = payment
        self._by_token[payment.token] = payment

    def payment(self, merchant: str, number: str) -> Payment | None:
        return self._payments.get((merchant, number))

    def by_number(self, number: str) -> Payment | None:
        return next((each for each in self._payments.values() if each.number == number), None)

    def by_token(self, token: str) -> Payment | None:
        return self._by_token.get(token)

    def payments(self) -> Iterator[Payment]:
        return iter(self._payments.values())

    def pay(self, payment: Payment, now: datetime) -> None:
        """Move a payment to paid; the caller has checked that it may be."""
        payment.state, payment.paid_at = "paid", now.replace(microsecond=0)
        payment.transaction_id = new_number("B", now)

    def add_refund(self, payment: Payment, refund: Refund) -> None:
        payment.refunds.append(refund)
        self._refunds[(payment.merchant, refund.number)] = (payment, refund)

    def refund(self, merchant: str, number: str) -> tuple[Payment, Refund] | None:
        return self._refunds.get((merchant, number))

    def refunds(self) -> Iterator[tuple[Payment, Refund]]:
        return iter(self._refunds.values())


def new_number(prefix: str, now: datetime) -> str:
    return f"{prefix}{now.astimezone(CHINA):%Y%m%d%H%M%S}{secrets.randbelow(10**10):010d}"


def wire_time(moment: datetime) -> str:
    return moment.astimezone(CHINA).replace(microsecond=0).isoformat()


def payment_json(payment: Payment, state: str, bank: str) -> dict[str, Any]:
    """A payment as query, close and notice tell it, in the given state."""
    facts: dict[str, Any] = {
        "merchant": payment.merchant,
        "out_trade_no": payment.number,
        "state": state,
        "amount": payment.amount,
        "currency": "CNY",
        "refunded": payment.refunded,
    }
    if payment.paid_at is not None and state in ("paid", "returned"):
        facts |= {
            "transaction_id": payment.transaction_id,
            "paid_at": wire_time(payment.paid_at),
            "payer_amount": payment.amount,
            "settlement_amount": payment.amount,
            "bank": bank,
        }
    return facts


def refund_json(payment: Payment, refund: Refund) -> dict[str, Any]:
    """A refund as its calls and its notice tell it."""
    facts: dict[str, Any] = {
        "merchant": payment.merchant,
        "out_refund_no": refund.number,
        "out_trade_no": payment.number,
        "refund_id": refund.refund_id,
        "state": refund.state,
        "amount": refund.amount,
        "total": payment.amount,
        "currency": "CNY",
        "received_account": "储蓄卡0403",
    }
    if refund.finished_at is not None:
        facts["succeeded_at"] = wire_time(refund.finished_at)
    return facts
