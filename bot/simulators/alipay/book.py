"""The platform's own records: trades, refunds, splits and agreements, in memory."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

CHINA = timezone(timedelta(hours=8))


class Status(StrEnum):
    """The states of a trade; one that is only precreated has none."""

    NONE = ""
    WAIT = "WAIT_BUYER_PAY"
    SUCCESS = "TRADE_SUCCESS"
    FINISHED = "TRADE_FINISHED"
    CLOSED = "TRADE_CLOSED"


@dataclass(slots=True)
class Refund:
    """One refund, fen; a console refund has a number that Alipay made."""

    number: str
    amount: int
    reason: str
    at: datetime
    from_console: bool = False
    by_cancel: bool = False


@dataclass(slots=True)
class Part:
    """One receiver's part of a split, fen; out of the seller's money or back into it."""

    payer: str
    receiver: str
    receiver_type: str
    amount: int
    error: str = ""


@dataclass(slots=True)
class Split:
    """One request to split; it is carried out some seconds later."""

    number: str
    settle_no: str
    parts: list[Part]
    finish: bool
    done_at: datetime


@dataclass(slots=True)
class Trade:
    """One trade; amounts in fen. `opened` is False until its payer scanned the code or opened the page."""

    app_id: str
    seller_id: str
    out_trade_no: str
    method: str
    amount: int
    subject: str
    notify_url: str
    return_url: str
    passback: str
    buyer: str
    content: str
    created_at: datetime
    expires_at: datetime
    trade_no: str
    qr_code: str = ""
    opened: bool = True
    frozen: bool = False
    status: Status = Status.WAIT
    paid_at: datetime | None = None
    merchant_coupon: int = 0
    alipay_coupon: int = 0
    hidden_queries: int = 0
    closed_by: str = ""
    refunds: list[Refund] = field(default_factory=list)
    splits: list[Split] = field(default_factory=list)

    @property
    def receipt(self) -> int:
        """What the merchant receives, fen: less its own coupon."""
        return self.amount - self.merchant_coupon

    @property
    def paid_by_buyer(self) -> int:
        return self.amount - self.merchant_coupon - self.alipay_coupon

    @property
    def refunded(self) -> int:
        return sum(refund.amount for refund in self.refunds)

    def shared(self, receiver: str = "") -> int:
        """What splits have given away less what they brought back, fen; to one receiver or to all."""
        total = 0
        for part in (part for split in self.splits for part in split.parts if not part.error):
            if part.payer == self.seller_id and receiver in ("", part.receiver):
                total += part.amount
            elif part.receiver == self.seller_id and receiver in ("", part.payer):
                total -= part.amount
        return total

    def expire(self, now: datetime) -> None:
        """Close an unpaid trade whose time is over, as Alipay does by itself."""
        if self.status is Status.WAIT and self.opened and now >= self.expires_at:
            self.status = Status.CLOSED

    def why_not_payable(self, now: datetime) -> str:
        """An empty string when the trade can be paid now, else the reason."""
        if self.paid_at is not None:
            return "paid"
        if self.status is Status.CLOSED:
            return "closed"
        return "expired" if now >= self.expires_at else ""


@dataclass(slots=True)
class Agreement:
    """One agreement for deductions; `single` is the most for one, fen."""

    app_id: str
    number: str
    external_no: str
    product: str
    scene: str
    single: int
    period_days: int
    notify_url: str
    return_url: str
    made_at: datetime
    status: str = "TEMP"
    buyer: str = ""
    signed_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str = ""
    deducted: list[datetime] = field(default_factory=list)


class Book:
    """All records of one platform, with an optional journal of money movements."""

    def __init__(self, journal: str | None) -> None:
        self._trades: dict[tuple[str, str], Trade] = {}
        self._by_token: dict[str, Trade] = {}
        self._by_number: dict[str, Trade] = {}
        self.agreements: dict[str, Agreement] = {}
        self.receivers: set[tuple[str, str]] = set()
        self.used_codes: set[str] = set()
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

    def add(self, trade: Trade) -> None:
        """Take in a new trade and make it findable by every token that a payer may hold."""
        self._trades[(trade.seller_id, trade.out_trade_no)] = trade
        self._by_number[trade.out_trade_no] = trade
        for token in filter(None, (trade.trade_no, trade.qr_code)):
            self._by_token[token] = trade

    def trade(self, seller_id: str, out_trade_no: str) -> Trade | None:
        return self._trades.get((seller_id, out_trade_no))

    def by_trade_no(self, seller_id: str, trade_no: str) -> Trade | None:
        trade = self._by_token.get(trade_no)
        return trade if trade and trade.seller_id == seller_id else None

    def find(self, token: str) -> Trade | None:
        """The trade behind a trade_no, a code or a number of any merchant's, for the phone."""
        return self._by_token.get(token) or self._by_number.get(token)

    def trades(self) -> Iterator[Trade]:
        """All trades, oldest first."""
        return iter(self._trades.values())

    def pay(self, trade: Trade, *, buyer: str, now: datetime, merchant_coupon: int = 0, alipay_coupon: int = 0) -> None:
        """Move an unpaid trade to TRADE_SUCCESS; the caller has checked that it may be paid."""
        assert trade.paid_at is None, "only an unpaid trade is paid"
        trade.opened = True
        trade.status = Status.SUCCESS
        trade.paid_at = now.replace(microsecond=0)
        trade.buyer = buyer
        trade.merchant_coupon, trade.alipay_coupon = merchant_coupon, alipay_coupon
        self._write("paid", trade, trade.amount, trade.trade_no)

    def refund(self, trade: Trade, refund: Refund) -> None:
        """Take in a refund; the whole amount gone closes the trade."""
        trade.refunds.append(refund)
        if trade.refunded == trade.amount:
            trade.status = Status.CLOSED
        self._write("refunded", trade, refund.amount, refund.number)

    def _write(self, kind: str, trade: Trade, amount: int, number: str) -> None:
        facts: dict[str, Any] = {
            "kind": kind,
            "seller_id": trade.seller_id,
            "out_trade_no": trade.out_trade_no,
            "amount": amount,
            "number": number,
        }
        if self._journal is not None:
            self._journal.write(json.dumps(facts) + "\n")


def new_number(now: datetime, length: int = 28) -> str:
    """A decimal number of the platform: the Chinese day, Alipay's mark, and random digits."""
    stamp = now.astimezone(CHINA).strftime("%Y%m%d") + "22001"
    room = length - len(stamp)
    return stamp + str(secrets.randbelow(10**room)).zfill(room)


def wire_time(moment: datetime) -> str:
    """Chinese time in whole seconds, as Alipay writes it."""
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def yuan(fen: int) -> str:
    """Fen as yuan with two decimals."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"
