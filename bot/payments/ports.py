"""What a payment gateway and a wallet are to the core: values in, values out, every missing answer named UNKNOWN."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol


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
    out_refund_no: str
    out_trade_no: str
    account: str
    amount: int


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
    fact: PaidFact | RefundFact | None  # None: genuine, but of a kind that we only record.
    kind: str
    body_digest: str


@dataclass(frozen=True, slots=True)
class Unverified:
    """Not proven to come from the gateway; ``status`` is the HTTP status to answer."""

    reason: str
    status: int = 401


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line of a gateway's bill, payment or refund."""

    kind: str  # "payment" | "refund"
    out_trade_no: str
    transaction_id: str
    amount: int
    currency: str
    state: str
    at: datetime
    fee: int = 0  # fen, negative for a fee that came back
    out_refund_no: str = ""
    refund_id: str = ""


class Gateway(Protocol):
    """One payment gateway. Methods never raise for what a gateway or a network does: they answer ``Unknown``."""

    name: str
    can: frozenset[Way]

    async def create(self, charge: NewCharge) -> Created | Paid | Declined | Unknown: ...

    def renew(self, charge: ChargeRef, handover: Mapping[str, str]) -> Mapping[str, str]:
        """Return the handover of an earlier create fit for use now; pure computation, as for a page loaded again."""
        ...

    async def query(self, charge: ChargeRef) -> ChargeFact: ...

    async def close(self, charge: ChargeRef) -> ChargeFact:
        """Ask that the charge can no longer be paid: ``Closed``, ``Paid`` (too late), ``Missing`` or ``Unknown``."""
        ...

    async def refund(self, refund: NewRefund) -> RefundFact | Declined | Unknown: ...

    async def refund_query(self, refund: RefundRef) -> RefundFact | Missing | Unknown: ...

    def read_notice(self, raw: RawNotice, now: datetime) -> Notice | Unverified:
        """Verify, decrypt and parse; pure computation, no network (an unknown key serial is simply unverified)."""
        ...

    def acknowledge(self, accepted: bool) -> tuple[int, str, bytes]:
        """Return the HTTP status, content type and body with which this vendor's notices are answered."""
        ...

    def owner(self, account: str) -> tuple[str, frozenset[str]]:
        """Return the merchant number and the app ids that a fact for this account may carry."""
        ...

    def statement(self, account: str, day: date) -> AsyncIterator[StatementLine]: ...

    async def refresh(self) -> None:
        """Renew keys or certificates; called by a worker, never on a request's path."""
        ...


@dataclass(frozen=True, slots=True)
class PayerId:
    """Who pays, as one wallet names them to one of our apps."""

    wallet: str
    app_id: str
    subject: str  # openid, buyer_id …
    unionid: str | None = None
    snapshot: bool = False  # WeChat's preview page gives a throw-away identity that must not pay.


class Wallet(Protocol):
    """Finds out who is paying inside one wallet's browser."""

    name: str

    def authorize_url(self, back: str, state: str) -> str: ...

    async def identify(self, code: str) -> PayerId:
        """Exchange a one-time code; raises BadRequest (used, expired) or GatewayTrouble."""
        ...
