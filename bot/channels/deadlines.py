"""Ends waits at their deadline with one sleeping task for all of them, since a timer each would cost every turn."""

import asyncio
import heapq
import itertools
from typing import Generic, TypeVar

from bot.kernel.clock import Clock

Outcome = TypeVar("Outcome")


class Deadlines(Generic[Outcome]):
    """Gives every future that is still waiting at its deadline the same ``outcome``."""

    def __init__(self, clock: Clock, outcome: Outcome) -> None:
        self._clock = clock
        self._outcome = outcome
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, asyncio.Future[Outcome]]] = []
        self._sleeper: asyncio.Task[None] | None = None
        self._wakes_at = 0.0

    def add(self, at: float, future: asyncio.Future[Outcome]) -> None:
        """End the future at ``at``, a moment of the clock's monotonic seconds, if nothing else did before."""
        heapq.heappush(self._waiting, (at, next(self._order), future))
        if self._sleeper is not None and at < self._wakes_at:
            self._sleeper.cancel()
            self._sleeper = None
        if self._sleeper is None:
            self._wakes_at = at
            self._sleeper = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        # It sleeps before it looks: most waits end at once, and a watch that ended with them would be begun anew
        # for each.
        while self._waiting:
            self._wakes_at = self._waiting[0][0]
            await self._clock.sleep(self._wakes_at - self._clock.monotonic())
            while self._waiting and (self._waiting[0][0] <= self._clock.monotonic() or self._waiting[0][2].done()):
                _, _, future = heapq.heappop(self._waiting)
                if not future.done():
                    future.set_result(self._outcome)
        self._sleeper = None

    async def close(self) -> None:
        """Stop watching; what still waits is left to whoever waits."""
        if self._sleeper is not None:
            self._sleeper.cancel()
            await asyncio.gather(self._sleeper, return_exceptions=True)
            self._sleeper = None
        self._waiting.clear()
