"""Every job is delivered once where all is well, at least once where not, and nobody starves behind anybody."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.cases.book import CaseOpener
from bot.jobs import leases
from bot.jobs.port import Again, Dead, Done, Job
from bot.jobs.schedule import Schedule
from bot.kernel.errors import Busy
from bot.storage.database import connect
from bot.storage.errors import StoreAway
from bot.storage.port import Database
from bot.storage.vault import Vault
from tests.jobs.rig import (
    CLOCK,
    FAST,
    QUICK,
    Postman,
    all_done,
    new,
    put_now,
    relay,
    rows,
    states,
    take,
    until,
    working,
)


class TestDelivery:
    async def test_each_job_is_delivered_once(self, database: Database) -> None:
        postman = Postman()
        await put_now(database, *(new(f"k{n}", dest=f"d{n % 7}") for n in range(100)))
        async with working(relay(database, postman)):
            await until(lambda: all_done(database))

        assert sorted(postman.keys) == sorted(f"k{n}" for n in range(100))
        assert all(
            row["attempts"] == 1 and row["done_at"] and row["lease_owner"] is None for row in await rows(database)
        )

    async def test_a_commit_wakes_the_relay_at_once(self, database: Database) -> None:
        postman, slow_poll = Postman(), replace(FAST, poll=30.0)
        async with working(relay(database, postman, pace=slow_poll)):
            # PostgreSQL's listener rings all when it is there.
            assert await database.heard("unused", 5.0 if database.engine == "postgresql" else 0.1) is (
                database.engine == "postgresql"
            )
            for n in range(5):
                await asyncio.sleep(0.03)
                await put_now(database, new(f"k{n}"))
                await until(lambda n=n: f"k{n}" in postman.keys, within=5.0)  # type: ignore[misc]

    async def test_another_process_wakes_the_relay(self, database: Database, database_url: str) -> None:
        """NOTIFY on PostgreSQL, a look at the file's version on SQLite (every half second)."""
        postman = Postman()
        async with working(relay(database, postman, pace=replace(FAST, poll=30.0))):
            await asyncio.sleep(0.1)
            other = await connect(database_url, CLOCK)
            try:
                await put_now(other, new("a"))
                await until(lambda: postman.keys == ["a"], within=8.0)
            finally:
                await other.close()

    async def test_the_poll_finds_what_no_signal_told(self, database: Database) -> None:
        postman = Postman()
        async with working(relay(database, postman)):
            await asyncio.sleep(0.05)
            await put_now(database, new("a", due_at=CLOCK.now() + timedelta(seconds=0.2)))
            await until(lambda: postman.keys == ["a"])

    async def test_a_private_job_reaches_its_deliverer_in_clear(self, database: Database, vault: Vault) -> None:
        postman = Postman()
        await put_now(database, new("a", payload={"openid": "o1"}, private=True), vault=vault)
        async with working(relay(database, postman, vault=vault)):
            await until(lambda: all_done(database))

        assert postman.jobs[0].payload == {"openid": "o1"}

    def test_two_deliverers_of_one_kind_are_a_mistake(self, database: Database) -> None:
        with pytest.raises(ValueError, match="one kind"):
            relay(database, Postman(), Postman())


class TestFairness:
    """reliability.md §1: one dead and one slow receiver with a thousand jobs starve nobody."""

    async def test_nobody_waits_for_a_dead_and_a_slow_receiver(self, database: Database) -> None:
        async def delivery(job: Job) -> Done | Again:
            if job.dest == "dead":
                raise TimeoutError
            if job.dest == "slow":
                await asyncio.sleep(2.0)
            return Done()

        postman = Postman(delivery)
        await put_now(database, *(new(f"dead{n}", dest="dead") for n in range(500)))
        await put_now(database, *(new(f"slow{n}", dest="slow") for n in range(500)))
        await put_now(database, *(new(f"k{n}", dest=f"d{n % 20}") for n in range(200)))
        patient = {"letter": Schedule(pauses=(0.2,), give_up_after=1000)}
        async with working(relay(database, postman, schedules=patient)):
            await until(lambda: sum(key.startswith("k") for key in postman.keys) == 200, within=6.0)

        assert postman.most["slow"] <= FAST.per_dest and postman.most["dead"] <= FAST.per_dest

    async def test_no_receiver_gets_more_at_a_time_than_its_limit(self, database: Database) -> None:
        async def delivery(_: Job) -> Done:
            await asyncio.sleep(0.005)
            return Done()

        postman = Postman(delivery)
        await put_now(database, *(new(f"k{n}", dest=f"d{n % 3}") for n in range(60)))
        async with working(relay(database, postman, pace=replace(FAST, per_dest=2))):
            await until(lambda: all_done(database))

        assert dict(postman.most) == {"d0": 2, "d1": 2, "d2": 2}

    async def test_our_own_database_is_given_more_at_a_time(self, database: Database) -> None:
        async def delivery(_: Job) -> Done:
            await asyncio.sleep(0.03)
            return Done()

        postman = Postman(delivery)
        await put_now(database, *(new(f"k{n}", dest=f"d{n % 2}") for n in range(60)))
        async with working(relay(database, postman, pace=replace(FAST, per_dest=2, per_near=9), near=("d0",))):
            await until(lambda: all_done(database))

        assert dict(postman.most) == {"d0": 9, "d1": 2}

    async def test_all_together_stay_within_the_whole_limit(self, database: Database) -> None:
        gate = asyncio.Event()

        async def delivery(_: Job) -> Done:
            await gate.wait()
            return Done()

        postman = Postman(delivery)
        await put_now(database, *(new(f"k{n}", dest=f"d{n}") for n in range(30)))
        async with working(relay(database, postman, pace=replace(FAST, in_flight=10))):
            await until(lambda: len(postman.jobs) == 10)
            await asyncio.sleep(0.1)
            assert len(postman.jobs) == 10
            gate.set()
            await until(lambda: all_done(database))


