"""How long to wait before the next attempt, and when to stop trying."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Schedule:
    """Pauses in seconds after the 1st, 2nd, … attempt; the last repeats until ``give_up_after`` attempts.

    ``jitter`` spreads each pause by that share upwards, so that a thousand jobs that failed together do not all
    come back together.
    """

    pauses: Sequence[float]
    give_up_after: int
    jitter: float = 0.25

    def pause(self, attempt: int, chance: random.Random) -> float:
        """Return the seconds to wait after attempt number ``attempt`` (from 1)."""
        base = self.pauses[min(attempt, len(self.pauses)) - 1]
        return base * (1 + self.jitter * chance.random())

    def exhausted(self, attempt: int) -> bool:
        """Tell whether attempt number ``attempt`` was the last one."""
        return attempt >= self.give_up_after


DEFAULT: Final = Schedule(pauses=(1, 2, 5, 15, 60, 300, 900, 3600), give_up_after=16)
# A biller that is told of a payment is asked for about a day before a person takes over (docs/connector.md).
BILLER: Final = Schedule(pauses=(2, 5, 15, 60, 300, 900, 3600), give_up_after=30)
# A message to a customer is worth little when it is old.
MESSAGE: Final = Schedule(pauses=(1, 3, 10, 60, 300, 900), give_up_after=8)
# Internal bookkeeping must not be given up while the store answers.
NEVER_GIVE_UP: Final = Schedule(pauses=(1, 2, 5, 15, 60, 300), give_up_after=1_000_000)
