"""Bills come in once for each content, whole or not at all, and a day that was dropped half-way is taken up again."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.kernel.errors import Conflict, GatewayTrouble
from bot.payments.facts import StatementLine
from bot.payments.reconciliation import matching
from bot.payments.reconciliation.intake import STEP
from bot.payments.reconciliation.room import Reconciliation
from bot.storage.port import Tx
from tests.payments.reconciliation.bills import AGREED, MAIN, Bench, line, refund_line


class Killed(BaseException):
    """What ends a process in the middle."""


def many(count: int) -> list[StatementLine]:
    return [line(f"T{number}") for number in range(count)]


async def statements(bench: Bench) -> list[tuple[int, str, int]]:
    rows = await bench.world.rows("SELECT version, state, lines FROM statements ORDER BY version")
    return [(row["version"], row["state"], row["lines"]) for row in rows]


async def test_the_same_bill_twice_is_one_and_is_written_once(bench: Bench) -> None:
    bench.bill(*many(3))
    first, second = await bench.room.fetch(MAIN, "ann"), await bench.room.fetch(MAIN, "ann")

    assert (first.changed, second.changed, second.statement_id) == (True, False, first.statement_id)
    assert await statements(bench) == [(1, "ready", 3)]
    assert await bench.count("statement_lines") == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 1_001},
        {"fee": 7},
        {"state": "REVOKED"},
        {"transaction_id": "x"},
        {"settlement_amount": 1},
        {"shared": 1},
        {"currency": "HKD"},
    ],
)
async def test_another_content_is_another_version_and_the_old_one_stays(
    bench: Bench, changes: dict[str, object]
) -> None:
    bench.bill(line("T1"))
    await bench.room.fetch(MAIN, "ann")
    bench.bill(replace(line("T1"), **changes))  # type: ignore[arg-type]
    taken = await bench.room.fetch(MAIN, "ann")

    assert (taken.changed, taken.version) == (True, 2)
    assert await statements(bench) == [(1, "superseded", 1), (2, "ready", 1)]
    assert await bench.count("statement_lines") == 2
    audited = await bench.world.rows("SELECT actor, action FROM audit ORDER BY seq")
    assert [(row["actor"], row["action"]) for row in audited] == [
        ("ann", "statement.taken"),
        ("ann", "statement.superseded"),
    ]


async def test_a_stream_that_breaks_leaves_the_version_before(bench: Bench) -> None:
    bench.bill(line("T1"))
    await bench.run()
    bench.bill(*many(2_500))
    bench.gateway.breaks_after = 2_400
    with pytest.raises(GatewayTrouble):
        await bench.room.fetch(MAIN, "ann")
    assert [state for _, state, _ in await statements(bench)] == ["ready"]

    bench.gateway.breaks_after = None
    await bench.room.fetch(MAIN, "ann")
    assert await statements(bench) == [(1, "superseded", 1), (2, "ready", 2_500)]


async def test_what_a_dead_loader_left_is_cleared_away(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step is committed, then the process ends: nothing of it counts, and the next load is whole."""
    bench.bill(*many(STEP + 5))
    dying = killed_after(bench, "hold", 2, monkeypatch)
    with pytest.raises(Killed):
        await dying.fetch(MAIN, "ann")
    assert [state for _, state, _ in await statements(bench)] == ["loading"]
    assert await bench.count("statement_lines") == STEP

    bench.travel(1)
    await bench.room.fetch(MAIN, "ann")
    assert await statements(bench) == [(1, "abandoned", 0), (2, "ready", STEP + 5)]
    assert await bench.count("statement_lines") == STEP + 5


