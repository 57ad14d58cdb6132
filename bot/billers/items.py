"""The declarative model of a bill item (缴费项目): what to ask, what may be paid, when, and what lateness costs."""

import re
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from bot.billers import forms
from bot.billers.coupon import Coupon
from bot.billers.deadline import Deadline
from bot.billers.discount import Discount
from bot.billers.donation import Donation
from bot.billers.escrow import Escrow
from bot.billers.forms import Form
from bot.billers.instalments import Instalments
from bot.billers.ladder import Ladder
from bot.billers.optional import Leavable
from bot.billers.relief import Relief
from bot.billers.selling import Selling
from bot.billers.tiers import Tiers
from bot.kernel.clock import SHANGHAI, business_day
from bot.kernel.money import MAX_FEN, share_of
from bot.kernel.text import normalise

HOSTED: Final = "hosted"
STOCK: Final = "stock"
# Scenes in which money on no bill is a gift, which only a registered charity may ask the public for.
GIFTS: Final = frozenset({"emergency"})
VALUE_MAX: Final = 128
_MAX_PATTERN: Final = 200


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as fault:
        raise ValueError(f"not a regular expression: {fault}") from fault
    return pattern


def _of_the_wall(clock: time) -> time:
    if clock.tzinfo is not None:
        raise ValueError("opening hours are Shanghai time; write them without an offset")
    return clock


