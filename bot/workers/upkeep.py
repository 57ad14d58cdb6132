"""Keeps things fresh: seals over the books, gateway keys, platform tokens; and forgets what is old."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from bot.jobs.retention import forget_done
from bot.kernel.clock import Clock
from bot.ledger.balances import checkpoint
from bot.storage.port import Database
from bot.storage.vault import Vault
from bot.trail.retention import forget_traces
from bot.trail.sealing import SEALED_TABLES, seal
from bot.workers.rounds import Round

_BALANCES_EVERY: Final = 600.0
_SEAL_EVERY: Final = 60.0
# A gateway's refresh limits itself; asking often only shortens the wait after a failed download.
_KEYS_EVERY: Final = 30.0
_TOKENS_EVERY: Final = 60.0
_FORGET_EVERY: Final = 60.0
# So few that the transaction keeps nobody waiting; a round that finds as many goes on at once, some times.
_FORGOTTEN_AT_ONCE: Final = 2_000

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


def retention_rounds(database: Database, clock: Clock, traces: int, jobs: int) -> Sequence[Round]:
    """Return the rounds that delete what only explains: notes and done jobs older than so many days, in batches.

    Not among it: the ledger and the audit, which are for ever, and the inbox. An inbox row is what makes a notice's
    repeat harmless (Alipay's last comes after 25 hours, and a captured one at any time), and without it the audit
    could not tell who said that money came.
    """

    async def old(forget: Callable[[Database, datetime, int], Awaitable[int]], days: int) -> int:
        return await forget(database, clock.now() - timedelta(days=days), _FORGOTTEN_AT_ONCE)

    return [
        Round("old traces", _FORGET_EVERY, partial(old, forget_traces, traces), _FORGOTTEN_AT_ONCE),
        Round("old jobs", _FORGET_EVERY, partial(old, forget_done, jobs), _FORGOTTEN_AT_ONCE),
    ]


def key_rounds(refresh: Sequence[Refresh]) -> Sequence[Round]:
    """Return the rounds that renew gateway keys; every process runs them, for each keeps its keys in memory."""
    return [Round("keys", _KEYS_EVERY, partial(_found_nothing, each)) for each in refresh]


def token_rounds(refresh: Sequence[Refresh]) -> Sequence[Round]:
    """Return the rounds that renew platform tokens, which all processes share through the ephemeral store."""
    return [Round("tokens", _TOKENS_EVERY, partial(_found_nothing, each)) for each in refresh]


async def _found_nothing(refresh: Refresh) -> int:
    await refresh()
    return 0
