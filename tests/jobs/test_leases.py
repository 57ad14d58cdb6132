"""What is leased belongs to one owner for a while, and every question finds its rows by an index."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, LiteralString

from bot.jobs import leases
from bot.jobs.leases import FINISH, Finished
from bot.jobs.payload import SEALED
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault
from tests.jobs.rig import START, new, put, rows, states, take

LATER = START + timedelta(hours=1)
# On PostgreSQL leases run by the server's clock, so a lease that has run out is one of a negative length.
RUN_OUT = -1.0


def keys(found: Sequence[leases.Leased]) -> list[str]:
    return [leased.key for leased in found]


async def finish(database: Database, leased: leases.Leased, state: str = "done", owner: str = "me") -> bool:
    return await database.batch(FINISH, Finished(leased.id, owner, state, 0, None, None if state == "ready" else 1))


class TestClaim:
    async def test_what_has_waited_longest_comes_first(self, database: Database) -> None:
        for minute in (3, 1, 2):
            await put(database, new(f"k{minute}", dest=f"d{minute}", due_at=START + timedelta(minutes=minute)))

        assert keys(await take(database)) == ["k1", "k2", "k3"]

    async def test_a_short_claim_takes_the_oldest_of_all_receivers(self, database: Database) -> None:
        for minute in range(12):
            await put(database, new(f"k{minute:02}", dest=f"d{minute % 3}", due_at=START + timedelta(minutes=minute)))

        assert keys(await take(database, limit=5)) == ["k00", "k01", "k02", "k03", "k04"]

    async def test_nothing_is_taken_before_it_is_due(self, database: Database) -> None:
        await put(database, new("a", due_at=START + timedelta(seconds=10)))

        assert await take(database, now=START + timedelta(seconds=9.999)) == []
        assert keys(await take(database, now=START + timedelta(seconds=10))) == ["a"]

    async def test_other_kinds_are_left_to_others(self, database: Database) -> None:
        await put(database, new("a"), new("b", kind="parcel"), new("c", kind="crate", dest="bob"))

        assert await take(database, kinds=()) == []
        assert sorted(keys(await take(database, kinds=("parcel", "crate")))) == ["b", "c"]
        assert keys(await take(database, kinds=("letter", "parcel"))) == ["a"]

    async def test_a_busy_receiver_gets_what_room_it_has(self, database: Database) -> None:
        await put(database, *(new(f"{dest}{n}", dest=dest) for dest in ("ann", "bob", "cid", "dan") for n in range(5)))
        found = await take(database, busy={"ann": 4, "bob": 1, "cid": 9, "eve": 7}, per_dest=4)

        assert {dest: sum(leased.dest == dest for leased in found) for dest in ("ann", "bob", "cid", "dan")} == {
            "ann": 0,
            "bob": 3,
            "cid": 0,
            "dan": 4,
        }

    async def test_a_lease_counts_an_attempt_and_names_its_owner(self, database: Database) -> None:
        await put(database, new("a"))
        (first,) = await take(database, lease=RUN_OUT)
        await leases.reclaim(database, LATER)
        (second,) = await take(database, "other")

        assert (first.attempt, second.attempt) == (1, 2)
        (row,) = await rows(database)
        assert (row["state"], row["lease_owner"], row["last_error"]) == ("leased", "other", "lease expired")

    async def test_concurrent_claims_share_and_never_overlap(self, database: Database) -> None:
        await put(database, *(new(f"k{n}", dest=f"d{n % 5}") for n in range(60)))
        found = await asyncio.gather(*(take(database, f"w{n}", limit=7, per_dest=3) for n in range(12)))
        taken = [leased.key for part in found for leased in part]

        assert len(taken) == len(set(taken))
        owners = {row["key"]: row["lease_owner"] for row in await rows(database) if row["state"] == "leased"}
        assert owners == {leased.key: f"w{n}" for n, part in enumerate(found) for leased in part}

    async def test_a_row_that_somebody_holds_is_passed_over(self, shared: Database) -> None:
        """SKIP LOCKED: a claim waits for nobody's transaction."""
        await put(shared, new("a"), new("b"))
        held, go = asyncio.Event(), asyncio.Event()

        async def hold(tx: Tx) -> None:
            await tx.row("SELECT id FROM outbox WHERE key = 'a' FOR UPDATE")
            held.set()
            await go.wait()

        holder = asyncio.create_task(shared.effect(hold))
        await held.wait()
        try:
            assert keys(await asyncio.wait_for(take(shared), 2.0)) == ["b"]
        finally:
            go.set()
            await holder


