"""The database port means the same on both engines."""

import asyncio
import contextlib
import contextvars
import json
from enum import StrEnum
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from bot.kernel.clock import SystemClock
from bot.kernel.errors import BotError, Misconfigured
from bot.storage.database import connect
from bot.storage.errors import (
    Duplicate,
    Immutable,
    MaybeCommitted,
    StoreAway,
    StoreFault,
    TransactionOver,
    Violated,
    WorkAwaited,
)
from bot.storage.port import Database, Tx
from tests.storage.forms import ADD, INSERT, count, insert


class Halt(BaseException):
    """Neither an Exception nor a cancellation."""


class TestEffect:
    async def test_what_it_returns_and_leaves(self, database: Database) -> None:
        async def work(tx: Tx) -> str:
            await tx.execute(INSERT, 1, "one", 10)
            row = await tx.row("SELECT n FROM scratch WHERE id = $1", 1)
            assert row is not None
            return f"n is {row['n']}"

        assert await database.effect(work) == "n is 10"
        assert await count(database) == 1

    @pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError(), Halt()])
    async def test_any_exception_rolls_back(self, database: Database, error: BaseException) -> None:
        async def work(tx: Tx) -> None:
            await tx.execute(INSERT, 1, "one", 10)
            raise error

        with pytest.raises(type(error)):
            await database.effect(work)

        assert await count(database) == 0
        await database.effect(insert(1))

    async def test_neighbours_of_a_failure_are_kept(self, database: Database) -> None:
        async def spoil(tx: Tx) -> None:
            await tx.execute(INSERT, 500, "spoilt", 1)
            raise ValueError

        results = await asyncio.gather(
            *(database.effect(spoil if i % 3 == 0 else insert(i)) for i in range(30)), return_exceptions=True
        )

        assert [isinstance(result, ValueError) for result in results] == [i % 3 == 0 for i in range(30)]
        assert await count(database) == 20

    async def test_concurrent_additions_are_all_counted(self, database: Database) -> None:
        await database.effect(insert(1))

        async def add(tx: Tx) -> None:
            await tx.execute("UPDATE scratch SET n = n + 1 WHERE id = $1", 1)

        await asyncio.gather(*(database.effect(add) for _ in range(64)))

        row = await database.row("SELECT n FROM scratch")
        assert row is not None
        assert row["n"] == 64

    async def test_a_cancelled_effect_is_whole_or_nothing(self, database: Database) -> None:
        """style.md §7.1: cancelled at whatever moment, it leaves no half and no open transaction behind."""

        async def both(tx: Tx) -> None:
            row = await tx.row("SELECT coalesce(max(id), 0) AS top FROM scratch")
            assert row is not None
            await tx.execute(INSERT, row["top"] + 1, f"left {row['top']}", 1)
            await tx.execute(INSERT, row["top"] + 2, f"right {row['top']}", 1)

        for turns in range(40):
            task = asyncio.create_task(database.effect(both))
            for _ in range(turns):
                await asyncio.sleep(0)
            if turns % 4 == 3:
                await asyncio.sleep(0.001)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Duplicate):
                await task
            await database.effect(both)

        rows = await database.rows("SELECT name FROM scratch")
        left = {row["name"].removeprefix("left ") for row in rows if row["name"].startswith("left ")}
        right = {row["name"].removeprefix("right ") for row in rows if row["name"].startswith("right ")}
        assert left == right
        assert len(left) >= 40

    async def test_the_work_sees_the_callers_context(self, database: Database) -> None:
        variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
        variable.set("here")

        async def work(_tx: Tx) -> str:
            return variable.get()

        assert await database.effect(work) == "here"

    async def test_a_transaction_is_over_when_its_work_is(self, database: Database) -> None:
        kept: list[Tx] = []

        async def work(tx: Tx) -> None:
            kept.append(tx)

        await database.effect(work)

        with pytest.raises(TransactionOver):
            await kept[0].execute(INSERT, 1, "late", 1)
        assert await count(database) == 0


