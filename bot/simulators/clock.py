"""The clocks a simulator runs on: real time for signatures, compressed or manual time for waiting."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta
from typing import Protocol

# Woken sleepers get this many turns of the event loop before the next one is woken.
SETTLE_TURNS = 10


class Clock(Protocol):
    """What a simulator needs to know about time."""

    def now(self) -> datetime:
        """The present as an aware UTC datetime, close enough to real time for a ±300 s freshness check."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of the simulated world."""
        ...


class FactorClock:
    """Real time, with waiting divided by a factor so that a day of notice retries fits in a minute."""

    def __init__(self, factor: float = 1.0, offset: timedelta = timedelta()) -> None:
        if factor <= 0:
            raise ValueError("the factor divides waiting times and must be positive")
        self._factor = factor
        self._offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self._factor)


class ManualClock:
    """Time that stands still until a test calls advance()."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start if start is not None else datetime.now(UTC)
        self._order = itertools.count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    @property
    def sleepers(self) -> int:
        """How many tasks wait on this clock."""
        return sum(not future.done() for _, _, future in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + timedelta(seconds=seconds), next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move time forward, waking every sleeper on the way in order and letting it run."""
        target = self._now + timedelta(seconds=seconds)
        while self._sleepers and self._sleepers[0][0] <= target:
            due, _, future = heapq.heappop(self._sleepers)
            self._now = max(self._now, due)
            if not future.done():
                future.set_result(None)
                await _settle()
        self._now = target
        await _settle()


async def _settle() -> None:
    for _ in range(SETTLE_TURNS):
        await asyncio.sleep(0)