class TestHolding:
    async def test_renewing_tells_what_is_still_ours(self, database: Database) -> None:
        await put(database, new("mine"), new("lost"), new("ended"))
        found = {leased.key: leased for leased in await take(database, lease=RUN_OUT)}
        await finish(database, found["ended"])
        await database.effect(lambda tx: tx.execute("UPDATE outbox SET lease_owner = 'other' WHERE key = 'lost'"))

        kept = await leases.renew(database, "me", [leased.id for leased in found.values()], LATER, 60.0)

        assert kept == {found["mine"].id}
        # What was renewed is not free any more; what others held too long is.
        assert await leases.reclaim(database, LATER) == 1
        assert await states(database) == {"mine": "leased", "lost": "ready", "ended": "done"}

    async def test_only_what_has_run_out_is_reclaimed(self, database: Database) -> None:
        await put(database, new("old"))
        await take(database, lease=RUN_OUT)
        await put(database, new("new"))
        await take(database, lease=60.0)

        assert await leases.reclaim(database, LATER) == 1
        assert await leases.reclaim(database, LATER) == 0
        assert await states(database) == {"old": "ready", "new": "leased"}

    async def test_the_only_worker_takes_over_what_others_held(self, database: Database) -> None:
        await put(database, new("theirs"))
        await take(database, "killed")
        await put(database, new("mine"))
        await take(database, "me")

        assert await leases.take_over(database, "me") == 1
        assert await states(database) == {"theirs": "ready", "mine": "leased"}

    async def test_a_worker_that_ends_gives_back_what_it_holds(self, database: Database) -> None:
        await put(database, new("theirs"))
        await take(database, "other")
        await put(database, new("mine"))
        await take(database, "me")

        assert await leases.release(database, "me") == 1
        assert await states(database) == {"theirs": "leased", "mine": "ready"}


async def _forms(database: Database, vault: Vault) -> list[Finished]:
    """Leased jobs of every sort, and what is to become of each; some are not the owner's to finish."""
    jobs = [new(f"k{n}", private=n % 2 == 0) for n in range(8)]
    await put(database, *jobs, vault=vault)
    found = {leased.key: leased for leased in await take(database, limit=8)}
    await database.effect(lambda tx: tx.execute("UPDATE outbox SET lease_owner = 'other' WHERE key = 'k6'"))
    await database.effect(
        lambda tx: tx.execute("UPDATE outbox SET state = 'ready', lease_owner = NULL WHERE key = 'k7'")
    )
    fates = ["done", "done", "ready", "ready", "dead", "dead", "done", "done"]
    return [
        Finished(
            found[f"k{n}"].id, "me", fate, 1_000 + n, None if n % 3 else f"why {n}", None if fate == "ready" else n
        )
        for n, fate in enumerate(fates)
    ]


def _comparable(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**row, "id": "", "lease_until": row["lease_until"] and 1, "payload": row["payload"][: len(SEALED)]}
        for row in found
    ]


async def test_one_by_one_and_many_at_once_leave_the_same_rows(database: Database, vault: Vault) -> None:
    """The contract of a Batch, on the engine that has both forms."""

    async def alone(tx: Tx) -> list[bool]:
        return [await FINISH.one(tx, item) for item in items]

    async def together(tx: Tx) -> list[bool]:
        assert FINISH.many is not None
        return list(await FINISH.many(tx, items))

    items = await _forms(database, vault)
    told = await database.effect(alone)
    left = _comparable(await rows(database))
    assert told == [True] * 6 + [False, False]
    assert [row["state"] for row in left] == ["done", "done", "ready", "ready", "dead", "dead", "leased", "ready"]
    if database.engine == "sqlite":
        return
    await database.effect(lambda tx: tx.execute("DELETE FROM outbox"))
    items = await _forms(database, vault)

    assert await database.effect(together) == told
    assert _comparable(await rows(database)) == left


# --- indexes ----------------------------------------------------------------------------------------------------------