class TestAwaitingElse:
    async def test_the_database_itself(self, database: Database) -> None:
        async def read(_tx: Tx) -> object:
            return await database.row("SELECT 1 AS one")

        async def nest(tx: Tx) -> object:
            await tx.execute(INSERT, 1, "outer", 1)
            return await database.effect(insert(2))

        async def batch(_tx: Tx) -> object:
            return await database.batch(ADD, (1, "x"))

        for work in (read, nest, batch):
            with pytest.raises(WorkAwaited):
                await database.effect(work)
        assert await count(database) == 0

    async def test_something_else_on_sqlite(self, sqlite_url: str) -> None:
        database = await connect(sqlite_url, SystemClock())

        class Yields:
            def __await__(self) -> Any:
                yield

        async def sleep(_tx: Tx) -> None:
            await asyncio.sleep(0.01)

        async def give_way(_tx: Tx) -> None:
            await asyncio.sleep(0)

        async def other(_tx: Tx) -> None:
            await Yields()

        for work in (sleep, give_way, other):
            with pytest.raises(WorkAwaited, match="awaited something else"):
                await database.effect(work)
        await database.ping()
        await database.close()


class TestRefusals:
    async def test_a_duplicate_names_the_constraint_of_the_schema(self, database: Database) -> None:
        async def case(tx: Tx) -> None:
            for number in (1, 2):
                await tx.execute(
                    """INSERT INTO cases (id, kind, key, subject, trace_id, opened_at, due_at)
                       VALUES ($1, 'dead_letter', 'canary-91', 's', 't', 0, 0)""",
                    f"cas_{number}",
                )

        with pytest.raises(Duplicate) as refused:
            await database.effect(case)

        assert refused.value.constraint == "uq_cases_kind_key"
        assert "canary-91" not in "".join(map(str, (refused.value, refused.value.facts, refused.value.__context__)))

    async def test_a_duplicate_key_names_the_primary_key(self, database: Database) -> None:
        async def customer(tx: Tx) -> None:
            await tx.execute("INSERT INTO customers (id, created_at) VALUES ('cus_1', 0), ('cus_1', 0)")

        with pytest.raises(Duplicate) as refused:
            await database.effect(customer)

        assert refused.value.constraint == "pk_customers"

    @pytest.mark.parametrize(
        ("values", "kind", "constraint"),
        [
            ((1, "x", -1, None), "check", "ck_scratch_n"),
            ((1, None, 1, None), "not_null", "scratch.name"),
            ((1, "x", 1, 99), "foreign_key", ""),
        ],
    )
    async def test_violations(self, database: Database, values: Any, kind: str, constraint: str) -> None:
        async def work(tx: Tx) -> None:
            await tx.execute("INSERT INTO scratch (id, name, n, parent) VALUES ($1, $2, $3, $4)", *values)

        with pytest.raises(Violated) as refused:
            await database.effect(work)

        assert (refused.value.kind, refused.value.constraint) == (kind, constraint)

    async def test_a_failed_statement_ends_the_transaction(self, database: Database) -> None:
        """PostgreSQL would answer the COMMIT with a silent rollback; SQLite would keep the first row."""
        seen: list[type[BaseException]] = []

        async def swallow(tx: Tx) -> str:
            await tx.execute(INSERT, 1, "one", 1)
            for _ in range(2):
                try:
                    await tx.execute(INSERT, 1, "one", 1)
                except BotError as error:
                    seen.append(type(error))
            return "all is well"

        with pytest.raises(Duplicate):
            await database.effect(swallow)

        assert seen == [Duplicate, TransactionOver]
        assert await count(database) == 0

    async def test_mistakes_of_ours_do_not_quote_values(self, database: Database) -> None:
        async def wrong_type(tx: Tx) -> None:
            await tx.execute("UPDATE scratch SET n = $1 WHERE id = 1", object())  # type: ignore[arg-type]

        async def no_such_table(tx: Tx) -> None:
            await tx.execute("INSERT INTO nowhere VALUES ($1)", "canary")

        await database.effect(insert(1))
        for work in (wrong_type, no_such_table):
            with pytest.raises((StoreFault, BotError)) as refused:
                await database.effect(work)
            assert isinstance(refused.value, StoreFault)
            assert "canary" not in str(refused.value)
        await database.ping()

    @pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"])
    async def test_immutable_rows_stay(self, database: Database, statement: Any) -> None:
        async def write(tx: Tx) -> None:
            await tx.execute(
                "INSERT INTO audit (actor, action, subject, trace_id, at) VALUES ($1, 'b', 'c', 'd', 0)", statement
            )

        async def change(tx: Tx) -> None:
            await tx.execute(statement)

        await database.effect(write)
        with pytest.raises(Immutable):
            await database.effect(change)

        assert len(await database.rows("SELECT actor FROM audit WHERE actor = $1", statement)) == 1

    async def test_nor_can_they_be_replaced_or_truncated(self, database: Database) -> None:
        replace = (
            "INSERT OR REPLACE INTO audit (seq, actor, action, subject, trace_id, at) VALUES (99999, '', '', '', '', 0)"
        )

        async def write(tx: Tx) -> None:
            await tx.execute(
                "INSERT INTO audit (seq, actor, action, subject, trace_id, at) VALUES (99999, 'a', 'b', 'c', 'd', 0)"
            )

        async def wipe(tx: Tx) -> None:
            await tx.execute("TRUNCATE audit" if tx.engine == "postgresql" else replace)

        await database.effect(write)
        with pytest.raises(Immutable):
            await database.effect(wipe)


