"""The arithmetic of discount, pools and financing: whole fen in, whole fen out, Decimal between.

Rounding: interest is rounded half up to a fen, once, at its end. What limits a customer is rounded down, so that a
limit is never exceeded by its own rounding. A year has 360 days and days are counted from the first one, included, to
the last one, left out (算头不算尾), as domain.md §3.1 card 19 has it.
"""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import Final

from bot.kernel.money import share_of

YEAR_DAYS: Final = 360


@dataclass(frozen=True, slots=True)
class Terms:
    """What the bank asks at present. Every figure is the operator's own setting (``[trade]``), never a law.

    Rates are a year; ``tenor_months`` counts from a note's registration to its due day; ``present_days`` is how long
    before and after the due day a note may be presented; the shares are of the face.
    """

    discount_rate: Decimal = Decimal("0.0225")
    financing_rate: Decimal = Decimal("0.0435")
    tenor_months: int = 6
    present_days: int = 10
    financing_share: Decimal = Decimal("0.8")
    pool_share: Decimal = Decimal("0.9")
    placement_rate: Decimal = Decimal("0.0165")


@dataclass(frozen=True, slots=True)
class Discount:
    """What a discount comes to, in fen; an estimate until the bank has approved it."""

    face: int
    days: int
    interest: int

    @property
    def net(self) -> int:
        """What is paid out."""
        return self.face - self.interest


def interest(principal: int, rate: Decimal, days: int) -> int:
    """Return the fen of simple interest on ``principal`` fen at a yearly ``rate`` over so many days.

    Raises ValueError for days that run backwards.
    """
    if days < 0:
        raise ValueError("interest runs forwards")
    return share_of(principal, rate * days / YEAR_DAYS)


def discount(face: int, rate: Decimal, on: date, due_on: date) -> Discount:
    """Return what a note of ``face`` fen comes to when it is discounted on a day; raises ValueError once it is due."""
    days = (due_on - on).days
    if days <= 0:
        raise ValueError("a note that is due is presented, not discounted")
    return Discount(face, days, min(face, interest(face, rate, days)))


def months_after(day: date, months: int) -> date:
    """Return the same day so many months later, the last of the month where there is none such."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def share_down(fen: int, share: Decimal) -> int:
    """Return a share of a sum, rounded down to a fen."""
    return int((Decimal(fen) * share).quantize(Decimal(1), rounding=ROUND_DOWN))


def pool_limit(pledged: Iterable[tuple[int, Decimal]], used: int) -> int:
    """Return the fen that a pool still allows: what its (face, share) pairs are good for, less what is used."""
    return max(0, sum(share_down(face, share) for face, share in pledged) - used)


def financing_limit(face: int, collected: int, share: Decimal, used: int) -> int:
    """Return the fen that may still be financed on a receivable of which a part was collected already."""
    return max(0, share_down(face - collected, share) - used)


@dataclass(frozen=True, slots=True)
class Allocation:
    """How a collection is divided, in fen: interest first, then principal, and the rest is the creditor's own."""

    to_interest: int
    to_principal: int
    to_creditor: int


def allocate(amount: int, interest_owed: int, principal_left: int) -> Allocation:
    """Divide a collection of ``amount`` fen; the parts always add up to it."""
    to_interest = min(amount, interest_owed)
    to_principal = min(amount - to_interest, principal_left)
    return Allocation(to_interest, to_principal, amount - to_interest - to_principal)
