"""The ephemeral port on a manual clock, which can be told to fail, and the patience that such clocks need."""

import asyncio
from collections.abc import Iterable

from bot.kernel.clock import ManualClock
from bot.kernel.errors import Busy
from bot.storage.ephemeral_port import Versioned


class FakeStore:
    """Implements storage.ephemeral_port.Ephemeral; ``calls`` counts what was asked of it by name."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._values: dict[str, tuple[bytes, int, float]] = {}
        self._owners: dict[str, tuple[str, float]] = {}
        self.calls: list[str] = []
        self.away = False
        self.refuses_renewal = False

    def _asked(self, name: str) -> None:
        self.calls.append(name)
        if self.away:
            raise Busy("store_away")

    def _owner(self, key: str) -> str | None:
        owner, until = self._owners.get(key, ("", 0.0))
        return owner if until > self._clock.monotonic() else None

    def _value(self, key: str) -> Versioned:
        value, version, until = self._values.get(key, (b"", 0, 0.0))
        return Versioned(value, version) if until > self._clock.monotonic() else Versioned(None, 0)

    def _set(self, key: str, value: bytes, version: int, ttl: float) -> None:
        assert key.isascii() and len(key) <= 200 and ttl > 0
        self._values[key] = (value, version, self._clock.monotonic() + ttl)

    def keys(self) -> Iterable[str]:
        return [key for key in self._values if self._value(key).value is not None]

    def flush(self) -> None:
        self._values.clear()
        self._owners.clear()

    async def claim(self, key: str, owner: str, ttl: float) -> str | None:
        self._asked("claim")
        assert key.isascii() and len(key) <= 200
        present = self._owner(key)
        if present is None:
            self._owners[key] = (owner, self._clock.monotonic() + ttl)
        return present

    async def release(self, key: str, owner: str) -> bool:
        self._asked("release")
        if self._owner(key) != owner:
            return False
        del self._owners[key]
        return True

    async def renew(self, key: str, owner: str, ttl: float) -> bool:
        self._asked("renew")
        if self._owner(key) != owner or self.refuses_renewal:
            return False
        self._owners[key] = (owner, self._clock.monotonic() + ttl)
        return True

    async def open(self, lock: str, state: str, owner: str, ttl: float) -> Versioned | None:
        self._asked("open")
        if self._owner(lock) is not None:
            return None
        self._owners[lock] = (owner, self._clock.monotonic() + ttl)
        return self._value(state)

    async def load(self, state: str) -> Versioned:
        self._asked("load")
        return self._value(state)

    async def store(self, state: str, value: bytes | None, version: int, ttl: float) -> bool:
        self._asked("store")
        if self._value(state).version != version:
            return False
        if value is None:
            self._values.pop(state, None)
        else:
            self._set(state, value, version + 1, ttl)
        return True

    async def shut(self, lock: str, owner: str, state: str, value: bytes | None, version: int, ttl: float) -> bool:
        self._asked("shut")
        if self._owner(lock) != owner:
            return False
        del self._owners[lock]
        self.calls.append("(")
        stored = await self.store(state, value, version, ttl)
        del self.calls[-2:]
        return stored

    async def count(self, key: str, ttl: float, by: int = 1) -> int:
        self._asked("count")
        before = self._value(key)
        total = int(before.value or b"0") + by
        left = self._values[key][2] - self._clock.monotonic() if before.value is not None else ttl
        self._set(key, str(total).encode(), 1, left)
        return total

    async def allow(self, key: str, limit: int, ttl: float, by: int = 1) -> bool:
        self._asked("allow")
        if int(self._value(key).value or b"0") + by > limit:
            return False
        await self.count(key, ttl, by)
        return True

    async def get(self, key: str) -> bytes | None:
        self._asked("get")
        return self._value(key).value

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        self._asked("put")
        self._set(key, value, 1, ttl)

    async def take(self, key: str) -> bytes | None:
        self._asked("take")
        value = self._value(key).value
        self._values.pop(key, None)
        return value

    async def drop(self, key: str) -> None:
        self._asked("drop")
        self._values.pop(key, None)

    async def publish(self, channel: str, message: bytes) -> None:
        self._asked("publish")

    async def hear(self, channel: str, within: float) -> bytes | None:
        self._asked("hear")
        await self._clock.sleep(within)
        return None

    async def ping(self) -> None:
        self._asked("ping")

    async def close(self) -> None:
        self._asked("close")


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
