"""Finds the contracts and deductions that are due; that moment is the lease of who takes one too."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal

from bot.kernel.clock import Clock, to_micros
from bot.payments.policy import Policy
from bot.storage.port import Database, Tx

Engine = Literal["sqlite", "postgresql"]

_DUE_CONTRACTS: Final[Mapping[Engine, str]] = {
    "sqlite": """
UPDATE contracts SET next_query_at = $2 WHERE id IN (
  SELECT id FROM contracts WHERE next_query_at <= $1 ORDER BY next_query_at LIMIT $3)
RETURNING id
""",
    "postgresql": """
UPDATE contracts SET next_query_at = $2 WHERE id IN (
  SELECT id FROM contracts WHERE next_query_at <= $1 ORDER BY next_query_at LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING id
""",
}
_DUE_DEDUCTIONS: Final[Mapping[Engine, str]] = {
    "sqlite": """
UPDATE deductions SET next_at = $2 WHERE id IN (
  SELECT id FROM deductions WHERE next_at <= $1 ORDER BY next_at LIMIT $3)
RETURNING id
""",
    "postgresql": """
UPDATE deductions SET next_at = $2 WHERE id IN (
  SELECT id FROM deductions WHERE next_at <= $1 ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING id
""",
}


class ContractSweep:
    """What the rounds of the worker take; nobody else gets them for a while."""

    def __init__(self, database: Database, clock: Clock, policy: Policy) -> None:
        self._database = database
        self._clock = clock
        self._policy = policy

    async def due_contracts(self, limit: int) -> list[str]:
        """Take up to ``limit`` contracts that are due to be asked about."""
        return await self._take(_DUE_CONTRACTS, limit)

    async def due_deductions(self, limit: int) -> list[str]:
        """Take up to ``limit`` deductions of which a step is due."""
        return await self._take(_DUE_DEDUCTIONS, limit)

    async def _take(self, statement: Mapping[Engine, str], limit: int) -> list[str]:
        now = self._clock.now()
        until = now + timedelta(seconds=self._policy.sweep_lease)

        async def work(tx: Tx) -> list[str]:
            rows = await tx.rows(statement[tx.engine], to_micros(now), to_micros(until), limit)
            return [row["id"] for row in rows]

        return await self._database.effect(work)
