"""Finds the shares and returns that are due to be asked about; ``next_query_at`` is the lease of who takes one too."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal

from bot.kernel.clock import Clock, to_micros
from bot.payments.policy import Policy
from bot.storage.port import Database, Tx

Engine = Literal["sqlite", "postgresql"]

_DUE_SHARES: Final[Mapping[Engine, str]] = {
    "sqlite": """
UPDATE shares SET next_query_at = $2 WHERE id IN (
  SELECT id FROM shares WHERE next_query_at <= $1 ORDER BY next_query_at LIMIT $3)
RETURNING id
""",
    "postgresql": """
UPDATE shares SET next_query_at = $2 WHERE id IN (
  SELECT id FROM shares WHERE next_query_at <= $1 ORDER BY next_query_at LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING id
""",
}
_DUE_RETURNS: Final[Mapping[Engine, str]] = {
    "sqlite": """
UPDATE share_returns SET next_query_at = $2 WHERE id IN (
  SELECT id FROM share_returns WHERE next_query_at <= $1 ORDER BY next_query_at LIMIT $3)
RETURNING id
""",
    "postgresql": """
UPDATE share_returns SET next_query_at = $2 WHERE id IN (
  SELECT id FROM share_returns WHERE next_query_at <= $1 ORDER BY next_query_at LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING id
""",
}


class SharingSweep:
    """What the rounds of the worker take; nobody else gets them for a while."""

    def __init__(self, database: Database, clock: Clock, policy: Policy) -> None:
        self._database = database
        self._clock = clock
        self._policy = policy

    async def due_shares(self, limit: int) -> list[str]:
        """Take up to ``limit`` shares that are due to be asked about."""
        return await self._take(_DUE_SHARES, limit)

    async def due_returns(self, limit: int) -> list[str]:
        """Take up to ``limit`` returns that are due to be asked about."""
        return await self._take(_DUE_RETURNS, limit)

    async def _take(self, statement: Mapping[Engine, str], limit: int) -> list[str]:
        now = self._clock.now()
        until = now + timedelta(seconds=self._policy.sweep_lease)

        async def work(tx: Tx) -> list[str]:
            rows = await tx.rows(statement[tx.engine], to_micros(now), to_micros(until), limit)
            return [row["id"] for row in rows]

        return await self._database.effect(work)
