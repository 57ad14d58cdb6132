"""An operator's plan for an emergency: for some days late fees are waived and due days move (应急预案)."""

from datetime import date, datetime, timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from bot.billers.rule import Rule
from bot.kernel.clock import business_day


class Relief(Rule):
    """From ``starts`` to ``ends`` in Shanghai days: what falls due then is due ``extend_days`` later, and with
    ``waive_late_fee`` no late fee is asked for while the plan lasts."""

    reason: Annotated[str, Field(min_length=2, max_length=40)]
    starts: date
    ends: date
    waive_late_fee: bool = True
    extend_days: Annotated[int, Field(ge=0, le=180)] = 0

    @model_validator(mode="after")
    def _useful(self) -> Self:
        if self.starts > self.ends:
            raise ValueError("a plan ends after it starts")
        if not self.waive_late_fee and not self.extend_days:
            raise ValueError("a plan waives late fees or extends due days")
        return self

    def due(self, due_on: date | None) -> date | None:
        """Return the day on which a bill is due under the plan."""
        if due_on is None or not self.starts <= due_on <= self.ends:
            return due_on
        return due_on + timedelta(days=self.extend_days)

    def waives(self, at: datetime) -> bool:
        """Tell whether no late fee is asked for at a moment."""
        return self.waive_late_fee and self.starts <= business_day(at) <= self.ends
