"""A lease is kept while the work goes on, is free soon after its owner died, and is given back by one that ends."""

import asyncio
import time
from dataclasses import replace

import pytest

from bot.jobs.port import Again, Dead, Done, Job
from bot.storage.port import Database
from tests.jobs.rig import (
    FAST,
    Postman,
    all_done,
    kill,
    new,
    put_now,
    relay,
    rows,
    states,
    stop,
    until,
    working,
)


class TestLeases:
    async def test_a_slow_handler_keeps_its_lease(self, database: Database) -> None:
        """style.md §7.5: a lock that expires during a slow handler would let a second relay deliver beside it."""

        async def delivery(_: Job) -> Done:
            await asyncio.sleep(3 * FAST.lease)
            return Done()

        postman = Postman(delivery)
        await put_now(database, *(new(f"k{n}", dest=f"d{n}") for n in range(5)))
        # On SQLite it has to keep its jobs from itself alone, which reclaims what ran out.
        relays = [relay(database, postman) for _ in range(1 if database.engine == "sqlite" else 2)]
        async with working(*relays):
            await until(lambda: all_done(database))

        assert sorted(postman.keys) == [f"k{n}" for n in range(5)]
        assert [row["attempts"] for row in await rows(database)] == [1] * 5

    async def test_two_relays_never_deliver_one_job_at_the_same_time(self, shared: Database) -> None:
        async def delivery(job: Job) -> Done | Again:
            await asyncio.sleep(0.002)
            return Done() if job.attempt > 1 else Again("once more", after=0.0)

        postman = Postman(delivery)
        await put_now(shared, *(new(f"k{n}", dest=f"d{n % 10}") for n in range(100)))
        async with working(*(relay(shared, postman) for _ in range(3))):
            await until(lambda: all_done(shared))

        assert postman.twice == set()
        assert len(postman.jobs) == 200

    async def test_a_killed_relays_jobs_are_delivered_by_another(self, database: Database) -> None:
        gate = asyncio.Event()

        async def hang(_: Job) -> Done:
            await gate.wait()
            return Done()

        doomed, heir = Postman(hang), Postman()
        await put_now(database, *(new(f"k{n}", dest=f"d{n}") for n in range(6)))
        # On SQLite the new worker is the only one and need not wait for the lease, however long it is.
        lease = 10.0 if database.engine == "sqlite" else FAST.lease
        first = relay(database, doomed, pace=replace(FAST, lease=lease))
        task = asyncio.create_task(first.run())
        await until(lambda: len(doomed.jobs) == 6)
        await kill(task, first)
        begun = time.monotonic()
        async with working(relay(database, heir)):
            await until(lambda: all_done(database))

        assert sorted(heir.keys) == [f"k{n}" for n in range(6)]
        assert time.monotonic() - begun < 5.0

    async def test_who_has_lost_a_lease_stops(self, database: Database) -> None:
        """A process that stood still for longer than its leases wakes up beside whoever was given its jobs."""
        ended: list[str] = []

        async def delivery(_: Job) -> Done:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                ended.append("stopped")
                raise
            return Done()

        await put_now(database, new("a"))
        async with working(relay(database, Postman(delivery))):
            await until(lambda: _leased(database))
            await database.effect(lambda tx: tx.execute("UPDATE outbox SET lease_owner = 'other'"))
            await until(lambda: ended == ["stopped"])

        (row,) = await rows(database)
        assert (row["state"], row["lease_owner"]) == ("leased", "other")

    async def test_the_word_of_a_former_owner_changes_nothing(self, database: Database) -> None:
        gate = asyncio.Event()

        async def delivery(_: Job) -> Dead:
            await gate.wait()
            return Dead("too late")

        await put_now(database, new("a"))
        async with working(relay(database, Postman(delivery), pace=replace(FAST, lease=60.0))):
            await until(lambda: _leased(database))
            await database.effect(lambda tx: tx.execute("UPDATE outbox SET lease_owner = 'other'"))
            gate.set()
            await asyncio.sleep(0.1)

        (row,) = await rows(database)
        assert (row["state"], row["lease_owner"], row["last_error"]) == ("leased", "other", None)

    async def test_a_job_that_comes_back_to_its_own_relay_is_not_begun_twice(self, database: Database) -> None:
        gate = asyncio.Event()

        async def delivery(_: Job) -> Done:
            await gate.wait()
            return Done()

        postman = Postman(delivery)
        await put_now(database, new("a"))
        async with working(relay(database, postman, pace=replace(FAST, lease=60.0))):
            await until(lambda: _leased(database))
            await database.effect(lambda tx: tx.execute("UPDATE outbox SET state = 'ready', lease_owner = NULL"))
            await until(lambda: _leased(database))
            gate.set()
            await until(lambda: all_done(database))

        assert postman.keys == ["a"]
        assert (await rows(database))[0]["attempts"] == 2


class TestEnd:
    @pytest.fixture
    def database(self, alone: Database) -> Database:
        return alone

    async def test_what_is_under_way_may_finish(self, database: Database) -> None:
        async def delivery(_: Job) -> Done:
            await asyncio.sleep(0.2)
            return Done()

        postman = Postman(delivery)
        await put_now(database, new("a"))
        async with working(relay(database, postman)) as (task,):
            await until(lambda: postman.keys == ["a"])
            await stop(task)
            assert await states(database) == {"a": "done"}

    async def test_what_takes_too_long_is_left_to_others_at_once(self, database: Database) -> None:
        async def delivery(_: Job) -> Done:
            await asyncio.sleep(30)
            return Done()

        postman, heir = Postman(delivery), Postman()
        await put_now(database, new("a"))
        async with working(relay(database, postman, pace=replace(FAST, drain=0.05, lease=60.0))) as (task,):
            await until(lambda: postman.keys == ["a"])
            await stop(task)
        assert await states(database) == {"a": "ready"}

        async with working(relay(database, heir)):
            await until(lambda: all_done(database), within=2.0)
        assert heir.jobs[0].attempt == 2

    async def test_an_impatient_end_leaves_no_task_behind(self, database: Database) -> None:
        async def delivery(_: Job) -> Done:
            await asyncio.sleep(30)
            return Done()

        postman = Postman(delivery)
        await put_now(database, new("a"))
        task = asyncio.create_task(relay(database, postman, pace=replace(FAST, drain=30.0)).run())
        await until(lambda: postman.keys == ["a"])
        task.cancel()
        await asyncio.sleep(0.05)
        await stop(task)

        assert not [each for each in asyncio.all_tasks() if each.get_name().startswith("job ")]


async def _leased(database: Database) -> bool:
    return any(row["state"] == "leased" and row["lease_owner"].startswith("wrk_") for row in await rows(database))
