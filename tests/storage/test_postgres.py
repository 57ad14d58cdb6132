"""PostgreSQL's own ways to fail: cancelled statements, deadlocks, lost connections, answers that never come."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

import pytest

from bot.kernel.clock import SystemClock
from bot.kernel.errors import Misconfigured
from bot.storage import postgres_link
from bot.storage.database import connect
from bot.storage.errors import Contended, Duplicate, MaybeCommitted, StoreAway, StoreFault
from bot.storage.port import Batch, Database, Tx
from bot.storage.postgres import TRIES, PostgresDatabase
from tests.services import run_sql
from tests.storage.conftest import make_scratch
from tests.storage.proxy import Proxy, proxy_to

INSERT = "INSERT INTO scratch (id, name, n) VALUES ($1, $2, $3)"


@pytest.fixture
async def database(pg_url: str) -> AsyncIterator[Database]:
    """One connection only, so that every call meets what the one before has left."""
    opened = await connect(pg_url, SystemClock(), connections=1)
    await opened.effect(make_scratch)
    yield opened
    await opened.close()


@pytest.fixture
async def unsteady(pg_url: str) -> AsyncIterator[tuple[Database, Proxy]]:
    """A database behind a proxy that a test can make lose things."""
    async with proxy_to(pg_url) as (proxy, url):
        opened = await connect(url, SystemClock(), connections=2)
        await opened.effect(make_scratch)
        yield opened, proxy
        await opened.close()


async def one_row(tx: Tx) -> None:
    await tx.execute(INSERT, 1, "one", 1)


async def names(database: Database) -> list[str]:
    return [row["name"] for row in await database.rows("SELECT name FROM scratch ORDER BY id")]


async def states(pg_url: str) -> list[str]:
    """What the server says about the connections of the application to this database."""
    return run_sql(
        pg_url,
        f"""SELECT coalesce(array_agg(state), ARRAY[]::text[])::text FROM pg_stat_activity
            WHERE application_name = 'scenepay' AND datname = '{urlsplit(pg_url).path[1:]}'
              AND (state LIKE '%transaction%' OR state = 'active')""",  # noqa: S608 - The name is our own.
    )


class TestCancellation:
    async def test_inside_a_statement_leaves_a_clean_connection(self, database: Database, pg_url: str) -> None:
        """style.md §7.1, the defect that was reproduced on another project's pool."""

        async def slow(tx: Tx) -> None:
            await tx.execute(INSERT, 1, "half", 1)
            await tx.row("SELECT pg_sleep(30)")

        task = asyncio.create_task(database.effect(slow))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await states(pg_url) == ["{}"]
        assert await names(database) == []
        await database.effect(one_row)
        assert await names(database) == ["one"]

    async def test_twice_in_a_row_as_well(self, database: Database, pg_url: str) -> None:
        async def slow(tx: Tx) -> None:
            await tx.execute(INSERT, 1, "half", 1)
            await tx.row("SELECT pg_sleep(30)")

        task = asyncio.create_task(database.effect(slow))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await database.effect(one_row)

        assert await names(database) == ["one"]
        assert await states(pg_url) == ["{}"]

    async def test_of_a_read(self, database: Database) -> None:
        task = asyncio.create_task(database.row("SELECT pg_sleep(30)"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await names(database) == []

    async def test_while_waiting_for_a_connection(self, database: Database) -> None:
        holds, gone = asyncio.Event(), asyncio.Event()

        async def hold(tx: Tx) -> None:
            await tx.execute(INSERT, 1, "one", 1)
            holds.set()
            await gone.wait()

        first = asyncio.create_task(database.effect(hold))
        await holds.wait()
        second = asyncio.create_task(database.rows("SELECT 1"))
        await asyncio.sleep(0.01)
        second.cancel()
        gone.set()
        await first
        with pytest.raises(asyncio.CancelledError):
            await second

        assert await names(database) == ["one"]


class TestRepetition:
    async def test_a_deadlock_is_tried_again(self, pg_url: str) -> None:
        database = await connect(pg_url, SystemClock())
        await database.effect(make_scratch)
        for i in (1, 2):
            await database.effect(lambda tx, i=i: tx.execute(INSERT, i, f"n{i}", 0))  # type: ignore[misc]
        both_in = asyncio.Barrier(2)
        tries = 0

        async def cross(tx: Tx, first: int, second: int) -> None:
            nonlocal tries
            tries += 1
            await tx.execute("SET LOCAL deadlock_timeout = '50ms'")
            await tx.execute("UPDATE scratch SET n = n + 1 WHERE id = $1", first)
            if tries <= 2:
                await both_in.wait()
            await tx.execute("UPDATE scratch SET n = n + 1 WHERE id = $1", second)

        await asyncio.gather(
            database.effect(lambda tx: cross(tx, 1, 2)),
            database.effect(lambda tx: cross(tx, 2, 1)),
        )

        assert [row["n"] for row in await database.rows("SELECT n FROM scratch ORDER BY id")] == [2, 2]
        assert tries == 3
        await database.close()

    @pytest.mark.parametrize("state", ["40001", "40P01"])
    async def test_it_is_bounded(self, database: Database, state: str) -> None:
        """style.md §7.7."""
        tries = 0

        async def always(tx: Tx) -> None:
            nonlocal tries
            tries += 1
            await tx.execute(INSERT, tries, "x", 1)
            if state == "40001":
                await tx.execute("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$")
            else:
                await tx.execute("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40P01'; END $$")

        with pytest.raises(Contended) as given_up:
            await database.effect(always)

        assert tries == TRIES
        assert given_up.value.retryable
        assert await names(database) == []

    async def test_hiding_the_failure_does_not_prevent_it(self, database: Database) -> None:
        tries = 0

        async def once(tx: Tx) -> str:
            nonlocal tries
            tries += 1
            if tries == 1:
                with contextlib.suppress(Contended):
                    await tx.execute("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$")
            await tx.execute(INSERT, tries, "x", 1) if tries > 1 else None
            return f"try {tries}"

        assert await database.effect(once) == "try 2"

    async def test_other_failures_are_not_repeated(self, database: Database) -> None:
        tries = 0

        async def twice(tx: Tx) -> None:
            nonlocal tries
            tries += 1
            await one_row(tx)
            await one_row(tx)

        with pytest.raises(Duplicate):
            await database.effect(twice)

        assert tries == 1


class TestLostConnections:
    async def test_before_the_commit_the_work_is_repeated(self, database: Database, pg_url: str) -> None:
        tries = 0

        async def work(tx: Tx) -> None:
            nonlocal tries
            tries += 1
            await tx.execute(INSERT, tries, f"try {tries}", 1)
            if tries == 1:
                row = await tx.row("SELECT pg_backend_pid() AS pid")
                assert row is not None
                await asyncio.to_thread(run_sql, pg_url, f"SELECT pg_terminate_backend({row['pid']})")
                await tx.execute("UPDATE scratch SET n = 2")

        await database.effect(work)

        assert await names(database) == ["try 2"]

    @pytest.mark.parametrize("forward", [False, True], ids=["commit lost", "answer lost"])
    async def test_at_the_commit_nobody_knows(self, unsteady: tuple[Database, Proxy], forward: bool) -> None:
        database, proxy = unsteady
        tries = 0

        async def work(tx: Tx) -> None:
            nonlocal tries
            tries += 1
            await tx.execute(INSERT, tries, f"try {tries}", 1)

        proxy.word, proxy.forward, proxy.times = b"COMMIT", forward, 1
        with pytest.raises(MaybeCommitted) as unknown:
            await database.effect(work)

        assert tries == 1
        assert not unknown.value.retryable
        assert await names(database) == (["try 1"] if forward else [])

    @pytest.mark.parametrize("forward", [False, True], ids=["statement lost", "answer lost"])
    async def test_a_statement_that_is_its_own_commit(self, unsteady: tuple[Database, Proxy], forward: bool) -> None:
        database, proxy = unsteady
        proxy.word, proxy.forward, proxy.times = b"grouped", forward, 1

        results = await asyncio.gather(
            *(database.batch(GROUPED, i) for i in range(3)),
            return_exceptions=True,
        )

        stored = {int(name) for name in await names(database)}
        for i, result in enumerate(results):
            assert isinstance(result, MaybeCommitted) or (result == i and i in stored)
        assert any(isinstance(result, MaybeCommitted) for result in results)

    async def test_a_read_is_repeated(self, unsteady: tuple[Database, Proxy]) -> None:
        database, proxy = unsteady
        proxy.word, proxy.forward, proxy.times = b"SELECT name", True, 1

        assert await names(database) == []
        assert proxy.times == 0

    async def test_all_idle_connections_may_be_dead(self, pg_url: str) -> None:
        """After a restart of the server the first calls must not each meet a dead connection."""
        database = await connect(pg_url, SystemClock(), connections=8)
        await asyncio.gather(*(database.rows("SELECT pg_sleep(0.02)") for _ in range(8)))
        name = urlsplit(pg_url).path[1:]
        await asyncio.to_thread(
            run_sql,
            pg_url,
            f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}' "  # noqa: S608 - Ours.
            "AND pid <> pg_backend_pid()",
        )

        assert [row["one"] for row in await database.rows("SELECT 1 AS one")] == [1]
        await database.close()

    async def test_the_listener_comes_back(self, pg_url: str) -> None:
        one = await connect(pg_url, SystemClock())
        other = await connect(pg_url, SystemClock())

        async def signal(tx: Tx) -> None:
            tx.signal("news")

        assert await one.heard("news", 5)
        name = urlsplit(pg_url).path[1:]
        await asyncio.to_thread(
            run_sql,
            pg_url,
            f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}' "  # noqa: S608 - Ours.
            "AND pid <> pg_backend_pid()",
        )
        # Coming back it rings once, for nobody knows what was missed.
        assert await one.heard("news", 5)
        await other.effect(signal)
        assert await one.heard("news", 5)
        await one.close()
        await other.close()

    async def test_a_server_that_is_away_is_named(self) -> None:
        with pytest.raises(StoreAway, match="DATABASE_URL"):
            await connect("postgresql://nobody:secret-canary@127.0.0.1:1/none", SystemClock())

    async def test_a_wrong_password_is_a_setting(self, pg_url: str) -> None:
        parts = urlsplit(pg_url)
        wrong = parts._replace(netloc=f"scenepay:canary@{parts.hostname}:{parts.port}").geturl()

        with pytest.raises(Misconfigured, match="password") as refused:
            await connect(wrong, SystemClock())

        assert "canary" not in f"{refused.value} {refused.value.facts}"

    async def test_an_unknown_database_is_a_setting(self, pg_url: str) -> None:
        with pytest.raises(Misconfigured, match="database name"):
            await connect(urlsplit(pg_url)._replace(path="/nowhere").geturl(), SystemClock())


