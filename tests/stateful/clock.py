"""One time for the application and for all simulators, which only the test moves."""

import asyncio
from datetime import UTC, datetime, timedelta

from bot.simulators.clock import ManualClock

# A morning in Shanghai, far from the hour at which UnionPay's day ends; the simulators' certificates are of today.
MORNING_HOUR = 2
_TICK = timedelta(microseconds=1)


def morning() -> datetime:
    return datetime.now(UTC).replace(hour=MORNING_HOUR, minute=0, second=0, microsecond=0)


class Time(ManualClock):
    """The simulators' clock; no two looks at it show the same microsecond, so that what is made later sorts later."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.began = start

    def now(self) -> datetime:
        self._now += _TICK
        return self._now


class HouseClock:
    """The same time for the application, in which nothing that waits a moment holds a history up."""

    def __init__(self, time: Time) -> None:
        self._time = time

    def now(self) -> datetime:
        return self._time.now()

    def monotonic(self) -> float:
        return (self._time.now() - self._time.began).total_seconds()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(max(seconds, 0.0), 0.001))
