"""What a biller is to the dialogue, the cashier and the workers: find, quote, settle, undo."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Protocol

from bot.billers.split import Split

# How many bills and amounts one quote may hold.
LINES_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class BillQuery:
    """Asks for what an account owes. ``fields`` holds the item's further inputs, proof of belonging among them."""

    item_id: str
    account: str = field(repr=False)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    period: str | None = None  # YYYY-MM
    trace_id: str = ""
    amount: int | None = None  # Of a second query: what the customer wants to pay, in fen.


@dataclass(frozen=True, slots=True)
class Bill:
    """One bill as it stands now: ``amount`` is what is still owed without ``late_fee``; both in fen."""

    bill_no: str
    title: str
    period: str | None
    amount: int
    late_fee: int = 0
    due_on: date | None = None
    bill_id: str | None = None  # Ours, for hosted bills.
    held_by: str | None = None  # The order that is being paid for it right now.
    detail: Mapping[str, str] = field(default_factory=dict)
    claim: str = ""  # What a payment of it is claimed by, where that is not its number.
    split: Split | None = None  # What an insurance bears besides ``amount``.
    parts: tuple[int, ...] = ()  # The instalments in which it may be paid, the next one first; in fen.

    @property
    def total(self) -> int:
        return self.amount + self.late_fee


@dataclass(frozen=True, slots=True)
class Found:
    """The account exists and is the asker's; ``bills`` may be empty. Names and places come masked."""

    account: str = field(repr=False)
    account_mask: str
    holder_mask: str = ""
    address_mask: str = ""
    balance: int = 0  # fen of prepaid money
    bills: tuple[Bill, ...] = ()


@dataclass(frozen=True, slots=True)
class NotFound:
    """No such account, or not the asker's: one answer for both, so that accounts cannot be enumerated."""


@dataclass(frozen=True, slots=True)
class Later:
    """The biller does not answer now."""

    retry_after: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """What the customer wants to pay: a bill (whole or in part), or an amount on an account (top-up, a meal)."""

    item_id: str
    amount: int  # fen, late fee included
    title: str
    account: str = field(default="", repr=False)
    account_mask: str = ""
    bill: Bill | None = None
    period: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)  # The inputs of the query that found the bill.
    discount: int = 0  # What was let off, in fen; ``amount`` is what remains.
    discount_for: str = ""  # The name of a coupon.


@dataclass(frozen=True, slots=True)
class Quote:
    """A promise of a price until ``expires_at``; becomes at most one order (``orders.quote_id`` is unique)."""

    id: str
    merchant_id: str
    store_id: str | None
    scene: str
    title: str
    payee: str  # The merchant's name, shown before any payment.
    lines: tuple[Line, ...]
    amount: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """No; ``code`` names the message that says why and ``facts`` are its values.

    Of quotes: ``nothing_chosen``, ``one_at_a_time``, ``too_many``, ``bill_twice``, ``item_paused``, ``outage``,
    ``closed_hours``, ``bill_needed``, ``bill_gone``, ``bill_held``, ``bill_changed``, ``whole_bill``,
    ``oldest_first``, ``mandatory_first``, ``once_a_period``, ``deadline_passed``, ``part_amount``,
    ``gifts_closed``, ``amount_range``, ``send_to_bank``; of what is sold from a stock ``sold_out``, ``over_quota``,
    ``sale_over``; the payments add their own.
    """

    code: str
    facts: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PaidLine:
    """A paid order line to be told to its biller; ``id`` is the idempotency key."""

    id: str
    order_id: str
    item_id: str
    account: str = field(repr=False)
    bill_id: str | None
    bill_no: str | None
    period: str | None
    amount: int  # fen, late fee included
    paid_at: datetime
    trace_id: str
    late_fee: int = 0  # The part of the amount that pays nothing off the bill itself.
    discount: int = 0  # What the payment takes off the bill besides the amount, since it was let off.


@dataclass(frozen=True, slots=True)
class Settled:
    """The biller booked the payment (销账)."""

    ref: str


@dataclass(frozen=True, slots=True)
class Pending:
    """Accepted, result later; ask again after so many seconds."""

    retry_after: float


@dataclass(frozen=True, slots=True)
class Refused:
    """An explicit no: ``paid_elsewhere``, ``amount``, ``closed``, ``not_found``, ``conflict``, ``used``, ``other``; of
    our own stock ``sold_out`` besides, after which the money goes back."""

    code: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Silent:
    """No usable answer: the biller may or may not have booked it; ask for the status before repeating."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reversed:
    """The biller took the payment back; only now may money return to the payer."""

    ref: str


class SceneBiller(Protocol):
    """The business half of a scene. ``settle`` and ``undo`` are idempotent by ``line.id``; nothing here raises for
    what a remote system does."""

    async def find(self, query: BillQuery) -> Found | NotFound | Later: ...

    async def quote(self, lines: Sequence[Line], at: datetime, store_id: str | None = None) -> Quote | Refusal | Later:
        """Check lines of one item against its rules and against the bills as they stand.

        Raises NotFound for an unknown item, ValueError for lines of several items.
        """
        ...

    async def settle(self, line: PaidLine) -> Settled | Pending | Refused | Silent: ...

    async def settle_status(self, line: PaidLine) -> Settled | Pending | Refused | Silent | None:
        """Ask how a settlement stands; None when the biller has never heard of it."""
        ...

    async def undo(self, line: PaidLine, reason: str) -> Reversed | Pending | Refused | Silent: ...

    async def undo_status(self, line: PaidLine) -> Reversed | Pending | Refused | Silent | None: ...


class Directory(Protocol):
    """Finds the biller that answers for an item."""

    async def biller(self, item_id: str) -> SceneBiller:
        """Raises NotFound for an unknown item."""
        ...
