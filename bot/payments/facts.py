"""What passes between the core and a payment gateway: frozen values, in which a missing answer is named UNKNOWN."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal


class Way(StrEnum):
    """How a payer and a gateway meet; a gateway's ``can`` lists those that it serves."""

    JSAPI = "jsapi"  # Inside the wallet's own browser, payer known by openid.
    MINI = "mini"  # Inside a mini-program.
    NATIVE = "native"  # A code that the payer scans.
    H5 = "h5"  # A phone's ordinary browser.
    CODE = "code"  # The merchant scans the payer's code (付款码).
    REDIRECT = "redirect"  # A bank's own page.
    # What a gateway can do besides taking a payment.
    CLOSE = "close"
    REVERSE = "reverse"
    REFUND = "refund"
    STATEMENT = "statement"
    FLOW = "flow"  # 资金账单
    SHARE = "share"  # 分账
    CONTRACT = "contract"  # 委托代扣


# Nobody opens a page for these: asking for the money is taking it, so it is never asked for as other charges are.
ASKED_FOR: Final = frozenset({Way.CODE, Way.CONTRACT})


@dataclass(frozen=True, slots=True)
class NewCharge:
    """Everything that a gateway needs to create a charge; repeating it must send the identical request."""

    out_trade_no: str
    account: str  # Which of the operator's accounts at this gateway (settings key), not a customer's.
    way: Way
    amount: int  # fen
    currency: str
    description: str
    expires_at: datetime
    created_at: datetime
    notify_url: str
    payer_id: str | None = None  # openid for JSAPI and MINI.
    payer_app: str | None = None  # The appid under which payer_id was given.
    payer_ip: str | None = None
    return_url: str | None = None
    attach: str = ""
    share: bool = False  # The money stays frozen at the gateway until it was shared or unfrozen.
    store: str = ""  # The operator's number of the store or device where a code was scanned.
    device: str = ""
    app: str = ""  # What opened the page, as the wallet names it (UnionPay's app_up_identifier).


@dataclass(frozen=True, slots=True)
class ChargeRef:
    """Names one charge to its gateway."""

    out_trade_no: str
    account: str
    way: Way
    amount: int
    currency: str
    created_at: datetime
    expires_at: datetime
    payer_app: str | None = None
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class PaidFact:
    """A verified statement by the gateway that a charge was paid; money may move on it.

    ``amount`` is the order amount, the one that credit compares (payments.md, trap 24).
    """

    out_trade_no: str
    transaction_id: str
    amount: int
    currency: str
    merchant_id: str  # The gateway's own number of the merchant (mchid), compared with the account's.
    app_id: str
    paid_at: datetime
    payer_id: str | None = None
    payer_amount: int | None = None
    settlement_amount: int | None = None
    discounts: Mapping[str, int] = field(default_factory=dict)  # fen by funder
    way: str = ""
    bank: str = ""


@dataclass(frozen=True, slots=True)
class Created:
    """The gateway knows the charge; ``handover`` is what the payer's side needs (bridge parameters, URL, code)."""

    handover: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Paid:
    fact: PaidFact


@dataclass(frozen=True, slots=True)
class Declined:
    """An explicit, verified no: no money moved and none will. ``code`` is ours, ``vendor_code`` theirs."""

    code: str
    vendor_code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No usable answer: the effect may or may not have happened."""

    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The gateway knows the charge and it is neither paid nor final (NOTPAY, USERPAYING)."""

    vendor_state: str


@dataclass(frozen=True, slots=True)
class Missing:
    """The gateway says that it has no such number; this is not a failure, for the payer may still pay (trap 3)."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The gateway confirms that this charge can no longer be paid; ``was_paid`` where it was and went back."""

    vendor_state: str
    was_paid: bool = False


ChargeFact = Paid | Waiting | Missing | Closed | Declined | Unknown


class RefundState(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # Final: no money moved (WeChat CLOSED).
    ABNORMAL = "abnormal"  # The payer's card took it not; a person must act.


@dataclass(frozen=True, slots=True)
class NewRefund:
    out_refund_no: str
    out_trade_no: str
    account: str
    amount: int
    total: int  # The charge's order amount.
    currency: str
    reason: str
    notify_url: str
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class RefundRef:
    """Names one refund to its gateway; ``amount`` is None where nobody has told us of that refund what it was."""

    out_refund_no: str
    out_trade_no: str
    account: str
    amount: int | None


@dataclass(frozen=True, slots=True)
class RefundFact:
    """A verified statement about a refund; one whose number we never gave was made in the merchant's console."""

    out_refund_no: str
    out_trade_no: str
    refund_id: str
    state: RefundState
    amount: int
    total: int
    currency: str
    merchant_id: str
    succeeded_at: datetime | None = None
    received_account: str = ""


@dataclass(frozen=True, slots=True)
class RefundedSum:
    """A verified statement that so many fen of a charge went back in all, and which refund was the last of them.

    No refund is booked on it, for it tells of none how much it was: a query does.
    """

    out_trade_no: str
    out_refund_no: str
    so_far: int
    merchant_id: str


class ContractState(StrEnum):
    SIGNING = "signing"
    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class ContractFact:
    """A verified statement about a contract; ``at`` is when it came into that state."""

    out_contract_no: str
    contract_id: str
    state: ContractState
    plan: str
    at: datetime | None = None
    payer_id: str = ""
    ended_by: Literal["", "payer", "merchant", "vendor"] = ""


@dataclass(frozen=True, slots=True)
class RawNotice:
    """A notice exactly as it came: nothing is parsed before the signature over these bytes is verified."""

    account: str
    headers: Mapping[str, str]  # Names in lower case.
    body: bytes
    query: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A verified notice. ``id`` is the gateway's own, unique per account: the replay key."""

    id: str
    account: str
    fact: PaidFact | RefundFact | RefundedSum | ContractFact | None  # None: genuine, but of a kind that we only record.
    kind: str
    body_digest: str


@dataclass(frozen=True, slots=True)
class Unverified:
    """Not proven to come from the gateway; ``status`` is the HTTP status to answer."""

    reason: str
    status: int = 401


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line of a gateway's bill. ``amount`` (fen) is never negative; a refund's is what went back.

    ``kind``: ``payment``, ``refund``, ``reversal``, a payment that was undone and is listed all the same, ``share``,
    a part that one receiver was given, or ``share_returned``, what came back of one.
    """

    kind: str
    out_trade_no: str
    transaction_id: str
    amount: int
    currency: str
    state: str
    at: datetime
    fee: int = 0  # fen, negative for a fee that came back
    out_refund_no: str = ""
    # The gateway's number of the refund; of a share's line, its own number of the movement.
    refund_id: str = ""
    settlement_amount: int | None = None  # fen that reach the merchant before fees, where the bill tells.
    shared: int = 0  # fen given to others (分润), where the line of the payment tells
    vendor_state: str = ""
    out_order_no: str = ""  # Our number of the share or of its return, where the bill has it.


@dataclass(frozen=True, slots=True)
class PayerId:
    """Who pays, as one wallet names them to one of our apps."""

    wallet: str
    app_id: str
    subject: str  # openid, buyer_id …
    unionid: str | None = None
    snapshot: bool = False  # WeChat's preview page gives a throw-away identity that must not pay.
