"""Keeps things fresh: seals over the books, gateway keys, platform tokens."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bot.kernel.clock import Clock
from bot.storage.port import Database
from bot.trail.sealing import SEALED_TABLES, seal
from bot.workers.rounds import Round

_SEAL_EVERY: Final = 60.0
_KEYS_EVERY: Final = 600.0
_TOKENS_EVERY: Final = 60.0


def upkeep_rounds(
    database: Database,
    clock: Clock,
    *,
    refresh_keys: Sequence[Callable[[], Awaitable[None]]],
    refresh_tokens: Sequence[Callable[[], Awaitable[None]]],
) -> Sequence[Round]:
    """Return the rounds of upkeep."""

    async def seals() -> int:
        return sum([await seal(database, table, clock) for table in SEALED_TABLES])

    def all_of(work: Sequence[Callable[[], Awaitable[None]]]) -> Callable[[], Awaitable[int]]:
        async def refresh() -> int:
            for each in work:
                await each()
            return 0

        return refresh

    return (
        Round("seals", _SEAL_EVERY, seals),
        Round("keys", _KEYS_EVERY, all_of(refresh_keys)),
        Round("tokens", _TOKENS_EVERY, all_of(refresh_tokens)),
    )
