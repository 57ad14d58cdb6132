"""The platform's own records of shares, their returns and the receivers that a merchant added."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.simulators.wechatpay.book import Order, wire_time


class PartState(StrEnum):
    """How one receiver's part stands."""

    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    CLOSED = "CLOSED"


@dataclass(slots=True)
class Part:
    """What one receiver gets, fen."""

    kind: str
    account: str
    amount: int
    description: str
    detail_id: str
    created_at: datetime
    state: PartState = PartState.PENDING
    fail_reason: str = ""
    finished_at: datetime | None = None

    def describe(self) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "type": self.kind,
            "account": self.account,
            "amount": self.amount,
            "description": self.description,
            "result": str(self.state),
            "detail_id": self.detail_id,
            "create_time": wire_time(self.created_at),
            "finish_time": wire_time(self.finished_at or self.created_at),
        }
        return facts | ({"fail_reason": self.fail_reason} if self.fail_reason else {})


@dataclass(slots=True)
class Return:
    """A part taken back from its receiver, fen."""

    out_return_no: str
    return_id: str
    mchid: str
    amount: int
    description: str
    fingerprint: str
    created_at: datetime
    result: str = "PROCESSING"
    fail_reason: str = ""

    def describe(self) -> dict[str, Any]:
        return {
            "out_return_no": self.out_return_no,
            "return_id": self.return_id,
            "return_mchid": self.mchid,
            "amount": self.amount,
            "description": self.description,
            "result": self.result,
            "create_time": wire_time(self.created_at),
            "finish_time": wire_time(self.created_at),
            **({"fail_reason": self.fail_reason} if self.fail_reason else {}),
        }


@dataclass(slots=True)
class Share:
    """One request to share a payment."""

    order: Order
    out_order_no: str
    order_id: str
    fingerprint: str
    parts: list[Part] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)

    @property
    def taken(self) -> int:
        """What parts have taken of the payment or may still take, fen."""
        return sum(part.amount for part in self.parts if part.state is not PartState.CLOSED)

    def whose(self) -> dict[str, str]:
        return {"sub_mchid": self.order.sub_mchid} if self.order.sub_mchid else {}

    def describe_return(self, back: Return) -> dict[str, Any]:
        """One of the returns, with what it belongs to."""
        return {
            **self.whose(),
            "order_id": self.order_id,
            "out_order_no": self.out_order_no,
            **back.describe(),
        }

    def describe(self) -> dict[str, Any]:
        pending = any(part.state is PartState.PENDING for part in self.parts)
        return {
            **self.whose(),
            "transaction_id": self.order.transaction_id,
            "out_order_no": self.out_order_no,
            "order_id": self.order_id,
            "state": "PROCESSING" if pending else "FINISHED",
            "receivers": [part.describe() for part in self.parts],
        }


class Shares:
    """All shares of one platform, in memory."""

    def __init__(self) -> None:
        self.receivers: dict[tuple[str, str], dict[str, Any]] = {}  # By the sharing merchant and the account.
        self._shares: dict[tuple[str, str], Share] = {}

    def add(self, mchid: str, share: Share) -> None:
        self._shares[(mchid, share.out_order_no)] = share

    def find(self, mchid: str, out_order_no: str) -> Share | None:
        return self._shares.get((mchid, out_order_no))

    def of(self, order: Order) -> list[Share]:
        """Every share of this payment, oldest first."""
        return [share for share in self._shares.values() if share.order is order]

    def every(self) -> list[Share]:
        return list(self._shares.values())
