"""What is let off a bill that is paid early, or several months ahead at once."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from bot.billers.port import Bill
from bot.billers.rule import Rule
from bot.kernel.clock import business_day
from bot.kernel.money import share_of

Rate = Annotated[Decimal, Field(gt=0, le=Decimal("0.5"))]


class Early(Rule):
    """``rate`` of a bill is let off until ``until``, or as long as ``days`` are left before its due day."""

    rate: Rate
    until: date | None = None
    days: Annotated[int, Field(ge=0, le=365)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.until is None) == (self.days is None):
            raise ValueError("an early-bird discount ends on a day, or some days before a bill is due")
        return self

    def open_on(self, day: date, due_on: date | None) -> bool:
        """Tell whether a bill that is due on a day is still early."""
        if self.until is not None:
            return day <= self.until
        assert self.days is not None, "one of the two is there"
        return due_on is not None and day <= due_on - timedelta(days=self.days)


class Ahead(Rule):
    """``rate`` is let off each bill when at least ``months`` bills that are not due yet are paid at once."""

    months: Annotated[int, Field(ge=2, le=36)]
    rate: Rate


class Discount(Rule):
    """The higher of the two that apply is let off; they are never added up.

    A bill that is late or carries a late fee gets none, nor does a part of one. Rates are a contract of the biller,
    hence configuration (domain.md §3.1, 物业 and 供暖).
    """

    early: Early | None = None
    ahead: Annotated[tuple[Ahead, ...], Field(max_length=6)] = ()

    @model_validator(mode="after")
    def _some(self) -> Self:
        months = [step.months for step in self.ahead]
        if self.early is None and not self.ahead:
            raise ValueError("a discount is for who pays early, or ahead")
        if len(set(months)) < len(months):
            raise ValueError("two discounts are for the same number of months")
        return self

    def off(self, bills: Sequence[Bill], at: datetime) -> tuple[int, ...]:
        """Return the fen let off each of the bills of one account that are paid whole together at a moment."""
        day = business_day(at)
        ahead = [bill.due_on is not None and bill.due_on > day and not bill.late_fee for bill in bills]
        by_number = max((step.rate for step in self.ahead if step.months <= sum(ahead)), default=Decimal(0))
        return tuple(
            self._off(bill, day, by_number if counts else Decimal(0)) for bill, counts in zip(bills, ahead, strict=True)
        )

    def _off(self, bill: Bill, day: date, by_number: Decimal) -> int:
        late = bill.late_fee or (bill.due_on is not None and bill.due_on < day)
        if late:
            return 0
        early = self.early.rate if self.early is not None and self.early.open_on(day, bill.due_on) else Decimal(0)
        return min(share_of(bill.amount, max(early, by_number)), bill.amount - 1)
