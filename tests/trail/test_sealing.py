"""Whatever is done to sealed rows by SQL, the audit names the range; whoever lacks the key cannot seal it again."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from bot.kernel.clock import ManualClock, to_micros
from bot.kernel.masking import Secret
from bot.storage.port import Database, Tx
from bot.storage.tables import METADATA
from bot.storage.vault import Vault
from bot.trail import sealing
from bot.trail.audit import record
from bot.trail.sealing import SETTLE_SECONDS, Broken, seal, verify
from tests.trail.conftest import START

POSTING = """
INSERT INTO postings (journal, entry_no, source, destination, amount, asset, trace_id, at)
VALUES ($1, 0, 'payers:x', 'clearing:x:main', 100, 'CNY', 't', $2)
"""
# What an operator with the right to change tables would do first.
UNGUARD = {
    "sqlite": [
        f"DROP TRIGGER immutable_{table}_{what}"
        for table in ("audit", "postings", "seals")
        for what in ("update", "delete")
    ],
    "postgresql": [
        f"DROP TRIGGER immutable_{table}_{what} ON {table}"
        for table in ("audit", "postings", "seals")
        for what in ("row", "all")
    ],
}


@pytest.fixture(autouse=True)
def short_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "RANGE", 4)


@pytest.fixture
async def sealed(database: Database, clock: ManualClock, vault: Vault) -> AsyncIterator[Database]:
    """Ten rows of the audit in three ranges, (0, 4], (4, 8] and (8, 10], with nothing to guard them."""
    await write(database, clock, 10)
    clock.advance(SETTLE_SECONDS + 1)
    assert await seal(database, "audit", vault, clock) == 3
    for statement in UNGUARD[database.engine]:
        await change(database, statement)
    yield database


async def write(database: Database, clock: ManualClock, many: int) -> None:
    for number in range(many):

        async def work(tx: Tx, number: int = number) -> None:
            detail = {"number": number, "words": "退款 ¥1"}
            await record(
                tx,
                actor="ann",
                action="case.approved",
                subject=f"cas_{number}",
                detail=detail,
                trace_id="t",
                now=clock.now(),
            )

        await database.effect(work)


async def change(database: Database, statement: str) -> None:
    await database.effect(lambda tx: tx.execute(statement))


async def broken(database: Database, vault: Vault, table: str = "audit") -> list[Broken]:
    return [each async for each in verify(database, table, vault)]


async def seals(database: Database, table: str = "audit") -> list[tuple[int, int, int]]:
    rows = await database.rows(
        "SELECT from_seq, upto_seq, row_count FROM seals WHERE sealed_table = $1 ORDER BY seq", table
    )
    return [(row["from_seq"], row["upto_seq"], row["row_count"]) for row in rows]


async def test_what_nobody_touched_is_whole(sealed: Database, vault: Vault) -> None:
    assert await broken(sealed, vault) == []
    assert await seals(sealed) == [(0, 4, 4), (4, 8, 4), (8, 10, 2)]


SECOND = Broken("audit", 4, 8)
THIRD = Broken("audit", 8, 10)
SWAPPED = """
UPDATE audit SET subject = CASE seq WHEN 5 THEN 'cas_5' ELSE 'cas_4' END WHERE seq IN (5, 6)
"""
# What is done to the rows or to the seals, and what the audit names.
CHANGES: dict[str, list[Broken]] = {
    "UPDATE audit SET actor = 'bob' WHERE seq = 6": [SECOND],
    "UPDATE audit SET detail = detail || ' ' WHERE seq = 5": [SECOND],
    "UPDATE audit SET at = at + 1 WHERE seq = 8": [SECOND],
    "UPDATE audit SET actor = action, action = actor WHERE seq = 6": [SECOND],
    SWAPPED: [SECOND],
    "DELETE FROM audit WHERE seq = 7": [SECOND],
    "DELETE FROM audit WHERE seq > 4 AND seq <= 8": [SECOND],
    "UPDATE audit SET seq = 100 WHERE seq = 6": [SECOND],
    "UPDATE audit SET seq = -3 WHERE seq = 6": [Broken("audit", -4, 0), SECOND],
    "INSERT INTO audit (seq, actor, action, subject, trace_id, at) VALUES (-3, 'a', 'x', 's', 't', 1)": [
        Broken("audit", -4, 0)
    ],
    "INSERT INTO audit (seq, actor, action, subject, trace_id, at) VALUES (0, 'a', 'x', 's', 't', 1)": [
        Broken("audit", -1, 0)
    ],
    "UPDATE seals SET digest = 'f' || digest WHERE from_seq = 4": [SECOND, THIRD],
    "UPDATE seals SET row_count = row_count + 1 WHERE from_seq = 4": [SECOND],
    "UPDATE seals SET previous_digest = '' WHERE from_seq = 4": [SECOND],
    "DELETE FROM seals WHERE from_seq = 4": [THIRD],
    "DELETE FROM seals WHERE from_seq = 0": [SECOND],
}


KEEP = ("CREATE TABLE audit_kept AS SELECT * FROM audit", "CREATE TABLE seals_kept AS SELECT * FROM seals")
BRING_BACK = (
    "DELETE FROM audit",
    "DELETE FROM seals",
    "INSERT INTO audit SELECT * FROM audit_kept",
    "INSERT INTO seals SELECT * FROM seals_kept",
)


async def test_whatever_is_changed_is_named(sealed: Database, vault: Vault) -> None:
    for statement in KEEP:
        await change(sealed, statement)
    found = {}
    for statement in CHANGES:
        await change(sealed, statement)
        found[statement] = await broken(sealed, vault)
        for back in BRING_BACK:
            await change(sealed, back)
        assert await broken(sealed, vault) == []

    assert found == CHANGES


PUT_IN = "INSERT INTO audit (seq, actor, action, subject, trace_id, at) VALUES (3, 'a', 'x', 's', 't', 1)"


async def test_a_row_put_where_a_number_was_free_is_named(sealed: Database, clock: ManualClock, vault: Vault) -> None:
    """PostgreSQL leaves gaps where transactions came to nothing; a row in one has no room in its seal."""
    await change(sealed, "DELETE FROM seals")
    await change(sealed, "DELETE FROM audit WHERE seq = 3")
    await seal(sealed, "audit", vault, clock)
    assert await broken(sealed, vault) == []
    await change(
        sealed, "INSERT INTO audit (seq, actor, action, subject, trace_id, at) VALUES (3, 'a', 'x', 's', 't', 1)"
    )

    assert await broken(sealed, vault) == [Broken("audit", 0, 5)]


async def test_a_range_sealed_again_without_the_key_is_named(
    sealed: Database, clock: ManualClock, vault: Vault
) -> None:
    """Whoever owns the database changes a row and makes all seals anew, by our own code but with another key."""
    await change(sealed, "UPDATE audit SET actor = 'bob' WHERE seq = 6")
    await change(sealed, "DELETE FROM seals")
    forger = Vault.from_secrets([Secret("what an intruder without our key has")])
    await seal(sealed, "audit", forger, clock)

    assert await broken(sealed, forger) == []
    assert len(await broken(sealed, vault)) == 3


async def test_the_last_seals_taken_away_with_their_rows_are_in_the_log(
    sealed: Database, caplog: pytest.LogCaptureFixture, clock: ManualClock, vault: Vault
) -> None:
    """The one thing that a chain cannot tell; the log says how far the seals had come."""
    caplog.set_level("INFO")
    await write(sealed, clock, 2)
    clock.advance(SETTLE_SECONDS + 1)
    await seal(sealed, "audit", vault, clock)

    assert "seal.made" in caplog.text and "'upto': 12" in caplog.text


class TestAge:
    async def test_young_rows_wait(self, database: Database, clock: ManualClock, vault: Vault) -> None:
        await write(database, clock, 3)
        clock.advance(SETTLE_SECONDS - 1)
        assert await seal(database, "audit", vault, clock) == 0
        clock.advance(2)
        assert await seal(database, "audit", vault, clock) == 1
        assert await seals(database) == [(0, 3, 3)]

    async def test_nothing_behind_a_young_row_is_sealed(
        self, database: Database, clock: ManualClock, vault: Vault
    ) -> None:
        """A row that looks old may come from a machine whose clock is behind, and a lower number be on its way."""
        await write(database, clock, 2)
        clock.advance(SETTLE_SECONDS + 1)
        await write(database, clock, 1)
        await write(database, _behind(clock), 2)
        await seal(database, "audit", vault, clock)

        assert await seals(database) == [(0, 2, 2)]
        clock.advance(SETTLE_SECONDS + 1)
        await seal(database, "audit", vault, clock)
        assert await seals(database) == [(0, 2, 2), (2, 5, 3)]
        assert await broken(database, vault) == []

    async def test_numbers_that_were_never_used_leave_no_gap(
        self, database: Database, clock: ManualClock, vault: Vault
    ) -> None:
        await write(database, clock, 2)
        with pytest.raises(ValueError):
            await database.effect(_fails)
        await write(database, clock, 2)
        clock.advance(SETTLE_SECONDS + 1)
        await seal(database, "audit", vault, clock)

        assert await broken(database, vault) == []
        assert sum(count for _, _, count in await seals(database)) == 4


async def _fails(tx: Tx) -> None:
    await record(tx, actor="ann", action="x", subject="x", detail={}, trace_id="t", now=START)
    raise ValueError


def _behind(clock: ManualClock) -> ManualClock:
    return ManualClock(clock.now() - timedelta(hours=1))


async def test_two_sealers_at_once_make_one_chain(database: Database, clock: ManualClock, vault: Vault) -> None:
    await write(database, clock, 30)
    clock.advance(SETTLE_SECONDS + 1)
    made = await asyncio.gather(*(seal(database, "audit", vault, clock) for _ in range(4)))
    while await seal(database, "audit", vault, clock):
        made.append(1)

    assert sum(made) == len(await seals(database)) == 8
    assert await broken(database, vault) == []


async def test_a_sealer_that_saw_fewer_rows_does_not_stand_beside_another(
    database: Database, clock: ManualClock, vault: Vault
) -> None:
    """Two processes seal from the same row on, the second having seen a row more."""
    await write(database, clock, 2)
    clock.advance(SETTLE_SECONDS + 1)
    slow = _Paused(database)
    first = asyncio.create_task(seal(slow, "audit", vault, clock))  # type: ignore[arg-type]
    await slow.reached.wait()
    await write(database, _behind(clock), 1)
    await seal(database, "audit", vault, clock)
    slow.go.set()

    assert await first == 0
    assert await seals(database) == [(0, 3, 3)]
    assert await broken(database, vault) == []


class _Paused:
    """A database that stops before its first effect."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def effect(self, work: Callable[[Tx], Awaitable[int]]) -> int:
        self.reached.set()
        await self.go.wait()
        return await self._database.effect(work)

    def __getattr__(self, name: str) -> object:
        return getattr(self._database, name)


async def test_postings_are_sealed_likewise(database: Database, clock: ManualClock, vault: Vault) -> None:
    for number in range(6):
        await database.effect(lambda tx, number=number: tx.execute(POSTING, f"credit:{number}", to_micros(clock.now())))  # type: ignore[misc]
    clock.advance(SETTLE_SECONDS + 1)
    await seal(database, "postings", vault, clock)
    for statement in UNGUARD[database.engine]:
        await change(database, statement)
    assert await broken(database, vault, "postings") == []
    await change(database, "UPDATE postings SET amount = 10000 WHERE journal = 'credit:2'")

    assert await broken(database, vault, "postings") == [Broken("postings", 0, 4)]
    assert await broken(database, vault, "audit") == []


def test_every_column_of_a_sealed_table_is_sealed() -> None:
    """A column that a later migration adds must not stay outside."""
    for name, statements in sealing._TABLES.items():
        assert set(statements.columns) == {column.name for column in METADATA.tables[name].columns}
        assert dataclasses.asdict(statements)["rows"].count(",") == len(statements.columns) - 1