@pytest.mark.parametrize("steps", range(1, 9))
async def test_a_comparison_goes_on_where_it_was_killed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Killed after each of its steps in turn, a day ends with the same differences and every step done."""
    monkeypatch.setattr(bench.room._matching, "_terms", replace(AGREED, step=2))
    for number in range(4):
        bench.books.charge(f"T{number}")
    bench.books.refund("R1")
    bench.bill(line("T0"), line("T1", 900), line("T9"), line("T2"), line("T2"))
    await bench.books.put(bench.database)
    bench.books = replace(bench.books, charges=[], refunds=[])
    await bench.room.fetch(MAIN, "ann")

    dying = killed_after(bench, "progress", steps, monkeypatch)
    dying._matching._terms = replace(AGREED, step=2)
    try:
        await dying.run(MAIN)
    except Killed:
        bench.travel(1)
    report = (await bench.room.run(MAIN)).report

    assert [kind for kind, _ in await bench.kinds()] == [
        "amount",
        "duplicate",
        "missing_at_gateway",
        "missing_here",
        "refund_missing_at_gateway",
    ]
    assert report.proved and len(await bench.world.jobs("case")) == 5


def killed_after(bench: Bench, step: str, times: int, monkeypatch: pytest.MonkeyPatch) -> Reconciliation:
    """A room whose process ends at the so many-th call of a part of its board; its transaction is lost with it."""
    dying = Reconciliation(bench.database, bench.world.clock, bench.world.payments, AGREED)
    real: Callable[..., Awaitable[None]] = getattr(dying.board, step)
    calls = 0

    async def counted(tx: Tx, *values: Any) -> None:
        nonlocal calls
        calls += 1
        if calls > times:
            raise Killed
        await real(tx, *values)

    async def dead(*_: Any, **__: Any) -> None:
        return None

    monkeypatch.setattr(dying.board, step, counted)
    monkeypatch.setattr(dying.board, "give", dead)
    return dying


async def test_a_day_belongs_to_one_process_until_its_lease_ends(bench: Bench) -> None:
    bench.bill(line("T1"))
    held = await bench.room.board.take(MAIN)
    with pytest.raises(Conflict, match="day_taken"):
        await bench.run()
    bench.world.clock.advance(AGREED.lease + 1)
    await bench.run()

    async def late(tx: Tx) -> None:
        await bench.room.board.hold(tx, held)

    with pytest.raises(Conflict, match="day_lost"):
        await bench.database.effect(late)


async def test_one_that_lost_its_day_writes_nothing_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a slow process reads the bill, its lease ends and another one does the day."""
    bench.bill(*many(STEP + 1))
    other = Reconciliation(bench.database, bench.world.clock, bench.world.payments, AGREED)

    async def slow() -> AsyncIterator[StatementLine]:
        for number, each in enumerate(bench.gateway.bills[MAIN.day]):
            if number == STEP:
                bench.world.clock.advance(AGREED.lease + 1)
                await other.run(MAIN)
            yield each

    with pytest.raises(Conflict, match="day_lost"):
        await bench.room.store(MAIN, slow, "ann")
    assert [state for _, state, _ in await statements(bench)] == ["abandoned", "ready"]
    assert await bench.count("statement_lines") == STEP + 1


@pytest.mark.parametrize(
    "wrong",
    [
        line("", transaction_id=""),
        line("T1", kind="transfer", fee=0),
        line("T1", currency=""),
        line("T1", amount=-1, fee=0),
        line("T1", amount=10**12, fee=0),
        line("T" * 300),
        refund_line("", refund_id=""),
    ],
)
async def test_a_line_that_is_none_refuses_the_bill(bench: Bench, wrong: StatementLine) -> None:
    bench.bill(line("T0"), wrong)

    with pytest.raises(GatewayTrouble, match="statement_malformed"):
        await bench.run()
    assert [state for _, state, _ in await statements(bench)] == ["loading"]


async def test_the_worker_plans_yesterday_and_comes_back_until_nothing_is_open(bench: Bench) -> None:
    """The day after: nothing before the bill is there, trouble is tried again, an open day is looked at daily."""
    bench.world.clock.advance(-2 * 3_600)
    await bench.room.plan([("scripted", "main")])
    assert await bench.room.work() == 0
    bench.world.clock.advance(3 * 3_600)
    assert await bench.room.work() == 1
    assert (await bench.room.board.show(MAIN))["trouble"] == "statement_unavailable"  # type: ignore[index]
    assert await bench.room.work() == 0

    bench.bill(line("T1"))
    bench.world.clock.advance(700)
    assert await bench.room.work() == 1
    assert (await bench.room.report(MAIN)).state == "open"
    bench.books.charge("T1")
    await bench.books.put(bench.database)
    assert await bench.room.work() == 0
    bench.travel(1)
    assert await bench.room.work() == 1
    assert (await bench.room.report(MAIN)).balanced
    bench.travel(1)
    assert await bench.room.work() == 0


async def test_a_bill_that_never_comes_is_told_to_a_person(bench: Bench) -> None:
    await bench.room.plan([("scripted", "main")])
    for _ in range(8):
        await bench.room.work()
        bench.world.clock.advance(4_000)

    assert await bench.world.cases() == ["statement_missing"]


async def test_an_installation_that_was_away_catches_up(bench: Bench) -> None:
    await bench.room.plan([("scripted", "main"), ("scripted", "branch")])
    bench.travel(4)
    await bench.room.plan([("scripted", "main"), ("scripted", "branch")])
    rows = await bench.world.rows("SELECT account, COUNT(*) AS n FROM recon_days GROUP BY account ORDER BY account")

    assert [(row["account"], row["n"]) for row in rows] == [("branch", 5), ("main", 5)]


def test_the_stages_of_a_run_have_names_of_their_own() -> None:
    stages = [walk.stage for walk in matching._WALKS]

    assert len(stages) == len({*stages, "lines", "flows", "flow_lines", "arrivals"}) - 4
