"""The in-process ephemeral store, which can be told to fail and tells what it was asked, and patience for its clock."""

import asyncio
from typing import Any

from bot.kernel.clock import ManualClock
from bot.kernel.errors import Busy
from bot.storage.ephemeral_port import Ephemeral
from bot.storage.memory_store import MemoryStore


class FakeStore(MemoryStore):
    """``calls`` are the names of the methods that were called from outside, in order."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.calls: list[str] = []
        self.away = False
        self._inside = False

    def flush(self) -> None:
        """Lose everything, as FLUSHALL does."""
        self._entries.clear()

    async def recorded(self, name: str, arguments: tuple[Any, ...]) -> Any:
        method = getattr(super(), name)
        if self._inside:
            return await method(*arguments)
        self.calls.append(name)
        if self.away:
            raise Busy("store_away")
        self._inside = True
        try:
            return await method(*arguments)
        finally:
            self._inside = False


def _record(name: str) -> None:
    async def method(self: FakeStore, *arguments: Any) -> Any:
        return await self.recorded(name, arguments)

    setattr(FakeStore, name, method)


_NAMES = ("claim", "release", "renew", "open", "load", "store", "shut", "count", "allow", "get", "put", "take", "drop")
for _name in _NAMES:
    assert hasattr(Ephemeral, _name)
    _record(_name)


async def settle(turns: int = 30) -> None:
    """Let everything that can run do so."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def pass_time(clock: ManualClock, seconds: float, step: float = 0.1) -> None:
    """Let time go by in steps, so that whoever wakes and sleeps again wakes at the right moment."""
    await settle()
    for _ in range(round(seconds / step)):
        clock.advance(step)
        await settle(8)
