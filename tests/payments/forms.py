"""Runs a form of an effect, looks at every row that it leaves, and takes it back: for comparing two forms."""

from collections.abc import Sequence
from typing import Any

import pytest

from bot.storage.port import Database, Row, Tx, Value

TABLES = {
    "orders": "SELECT * FROM orders ORDER BY id",
    "charges": "SELECT * FROM charges ORDER BY id",
    "order_lines": "SELECT * FROM order_lines ORDER BY id",
    "bills": "SELECT * FROM bills ORDER BY id",
    "paid_claims": "SELECT * FROM paid_claims ORDER BY claim",
    "inbox": "SELECT * FROM inbox ORDER BY gateway, account, notice_id",
    "postings": "SELECT * FROM postings ORDER BY journal, entry_no",
    "outbox": "SELECT * FROM outbox ORDER BY kind, key",
    "suspense": "SELECT * FROM suspense ORDER BY id",
}
# Given by chance or by the engine, and no part of what an effect means.
BY_CHANCE = {"outbox": {"id"}, "postings": {"seq"}}


class TakenBack(Exception):
    """Rolls a trial back."""


class Counted:
    """A transaction that counts its statements."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self.engine = tx.engine
        self.statements = 0

    async def rows(self, sql: str, *values: Value) -> Sequence[Row]:
        self.statements += 1
        return await self._tx.rows(sql, *values)

    async def row(self, sql: str, *values: Value) -> Row | None:
        self.statements += 1
        return await self._tx.row(sql, *values)

    async def execute(self, sql: str, *values: Value) -> int:
        self.statements += 1
        return await self._tx.execute(sql, *values)

    def signal(self, channel: str) -> None:
        self._tx.signal(channel)


async def snapshot(tx: Tx) -> dict[str, list[dict[str, Any]]]:
    """Everything that a credit may touch, without what chance gives."""
    return {table: [_meant(table, row) for row in await tx.rows(sql)] for table, sql in TABLES.items()}


def _meant(table: str, row: Any) -> dict[str, Any]:
    return {column: value for column, value in dict(row).items() if column not in BY_CHANCE.get(table, set())}


async def tried(database: Database, credit: Any) -> tuple[Any, dict[str, list[dict[str, Any]]], int]:
    """Run a form, look at all rows it leaves, and take it back."""
    seen: list[Any] = []

    async def trial(tx: Tx) -> None:
        counted = Counted(tx)
        result = await credit(counted)
        seen.extend((result, await snapshot(tx), counted.statements))
        raise TakenBack

    with pytest.raises(TakenBack):
        await database.effect(trial)
    return seen[0], seen[1], seen[2]
