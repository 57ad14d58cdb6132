"""Notes cost their writer nothing, reach the table in batches, and tell a whole story by one trace id."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.kernel.clock import ManualClock, to_micros
from bot.storage.errors import StoreAway, StoreFault
from bot.storage.port import Database, Tx
from bot.trail import traces
from bot.trail.audit import record
from bot.trail.traces import Traces
from tests.trail.conftest import START


async def noted(database: Database) -> list[tuple[str, str, str]]:
    rows = await database.rows("SELECT trace_id, kind, title FROM traces ORDER BY seq")
    return [(row["trace_id"], row["kind"], row["title"]) for row in rows]


class Away:
    """A database whose effects fail as long as ``fault`` is set."""

    engine = "sqlite"

    def __init__(self, database: Database, fault: Exception | None) -> None:
        self._database = database
        self.engine = database.engine
        self.fault = fault
        self.effects = 0

    async def effect(self, work: Callable[[Tx], Awaitable[Any]]) -> Any:
        self.effects += 1
        if self.fault is not None:
            raise self.fault
        return await self._database.effect(work)


async def test_notes_wait_and_are_written_in_their_order(database: Database, clock: ManualClock) -> None:
    trail = Traces(database, clock)
    for number in range(1_200):
        trail.note("t", "call", f"n{number}")
    assert await noted(database) == []
    await trail.flush()

    assert [title for _, _, title in await noted(database)] == [f"n{number}" for number in range(1_200)]


async def test_many_notes_are_few_transactions(database: Database, clock: ManualClock) -> None:
    counting = Away(database, None)
    trail = Traces(counting, clock)  # type: ignore[arg-type]
    for number in range(1_000):
        trail.note("t", "call", str(number))
    await trail.flush()

    assert counting.effects == 2


async def test_the_house_writes_them_every_moment_and_at_the_end(database: Database, clock: ManualClock) -> None:
    trail = Traces(database, clock, pause=0.25)
    task = asyncio.create_task(trail.run())
    trail.note("t", "call", "first")
    while not await noted(database):
        clock.advance(0.25)
        await asyncio.sleep(0.005)
    trail.note("t", "call", "last")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert [title for _, _, title in await noted(database)] == ["first", "last"]


class TestBackPressure:
    @pytest.fixture
    def database(self, alone: Database) -> Database:
        return alone

    async def test_a_note_never_waits_for_a_store_that_is_away(self, database: Database, clock: ManualClock) -> None:
        trail = Traces(Away(database, StoreAway("store_away")), clock)  # type: ignore[arg-type]
        begun = time.monotonic()
        for number in range(2_000):
            trail.note("t", "call", str(number), {"order": "ord_1"})

        assert time.monotonic() - begun < 2.0

    async def test_what_could_not_be_written_is_written_later(self, database: Database, clock: ManualClock) -> None:
        store = Away(database, StoreAway("store_away"))
        trail = Traces(store, clock)  # type: ignore[arg-type]
        for number in range(700):
            trail.note("t", "call", f"n{number}")
        with pytest.raises(StoreAway):
            await trail.flush()
        trail.note("t", "call", "n700")
        store.fault = None
        await trail.flush()

        assert [title for _, _, title in await noted(database)] == [f"n{number}" for number in range(701)]

    async def test_when_there_are_too_many_the_oldest_go(
        self, database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(traces, "_KEPT", 10)
        store = Away(database, StoreAway("store_away"))
        trail = Traces(store, clock)  # type: ignore[arg-type]
        for number in range(25):
            trail.note("t", "call", f"n{number}")
        await trail._flush_quietly()
        store.fault = None
        await trail._flush_quietly()

        assert [title for _, _, title in await noted(database)] == [f"n{number}" for number in range(15, 25)]
        assert "traces.dropped" in caplog.text and "'notes': 15" in caplog.text

    async def test_what_can_never_be_written_stops_nothing(
        self, database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(traces, "_BATCH", 2)
        store = Away(database, StoreFault("store_fault"))
        trail = Traces(store, clock)  # type: ignore[arg-type]
        for number in range(4):
            trail.note("t", "call", f"n{number}")
        await trail._flush_quietly()
        store.fault = None
        await trail._flush_quietly()

        assert [title for _, _, title in await noted(database)] == ["n2", "n3"]

    async def test_a_cancelled_flush_loses_nothing(self, database: Database, clock: ManualClock) -> None:
        store = Away(database, asyncio.CancelledError())  # type: ignore[arg-type]
        trail = Traces(store, clock)  # type: ignore[arg-type]
        trail.note("t", "call", "n0")
        with pytest.raises(asyncio.CancelledError):
            await trail.flush()
        store.fault = None
        await trail.flush()

        assert len(await noted(database)) == 1


class TestContent:
    async def test_nothing_personal_is_written_down(self, database: Database, clock: ManualClock) -> None:
        trail = Traces(database, clock)
        trail.note("t", "call", "told 13812345678", {"openid": "oCustomer000000001", "auth_code": "134567890123456789"})
        await trail.flush()

        row = await database.row("SELECT title, detail FROM traces")
        assert row is not None
        assert "13812345678" not in row["title"]
        assert "oCustomer" not in row["detail"] and "1345678901" not in row["detail"]

    async def test_odd_characters_spoil_no_batch(self, database: Database, clock: ManualClock) -> None:
        trail = Traces(database, clock)
        for odd in ("\x00", "\ud800", "\x1b[2J", "\uffff"):
            trail.note("t", "call", f"a{odd}b", {"words": f"c{odd}d"})
        await trail.flush()

        rows = await database.rows("SELECT title, detail FROM traces")
        assert len(rows) == 4
        assert all(row["title"].startswith("a") and "words" in json.loads(row["detail"]) for row in rows)

    async def test_a_title_is_short_and_a_detail_is_json(self, database: Database, clock: ManualClock) -> None:
        trail = Traces(database, clock)
        trail.note("t", "call", "很" * 500, {"at": START, "many": [1, 2]})
        await trail.flush()

        row = await database.row("SELECT title, detail FROM traces")
        assert row is not None
        assert len(row["title"]) == 200
        assert json.loads(row["detail"])["many"] == [1, 2]


class TestListening:
    @pytest.fixture
    def database(self, alone: Database) -> Database:
        return alone

    async def test_each_listener_hears_what_happens_while_it_listens(
        self, database: Database, clock: ManualClock
    ) -> None:
        trail = Traces(database, clock)
        trail.note("t", "call", "before")
        async with trail.listen() as one, trail.listen() as other:
            trail.note("t", "call", "now")
            assert [(await queue.get()).title for queue in (one, other)] == ["now", "now"]
        trail.note("t", "call", "after")

        assert one.empty() and other.empty()
        assert not trail._listeners

    async def test_a_slow_listener_misses_notes_and_holds_up_nobody(
        self, database: Database, clock: ManualClock
    ) -> None:
        trail = Traces(database, clock)
        async with trail.listen(room=3) as slow, trail.listen(room=100) as quick:
            for number in range(10):
                trail.note("t", "call", f"n{number}")

            assert (slow.qsize(), quick.qsize()) == (3, 10)
            await trail.flush()
        assert len(await noted(database)) == 10


class TestStory:
    async def test_everything_of_a_trace_in_its_order(self, database: Database, clock: ManualClock) -> None:
        await _purchase(database, clock)
        trail = Traces(database, clock)
        trail.note("trc_1", "biller", "power told: settled", {"line": "lin_1"})
        trail.note("trc_2", "biller", "another's")
        await trail.flush()

        story = await trail.story("trc_1")

        assert [room for _, room, _, _, _ in story] == [
            "order", "charge", "notice", "posting", "job", "suspense", "refund", "case", "audit", "note",
        ]  # fmt: skip
        assert [at for at, *_ in story] == sorted(at for at, *_ in story)
        assert await trail.story("trc_unknown") == []

    async def test_a_notice_of_no_charge_is_found_by_its_own_trace(
        self, database: Database, clock: ManualClock
    ) -> None:
        await database.effect(lambda tx: tx.execute(INBOX, "n9", None, "trc_9", 1))

        assert [room for _, room, *_ in await Traces(database, clock).story("trc_9")] == ["notice"]

    async def test_no_room_is_searched_from_end_to_end(self, database: Database, clock: ManualClock) -> None:
        explain = "EXPLAIN QUERY PLAN " if database.engine == "sqlite" else "EXPLAIN "

        async def plan(tx: Tx) -> list[str]:
            if tx.engine == "postgresql":
                # Tables of the test are empty; what matters is whether there is an index to use at all.
                await tx.execute("SET LOCAL enable_seqscan = off")
            rows = await tx.rows(explain + traces._STORY, "trc_1", 10)
            return [str(row["detail" if tx.engine == "sqlite" else "QUERY PLAN"]) for row in rows]

        steps = await database.effect(plan)

        assert not [step for step in steps if "Seq Scan" in step or ("SCAN" in step and "INDEX" not in step)]


INBOX = """
INSERT INTO inbox (gateway, account, notice_id, kind, body_digest, outcome, charge_id, trace_id, received_at)
VALUES ('g', 'main', $1, 'PAID', 'd', 'applied', $2, $3, $4)
"""


async def _purchase(database: Database, clock: ManualClock) -> None:
    """One row in every room, a second apart, all of one trace."""
    at = to_micros(clock.now())
    second = 1_000_000

    async def work(tx: Tx) -> None:
        await tx.execute(
            "INSERT INTO orders (id, quote_id, token, merchant_id, scene, origin, title, amount, state, trace_id, "
            "created_at, expires_at) VALUES ('ord_1', 'q', 'tok', 'm', 's', 'chat', 'x', 100, 'paid', 'trc_1', $1, $1)",
            at,
        )
        await tx.execute(
            "INSERT INTO charges (id, order_id, gateway, gateway_account, way, out_trade_no, amount, state, "
            "request_sealed, trace_id, created_at, expires_at, changed_at) "
            "VALUES ('chg_1', 'ord_1', 'g', 'main', 'jsapi', 'no', 100, 'paid', $2, 'trc_1', $1, $1, $1)",
            at + second,
            b"sealed",
        )
        await tx.execute(INBOX, "n1", "chg_1", "trc_web", at + 2 * second)
        await tx.execute(
            "INSERT INTO postings (journal, entry_no, source, destination, amount, trace_id, at) "
            "VALUES ('credit:chg_1', 0, 'payers:g', 'clearing:g:main', 100, 'trc_1', $1)",
            at + 3 * second,
        )
        await tx.execute(
            "INSERT INTO outbox (id, kind, key, dest, payload, state, due_at, trace_id, created_at) "
            "VALUES ('job_1', 'fulfil', 'lin_1', 'power', '{}', 'done', $1, 'trc_1', $1)",
            at + 4 * second,
        )
        await tx.execute(
            "INSERT INTO suspense (id, gateway, gateway_account, out_trade_no, transaction_id, amount, reason, state, "
            "trace_id, at, changed_at) "
            "VALUES ('sus_1', 'g', 'main', 'no', 'x', 100, 'closed', 'held', 'trc_1', $1, $1)",
            at + 5 * second,
        )
        await tx.execute(
            "INSERT INTO refunds (id, out_refund_no, gateway, gateway_account, out_trade_no, total, source, amount, "
            "reason, state, requested_by, trace_id, created_at, changed_at) "
            "VALUES ('rfd_1', 'R', 'g', 'main', 'no', 100, 'surplus', 100, 'x', 'approved', 'system', 'trc_1', $1, $1)",
            at + 6 * second,
        )
        await tx.execute(
            "INSERT INTO cases (id, kind, key, subject, trace_id, opened_at, due_at) "
            "VALUES ('cas_1', 'customer', 'k', 'ord_1', 'trc_1', $1, $1)",
            at + 7 * second,
        )

    await database.effect(work)
    clock.advance(8)

    async def audited(tx: Tx) -> None:
        await record(tx, actor="ann", action="x", subject="cas_1", detail={}, trace_id="trc_1", now=clock.now())

    await database.effect(audited)
    clock.advance(1)
