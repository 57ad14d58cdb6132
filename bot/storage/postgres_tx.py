"""A transaction on PostgreSQL, or a single statement that is its own."""

from collections.abc import Awaitable, Sequence
from typing import Literal, LiteralString, TypeVar

import asyncpg

from bot.kernel.errors import BotError
from bot.storage.errors import StoreFault, TransactionOver
from bot.storage.port import Row, Value
from bot.storage.postgres_link import VENDOR_ERRORS, Connection, is_lost, is_repeatable, translated

Answer = TypeVar("Answer")


class PostgresTx:
    """Passes statements to the connection and remembers the first that failed.

    The server would answer the COMMIT of a failed transaction with a silent rollback, so the memory is needed to
    tell the caller. With ``single`` exactly one statement may run.
    """

    engine: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, connection: Connection, *, single: bool = False) -> None:
        self._connection = connection
        self._single = single
        self._over = False
        self.statements = 0
        self.failure: BotError | None = None
        self.lost = False
        self.repeatable = False
        self.signals: set[str] = set()

    async def rows(self, sql: LiteralString, *values: Value) -> Sequence[Row]:
        self._begin()
        rows: list[asyncpg.Record] = await self._answer(self._connection.fetch(sql, *values))
        return rows

    async def row(self, sql: LiteralString, *values: Value) -> Row | None:
        self._begin()
        row: asyncpg.Record | None = await self._answer(self._connection.fetchrow(sql, *values))
        return row

    async def execute(self, sql: LiteralString, *values: Value) -> int:
        self._begin()
        return changed(await self._answer(self._connection.execute(sql, *values)))

    async def control(self, command: Literal["BEGIN", "COMMIT"]) -> None:
        """Begin or end the transaction itself."""
        await self._answer(self._connection.execute(command))

    def signal(self, channel: str) -> None:
        self.signals.add(channel)

    def end(self) -> None:
        self._over = True

    def _begin(self) -> None:
        if self._over or self.failure is not None:
            raise TransactionOver
        if self._single and self.statements:
            raise StoreFault("second_statement", "leave single_statement out of this form")
        self.statements += 1

    async def _answer(self, call: Awaitable[Answer]) -> Answer:
        try:
            return await call
        except VENDOR_ERRORS as error:
            self.failure = fault = translated(error)
            self.lost = is_lost(error, self._connection)
            # A server too slow to answer is not asked the same again.
            self.repeatable = is_repeatable(error) or (self.lost and not isinstance(error, TimeoutError))
        # Raised out here, it does not drag the vendor's error along, whose text quotes the values of the row.
        raise fault


def changed(status: str) -> int:
    """Return the number of rows in a command's tag: 3 for ``UPDATE 3``, 1 for ``INSERT 0 1``, 0 for ``BEGIN``."""
    count = status.rpartition(" ")[2]
    return int(count) if count.isdigit() else 0
