"""The one thread that writes to a SQLite file, many jobs to a commit."""

import asyncio
import contextlib
import contextvars
import queue
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, LiteralString

from bot.kernel.errors import BotError
from bot.storage.bell import Bell
from bot.storage.errors import StoreAway, TransactionOver, WorkAwaited
from bot.storage.port import Row, Tx, Value
from bot.storage.sqlite_link import bound, open_writer, sqlite_form, translated, unique_indexes

GROUP_MAX: Final = 128
# How soon we notice that another process (the command line) has written to the file, in seconds.
_LOOK_EVERY: Final = 0.5

Work = Callable[[Tx], Awaitable[Any]]


class SqliteTx:
    """A transaction that runs each statement at once, in the writer's thread, and so never suspends its work."""

    engine: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, connection: sqlite3.Connection, indexes: Mapping[str, str]) -> None:
        self._connection = connection
        self._indexes = indexes
        self._over = False
        self.failure: BotError | None = None
        self.signals: set[str] = set()

    async def rows(self, sql: LiteralString, *values: Value) -> Sequence[Row]:
        return self._cursor(sql, values).fetchall()

    async def row(self, sql: LiteralString, *values: Value) -> Row | None:
        # All rows are fetched, because a statement with RETURNING has to come to its end.
        rows: list[Row] = self._cursor(sql, values).fetchall()
        return rows[0] if rows else None

    async def execute(self, sql: LiteralString, *values: Value) -> int:
        before = self._connection.total_changes
        count = self._cursor(sql, values).rowcount
        # The driver does not count for a statement that begins with WITH.
        return count if count >= 0 else self._connection.total_changes - before

    def signal(self, channel: str) -> None:
        self.signals.add(channel)

    def end(self) -> None:
        self._over = True

    def _cursor(self, sql: str, values: tuple[Value, ...]) -> sqlite3.Cursor:
        if self._over or self.failure is not None:
            raise TransactionOver
        try:
            return self._connection.execute(sqlite_form(sql), bound(values))
        except sqlite3.Error as error:
            self.failure = fault = translated(error, self._indexes)
        raise fault


@dataclass(slots=True, eq=False)
class _Job:
    work: Work
    future: asyncio.Future[Any]
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    signals: frozenset[str] = frozenset()
    result: Any = None
    error: BaseException | None = None


class _GroupLost(Exception):
    """The engine rolled back more than the savepoint of the job that failed."""


class Writer:
    """Owns the thread and its connection. Made, fed and stopped in the loop's thread."""

    def __init__(self, path: Path, bell: Bell) -> None:
        self._path = path
        self._bell = bell
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._stopped: asyncio.Future[None] = self._loop.create_future()
        self._closing = False
        self._connection = open_writer(path)
        self._indexes = unique_indexes(self._connection)
        self._version = self._data_version()
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Queue work; the future is resolved after its commit. Work whose future is cancelled in time is skipped."""
        if self._closing:
            raise StoreAway("store_closed")
        job = _Job(work, self._loop.create_future())
        self._queue.put(job)
        return job.future

    async def stop(self) -> None:
        """Finish what is queued, then close the connection."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        await asyncio.shield(self._stopped)
        self._thread.join()

    # What follows runs in the writer's thread, except _settle.

    def _run(self) -> None:
        open_for_work = True
        while open_for_work:
            group, open_for_work = self._gather()
            if group:
                self._carry_out(group)
                self._tell(self._settle, group)
            else:
                self._look_for_others()
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA optimize")
        self._connection.close()
        self._tell(self._stopped.set_result, None)

    def _gather(self) -> tuple[list[_Job], bool]:
        """Wait for a job, then take all that are there, up to a bound; False says that it was the last time."""
        group: list[_Job] = []
        try:
            job = self._queue.get(timeout=_LOOK_EVERY)
            while job is not None:
                group.append(job)
                if len(group) >= GROUP_MAX:
                    return group, True
                job = self._queue.get_nowait()
        except queue.Empty:
            return group, True
        return group, False

    def _carry_out(self, group: list[_Job]) -> None:
        jobs = [job for job in group if not job.future.cancelled()]
        if not jobs:
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                self._carry_out_one(job)
            self._connection.execute("COMMIT")
        except BaseException as error:
            # Nothing of the group is committed, and the thread must live on for the next one.
            self._roll_back_all()
            for job in jobs:
                if job.error is None:
                    job.error = self._fault(error)

    def _fault(self, error: BaseException) -> BotError:
        if isinstance(error, sqlite3.Error):
            return translated(error, self._indexes)
        return StoreAway("store_away", "the transaction of the whole group was lost")

    def _carry_out_one(self, job: _Job) -> None:
        if job.future.cancelled():
            return
        tx = SqliteTx(self._connection, self._indexes)
        self._connection.execute("SAVEPOINT job")
        try:
            job.result = job.context.run(_drive, job.work, tx)
            if tx.failure is not None:
                raise tx.failure
            if job.future.cancelled():
                raise asyncio.CancelledError
        except BaseException as error:
            # Whatever it was, it belongs to the task that waits for this job and not to this thread.
            job.error, job.result = error, None
            if not self._connection.in_transaction:
                raise _GroupLost from None
            self._connection.execute("ROLLBACK TO job")
        else:
            job.signals = frozenset(tx.signals)
        finally:
            tx.end()
        self._connection.execute("RELEASE job")

    def _roll_back_all(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            # A connection that cannot even roll back is worth nothing; closing it rolls back.
            self._connection.close()
            with contextlib.suppress(StoreAway):
                self._connection = open_writer(self._path)

    def _look_for_others(self) -> None:
        """Wake all listeners when another process has committed: signals do not cross between processes."""
        with contextlib.suppress(sqlite3.Error):
            version = self._data_version()
            if version != self._version:
                self._version = version
                self._tell(self._bell.ring_all)

    def _data_version(self) -> int:
        # Our own commits through this connection do not change it.
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version

    def _tell(self, what: Callable[..., object], *arguments: Any) -> None:
        # A loop that was closed without closing the database has nobody left to tell.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what, *arguments)

    def _settle(self, group: list[_Job]) -> None:
        """Resolve the futures of a group and ring what it signalled; in the loop's thread, once per commit."""
        signals: set[str] = set()
        for job in group:
            if job.error is None:
                signals |= job.signals
            if job.future.done():
                continue
            if job.error is None:
                job.future.set_result(job.result)
            else:
                job.future.set_exception(job.error)
        for channel in signals:
            self._bell.ring(channel)


def _drive(work: Work, tx: SqliteTx) -> Any:
    """Run a coroutine that never suspends to its end, without an event loop."""
    try:
        steps = work(tx).__await__()
        steps.send(None)
    except StopIteration as end:
        return end.value
    except RuntimeError as error:
        if "no running event loop" in str(error):
            raise WorkAwaited from error
        raise
    steps.close()
    raise WorkAwaited
