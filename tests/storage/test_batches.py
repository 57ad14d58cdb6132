"""Effects that share commits, and the signals that go out after them, mean the same on both engines."""

import asyncio

import pytest

from bot.kernel.clock import SystemClock
from bot.storage.database import connect
from bot.storage.errors import Duplicate
from bot.storage.port import Batch, Database, Tx
from tests.storage.forms import FORMS, INSERT, count, insert, pair


@pytest.mark.parametrize("form", FORMS)
class TestBatch:
    async def test_results_and_rows_are_those_of_the_portable_form(
        self, database: Database, form: Batch[tuple[int, str], str]
    ) -> None:
        items = [(i, f"item {i}") for i in range(150)]

        results = await asyncio.gather(*(database.batch(form, item) for item in items))

        assert results == [pair(item) for item in items]
        rows = await database.rows("SELECT id, name, n FROM scratch ORDER BY id")
        assert [(row["id"], row["name"], row["n"]) for row in rows] == [(*item, 1) for item in items]

    async def test_an_item_that_is_refused_spoils_only_itself(
        self, database: Database, form: Batch[tuple[int, str], str]
    ) -> None:
        await database.effect(insert(13, "taken"))
        results = await asyncio.gather(
            *(database.batch(form, (i, f"item {i}")) for i in range(40)), return_exceptions=True
        )

        assert [i for i, result in enumerate(results) if isinstance(result, Duplicate)] == [13]
        assert await count(database) == 40

    async def test_an_item_whose_caller_left_is_whole_or_nothing(
        self, database: Database, form: Batch[tuple[int, str], str]
    ) -> None:
        tasks = [asyncio.create_task(database.batch(form, (i, f"item {i}"))) for i in range(60)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()

        results = await asyncio.gather(*tasks, return_exceptions=True)

        stored = {row["id"] for row in await database.rows("SELECT id FROM scratch")}
        assert {i for i, result in enumerate(results) if isinstance(result, str)} <= stored
        assert set(range(1, 60, 2)) <= stored

    async def test_its_signals_go_out(self, database: Database, form: Batch[tuple[int, str], str]) -> None:
        listener = asyncio.create_task(database.heard("added", 10))
        await asyncio.sleep(0.01)

        await database.batch(form, (1, "x"))

        assert await listener


async def listening(database: Database, channel: str) -> None:
    """Wait until signals of others would be heard: PostgreSQL's listener rings everybody once when it has connected."""
    await database.heard(channel, 5 if database.engine == "postgresql" else 0)


class TestSignals:
    async def test_a_commit_wakes_and_a_rollback_does_not(self, database: Database) -> None:
        async def signal(tx: Tx) -> None:
            tx.signal("news")

        async def fail(tx: Tx) -> None:
            tx.signal("news")
            raise ValueError

        await listening(database, "news")
        with pytest.raises(ValueError):
            await database.effect(fail)
        assert not await database.heard("news", 0.02)

        listener = asyncio.create_task(database.heard("news", 10))
        other = asyncio.create_task(database.heard("news", 10))
        elsewhere = asyncio.create_task(database.heard("olds", 0.05))
        await asyncio.sleep(0.01)
        await database.effect(signal)

        assert await listener
        assert await other
        assert not await elsewhere

    async def test_a_signal_between_two_waits_is_kept(self, database: Database) -> None:
        async def signal(tx: Tx) -> None:
            tx.signal("news")

        await listening(database, "news")
        await database.effect(signal)

        assert await database.heard("news", 0)
        assert not await database.heard("news", 0.02)

    async def test_another_process_is_heard(self, database: Database, database_url: str) -> None:
        other = await connect(database_url, SystemClock())

        async def signal(tx: Tx) -> None:
            await tx.execute(INSERT, 1, "from elsewhere", 1)
            tx.signal("news")

        await listening(database, "news")
        listener = asyncio.create_task(database.heard("news", 10))
        await asyncio.sleep(0.05)
        await other.effect(signal)

        assert await listener
        await other.close()
