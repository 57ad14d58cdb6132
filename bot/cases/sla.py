"""Reckons by when a complaint is answered: working hours of the desk, and never later than the rule allows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final

from bot.kernel.clock import SHANGHAI

# The disputes by which complaints are filed (domain.md §2.2, after BBPS): debited without service, service stopped, a
# late fee charged; wrong account, paid twice, wrong amount; biller lacks the payment, paid but still due. The last is
# ours: a wish that is none of these.
DISPOSITIONS: Final = ("D11", "D12", "D13", "D21", "D22", "D23", "D31", "D32", "D00")
# Working hours until each is to be answered, unless an operator says otherwise.
HOURS: Final[Mapping[str, int]] = {
    # Somebody sits in the dark.
    "D12": 4,
    "D11": 9,
    "D22": 9,
    "D31": 9,
    "D13": 18,
    "D23": 18,
    "D32": 18,
    # The biller has to ask whose account it was.
    "D21": 27,
    "D00": 18,
}
# Answer within 15 days (PBC decree 5 of 2020, domain.md §4, marked K): the upper end of the clock, as configuration.
COMPLAINT_DAYS: Final = 15
_DAYS_LOOKED_AT: Final = 400


@dataclass(frozen=True, slots=True)
class Service:
    """When the desk works, in Shanghai time, and within how many of its hours it answers which complaint."""

    opens: time = time(9, 0)
    closes: time = time(18, 0)
    weekdays: frozenset[int] = frozenset({1, 2, 3, 4, 5})
    holidays: frozenset[date] = frozenset()
    hours: Mapping[str, int] = field(default_factory=lambda: HOURS)
    complaint_days: int = COMPLAINT_DAYS

    def __post_init__(self) -> None:
        if self.opens >= self.closes or not self.weekdays:
            raise ValueError("a desk opens before it closes, on at least one day of the week")

    def due(self, disposition: str, at: datetime) -> datetime:
        """Return by when a complaint that was made at a moment is to be answered."""
        last = at + timedelta(days=self.complaint_days)
        left = timedelta(hours=self.hours.get(disposition, HOURS["D00"]))
        day = at.astimezone(SHANGHAI).date()
        for _ in range(_DAYS_LOOKED_AT):
            begins, ends = self._hours_of(day, at)
            if begins + left <= ends:
                return min(begins + left, last)
            left -= max(ends - begins, timedelta())
            day += timedelta(days=1)
            if begins > last:
                break
        return last

    def _hours_of(self, day: date, at: datetime) -> tuple[datetime, datetime]:
        """Return what is left of a day's working hours after a moment; nothing on a day without any."""
        ends = datetime.combine(day, self.closes, SHANGHAI)
        if day.isoweekday() not in self.weekdays or day in self.holidays:
            return ends, ends
        begins = datetime.combine(day, self.opens, SHANGHAI)
        return min(max(begins, at.astimezone(SHANGHAI)), ends), ends
