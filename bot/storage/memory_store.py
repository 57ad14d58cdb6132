"""The ephemeral port within one process, for a single machine and for tests."""

import asyncio
import heapq
from dataclasses import dataclass
from itertools import count
from typing import Final

from bot.kernel.clock import Clock
from bot.kernel.errors import Busy
from bot.storage.ephemeral_port import Versioned, check_key, check_pair, check_ttl

ENTRIES_MAX: Final = 500_000
# How many expired entries a call may clear away at most, so that none of them waits long.
_SWEPT_A_CALL: Final = 8


@dataclass(slots=True)
class _Entry:
    value: bytes | str | int
    expires_at: float
    version: int = 0


class MemoryStore:
    """A dictionary whose entries expire by the clock; each method runs through without a pause, so it is atomic.

    When it is full of entries that have not expired it refuses new ones: forgetting a counter or a claim early would
    open what they guard.
    """

    def __init__(self, clock: Clock, entries_max: int = ENTRIES_MAX) -> None:
        self._clock = clock
        self._entries_max = entries_max
        self._entries: dict[str, _Entry] = {}
        self._expiries: list[tuple[float, int, str]] = []
        self._order = count()
        self._versions = count(1)
        self._waiting: dict[str, set[asyncio.Future[bytes]]] = {}
        self._closed = False

    async def claim(self, key: str, owner: str, ttl: float) -> str | None:
        entry = self._find(key)
        if entry is not None:
            return str(entry.value)
        self._put(key, owner, ttl)
        return None

    async def release(self, key: str, owner: str) -> bool:
        if not self._holds(key, owner):
            return False
        del self._entries[key]
        return True

    async def renew(self, key: str, owner: str, ttl: float) -> bool:
        check_ttl(ttl)
        if not self._holds(key, owner):
            return False
        self._put(key, owner, ttl)
        return True

    async def open(self, lock: str, state: str, owner: str, ttl: float) -> Versioned | None:
        check_pair(lock, state)
        return self._state(state) if await self.claim(lock, owner, ttl) is None else None

    async def load(self, state: str) -> Versioned:
        return self._state(state)

    async def store(self, state: str, value: bytes | None, version: int, ttl: float) -> bool:
        check_ttl(ttl)
        if self._state(state).version != version:
            return False
        if value is None:
            self._entries.pop(state, None)
        else:
            # One row of numbers for all states: a version never comes back.
            self._put(state, value, ttl, next(self._versions))
        return True

    async def shut(self, lock: str, owner: str, state: str, value: bytes | None, version: int, ttl: float) -> bool:
        check_pair(lock, state)
        return await self.release(lock, owner) and await self.store(state, value, version, ttl)

    async def count(self, key: str, ttl: float, by: int = 1) -> int:
        check_ttl(ttl)
        entry = self._find(key)
        if entry is None:
            self._put(key, by, ttl)
            return by
        assert isinstance(entry.value, int)
        entry.value += by
        return entry.value

    async def allow(self, key: str, limit: int, ttl: float, by: int = 1) -> bool:
        check_ttl(ttl)
        entry = self._find(key)
        if (int(entry.value) if entry else 0) + by > limit:
            return False
        await self.count(key, ttl, by)
        return True

    async def get(self, key: str) -> bytes | None:
        entry = self._find(key)
        return entry.value if entry is not None and isinstance(entry.value, bytes) else None

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        self._find(key)
        self._put(key, value, ttl)

    async def take(self, key: str) -> bytes | None:
        value = await self.get(key)
        self._entries.pop(key, None)
        return value

    async def drop(self, key: str) -> None:
        self._find(key)
        self._entries.pop(key, None)

    async def publish(self, channel: str, message: bytes) -> None:
        self._look(channel)
        for waiter in self._waiting.get(channel, ()):
            if not waiter.done():
                waiter.set_result(message)

    async def hear(self, channel: str, within: float) -> bytes | None:
        self._look(channel)
        message: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(channel, set())
        waiting.add(message)
        timer = asyncio.ensure_future(self._clock.sleep(within))
        try:
            await asyncio.wait((message, timer), return_when=asyncio.FIRST_COMPLETED)
            return message.result() if message.done() else None
        finally:
            timer.cancel()
            waiting.discard(message)
            if not waiting:
                self._waiting.pop(channel, None)

    async def ping(self) -> None:
        self._look("ping")

    async def close(self) -> None:
        self._closed = True
        self._entries.clear()
        self._expiries.clear()

    def __len__(self) -> int:
        """How many entries are kept, expired ones that nobody has cleared away yet included."""
        return len(self._entries)

    def _look(self, key: str) -> None:
        if self._closed:
            raise Busy("ephemeral_closed")
        check_key(key)

    def _find(self, key: str) -> _Entry | None:
        self._look(key)
        entry = self._entries.get(key)
        if entry is not None and entry.expires_at <= self._clock.monotonic():
            del self._entries[key]
            return None
        return entry

    def _holds(self, key: str, owner: str) -> bool:
        entry = self._find(key)
        return entry is not None and entry.value == owner

    def _state(self, state: str) -> Versioned:
        entry = self._find(state)
        if entry is None:
            return Versioned(None, 0)
        assert isinstance(entry.value, bytes)
        return Versioned(entry.value, entry.version)

    def _put(self, key: str, value: bytes | str | int, ttl: float, version: int = 0) -> None:
        expires_at = self._clock.monotonic() + check_ttl(ttl)
        self._sweep(_SWEPT_A_CALL)
        if key not in self._entries and len(self._entries) >= self._entries_max:
            self._sweep(len(self._expiries))
            if len(self._entries) >= self._entries_max:
                raise Busy("ephemeral_full")
        self._entries[key] = _Entry(value, expires_at, version)
        heapq.heappush(self._expiries, (expires_at, next(self._order), key))
        if len(self._expiries) > 2 * len(self._entries) + 1024:
            # Entries that are renewed all the time leave a row behind each time.
            self._expiries = [(entry.expires_at, next(self._order), key) for key, entry in self._entries.items()]
            heapq.heapify(self._expiries)

    def _sweep(self, most: int) -> None:
        """Clear away what has expired, soonest first."""
        now = self._clock.monotonic()
        while most > 0 and self._expiries and self._expiries[0][0] <= now:
            most -= 1
            expires_at, _, key = heapq.heappop(self._expiries)
            entry = self._entries.get(key)
            # A renewed or replaced entry has a later row of its own.
            if entry is not None and entry.expires_at <= expires_at:
                del self._entries[key]
