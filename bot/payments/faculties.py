"""What a gateway may be able to do beyond taking and returning a payment; a gateway without a faculty has None for it.

Methods never raise for what a gateway or a network does: they answer ``Unknown``, which a caller asks about again.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, Protocol

from bot.kernel.masking import Secret
from bot.payments.facts import (
    ChargeFact,
    ChargeRef,
    ContractFact,
    Created,
    Declined,
    Missing,
    NewCharge,
    Paid,
    Unknown,
    Waiting,
)


@dataclass(frozen=True, slots=True)
class CodePace:
    """The vendor's timings for a scanned payment code, in seconds (payments.md, trap 4).

    While the payer types a password the charge is asked about every ``ask_every`` for ``ask_for`` seconds after the
    pay call; then it is reversed, no earlier than ``reverse_after`` and no later than ``reverse_within`` after it.
    """

    ask_every: float
    ask_for: float
    reverse_after: float
    reverse_within: float


class Codes(Protocol):
    """付款码: the merchant scans the payer's code."""

    pace: CodePace

    async def pay(self, charge: NewCharge, auth_code: Secret) -> Paid | Waiting | Declined | Unknown:
        """Send the pay call once; never repeated, since a code pays and a repetition might pay again."""
        ...

    async def reverse(self, charge: ChargeRef) -> ChargeFact:
        """Undo the charge whatever became of it.

        ``Closed``: it is unpaid for good (``was_paid``: the money went back). ``Waiting`` or ``Unknown``: reverse
        again (recall=Y, retry_flag=Y, USERPAYING, SYSTEMERROR). ``Declined``: this gateway reverses it no more (its
        time is over), so the money goes back by a refund.
        """
        ...


@dataclass(frozen=True, slots=True)
class FlowLine:
    """One line of a gateway's fund-flow bill: money that moved on the merchant's account there, in fen."""

    at: datetime
    flow_no: str  # The gateway's own number of the movement.
    transaction_id: str  # What it belongs to at the gateway; may be empty.
    kind: Literal["payment", "refund", "fee", "fee_returned", "share", "share_returned", "withdrawal", "other"]
    amount: int  # Positive for money in, negative for money out.
    balance: int | None
    vendor_kind: str  # The vendor's own words for ``kind``.
    note: str = ""
    reference: str = ""  # Our number, where the bill carries it (out_trade_no, out_refund_no, out_order_no).


class Flows(Protocol):
    """资金账单: the movements of the merchant's account at the gateway."""

    def lines(self, account: str, day: date) -> AsyncIterator[FlowLine]:
        """Return the movements of a Shanghai day as a stream; iterating raises GatewayTrouble, as statements do."""
        ...


# --- 分账 -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who may be given a share: a merchant's number or a person's id under our app. ``name`` is their full name."""

    kind: Literal["merchant", "person"]
    number: str
    app_id: str = ""
    name: Secret | None = None
    relation: str = ""  # The vendor's word for how they relate to the merchant (STORE, PARTNER …).


class PartState(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SharePart:
    """What one receiver gets, in fen, and how it stands; ``at`` is when it was given, where the gateway tells."""

    receiver: Receiver
    amount: int
    description: str = ""
    state: PartState = PartState.PENDING
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewShare:
    """Shares of one paid charge. ``finish``: what is left afterwards is the merchant's, and no share follows."""

    out_order_no: str
    out_trade_no: str
    transaction_id: str
    account: str
    parts: tuple[SharePart, ...]
    finish: bool
    description: str = ""


@dataclass(frozen=True, slots=True)
class ShareRef:
    out_order_no: str
    out_trade_no: str
    transaction_id: str
    account: str


@dataclass(frozen=True, slots=True)
class ShareFact:
    """A verified statement about a request to share; ``done`` says that no part is pending any more."""

    out_order_no: str
    share_id: str
    done: bool
    parts: tuple[SharePart, ...]


@dataclass(frozen=True, slots=True)
class NewShareReturn:
    """A share to be taken back from its receiver, before the payment itself is refunded."""

    out_return_no: str
    out_order_no: str
    out_trade_no: str
    account: str
    receiver: Receiver
    amount: int
    description: str = ""


@dataclass(frozen=True, slots=True)
class ShareReturnFact:
    out_return_no: str
    state: PartState
    amount: int
    reason: str = ""
    at: datetime | None = None  # When it came back, where the gateway tells.


class Sharing(Protocol):
    """分账 and 解冻. A repetition with the same number and inputs returns the one there is."""

    async def add_receiver(self, account: str, receiver: Receiver) -> Created | Declined | Unknown: ...

    async def share(self, share: NewShare) -> ShareFact | Declined | Unknown: ...

    async def share_query(self, share: ShareRef) -> ShareFact | Missing | Unknown: ...

    async def take_back(self, back: NewShareReturn) -> ShareReturnFact | Declined | Unknown: ...

    async def take_back_query(self, back: NewShareReturn) -> ShareReturnFact | Missing | Unknown: ...

    async def unfreeze(self, share: ShareRef, description: str) -> ShareFact | Declined | Unknown:
        """Give the merchant what is still frozen; no share can follow."""
        ...


# --- 委托代扣 -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewContract:
    """A contract to be signed by the payer in their wallet; ``shown`` is the name that the wallet displays."""

    out_contract_no: str
    account: str
    plan: str  # The vendor's number of the template that was agreed upon with it.
    shown: str
    maximum: int  # fen a deduction
    period_days: int  # At most one deduction in so many days.
    created_at: datetime
    notify_url: str
    return_url: str | None = None
    payer_id: str | None = None
    payer_app: str | None = None


@dataclass(frozen=True, slots=True)
class ContractRef:
    out_contract_no: str
    account: str
    plan: str
    contract_id: str | None = None


@dataclass(frozen=True, slots=True)
class PreNotice:
    """What the payer is told before money is taken: how much at most (fen) and on which day."""

    contract: ContractRef
    amount: int
    day: date


class Contracts(Protocol):
    """委托代扣: a payer lets the merchant deduct, within a cap and a period, until either side ends it."""

    @property
    def notice_days(self) -> int:
        """Tell so many days before a deduction the vendor must be told at the latest; 0 where it need not be told."""
        ...

    async def sign(self, contract: NewContract) -> Created | Declined | Unknown:
        """Return what the payer's wallet needs to show the contract."""
        ...

    async def contract_query(self, contract: ContractRef) -> ContractFact | Missing | Unknown: ...

    async def announce(self, notice: PreNotice) -> Mapping[str, str] | Declined | Unknown:
        """Have the vendor tell the payer beforehand; returns what the vendor says of it, empty where it needs none."""
        ...

    async def deduct(self, charge: NewCharge, contract: ContractRef) -> Paid | Waiting | Declined | Unknown:
        """Ask for one deduction; repeating it must send the identical request, and ``Gateway.query`` asks about it."""
        ...

    async def terminate(self, contract: ContractRef, reason: str) -> ContractFact | Declined | Unknown: ...
