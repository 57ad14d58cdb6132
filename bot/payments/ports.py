"""What a payment gateway and a wallet are to the core: values in, values out."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from bot.payments.facts import (
    ChargeFact,
    ChargeRef,
    Created,
    Declined,
    Missing,
    NewCharge,
    NewRefund,
    Notice,
    Paid,
    PayerId,
    RawNotice,
    RefundFact,
    RefundRef,
    StatementLine,
    Unknown,
    Unverified,
    Way,
)
from bot.payments.faculties import Codes, Contracts, Flows, Sharing


class Gateway(Protocol):
    """One payment gateway. Methods never raise for what a gateway or a network does: they answer ``Unknown``."""

    name: str
    can: frozenset[Way]
    codes: Codes | None
    flows: Flows | None
    sharing: Sharing | None
    contracts: Contracts | None

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


class Wallet(Protocol):
    """Finds out who is paying inside one wallet's browser."""

    name: str

    def authorize_url(self, back: str, state: str) -> str: ...

    async def identify(self, code: str) -> PayerId:
        """Exchange a one-time code; raises BadRequest (used, expired) or GatewayTrouble."""
        ...


@dataclass(frozen=True, slots=True)
class SignIn:
    """A wallet with the way in which it comes back: ``code`` reads from (query, User-Agent) what ``identify`` takes.

    It answers nothing where the wallet brought no code, as when the payer gave no leave.
    """

    wallet: Wallet
    code: Callable[[Mapping[str, str], str], str]