Pattern = Annotated[str, Field(max_length=_MAX_PATTERN), AfterValidator(_compiles)]
Fen = Annotated[int, Field(ge=0, le=MAX_FEN, strict=True)]
WallTime = Annotated[time, AfterValidator(_of_the_wall)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Flow(StrEnum):
    """How a bill comes to be paid (光大 businessFlow; BBPS fetch, validate, quick pay)."""

    FETCH = "fetch"  # Query, then pay what is owed.
    VALIDATE = "validate"  # Check the account, then pay a chosen amount.
    DIRECT = "direct"  # Pay an amount, nothing to ask first.
    TWO_STEP = "two_step"  # A second query between quote and payment (smart-card meters).


class Choice(_Model):
    value: str
    label: str


class InputField(_Model):
    """One thing that the customer must give. ``proof`` marks proof of belonging, compared blind and never echoed.

    ``read_back`` shows a number whole once more before it is paid for, where a wrong one cannot be mended (话费).
    """

    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    label: Annotated[str, Field(min_length=1, max_length=20)]
    help: Annotated[str, Field(max_length=120)] = ""
    pattern: Pattern = r"\S.{0,63}"
    form: Form = "plain"
    choices: tuple[Choice, ...] = ()
    required: bool = True
    proof: bool = False
    read_back: bool = False

    def canonical(self, text: str) -> str:
        """Return ``text`` in the one form in which this field is stored and compared; a choice's label as its value."""
        if self.choices:
            said = normalise(text)
            return next((choice.value for choice in self.choices if said in (choice.label, choice.value)), said)
        return forms.canonical(self.form, text)

    def accepts(self, value: str) -> bool:
        r"""Tell whether a value in canonical form is one of this field; ``\d`` in a pattern means 0 to 9."""
        if self.choices:
            return any(choice.value == value for choice in self.choices)
        return len(value) <= VALUE_MAX and re.fullmatch(self.pattern, value, re.ASCII) is not None


class AmountKind(StrEnum):
    EXACT = "exact"
    EXACT_OR_MORE = "exact_or_more"
    EXACT_OR_LESS = "exact_or_less"
    ANY = "any"
    PRESETS = "presets"


# Rules under which less than a whole bill may be paid.
_DIVISIBLE: Final = frozenset({AmountKind.EXACT_OR_LESS, AmountKind.ANY})


class AmountRule(_Model):
    """Which amounts may be paid, in fen. ``presets`` are offered as buttons, and with that kind nothing else goes."""

    kind: AmountKind
    minimum: Fen = 1
    maximum: Fen = 5_000_000
    presets: tuple[Fen, ...] = ()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not 0 < self.minimum <= self.maximum:
            raise ValueError("minimum must be at least 1 fen and not above maximum")
        if self.kind is AmountKind.PRESETS and not self.presets:
            raise ValueError("the rule presets needs presets")
        if any(not self.minimum <= preset <= self.maximum for preset in self.presets):
            raise ValueError("presets lie between minimum and maximum")
        return self

    def allows(self, amount: int, owed: int | None) -> bool:
        """Tell whether ``amount`` may be paid where ``owed`` is due (None: nothing is billed); both in fen."""
        if not self.minimum <= amount <= self.maximum:
            return False
        match self.kind:
            case AmountKind.EXACT:
                return amount == owed
            case AmountKind.EXACT_OR_MORE:
                return amount >= (owed or 0)
            case AmountKind.EXACT_OR_LESS:
                return owed is not None and amount <= owed
            case AmountKind.PRESETS:
                return amount in self.presets
            case AmountKind.ANY:
                return True


class Hours(_Model):
    """Opening hours in Shanghai time; a window may cross midnight, equal ends mean the whole day."""

    opens: WallTime = time(0, 0)
    closes: WallTime = time(0, 0)
    weekdays: tuple[Annotated[int, Field(ge=1, le=7)], ...] = (1, 2, 3, 4, 5, 6, 7)

    def covers(self, moment: datetime) -> bool:
        local = moment.astimezone(SHANGHAI)
        day, clock = local.isoweekday(), local.time()
        if self.opens == self.closes:
            return day in self.weekdays
        if self.opens < self.closes:
            return day in self.weekdays and self.opens <= clock < self.closes
        # What is open past midnight is still the evening that began the day before.
        evening = day if clock >= self.opens else (day - 2) % 7 + 1
        return evening in self.weekdays and (clock >= self.opens or clock < self.closes)


class Outage(_Model):
    """A planned window in which the biller takes nothing."""

    starts: AwareDatetime
    ends: AwareDatetime
    reason: Annotated[str, Field(max_length=60)] = ""

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.starts >= self.ends:
            raise ValueError("an outage ends after it starts")
        return self

    def covers(self, moment: datetime) -> bool:
        return self.starts <= moment < self.ends


class LateFee(_Model):
    """Simple interest per day after ``grace_days``; never more than ``cap`` times what was owed.

    Rates are contracts or statutes of the biller, hence configuration (domain.md §3.1, §4).
    """

    daily_rate: Annotated[Decimal, Field(ge=0, le=Decimal("0.05"))]
    grace_days: Annotated[int, Field(ge=0, le=365)] = 0
    cap: Annotated[Decimal, Field(ge=0, le=1)] = Decimal(1)

    def due(self, owed: int, due_on: date | None, at: datetime) -> int:
        """Return the fen of late fee on ``owed`` fen at a moment, counted in Shanghai days."""
        if due_on is None:
            return 0
        days = (business_day(at) - due_on).days - self.grace_days
        if days <= 0:
            return 0
        return min(share_of(owed, self.daily_rate * days), share_of(owed, self.cap))


class ItemDefinition(_Model):
    """All that a bill item declares; stored as JSON in ``bill_items.definition``."""

    flow: Flow
    amount: AmountRule
    # Above this many fen a payment goes through the bank's own channels (网银), where two people approve it.
    bank_above: Fen | None = None
    account: InputField | None = None
    fields: tuple[InputField, ...] = ()
    # What customers call this item among the others of its scene: 一卡通, 住宿费.
    words: tuple[Annotated[str, Field(min_length=1, max_length=12)], ...] = ()
    hours: Hours = Hours()
    outages: tuple[Outage, ...] = ()
    late_fee: LateFee | None = None
    partial: bool = False
    advance: bool = False
    # Bills must be paid from the oldest on, as property fees usually are.
    oldest_first: bool = False
    several: bool = True
    quote_seconds: Annotated[int, Field(ge=60, le=7200)] = 900
    notes: Annotated[str, Field(max_length=200)] = ""
    # Until when a bill is taken, and what comes after.
    deadline: Deadline | None = None
    # Some of an account's bills may be left out, the others not.
    leavable: Leavable | None = None
    # Every bill says what an insurance bears of it, and only the rest is asked for.
    insured: bool = False
    # One payment for an account and a period, whichever of its bills or tiers it was.
    once: bool = False
    tiers: Tiers | None = None
    estimate: Ladder | None = None
    selling: Selling | None = None
    # An account that stands for one bill only (缴款码, 决定书编号) is not kept for the next time.
    remember: bool = True
    # What a bill is for is shown to nobody (a diagnosis, a department).
    discreet: bool = False
    # What a payer is told before the payment, and once it is made: 充错无法撤回, 请在 15 分钟内离场.
    caution: Annotated[str, Field(max_length=120)] = ""
    afterwards: Annotated[str, Field(max_length=120)] = ""
    discount: Discount | None = None
    instalments: Instalments | None = None
    coupons: Annotated[tuple[Coupon, ...], Field(max_length=20)] = ()
    relief: Annotated[tuple[Relief, ...], Field(max_length=20)] = ()
    escrow: Escrow | None = None
    donation: Donation | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.flow is not Flow.DIRECT and self.account is None:
            raise ValueError("every flow but direct needs an account field")
        keys = [field.key for field in self.fields] + ([self.account.key] if self.account else [])
        if len(keys) != len(set(keys)):
            raise ValueError("two fields share a key")
        if any(field.proof and not field.required for field in self.fields):
            raise ValueError("a proof of belonging is always required")
        parts = self.amount.kind is AmountKind.EXACT_OR_LESS
        if (parts and not self.partial) or (self.partial and self.amount.kind not in _DIVISIBLE):
            raise ValueError("partial goes with the rules exact_or_less and any, and the former with partial")
        return self

    @model_validator(mode="after")
    def _agreeing(self) -> Self:
        """Refuse rules that contradict each other."""
        if self.deadline is not None and self.deadline.after == "late_fee" and self.late_fee is None:
            raise ValueError("a deadline after which a late fee is due needs the rule of that fee")
        if (self.once or self.insured or self.leavable is not None) and not self.billed:
            raise ValueError("once, insured and leavable are rules of bills")
        if self.once and (self.partial or self.advance):
            raise ValueError("what is paid once is paid whole and for its period")
        if self.tiers is not None and (self.amount.kind, self.amount.presets) != (
            AmountKind.PRESETS,
            self.tiers.amounts(),
        ):
            raise ValueError("the presets of an item with tiers are its tiers")
        if self.selling is not None and (self.flow is not Flow.DIRECT or self.account is not None):
            raise ValueError("what is sold from a stock is paid directly and on no account")
        return self

    @model_validator(mode="after")
    def _everyday(self) -> Self:
        """Refuse what the everyday rules cannot mean together."""
        if (self.discount is not None or self.instalments is not None) and (
            self.flow is not Flow.FETCH or self.amount.kind is not AmountKind.EXACT
        ):
            raise ValueError("discounts and instalments are rules of bills that are paid exactly")
        if self.discount is not None and self.instalments is not None:
            raise ValueError("who pays in parts gets no discount")
        if self.coupons and (self.flow is not Flow.DIRECT or self.selling is not None):
            raise ValueError("coupons are for amounts paid at a store")
        if self.donation is not None and (self.flow is not Flow.DIRECT or self.coupons or self.late_fee):
            raise ValueError("a gift is a plain amount on no bill")
        if self.escrow is not None and not self.billed:
            raise ValueError("a supervised account takes what its bank has a bill for")
        return self

    @property
    def proofs(self) -> tuple[InputField, ...]:
        return tuple(field for field in self.fields if field.proof)

    @property
    def billed(self) -> bool:
        """Whether bills have to be asked for before anything is paid."""
        return self.flow in (Flow.FETCH, Flow.TWO_STEP)

    def outage_at(self, moment: datetime) -> Outage | None:
        """Return the planned outage that covers a moment."""
        return next((outage for outage in self.outages if outage.covers(moment)), None)


class BillItem(_Model):
    """A bill item with the merchant that is paid through it."""

    id: str
    merchant_id: str
    merchant_name: str
    merchant_short_name: str
    scene: str
    name: str
    biller: str  # ``hosted``, or the key of a connector in the configuration.
    definition: ItemDefinition
    state: Literal["active", "paused"]

    @property
    def hosted(self) -> bool:
        """Whether the operator itself keeps the bills of this item."""
        return self.biller == HOSTED

    @model_validator(mode="after")
    def _keepable(self) -> Self:
        if self.hosted and len(self.definition.proofs) > 1:
            raise ValueError("a hosted bill keeps one proof of belonging")
        if self.hosted and self.definition.escrow is not None:
            raise ValueError("a supervised account is kept by a bank: escrow goes through that bank's connector")
        if not self.hosted and (self.definition.discount or self.definition.instalments or self.definition.relief):
            raise ValueError("discounts, instalments and relief of remote bills are their biller's own")
        if self.scene in GIFTS and self.definition.flow is Flow.DIRECT and self.definition.donation is None:
            raise ValueError("an amount that answers no bill is a gift here: it needs a registered holder")
        if (self.biller == STOCK) != (self.definition.selling is not None):
            raise ValueError("an item of the stock says how it is sold, and no other does")
        return self
