"""The database port on SQLite: one writer thread with group commit, readers beside it."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, Literal, LiteralString, TypeVar

from bot.kernel.clock import Clock
from bot.storage.bell import Bell
from bot.storage.errors import StoreAway, WorkAwaited
from bot.storage.port import Batch, Item, Question, Result, Row, Tx, Value
from bot.storage.sqlite_link import bound, create_file, open_reader, sqlite_form, translated
from bot.storage.sqlite_writer import Writer

READERS: Final = 4
_WAITING_MAX: Final = 2048

Done = TypeVar("Done")


class SqliteDatabase:
    """A file on this machine. Other processes may use the same file; their commits are noticed within a second."""

    engine: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, path: Path, clock: Clock) -> None:
        """Open the file, which is made when missing; to be called in the loop that will use it. Raises StoreAway."""
        create_file(path)
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._bell = Bell(clock)
        self._writer = Writer(path, self._bell)
        self._room = asyncio.Semaphore(_WAITING_MAX)
        self._closed = False
        self._mine = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._threads = ThreadPoolExecutor(READERS, "sqlite-reader")

    async def effect(self, work: Callable[[Tx], Awaitable[Result]]) -> Result:
        self._stay_outside()
        async with self._room:
            result: Result = await self._writer.submit(work)
            return result

    async def batch(self, form: Batch[Item, Result], item: Item) -> Result:
        # Every effect shares its commit here, so the portable form is all that is needed.
        return await self.effect(partial(_one, form, item))

    async def ask(self, question: Question[Item, Result], item: Item) -> Result:
        # A reader's hop costs less than what a set-based statement would save in one process.
        return await question.one(self, item)

    async def rows(self, sql: LiteralString, *values: Value) -> Sequence[Row]:
        return await self._hop(partial(self._read, sql, values))

    async def row(self, sql: LiteralString, *values: Value) -> Row | None:
        rows = await self._hop(partial(self._read, sql, values))
        return rows[0] if rows else None

    async def stream(self, sql: LiteralString, *values: Value, chunk: int = 500) -> AsyncIterator[Row]:
        cursor = _Cursor(self._path, sql, values)
        try:
            while part := await self._hop(partial(cursor.fetch, chunk)):
                for row in part:
                    yield row
        finally:
            # Not awaited: it waits in its thread for a fetch that is still under way after a cancellation.
            with contextlib.suppress(RuntimeError):
                self._threads.submit(cursor.close)

    async def heard(self, channel: str, within: float) -> bool:
        return await self._bell.heard(channel, within)

    async def ping(self) -> None:
        await self.effect(_nothing)
        await self.rows("SELECT 1")

    async def close(self) -> None:
        """Finish what is queued and close all connections; further calls raise StoreAway."""
        self._closed = True
        await self._loop.run_in_executor(None, self._threads.shutdown)
        while self._readers:
            self._readers.pop().close()
        # Last of all, because only a connection that can write tidies up when it is the last.
        await self._writer.stop()

    def _stay_outside(self) -> None:
        """Refuse calls from the writer's thread: work inside a transaction may use the transaction only."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise WorkAwaited from None

    async def _hop(self, what: Callable[[], Done]) -> Done:
        self._stay_outside()
        if self._closed:
            raise StoreAway("store_closed")
        return await self._loop.run_in_executor(self._threads, what)

    def _read(self, sql: str, values: tuple[Value, ...]) -> list[Row]:
        """Read a whole result; in a reader's thread, on its own connection."""
        connection: sqlite3.Connection | None = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._mine.connection = open_reader(self._path)
            self._readers.append(connection)
        try:
            rows: list[Row] = connection.execute(sqlite_form(sql), bound(values)).fetchall()
        except sqlite3.Error as error:
            raise translated(error) from None
        return rows


class _Cursor:
    """A long read on a connection of its own; fetched and closed in any thread, one at a time."""

    def __init__(self, path: Path, sql: str, values: tuple[Value, ...]) -> None:
        self._path = path
        self._sql = sql
        self._values = values
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._cursor: sqlite3.Cursor | None = None

    def fetch(self, count: int) -> list[Row]:
        with self._lock:
            try:
                if self._cursor is None:
                    self._connection = open_reader(self._path)
                    self._cursor = self._connection.execute(sqlite_form(self._sql), bound(self._values))
                rows: list[Row] = self._cursor.fetchmany(count)
            except sqlite3.Error as error:
                raise translated(error) from None
            return rows

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()


async def _one(form: Batch[Item, Result], item: Item, tx: Tx) -> Result:
    return await form.one(tx, item)


async def _nothing(_tx: Tx) -> None:
    return None
