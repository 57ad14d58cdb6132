"""Old notes and old done jobs go in bounded batches, and nothing else does, on each engine."""

from datetime import timedelta

import pytest

from bot.jobs.retention import forget_done
from bot.kernel.clock import ManualClock
from bot.kernel.errors import Misconfigured
from bot.kernel.ids import first_id, new_id
from bot.kernel.masking import Secret
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault
from bot.trail.keys import check_index, keep_index
from bot.trail.retention import forget_traces
from bot.trail.traces import Traces
from tests.jobs.rig import new, put
from tests.trail.conftest import START

DAY = 86_400.0


async def test_notes_go_in_batches_from_the_oldest(database: Database, clock: ManualClock) -> None:
    traces = Traces(database, clock)
    for number in range(7):
        traces.note("trc_1", "kind", f"note {number}")
        clock.advance(DAY)
    await traces.flush()
    before = clock.now() - timedelta(days=3)

    assert [await forget_traces(database, before, 3) for _ in range(3)] == [3, 1, 0]
    assert [row["title"] for row in await database.rows("SELECT title FROM traces ORDER BY seq")] == [
        f"note {number}" for number in (4, 5, 6)
    ]


async def test_only_jobs_that_are_done_go(database: Database, clock: ManualClock) -> None:
    for state in ("done", "ready", "leased", "dead", "done", "done"):
        key = f"{state} {clock.now():%d}"
        await put(database, new(key), now=clock.now())
        await database.effect(lambda tx, key=key, state=state: finish(tx, key, state, clock))
        clock.advance(DAY)
    before = clock.now() - timedelta(seconds=1.5 * DAY)

    assert [await forget_done(database, before, 1) for _ in range(3)] == [1, 1, 0]
    assert [row["key"] for row in await database.rows("SELECT key FROM outbox ORDER BY id")] == [
        "ready 24",
        "leased 25",
        "dead 26",
        "done 28",
    ]


async def finish(tx: Tx, key: str, state: str, clock: ManualClock) -> None:
    at = int(clock.now().timestamp() * 1_000_000)
    await tx.execute("UPDATE outbox SET state = $1, done_at = $2 WHERE key = $3", state, at, key)


async def test_a_job_that_took_long_is_kept_from_its_end(database: Database, clock: ManualClock) -> None:
    await put(database, new("slow"), now=clock.now())
    clock.advance(10 * DAY)
    await database.effect(lambda tx: finish(tx, "slow", "done", clock))

    assert await forget_done(database, clock.now(), 9) == 0
    clock.advance(1.0)
    assert await forget_done(database, clock.now(), 9) == 1


def test_the_first_id_of_a_moment_parts_what_was_before_from_what_comes() -> None:
    clock = ManualClock(START)
    before = new_id("job", clock.now())
    clock.advance(0.000_001)
    bound = first_id("job", clock.now())

    assert before < bound < new_id("job", clock.now())


async def test_the_key_of_the_indexes_is_remembered_once(database: Database, clock: ManualClock) -> None:
    old, new_one = Secret("an old secret of at least 32 letters"), Secret("a new secret of at least 32 letters!")
    first = Vault.from_secrets([old])
    assert not await check_index(database, first)
    for _ in range(2):
        await keep_index(database, first, clock)

    assert await check_index(database, Vault.from_secrets([new_one, old]))
    assert len(await database.rows("SELECT seq FROM audit")) == 1
    with pytest.raises(Misconfigured, match="previous_secret_keys"):
        await check_index(database, Vault.from_secrets([new_one]))
    with pytest.raises(Misconfigured, match="previous_secret_keys"):
        await keep_index(database, Vault.from_secrets([old, new_one]), clock)
