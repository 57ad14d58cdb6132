"""Keeps things fresh: seals over the books, gateway keys, platform tokens."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bot.kernel.clock import Clock
from bot.storage.port import Database
from bot.trail.sealing import SEALED_TABLES, seal
from bot.workers.rounds import Round

_SEAL_EVERY: Final = 60.0
# A gateway's refresh limits itself; asking often only shortens the wait after a failed download.
_KEYS_EVERY: Final = 30.0
_TOKENS_EVERY: Final = 60.0


def seal_rounds(database: Database, clock: Clock) -> Sequence[Round]:
    """Return the round that seals the books; one worker's seal is every worker's."""

    async def seals() -> int:
        return sum([await seal(database, table, clock) for table in SEALED_TABLES])

    return (Round("seals", _SEAL_EVERY, seals),)


def key_rounds(refresh: Sequence[Callable[[], Awaitable[None]]]) -> Sequence[Round]:
    """Return the round that renews gateway keys; every process runs it, for each keeps its keys in memory."""
    return (Round("keys", _KEYS_EVERY, _all_of(refresh)),)


def token_rounds(refresh: Sequence[Callable[[], Awaitable[None]]]) -> Sequence[Round]:
    """Return the round that renews platform tokens, which all processes share through the ephemeral store."""
    return (Round("tokens", _TOKENS_EVERY, _all_of(refresh)),)


def _all_of(work: Sequence[Callable[[], Awaitable[None]]]) -> Callable[[], Awaitable[int]]:
    async def refresh() -> int:
        for each in work:
            await each()
        return 0

    return refresh
