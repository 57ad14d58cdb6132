"""What the rest of the house may ask of the ephemeral store; nothing in it is ever the authority on money."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Versioned:
    """A stored value and the version to name when replacing it; version 0 means that nothing is stored."""

    value: bytes | None
    version: int


class Ephemeral(Protocol):
    """Claims, locks, versioned states, counters, cache and one-time tokens, all of which expire.

    Keys are ASCII text of at most 200 characters. Every ``ttl`` is in seconds and required: nothing stays for ever.
    Each call is one round trip; concurrent calls share round trips.
    """

    async def claim(self, key: str, owner: str, ttl: float) -> str | None:
        """Take ``key`` for ``owner``; return None when taken, else the present owner."""
        ...

    async def release(self, key: str, owner: str) -> bool:
        """Give ``key`` back if ``owner`` still holds it."""
        ...

    async def renew(self, key: str, owner: str, ttl: float) -> bool:
        """Extend a claim that ``owner`` still holds; False says that it was lost."""
        ...

    async def open(self, lock: str, state: str, owner: str, ttl: float) -> Versioned | None:
        """Take ``lock`` and, only then and in the same round trip, read ``state``; None when the lock is held."""
        ...

    async def load(self, state: str) -> Versioned: ...

    async def store(self, state: str, value: bytes | None, version: int, ttl: float) -> bool:
        """Replace a state whose version is still ``version`` (None deletes it); False when somebody was faster."""
        ...

    async def shut(self, lock: str, owner: str, state: str, value: bytes | None, version: int, ttl: float) -> bool:
        """Store and release the lock in one round trip; False (nothing stored) when the version or lock was lost."""
        ...

    async def count(self, key: str, ttl: float, by: int = 1) -> int:
        """Add to a counter that expires ``ttl`` seconds after its first addition; return the new sum."""
        ...

    async def allow(self, key: str, limit: int, ttl: float, by: int = 1) -> bool:
        """Add ``by`` only if the sum stays within ``limit``; exact under any concurrency."""
        ...

    async def get(self, key: str) -> bytes | None: ...

    async def put(self, key: str, value: bytes, ttl: float) -> None: ...

    async def take(self, key: str) -> bytes | None:
        """Return and delete: a one-time token is spent by the first who asks."""
        ...

    async def drop(self, key: str) -> None: ...

    async def publish(self, channel: str, message: bytes) -> None:
        """Tell all processes; whoever does not listen misses it."""
        ...

    async def hear(self, channel: str, within: float) -> bytes | None:
        """Wait for the next message on a channel; None after ``within`` seconds."""
        ...

    async def ping(self) -> None: ...

    async def close(self) -> None: ...
