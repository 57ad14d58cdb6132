"""SQLite's own ways: one writer, commits shared by groups, other processes on the same file."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import LiteralString

import pytest

from bot.kernel.clock import SystemClock
from bot.kernel.errors import BotError
from bot.storage import sqlite, sqlite_link
from bot.storage.database import connect
from bot.storage.errors import Contended, Duplicate, StoreAway, StoreFault, Violated
from bot.storage.port import Tx
from bot.storage.sqlite import SqliteDatabase
from tests.storage.conftest import make_scratch

INSERT: LiteralString = "INSERT INTO scratch (id, name, n) VALUES ($1, $2, $3)"


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[SqliteDatabase]:
    opened = await connect(sqlite_url, SystemClock())
    assert isinstance(opened, SqliteDatabase)
    await opened.effect(make_scratch)
    yield opened
    await opened.close()


@pytest.fixture
def statements(database: SqliteDatabase) -> list[str]:
    """Everything that the writer's connection runs, as it runs it."""
    seen: list[str] = []
    database._writer._connection.set_trace_callback(seen.append)
    return seen


async def one_row(tx: Tx) -> None:
    await tx.execute(INSERT, 1, "one", 1)


async def numbers(database: SqliteDatabase) -> list[int]:
    return [row["id"] for row in await database.rows("SELECT id FROM scratch ORDER BY id")]


