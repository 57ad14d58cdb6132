"""A business day of one gateway account, what is agreed about its fees, and the limits of its reconciliation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from bot.kernel.clock import SHANGHAI, business_day, from_micros, to_micros

_DAY_SECONDS: Final = 86_400
_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class AccountDay:
    """One day, as Shanghai counts it, of one of the operator's accounts at one gateway."""

    gateway: str
    account: str
    day: date

    @property
    def text(self) -> str:
        return self.day.isoformat()

    @property
    def key(self) -> str:
        return f"{self.gateway}:{self.account}:{self.text}"

    @property
    def row(self) -> tuple[str, str, str]:
        """The primary key of everything that is kept by day."""
        return self.gateway, self.account, self.text

    @property
    def begin(self) -> int:
        """Return the day's first moment, in microseconds."""
        return to_micros(datetime.combine(self.day, time(), SHANGHAI).astimezone(UTC))

    @property
    def end(self) -> int:
        """Return the first moment of the next day, in microseconds."""
        return self.later(1).begin

    def later(self, days: int) -> "AccountDay":
        return AccountDay(self.gateway, self.account, self.day + timedelta(days=days))

    def holds(self, at: int) -> bool:
        return self.begin <= at < self.end


def day_of(at: int) -> str:
    """Return the business day of a moment in microseconds, as it is written in tables."""
    return business_day(from_micros(at)).isoformat()


def near_midnight(at: int, edge: float) -> bool:
    """Tell whether a moment (microseconds) lies within ``edge`` seconds of midnight in Shanghai."""
    local = from_micros(at).astimezone(SHANGHAI)
    seconds = local.hour * 3600 + local.minute * 60 + local.second
    return seconds < edge or seconds >= _DAY_SECONDS - edge


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """What a gateway may keep: ``rate`` in millionths of the amount (6000 is 0.6 %), None where nobody has told.

    ``returned`` says whether it gives its fee back with a refund.
    """

    rate: int | None = None
    returned: bool = True

    @property
    def bound(self) -> int:
        """The rate in the form that statements bind: -1 compares nothing."""
        return -1 if self.rate is None else self.rate

    def of_payment(self, fen: int) -> int:
        """Return the fee of a payment in fen, rounded half up (payments.md, trap 20)."""
        return 0 if self.rate is None else (fen * self.rate + _MILLION // 2) // _MILLION

    def of_refund(self, fen: int) -> int:
        """Return what of the fee comes back with a refund of so many fen, as a negative fee."""
        return -self.of_payment(fen) if self.returned else 0


@dataclass(frozen=True, slots=True)
class Terms:
    """What an operator may set. Times are in seconds, ``fees`` by (gateway, account)."""

    fees: Mapping[tuple[str, str], FeeTerms] = field(default_factory=dict)
    # How many days after its own a payment near midnight may still appear on the other side.
    pool_days: int = 3
    # Gateways cut their day at midnight or up to an hour before it (UnionPay at 23:00); clocks differ by seconds.
    pool_edge: float = 7_200.0
    # Lines that are compared, and kept, in one step.
    step: int = 2_000
    # A day that went wholly wrong must not bury the desk: so many of its differences are cases at a time.
    cases_max: int = 200
    lease: float = 300.0
    # Bills are there on the next day after 10:00 (payments.md §4.1); when that fails, again after these pauses.
    ready: time = time(10, 15)
    pauses: tuple[float, ...] = (600.0, 1_800.0, 3_600.0)
    # After so many vain attempts a person is told; the attempts go on.
    tries_before_case: int = 6

    def fee(self, day: AccountDay) -> FeeTerms:
        return self.fees.get((day.gateway, day.account), FeeTerms())

    def due(self, day: AccountDay) -> datetime:
        """Return when a day's bill can be asked for."""
        return datetime.combine(day.day + timedelta(days=1), self.ready, SHANGHAI).astimezone(UTC)

    def pool_until(self, day: AccountDay) -> str:
        """Return the last day on which the other side of a difference may still come."""
        return day.later(1 + self.pool_days).text
