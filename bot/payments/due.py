"""Takes rows whose moment has come; moving that moment is the lease of who took them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal, LiteralString

from bot.kernel.clock import Clock, to_micros
from bot.payments.policy import Policy
from bot.storage.port import Database, Tx

Engine = Literal["sqlite", "postgresql"]
Statements = Mapping[Engine, LiteralString]

_LOCKS: Final[Statements] = {"sqlite": "", "postgresql": " FOR UPDATE SKIP LOCKED"}


def statements(table: LiteralString, column: LiteralString = "next_query_at") -> Statements:
    """Return what takes the rows of a table whose ``column`` has come, once for each engine; the oldest first.

    What a dead process had taken comes back by itself, because all that it did was to move the moment on.
    """
    return {
        engine: f"""
UPDATE {table} SET {column} = $2 WHERE id IN (
  SELECT id FROM {table} WHERE {column} <= $1 ORDER BY {column} LIMIT $3{lock})
RETURNING id
"""  # noqa: S608 - Names of our own tables are put in, when a module is loaded.
        for engine, lock in _LOCKS.items()
    }


class Due:
    """Takes due rows of any table that has a moment; nobody else gets them for ``Policy.sweep_lease`` seconds."""

    def __init__(self, database: Database, clock: Clock, policy: Policy) -> None:
        self._database = database
        self._clock = clock
        self._policy = policy

    async def take(self, statements: Statements, limit: int) -> list[str]:
        """Return the ids of up to ``limit`` rows that are ours for a while."""
        now = self._clock.now()
        until = now + timedelta(seconds=self._policy.sweep_lease)

        async def work(tx: Tx) -> list[str]:
            rows = await tx.rows(statements[tx.engine], to_micros(now), to_micros(until), limit)
            return [row["id"] for row in rows]

        return await self._database.effect(work)