DONE = 20_000
FILL: dict[str, LiteralString] = {
    "sqlite": """
INSERT INTO outbox (id, kind, key, dest, payload, state, attempts, due_at, trace_id, created_at, done_at)
WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < $1)
SELECT 'job_' || n, 'letter', 'k' || n, 'd' || (n % 50), '{}', 'done', 1, n, 't' || n, n, n FROM g
""",
    "postgresql": """
INSERT INTO outbox (id, kind, key, dest, payload, state, attempts, due_at, trace_id, created_at, done_at)
SELECT 'job_' || n, 'letter', 'k' || n, 'd' || (n % 50), '{}', 'done', 1, n, 't' || n, n, n
FROM generate_series(1, $1::int) AS n
""",
}
STATEMENTS: dict[str, dict[str, tuple[LiteralString, tuple[Any, ...]]]] = {
    "sqlite": {
        "receivers": (leases._RECEIVERS, ()),
        "due": (leases._DUE_OF, ("d1", 10**9, ["letter"], 8)),
        "take": (leases._TAKE, (["job_1"], 1, "me")),
        "renew": (leases._RENEW_SQLITE, (1, "me", ["job_1"])),
        "run_out": (leases._ANY_RUN_OUT, (1,)),
        "reclaim": (leases._RECLAIM_SQLITE, (1,)),
        "take_over": (leases._TAKE_OVER, ("me",)),
        "release": (leases._RELEASE, ("me",)),
        "finish": (leases._FINISH, ("job_1", "me", "done", 1, None, 1)),
    },
    "postgresql": {
        "claim": (leases._CLAIM, (10**9, 1, "me", ["d1"], [3], ["letter"], 8, 32)),
        "renew": (leases._RENEW_POSTGRESQL, (1, "me", ["job_1", "job_2"])),
        "reclaim": (leases._RECLAIM_POSTGRESQL, ()),
        "take_over": (leases._TAKE_OVER, ("me",)),
        "release": (leases._RELEASE, ("me",)),
        "finish": (leases._FINISH, ("job_1", "me", "done", 1, None, 1)),
        "finish_many": (leases._FINISH_MANY, (["job_1"], ["me"], ["done"], [1], [None], [1])),
    },
}


async def _plan(database: Database, sql: str, values: Sequence[Any]) -> list[str]:
    explain = "EXPLAIN QUERY PLAN " if database.engine == "sqlite" else "EXPLAIN "
    found = await database.rows(explain + sql, *values)
    return [str(row["detail" if database.engine == "sqlite" else "QUERY PLAN"]) for row in found]


def _whole_scans(plan: list[str]) -> list[str]:
    """The steps that look at every row of the outbox."""
    return [
        step
        for step in plan
        if "Seq Scan on outbox" in step
        or (("SCAN outbox" in step or "SCAN o" in step) and "INDEX ix_outbox_" not in step)
    ]


async def test_no_statement_reads_the_jobs_that_are_done(database: Database) -> None:
    await database.effect(lambda tx: tx.execute(FILL[database.engine], DONE))
    await put(database, *(new(f"r{n}", dest=f"d{n % 50}") for n in range(200)))
    await take(database, limit=20)
    await database.effect(lambda tx: tx.execute("ANALYZE outbox"))

    plans = {name: await _plan(database, sql, values) for name, (sql, values) in STATEMENTS[database.engine].items()}

    assert {name: _whole_scans(plan) for name, plan in plans.items() if _whole_scans(plan)} == {}
    assert any("ix_outbox_ready" in step for plan in plans.values() for step in plan)
    for name in ("reclaim", "take_over", "release"):
        assert any("ix_outbox_leased" in step for step in plans[name]), plans[name]


def test_the_test_of_plans_can_fail() -> None:
    assert _whole_scans(["  ->  Seq Scan on outbox o_1", "SCAN outbox", "SCAN o"]) != []
    assert _whole_scans(["SCAN outbox USING COVERING INDEX ix_outbox_ready", "Index Scan using pk_outbox"]) == []


async def test_the_plan_for_all_values_is_as_good(shared: Database) -> None:
    """PostgreSQL may stop to look at the values of a prepared statement; the plan must not turn bad then."""
    await shared.effect(lambda tx: tx.execute(FILL["postgresql"], DONE))
    await shared.effect(lambda tx: tx.execute("ANALYZE outbox"))

    async def generic(tx: Tx) -> dict[str, list[str]]:
        await tx.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        return {
            name: [str(row["QUERY PLAN"]) for row in await tx.rows("EXPLAIN " + sql, *values)]
            for name, (sql, values) in STATEMENTS["postgresql"].items()
        }

    plans = await shared.effect(generic)
    assert {name: _whole_scans(plan) for name, plan in plans.items() if _whole_scans(plan)} == {}