class TestGroups:
    async def test_many_effects_share_a_commit(self, database: SqliteDatabase, statements: list[str]) -> None:
        await asyncio.gather(
            *(database.effect(lambda tx, i=i: tx.execute(INSERT, i, f"n{i}", 1)) for i in range(100))  # type: ignore[misc]
        )

        assert statements.count("BEGIN IMMEDIATE") == statements.count("COMMIT")
        assert statements.count("COMMIT") < 30
        assert len(await numbers(database)) == 100

    async def test_a_commit_that_fails_fails_them_all(self, database: SqliteDatabase) -> None:
        gate = Gate(database)
        await gate.shut()
        await gate.queue(make_deferred_child)
        gate.open()
        await gate.all()
        await gate.shut()

        async def orphan(tx: Tx) -> None:
            await tx.execute("INSERT INTO child VALUES (99)")

        good, bad = gate.add(one_row), gate.add(orphan)
        gate.open()

        outcomes = await asyncio.gather(good, bad, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Violated, Violated]
        assert await numbers(database) == []
        await database.effect(one_row)
        assert await numbers(database) == [1]

    async def test_an_engine_that_rolls_everything_back_fails_them_all(self, database: SqliteDatabase) -> None:
        gate = Gate(database)
        await gate.shut()

        async def roll_back(tx: Tx) -> None:
            # A full disk or a failing one makes the engine do the same by itself.
            await tx.execute("ROLLBACK")
            raise ValueError

        before, culprit, after = gate.add(one_row), gate.add(roll_back), gate.add(one_row)
        gate.open()

        outcomes = await asyncio.gather(before, culprit, after, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StoreAway, ValueError, StoreAway]
        assert await numbers(database) == []
        await database.effect(one_row)

    async def test_a_job_whose_caller_left_is_skipped(self, database: SqliteDatabase) -> None:
        ran = threading.Event()

        async def work(tx: Tx) -> None:
            ran.set()
            await one_row(tx)

        gate = Gate(database)
        await gate.shut()
        task = asyncio.create_task(database.effect(work))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.open()
        await gate.all()

        assert not ran.is_set()
        assert await numbers(database) == []

    async def test_a_job_whose_caller_leaves_meanwhile_is_rolled_back(self, database: SqliteDatabase) -> None:
        inside, go_on = threading.Event(), threading.Event()

        async def work(tx: Tx) -> None:
            await one_row(tx)
            inside.set()
            go_on.wait(5)

        task = asyncio.create_task(database.effect(work))
        await asyncio.to_thread(inside.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

        await database.ping()
        assert await numbers(database) == []

    async def test_callers_wait_when_the_queue_is_full(self, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite, "_WAITING_MAX", 3)
        database = await connect(sqlite_url, SystemClock())
        assert isinstance(database, SqliteDatabase)
        gate = Gate(database)
        await gate.shut()
        tasks = [gate.add(nothing) for _ in range(10)]
        await asyncio.sleep(0.01)

        assert database._writer._queue.qsize() <= 3

        gate.open()
        await asyncio.gather(*tasks)
        await database.close()


class Gate:
    """Holds the writer's thread inside one job, so that what is queued meanwhile becomes one group."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._open = threading.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def shut(self) -> None:
        inside = threading.Event()
        self._open.clear()

        async def hold(_tx: Tx) -> None:
            inside.set()
            self._open.wait(5)

        self._tasks.append(asyncio.create_task(self._database.effect(hold)))
        await asyncio.to_thread(inside.wait, 5)

    def open(self) -> None:
        self._open.set()

    def add(self, work: object) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = asyncio.create_task(self._database.effect(work))  # type: ignore[arg-type]
        self._tasks.append(task)
        return task

    async def queue(self, work: object) -> None:
        self.add(work)
        await asyncio.sleep(0)

    async def all(self) -> None:
        tasks, self._tasks = self._tasks, []
        await asyncio.gather(*tasks)


async def nothing(_tx: Tx) -> None:
    return None


async def make_deferred_child(tx: Tx) -> None:
    await tx.execute("CREATE TABLE child (parent INTEGER REFERENCES scratch (id) DEFERRABLE INITIALLY DEFERRED) STRICT")


class TestOtherProcesses:
    async def test_two_on_one_file_take_turns(self, database: SqliteDatabase, sqlite_url: str) -> None:
        other = await connect(sqlite_url, SystemClock())

        async def add(tx: Tx) -> None:
            row = await tx.row("SELECT coalesce(max(id), 0) + 1 AS next FROM scratch")
            assert row is not None
            await tx.execute(INSERT, row["next"], f"n{row['next']}", 1)

        await asyncio.gather(*(where.effect(add) for _ in range(40) for where in (database, other)))

        assert await numbers(database) == list(range(1, 81))
        await other.close()

    async def test_one_that_holds_the_file_too_long_is_reported(
        self, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite_link, "BUSY_SECONDS", 0.05)
        database = await connect(sqlite_url, SystemClock())
        other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(Contended) as busy:
            await database.effect(make_scratch)

        assert busy.value.retryable
        other.execute("ROLLBACK")
        other.close()
        await database.effect(make_scratch)
        await database.close()


class TestFile:
    async def test_durability_is_never_given_up(self, database: SqliteDatabase) -> None:
        wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "timeout": 5000, "recursive_triggers": 1}

        async def pragmas(tx: Tx) -> dict[str, object]:
            row = await tx.row(
                """SELECT * FROM pragma_journal_mode, pragma_synchronous, pragma_foreign_keys, pragma_busy_timeout,
                     pragma_recursive_triggers"""
            )
            assert row is not None
            return {name: row[name] for name in wanted}

        assert await database.effect(pragmas) == wanted

    async def test_readers_cannot_write(self, database: SqliteDatabase) -> None:
        with pytest.raises(StoreFault):
            await database.rows("INSERT INTO scratch (id, name) VALUES (1, 'x') RETURNING id")
        assert await numbers(database) == []

    async def test_it_is_made_for_its_owner_only(self, tmp_path: Path) -> None:
        path = tmp_path / "deep" / "er" / "new.db"
        database = await connect(f"sqlite:///{path}", SystemClock())
        await database.close()

        assert path.stat().st_mode & 0o077 == 0

    async def test_a_name_may_need_quoting(self, tmp_path: Path) -> None:
        database = await connect(f"sqlite:///{tmp_path}/a%20b%23%25.db", SystemClock())
        await database.effect(make_scratch)
        await database.rows("SELECT * FROM scratch")
        await database.close()

        assert (tmp_path / "a b#%.db").exists()

    async def test_something_else_than_a_database_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "x.db").write_bytes(b"not a database, but long enough to be looked at" * 100)

        with pytest.raises(StoreAway):
            await connect(f"sqlite:///{tmp_path / 'x.db'}", SystemClock())

    async def test_closing_leaves_one_whole_file(self, sqlite_url: str) -> None:
        database = await connect(sqlite_url, SystemClock())
        await database.effect(make_scratch)
        await database.rows("SELECT * FROM scratch")
        await database.close()
        path = Path(sqlite_url.removeprefix("sqlite:///"))

        assert [found.name for found in path.parent.glob(f"{path.name}*")] == [path.name]


class TestTranslation:
    def test_placeholders(self) -> None:
        assert sqlite_link.sqlite_form("a = $1 AND b = $12 OR $1") == "a = ?1 AND b = ?12 OR ?1"

    @pytest.mark.parametrize(
        ("text", "name", "kind", "constraint"),
        [
            ("UNIQUE constraint failed: t.a, t.b", "SQLITE_CONSTRAINT_UNIQUE", Duplicate, "uq_t_a_b"),
            ("UNIQUE constraint failed: t.c", "SQLITE_CONSTRAINT_UNIQUE", Duplicate, "ix_of_its_own"),
            ("UNIQUE constraint failed: t.a", "SQLITE_CONSTRAINT_PRIMARYKEY", Duplicate, "pk_t"),
            ("UNIQUE constraint failed: t.a", "SQLITE_CONSTRAINT_ROWID", Duplicate, "pk_t"),
            ("UNIQUE constraint failed: index 'uq_x'", "SQLITE_CONSTRAINT_UNIQUE", Duplicate, "uq_x"),
            ("CHECK constraint failed: ck_t_a", "SQLITE_CONSTRAINT_CHECK", Violated, "ck_t_a"),
        ],
    )
    def test_constraints(self, text: str, name: str, kind: type[BotError], constraint: str) -> None:
        error = sqlite3.IntegrityError(text)
        error.sqlite_errorname = name

        found = sqlite_link.translated(error, {"t.c": "ix_of_its_own"})

        assert isinstance(found, kind)
        assert found.facts["constraint"] == constraint

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("SQLITE_BUSY", Contended),
            ("SQLITE_BUSY_SNAPSHOT", Contended),
            ("SQLITE_FULL", StoreAway),
            ("SQLITE_IOERR_FSYNC", StoreAway),
            ("SQLITE_ERROR", StoreFault),
        ],
    )
    def test_other_errors(self, name: str, kind: type[BotError]) -> None:
        error = sqlite3.OperationalError("text")
        error.sqlite_errorname = name

        assert isinstance(sqlite_link.translated(error, {}), kind)
