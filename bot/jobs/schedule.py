"""How long to wait before the next attempt, and when to stop trying."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Schedule:
    """Pauses in seconds after the 1st, 2nd, … attempt; the last repeats until the job is given up.

    That is after ``give_up_after`` attempts, but not before the job is ``within`` seconds old: a receiver that says
    itself when to come again may use up any number of attempts in a minute. ``jitter`` spreads each pause by that
    share upwards, so that a thousand jobs that failed together do not all come back together. With ``one_case`` all
    jobs that die of one reason at one receiver are one case for a person.
    """

    pauses: Sequence[float]
    give_up_after: int
    within: float = 0.0
    jitter: float = 0.25
    one_case: bool = False

    def pause(self, attempt: int, chance: random.Random) -> float:
        """Return the seconds to wait after attempt number ``attempt`` (from 1)."""
        base = self.pauses[min(attempt, len(self.pauses)) - 1]
        return base * (1 + self.jitter * chance.random())

    def exhausted(self, attempt: int, age: float) -> bool:
        """Tell whether attempt number ``attempt`` of a job that is ``age`` seconds old was the last one."""
        return attempt >= self.give_up_after and age >= self.within


_HOUR: Final = 3_600.0

DEFAULT: Final = Schedule(pauses=(1, 2, 5, 15, 60, 300, 900, 3600), give_up_after=16)
# A biller that is told of a payment is asked for about a day before a person takes over (docs/connector.md); with its
# last pause that must end before the audit calls the line late (Policy.fulfil_within). The first pauses are short
# because the payer waits for the receipt, and a few lost answers in a row should cost seconds.
BILLER: Final = Schedule(pauses=(1, 2, 4, 8, 15, 60, 300, 900, 3600), give_up_after=22, within=23 * _HOUR)
# A refund waits for billers first, who have their day; what stands still longer is for a person.
REFUND: Final = Schedule(pauses=(1, 2, 5, 15, 60, 300), give_up_after=60, within=48 * _HOUR)
# A share waits for billers and, for a week, for people who decide about a refused line.
SHARE: Final = Schedule(pauses=(5, 15, 60, 300, 900, 3600), give_up_after=120, within=240 * _HOUR)
# A message to a customer is worth little when it is old; what is wrong with one is mostly wrong with all.
MESSAGE: Final = Schedule(pauses=(1, 3, 10, 60, 300, 900), give_up_after=8, one_case=True)
# Internal bookkeeping must not be given up while the store answers.
NEVER_GIVE_UP: Final = Schedule(pauses=(1, 2, 5, 15, 60, 300), give_up_after=1_000_000)