class TestStatements:
    async def test_changed_rows_are_counted(self, database: Database) -> None:
        async def work(tx: Tx) -> list[int]:
            return [
                await tx.execute(INSERT, 1, "one", 1),
                await tx.execute("INSERT INTO scratch (id, name) VALUES (2, 'two'), (3, 'three')"),
                await tx.execute("INSERT INTO scratch (id, name) VALUES (2, 'two') ON CONFLICT DO NOTHING"),
                await tx.execute("UPDATE scratch SET n = 5 WHERE id > $1", 1),
                await tx.execute("UPDATE scratch SET n = 5 WHERE id > $1", 99),
                await tx.execute("WITH w AS (SELECT 3 AS id) DELETE FROM scratch WHERE id IN (SELECT id FROM w)"),
            ]

        assert await database.effect(work) == [1, 2, 0, 2, 0, 1]

    async def test_returning_changes_even_if_one_row_is_asked_for(self, database: Database) -> None:
        async def work(tx: Tx) -> int:
            row = await tx.row("INSERT INTO scratch (id, name) VALUES (1, 'a'), (2, 'b') RETURNING id")
            assert row is not None
            return int(row["id"])

        assert await database.effect(work) == 1
        assert await count(database) == 2

    async def test_placeholders_may_repeat_and_come_in_any_order(self, database: Database) -> None:
        row = await database.row(
            """SELECT CAST($2 AS TEXT) AS b, CAST($1 AS TEXT) AS a, CAST($2 AS TEXT) AS again,
                      CAST($10 AS TEXT) AS ten, CAST($3 AS TEXT) || CAST($4 AS TEXT) || CAST($5 AS TEXT)
                      || CAST($6 AS TEXT) || CAST($7 AS TEXT) || CAST($8 AS TEXT) || CAST($9 AS TEXT) AS others""",
            *(str(n) for n in range(1, 11)),
        )

        assert row is not None
        assert [row[c] for c in ("a", "b", "again", "ten", "others")] == ["1", "2", "2", "10", "3456789"]

    async def test_no_row_is_none(self, database: Database) -> None:
        assert await database.row("SELECT id FROM scratch") is None
        assert list(await database.rows("SELECT id FROM scratch")) == []

    async def test_a_sequence_is_an_array_or_json(self, database: Database) -> None:
        wanted = [1, 3]
        await asyncio.gather(*(database.effect(insert(i)) for i in range(5)))
        if database.engine == "postgresql":
            rows = await database.rows("SELECT id FROM scratch WHERE id = ANY($1::int[]) ORDER BY id", wanted)
        else:
            rows = await database.rows(
                "SELECT id FROM scratch WHERE id IN (SELECT value FROM json_each($1)) ORDER BY id", wanted
            )

        assert [row["id"] for row in rows] == wanted

    async def test_enumerations_and_flags_are_their_values(self, database: Database) -> None:
        class State(StrEnum):
            PAID = "paid"

        await database.effect(insert(1, State.PAID, n=True))

        row = await database.row("SELECT name, n FROM scratch WHERE name = $1", State.PAID)
        assert row is not None
        assert (row["name"], row["n"]) == ("paid", 1)

    async def test_values_come_back_as_they_went_in(self, database: Database) -> None:
        """style.md §7.9: the layer alters nothing, markup and quotes included."""
        texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
        numbers = st.integers(-(2**63), 2**63 - 1)

        async def store(values: list[tuple[str, int, bytes]]) -> None:
            async def work(tx: Tx) -> list[tuple[str, int, bytes]]:
                await tx.execute("DELETE FROM samples")
                for position, (text, number, blob) in enumerate(values):
                    await tx.execute("INSERT INTO samples VALUES ($1, $2, $3, $4)", position, text, number, blob)
                rows = await tx.rows("SELECT t, i, b FROM samples ORDER BY position")
                return [(row["t"], row["i"], row["b"]) for row in rows]

            assert await database.effect(work) == values

        async def make(tx: Tx) -> None:
            blob = "BYTEA" if tx.engine == "postgresql" else "BLOB"
            # The house's own DDL comes from the tables; this one only differs in the name of a type.
            if blob == "BYTEA":
                await tx.execute("CREATE TABLE samples (position INTEGER, t TEXT, i BIGINT, b BYTEA)")
            else:
                await tx.execute("CREATE TABLE samples (position INTEGER, t TEXT, i INTEGER, b BLOB) STRICT")

        await database.effect(make)
        await store([("<b>缴费</b> '\"; -- $1 ?1 \\", -1, b"\x00\xff"), ("", 0, b"")])
        loop = asyncio.get_running_loop()

        @hypothesis.given(st.lists(st.tuples(texts, numbers, st.binary()), max_size=5))
        @hypothesis.settings(max_examples=25)
        def holds(values: list[tuple[str, int, bytes]]) -> None:
            asyncio.run_coroutine_threadsafe(store(values), loop).result(10)

        await asyncio.to_thread(holds)


