"""Until when a bill is taken, and what comes after that day: nothing any more, or a late fee."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from bot.billers.rule import Rule
from bot.kernel.clock import business_day


class Deadline(Rule):
    """The last day is a bill's own due day and ``grace_days`` more, or ``ends_on`` where that comes first.

    After it ``refuse`` takes nothing (an expired 缴款码, a lapsed policy), while ``late_fee`` goes on taking the bill
    with the late fee of its item (``end_enable`` of school fees; domain.md §2.3). Grace and closing days are the
    biller's terms, hence configuration.
    """

    grace_days: Annotated[int, Field(ge=0, le=365)] = 0
    ends_on: date | None = None
    after: Literal["refuse", "late_fee"] = "refuse"

    def last_day(self, due_on: date | None) -> date | None:
        """Return the last Shanghai day on which a bill is taken in time; None for one without any day."""
        own = None if due_on is None else due_on + timedelta(days=self.grace_days)
        return min((day for day in (own, self.ends_on) if day is not None), default=None)

    def refused_since(self, due_on: date | None, at: datetime) -> date | None:
        """Return the last day of a bill that is not taken any more at a moment; None for one that is."""
        last = self.last_day(due_on)
        over = last is not None and business_day(at) > last
        return last if over and self.after == "refuse" else None
