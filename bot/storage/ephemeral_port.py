"""What the rest of the house may ask of the ephemeral store; nothing in it is ever the authority on money."""

from dataclasses import dataclass
from typing import Final, Protocol

KEY_CHARACTERS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Versioned:
    """A stored value and the version to name when replacing it; version 0 means that nothing is stored.

    A version never comes back: not after a deletion, not after an expiry. Whoever holds an old one cannot win.
    """

    value: bytes | None
    version: int


class Ephemeral(Protocol):
    """Claims, locks, versioned states, counters, cache and one-time tokens, all of which expire.

    Keys are ASCII text of at most 200 characters. Every ``ttl`` is in seconds and required: nothing stays for ever.
    Each call is one round trip; concurrent calls share round trips. A lock and a state of one call must lie on one
    node of a cluster, so both keys hold the same tag in braces: ``lock:{openid}`` and ``talk:{openid}``.

    Every method raises Busy when the store is away or its answer was lost; in the latter case the change may have
    happened, and it is never repeated behind the caller's back. Counters then refuse: what guards money fails closed.
    """

    async def claim(self, key: str, owner: str, ttl: float) -> str | None:
        """Take ``key`` for ``owner``; None says that it is ours now, else the answer names the present owner."""
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
        """Replace a state whose version is still ``version`` (None deletes it); False when somebody was faster.

        The new version is not told; load before the next replacement.
        """
        ...

    async def shut(self, lock: str, owner: str, state: str, value: bytes | None, version: int, ttl: float) -> bool:
        """Store and release the lock in one round trip; False (nothing stored) when the version or lock was lost.

        A lock that is still ours is released in either case.
        """
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
        """Wait for the next message on a channel; None after ``within`` seconds.

        Everybody who waits gets it. What comes between two calls is missed, so look at the thing itself in between.
        """
        ...

    async def ping(self) -> None: ...

    async def close(self) -> None: ...


def check_key(key: str) -> str:
    """Return the key. Raises ValueError for one that a store could not represent."""
    if not key or len(key) > KEY_CHARACTERS_MAX or not key.isascii() or not key.isprintable():
        raise ValueError(f"a key has 1 to {KEY_CHARACTERS_MAX} printable ASCII characters")
    return key


def check_ttl(ttl: float) -> float:
    """Return the seconds. Raises ValueError unless something would live for a moment at least."""
    if not ttl > 0:
        raise ValueError("a ttl is a positive number of seconds")
    return ttl


def check_pair(lock: str, state: str) -> None:
    """Raises ValueError unless both keys hold the same tag, so that a cluster keeps them on one node."""
    if not tag_of(lock) or tag_of(lock) != tag_of(state):
        raise ValueError("a lock and its state hold the same tag in braces")


def tag_of(key: str) -> str:
    """Return what stands in the first pair of braces, the part by which Redis Cluster chooses a node."""
    return key.partition("{")[2].partition("}")[0]