class TestStream:
    async def test_all_rows_in_order(self, database: Database) -> None:
        async def fill(tx: Tx) -> None:
            for i in range(1200):
                await tx.execute(INSERT, i, f"name {i}", i)

        await database.effect(fill)

        seen = [row["id"] async for row in database.stream("SELECT id FROM scratch WHERE n >= $1 ORDER BY id", 100)]

        assert seen == list(range(100, 1200))

    async def test_leaving_early_or_cancelled_harms_nothing(self, database: Database) -> None:
        await asyncio.gather(*(database.effect(insert(i)) for i in range(50)))
        for _ in range(12):
            rows = database.stream("SELECT id FROM scratch", chunk=2)
            async with contextlib.aclosing(rows):  # type: ignore[type-var]
                async for row in rows:
                    if row["id"] == 3:
                        break

        async def read() -> None:
            async for _ in database.stream("SELECT id FROM scratch", chunk=1):
                await asyncio.sleep(0)

        for turns in range(0, 30, 3):
            task = asyncio.create_task(read())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await database.effect(insert(99))
        assert await count(database) == 51

    async def test_a_wrong_statement_is_reported(self, database: Database) -> None:
        with pytest.raises(StoreFault):
            [row async for row in database.stream("SELECT nothing FROM scratch")]


class TestLife:
    async def test_closing_finishes_what_is_queued(self, database: Database, database_url: str) -> None:
        tasks = [asyncio.create_task(database.effect(insert(i))) for i in range(30)]
        tasks += [asyncio.create_task(database.batch(ADD, (i, f"batch {i}"))) for i in range(30, 60)]  # type: ignore[arg-type]
        await asyncio.sleep(0)
        await database.close()

        results = await asyncio.gather(*tasks, return_exceptions=True)

        assert not [result for result in results if isinstance(result, BaseException)]
        with pytest.raises(StoreAway):
            await database.effect(insert(99))
        again = await connect(database_url, SystemClock())
        assert await count(again) == 60
        await again.close()

    @pytest.mark.parametrize(
        "url", ["", "sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://x/y", "postgresql+asyncpg://x/y", "x.db"]
    )
    async def test_a_url_of_another_kind_is_refused_with_the_remedy(self, url: str) -> None:
        with pytest.raises(Misconfigured, match="set DATABASE_URL to"):
            await connect(url, SystemClock())

    async def test_facts_of_errors_can_be_logged(self, database: Database) -> None:
        assert json.dumps(MaybeCommitted().facts) == "{}"
        assert not MaybeCommitted().retryable
