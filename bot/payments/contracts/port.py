"""What scenes and the dialogue see of deductions: an offer, a signature, how it stands, one word to end it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from bot.billers.port import Line, Refusal


@dataclass(frozen=True, slots=True)
class Plan:
    """What was agreed with a vendor for a merchant's bills, or for one item's: an operator's setting.

    ``maximum`` is fen a deduction, one in ``period_days``; the customer is told ``notice_days`` before.
    """

    merchant_id: str
    gateway: str
    account: str
    plan: str
    maximum: int
    period_days: int
    notice_days: int = 1
    shown: str = ""
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class SignAsk:
    """Who wants which account's bills paid by themselves, where their wallet knows them, and where they are told.

    ``maximum`` (fen) may be lower than the plan's, never higher.
    """

    customer_id: str
    item_id: str
    account: str = field(repr=False)
    account_mask: str
    origin: str
    trace_id: str
    gateway: str
    channel: str | None = None
    told_at: str | None = None
    maximum: int | None = None
    payer_id: str | None = field(default=None, repr=False)
    payer_app: str | None = None
    return_url: str | None = None


@dataclass(frozen=True, slots=True)
class Signing:
    """The contract can be signed now with ``handover``: a URL or what the wallet's bridge needs."""

    contract_id: str
    handover: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Later:
    """The vendor has not answered; ask again in so many seconds, for the same contract."""

    contract_id: str
    retry_after: float = 2.0


@dataclass(frozen=True, slots=True)
class View:
    """How a contract stands, for its customer. ``state`` is one of the contract's states."""

    contract_id: str
    item_id: str
    account_mask: str
    gateway: str
    maximum: int
    period_days: int
    notice_days: int
    state: str
    signed_at: datetime | None
    ended_by: str


@dataclass(frozen=True, slots=True)
class Due:
    """A deduction that will be made: on ``day``, at most ``amount`` fen."""

    deduction_id: str
    day: date
    amount: int


class Autopay(Protocol):
    """Deductions as scenes use them. Refusals say why in a code, as those of quotes do."""

    async def offer(self, item_id: str) -> Sequence[Plan]:
        """Return what can be offered for an item, by gateway; nothing where no contract is possible."""
        ...

    async def sign(self, ask: SignAsk) -> Signing | Later | Refusal:
        """Begin a contract, or go on with the one that is being signed.

        Refusals: ``autopay_unsupported``, ``autopay_signed`` (there is one), ``over_limit``, ``declined``.
        """
        ...

    async def state(self, customer_id: str) -> Sequence[View]:
        """Return a customer's contracts, newest first."""
        ...

    async def revoke(self, customer_id: str, contract_id: str) -> str:
        """End a contract by one word of its customer; nothing is deducted from now on. Returns its state.

        Raises NotFound for a contract that is not this customer's.
        """
        ...

    async def due(self, contract_id: str, line: Line, day: date) -> Due | Refusal:
        """Have a bill deducted on a day, or as soon after it as its customer can be told in time.

        Refusals: ``contract_inactive``, ``other_account``, ``over_contract``, ``deducted`` (this period's, or this
        bill's, is planned or taken already).
        """
        ...
