"""Keeps things fresh: seals over the books, gateway keys, platform tokens."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from bot.kernel.clock import Clock
from bot.ledger.balances import checkpoint
from bot.storage.port import Database
from bot.storage.vault import Vault
from bot.trail.sealing import SEALED_TABLES, seal
from bot.workers.rounds import Round

_BALANCES_EVERY: Final = 600.0
_SEAL_EVERY: Final = 60.0
# A gateway's refresh limits itself; asking often only shortens the wait after a failed download.
_KEYS_EVERY: Final = 30.0
_TOKENS_EVERY: Final = 60.0

Refresh = Callable[[], Awaitable[None]]

# One round for each thing, so that one that fails keeps no other from its turn.


def seal_rounds(database: Database, vault: Vault, clock: Clock) -> Sequence[Round]:
    """Return the rounds that seal the books; one worker's seal is every worker's."""
    return [
        Round(f"seals of {table}", _SEAL_EVERY, partial(seal, database, table, vault, clock)) for table in SEALED_TABLES
    ]


def balance_rounds(database: Database, clock: Clock) -> Sequence[Round]:
    """Return the round that writes checkpoints of balances, so that asking for one never walks the whole ledger."""

    async def checkpoints() -> int:
        await checkpoint(database, clock.now())
        return 0

    return [Round("balances", _BALANCES_EVERY, checkpoints)]


def key_rounds(refresh: Sequence[Refresh]) -> Sequence[Round]:
    """Return the rounds that renew gateway keys; every process runs them, for each keeps its keys in memory."""
    return [Round("keys", _KEYS_EVERY, partial(_found_nothing, each)) for each in refresh]


def token_rounds(refresh: Sequence[Refresh]) -> Sequence[Round]:
    """Return the rounds that renew platform tokens, which all processes share through the ephemeral store."""
    return [Round("tokens", _TOKENS_EVERY, partial(_found_nothing, each)) for each in refresh]


async def _found_nothing(refresh: Refresh) -> int:
    await refresh()
    return 0
