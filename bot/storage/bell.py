"""Wakes, within one process, those who wait for a channel; the engines carry signals between processes."""

import asyncio
from collections import OrderedDict
from typing import Final

from bot.kernel.clock import Clock

_CHANNELS_MAX: Final = 1024


class Bell:
    """Channels that can be rung and waited for.

    A ring is remembered until somebody hears it, so that none is lost between a worker's look at its table and its
    next wait. Only channels that somebody has waited for before are remembered, and a bounded number of them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard_before: OrderedDict[str, bool] = OrderedDict()
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def ring(self, channel: str) -> None:
        """Wake all who wait for the channel; to be called in the loop's thread."""
        if channel in self._heard_before:
            self._heard_before[channel] = True
        for waiter in self._waiting.get(channel, ()):
            if not waiter.done():
                waiter.set_result(None)

    def ring_all(self) -> None:
        """Wake everybody: something was or may have been signalled, but nobody knows which channel."""
        for channel in list(self._heard_before):
            self.ring(channel)

    async def heard(self, channel: str, within: float) -> bool:
        """Wait for a ring, at most ``within`` seconds; tell whether there was one."""
        self._remember(channel)
        rung = self._heard_before[channel] or await self._wait(channel, within)
        self._heard_before[channel] = False
        return rung

    async def _wait(self, channel: str, within: float) -> bool:
        ring: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(channel, set())
        waiting.add(ring)
        timer = asyncio.ensure_future(self._clock.sleep(within))
        try:
            await asyncio.wait((ring, timer), return_when=asyncio.FIRST_COMPLETED)
            return ring.done()
        finally:
            timer.cancel()
            waiting.discard(ring)
            if not waiting:
                self._waiting.pop(channel, None)

    def _remember(self, channel: str) -> None:
        self._heard_before.setdefault(channel, False)
        self._heard_before.move_to_end(channel)
        while len(self._heard_before) > _CHANNELS_MAX:
            self._heard_before.popitem(last=False)