async def put_one(tx: Tx, item: int) -> int:
    await tx.execute(INSERT, item, str(item), 1)
    return item


async def put_many(tx: Tx, items: Sequence[int]) -> list[int]:
    await tx.execute(
        "INSERT INTO scratch (id, name) SELECT i, i::text FROM unnest($1::int[]) AS grouped(i)", list(items)
    )
    return list(items)


GROUPED = Batch("grouped", put_one, put_many, single_statement=True)


class TestBatches:
    async def test_items_that_wait_go_together(self, database: Database) -> None:
        sizes: list[int] = []

        async def many(tx: Tx, items: Sequence[int]) -> list[int]:
            sizes.append(len(items))
            return await put_many(tx, items)

        form = Batch("sizes", put_one, many, single_statement=True)
        await asyncio.gather(*(database.batch(form, i) for i in range(100)))

        assert sum(sizes) == 100
        assert len(sizes) <= 6
        assert max(sizes) <= 64

    async def test_results_that_do_not_match_commit_nothing(self, database: Database) -> None:
        async def many(tx: Tx, items: Sequence[int]) -> list[int]:
            return (await put_many(tx, items))[:-1]

        async def fail(tx: Tx, item: int) -> int:
            raise StoreFault("from one")

        with pytest.raises(StoreFault, match="from one"):
            await database.batch(Batch("short", fail, many), 1)
        assert await names(database) == []

    async def test_trouble_after_the_only_statement_is_never_repeated(self, database: Database) -> None:
        """It is committed by then; running the portable form would do it twice."""

        async def many(tx: Tx, items: Sequence[int]) -> list[int]:
            await put_many(tx, items)
            raise ValueError

        with pytest.raises(MaybeCommitted):
            await database.batch(Batch("late", put_one, many, single_statement=True), 1)
        assert await names(database) == ["1"]

    async def test_a_second_statement_breaks_the_promise(self, database: Database) -> None:
        async def many(tx: Tx, items: Sequence[int]) -> list[int]:
            await put_many(tx, items)
            return await put_many(tx, items)

        with pytest.raises(MaybeCommitted):
            await database.batch(Batch("two", put_one, many, single_statement=True), 1)

    async def test_two_forms_of_one_name_are_a_mistake(self, database: Database) -> None:
        await database.batch(GROUPED, 1)
        with pytest.raises(StoreFault, match="two forms"):
            await database.batch(Batch("grouped", put_one, put_many), 2)

    async def test_a_serialization_failure_repeats_the_group(self, database: Database) -> None:
        tries = 0

        async def many(tx: Tx, items: Sequence[int]) -> list[int]:
            nonlocal tries
            tries += 1
            if tries == 1:
                await tx.execute("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$")
            return await put_many(tx, items)

        assert await database.batch(Batch("again", put_one, many, single_statement=True), 1) == 1
        assert tries == 2


async def test_sessions_are_set_up_for_money(database: Database) -> None:
    wanted = {
        "synchronous_commit": "on",
        "statement_timeout": "10s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "15s",
        "default_transaction_isolation": "read committed",
        "TimeZone": "UTC",
    }

    rows = await database.rows(
        "SELECT name, current_setting(name) AS value FROM pg_settings WHERE name = ANY($1)", list(wanted)
    )

    assert {row["name"]: row["value"] for row in rows} == wanted


async def test_a_server_that_does_not_answer_is_given_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_link, "_COMMAND_SECONDS", 0.05)
    assert isinstance(database, PostgresDatabase)
    database._pool.expire()

    with pytest.raises(StoreAway):
        await database.effect(lambda tx: tx.row("SELECT pg_sleep(5)"))

    await database.ping()