class Counting:
    """A database that counts effects and passes all on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.effects = 0

    async def effect(self, work: Any) -> Any:
        self.effects += 1
        return await self._database.effect(work)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


class TestRest:
    """A relay with nothing to do asks seldom, however often it is woken."""

    @pytest.fixture
    def database(self, alone: Database) -> Database:
        return alone

    async def test_signals_of_nothing_cost_few_claims(self, database: Database) -> None:
        counting = Counting(database)
        async with working(relay(counting, Postman(), pace=replace(FAST, breath=0.02, beat=10.0))):
            await asyncio.sleep(0.1)
            before, begun = counting.effects, time.monotonic()
            while time.monotonic() - begun < 0.3:
                await put_now(database, new(f"n{begun}", kind="nobody's"))
            asked = counting.effects - before

        assert 1 <= asked <= 0.3 / 0.02 + 8

    async def test_a_full_relay_asks_nothing(self, database: Database) -> None:
        gate = asyncio.Event()

        async def delivery(_: Job) -> Done:
            await gate.wait()
            return Done()

        counting = Counting(database)
        await put_now(database, *(new(f"k{n}", dest=f"d{n}") for n in range(4)))
        still = replace(FAST, in_flight=4, beat=10.0)
        async with working(relay(counting, Postman(delivery), pace=still)):
            await until(lambda: counting.effects >= 1)
            await asyncio.sleep(0.1)
            before = counting.effects
            for n in range(50):
                await put_now(database, new(f"more{n}"))
            assert counting.effects == before
            gate.set()
            await until(lambda: all_done(database))

    async def test_an_idle_relay_asks_once_a_poll(self, database: Database) -> None:
        counting = Counting(database)
        async with working(relay(counting, Postman(), pace=replace(FAST, poll=0.1, beat=10.0))):
            await asyncio.sleep(0.1)
            before = counting.effects
            await asyncio.sleep(0.5)

        assert counting.effects - before <= 7


class TestFailure:
    @pytest.fixture
    def database(self, alone: Database) -> Database:
        return alone

    async def test_an_attempt_that_failed_comes_again_on_its_schedule(self, database: Database) -> None:
        answers: list[Any] = [Again("later"), Busy("later"), ValueError("a mistake of ours")]

        async def delivery(_: Job) -> Done | Again:
            answer = answers.pop(0) if answers else Done()
            if isinstance(answer, Exception):
                raise answer
            return answer

        postman = Postman(delivery)
        await put_now(database, new("a"))
        async with working(relay(database, postman, schedules={"letter": replace(QUICK, give_up_after=9)})):
            await until(lambda: all_done(database))

        assert [job.attempt for job in postman.jobs] == [1, 2, 3, 4]

    async def test_a_receiver_may_say_itself_when(self, database: Database) -> None:
        async def delivery(job: Job) -> Done | Again:
            return Done() if job.attempt > 1 else Again("busy", after=3600.0)

        await put_now(database, new("a"))
        async with working(relay(database, Postman(delivery))):
            await until(lambda: _is_ready_again(database))

        (row,) = await rows(database)
        assert row["due_at"] - row["created_at"] > 3_590_000_000
        assert (row["last_error"], row["done_at"], row["lease_owner"]) == ("busy", None, None)

    async def test_at_once_is_not_without_a_pause(self, database: Database) -> None:
        """A deliverer that always answers "at once" must not spin."""
        postman = Postman(lambda _: _answer(Again("now", after=-5.0)))
        await put_now(database, new("a"))
        patient = {"letter": replace(QUICK, give_up_after=1000)}
        async with working(relay(database, postman, schedules=patient)):
            await asyncio.sleep(0.5)

        assert 1 <= len(postman.jobs) <= 11

    async def test_a_deliverer_that_hangs_is_ended(self, database: Database) -> None:
        async def delivery(job: Job) -> Done:
            if job.attempt == 1:
                await asyncio.sleep(60)
            return Done()

        postman = Postman(delivery)
        await put_now(database, new("a"))
        async with working(relay(database, postman, pace=replace(FAST, longest=0.05))):
            await until(lambda: all_done(database))

        assert len(postman.jobs) == 2

    async def test_a_store_that_fails_for_a_while_stops_nothing(self, database: Database) -> None:
        class Faltering(Counting):
            async def effect(self, work: Any) -> Any:
                self.effects += 1
                if self.effects <= 3:
                    raise StoreAway("store_away")
                return await self._database.effect(work)

        postman = Postman()
        await put_now(database, new("a"))
        async with working(relay(Faltering(database), postman)):
            await until(lambda: all_done(database))


class TestDeath:
    """Dead letters become cases, each death once."""

    @pytest.fixture
    def database(self, alone: Database) -> Database:
        return alone

    @pytest.mark.parametrize("answer", [Dead("refused"), Again("silent")])
    async def test_a_dead_job_is_one_case(self, database: Database, answer: Dead | Again) -> None:
        postman = Postman(lambda _: _answer(answer))
        await put_now(database, new("lin_1:because", dest="power"))
        async with working(relay(database, postman, CaseOpener(database, CLOCK))):
            await until(lambda: _cases(database))

        (case,) = await _cases(database)
        row = next(row for row in await rows(database) if row["kind"] == "letter")
        assert (case["kind"], case["key"], case["subject"], case["state"]) == (
            "dead_letter",
            row["id"],
            "lin_1",
            "open",
        )
        assert (row["state"], row["last_error"]) == ("dead", answer.reason)
        assert len(postman.jobs) == (1 if isinstance(answer, Dead) else QUICK.give_up_after)

    async def test_a_job_that_nobody_can_help_is_over(self, database: Database, vault: Vault) -> None:
        postman = Postman(lambda _: _answer(Dead("customer_left", to_desk=False)))
        await put_now(database, new("a", payload={"openid": "o1"}, private=True), vault=vault)
        async with working(relay(database, postman, vault=vault)):
            await until(lambda: all_done(database))

        (row,) = await rows(database)
        assert (row["last_error"], row["payload"]) == ("customer_left", "{}")

    async def test_what_dies_of_the_same_may_be_one_case(self, database: Database) -> None:
        together = {"letter": replace(QUICK, one_case=True)}
        postman = Postman(lambda job: _answer(Dead("unauthorised" if job.dest == "ann" else "other")))
        await put_now(database, *(new(f"k{n}") for n in range(20)), new("b", dest="bob"))
        async with working(relay(database, postman, CaseOpener(database, CLOCK), schedules=together)):
            await until(lambda: _count(database, "case", 21))

        assert sorted(case["key"] for case in await _cases(database)) == ["letter:ann:unauthorised", "letter:bob:other"]

    async def test_an_unreadable_job_dies_alone(self, database: Database, vault: Vault) -> None:
        """A payload whose key is gone must not stop the claims of all others."""
        postman = Postman()
        await put_now(database, new("sealed", private=True), new("broken"), new("fine"), vault=vault)
        await database.effect(lambda tx: tx.execute("UPDATE outbox SET payload = '[' WHERE key = 'broken'"))
        async with working(relay(database, postman)):
            await until(lambda: _none_waits(database))

        assert postman.keys == ["fine"]
        found = {
            row["key"]: (row["state"], row["last_error"]) for row in await rows(database) if row["kind"] == "letter"
        }
        assert found["sealed"] == found["broken"] == ("dead", "payload_unreadable")

    async def test_a_job_that_kills_its_worker_each_time_is_given_up(self, database: Database) -> None:
        postman = Postman()
        await put_now(database, new("poison"))
        for _ in range(QUICK.give_up_after):
            await take(database, "killed", now=CLOCK.now(), lease=-1.0)
            await leases.reclaim(database, CLOCK.now())
        async with working(relay(database, postman)):
            await until(lambda: _none_waits(database))

        assert postman.jobs == []
        assert (await states(database))["poison"] == "dead"


async def _answer(answer: Any) -> Any:
    return answer


async def _is_ready_again(database: Database) -> bool:
    return any(row["state"] == "ready" and row["attempts"] for row in await rows(database))


async def _none_waits(database: Database) -> bool:
    return not any(row["state"] in ("ready", "leased") for row in await rows(database) if row["kind"] == "letter")


async def _count(database: Database, kind: str, wanted: int) -> bool:
    done = [row for row in await rows(database) if row["kind"] == kind and row["state"] == "done"]
    return len(done) == wanted


async def _cases(database: Database) -> list[Any]:
    return list(await database.rows("SELECT kind, key, subject, state FROM cases"))
