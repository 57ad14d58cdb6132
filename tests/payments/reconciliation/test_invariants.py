"""The audit of this room names what somebody did past it, and no statement of it walks a growing table."""

import re
import sqlite3
from collections.abc import Iterator
from types import ModuleType

import pytest

from bot.ledger import invariants as ledger
from bot.payments.reconciliation import arrivals, asking, board, differences, dispositions, flows, intake, pairs, report
from bot.payments.reconciliation.invariants import CHECKS
from tests.payments.reconciliation.bills import AGREED, MAIN, Bench, line

GROWING = (
    "statement_lines",
    "flow_lines",
    "statements",
    "recon_differences",
    "charges",
    "refunds",
    "suspense",
    "orders",
)
ROOMS = (pairs, flows, differences, intake, board, report, arrivals, asking)


def statements(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Every whole statement of a module, by its name."""
    for name, value in vars(module).items():
        texts = value.values() if isinstance(value, dict) else [value]
        for text in texts:
            if isinstance(text, str) and re.match(r"\s*(SELECT|UPDATE|DELETE|WITH)\b", text):
                yield f"{module.__name__}.{name}", text


WHOLE = [each for module in ROOMS for each in statements(module)]


@pytest.mark.parametrize(("name", "sql"), WHOLE, ids=[name for name, _ in WHOLE])
def test_no_statement_walks_a_growing_table(sqlite_url: str, name: str, sql: str) -> None:
    plain = re.sub(r"\$(\d+)", r"?\1", sql)
    if "ANALYZE" in plain or "::" in plain:
        pytest.skip("for PostgreSQL alone")
    count = max((int(number) for number in re.findall(r"\?(\d+)", plain)), default=0)
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    try:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {plain}", (1,) * count)]
    finally:
        connection.close()
    walked = [step for step in plan if step.startswith("SCAN")]
    names = re.findall(r"(\w+) AS (\w+)|JOIN (\w+) (\w+)|FROM (\w+) (\w+)", sql)
    alias = {pair[-1]: pair[0] for found in names for pair in [[each for each in found if each]]}

    assert [step for step in walked if alias.get(step.split()[1], step.split()[1]) in GROWING] == [], plan
    # A line is looked for by our number: where a gateway tells none of its own, that one would lead to every line.
    looked = [step for step in plan if step.startswith("SEARCH e ")]
    assert all("(number=?" in step for step in looked) or name.endswith(".SUSPENSE"), plan


async def broken(bench: Bench) -> list[str]:
    return [finding.check for finding in await ledger.inspect(bench.database, bench.world.clock.now(), CHECKS)]


async def test_a_clean_day_and_an_open_one(bench: Bench) -> None:
    bench.bill(line("T1"), line("T1"))
    await bench.run()

    assert await broken(bench) == []


@pytest.mark.parametrize(
    ("done", "check"),
    [
        ("DELETE FROM statement_lines", "statement_cut"),
        ("UPDATE recon_differences SET state = 'explained'", "difference_of_one_name"),
        ("UPDATE recon_differences SET proposed_by = 'a', decided_by = 'a'", "difference_of_one_name"),
        ("DELETE FROM outbox", "difference_untold"),
        (
            "UPDATE recon_differences SET state = 'working', disposition = 'credit_late', proposed_by = 'a', "
            "decided_by = 'b'",
            "difference_unasked",
        ),
        (
            "UPDATE recon_differences SET state = 'explained', disposition = 'write_off_fee', proposed_by = 'a', "
            "decided_by = 'b'",
            "fee_written_off_unposted",
        ),
        ("UPDATE recon_days SET due_at = 1", "reconciliation_overdue"),
    ],
)
async def test_what_somebody_did_past_the_room_is_named(bench: Bench, done: str, check: str) -> None:
    bench.bill(line("T1"))
    await bench.run()
    await bench.world.execute(done)

    assert check in await broken(bench)


async def test_a_fee_that_was_written_off_is_clean(bench: Bench) -> None:
    bench.books.charge("T1")
    bench.bill(line("T1", fee=9))
    await bench.run()
    (row,) = await bench.world.rows("SELECT id FROM recon_differences")
    now = bench.world.clock.now()
    await bench.database.effect(
        lambda tx: dispositions.dispose_in(
            tx, row["id"], "write_off_fee", proposed_by="a", approved_by="b", note="", now=now, terms=AGREED
        )
    )
    await bench.room.run(MAIN)

    assert await broken(bench) == []
