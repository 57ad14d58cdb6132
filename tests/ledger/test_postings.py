"""A journal is written once and whole, and never changes."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kernel.errors import BadRequest, BotError, Conflict, NotFound
from bot.ledger.postings import ENTRIES_MAX, Posting, Refs, entries, post, reverse
from bot.storage.port import Database
from tests.ledger.conftest import NOW

IN = Posting("payers:w", "clearing:w:main", 500)
OUT = Posting("clearing:w:main", "merchant:m:due", 500)
REFS = Refs("trace", order_id="ord_1", charge_id="chg_1")


async def write(database: Database, journal: str, *postings: Posting) -> bool:
    return await database.effect(lambda tx: post(tx, journal, postings, REFS, NOW))


async def read(database: Database, journal: str) -> tuple[Posting, ...]:
    return await database.effect(lambda tx: entries(tx, journal))


def test_a_posting_is_never_negative_and_has_two_accounts() -> None:
    with pytest.raises(ValueError, match="negative"):
        Posting("payers:w", "fees:w:main", -1)
    with pytest.raises(ValueError, match="two accounts"):
        Posting("payers:w", "payers:w", 1)
    with pytest.raises(BadRequest):
        Posting("payers:w", "nowhere", 1)


@given(st.integers(0, 10**12), st.sampled_from(["CNY", "USD"]))
def test_reversing_twice_is_the_same_posting(amount: int, asset: str) -> None:
    there = Posting("payers:w", "fees:w:main", amount, asset)

    assert there.reverse() != there
    assert there.reverse().reverse() == there
    assert (there.reverse().amount, there.reverse().asset) == (amount, asset)


@pytest.mark.parametrize(
    "postings",
    [(IN, OUT), (IN,), (IN, OUT, Posting("merchant:m:due", "refunding:w:main", 1, "USD"))],
    ids=["chained", "single", "three"],
)
async def test_the_same_journal_is_written_once_and_other_inputs_are_a_conflict(
    database: Database, postings: tuple[Posting, ...]
) -> None:
    assert await write(database, "credit:1", *postings) is True
    assert await write(database, "credit:1", *postings) is False
    assert await read(database, "credit:1") == postings
    others = [
        (*postings[:-1], Posting(postings[-1].source, postings[-1].destination, 501)),
        (*postings, Posting("payers:w", "fees:w:main", 1)),
        tuple(posting.reverse() for posting in postings),
    ]
    for other in others:
        with pytest.raises(Conflict, match="journal_conflict"):
            await write(database, "credit:1", *other)
    if len(postings) > 1:
        with pytest.raises(Conflict, match="journal_conflict"):
            await write(database, "credit:1", *postings[:-1])
    # What was refused has left nothing behind.
    assert await read(database, "credit:1") == postings


async def test_many_at_once_write_one_journal(database: Database) -> None:
    written = await asyncio.gather(*(write(database, "credit:1", IN, OUT) for _ in range(20)))

    assert sum(written) == 1
    assert await read(database, "credit:1") == (IN, OUT)


async def test_a_journal_carries_what_it_is_about(database: Database) -> None:
    await write(database, "credit:1", IN, OUT)

    rows = await database.rows("SELECT * FROM postings ORDER BY entry_no")

    assert [(row["order_id"], row["charge_id"], row["refund_id"], row["trace_id"]) for row in rows] == [
        ("ord_1", "chg_1", None, "trace")
    ] * 2


async def test_corrections_are_further_postings(database: Database) -> None:
    await write(database, "credit:1", IN, OUT)

    for expected in (True, False):
        undone = await database.effect(lambda tx: reverse(tx, "credit:1", "undo:1", REFS, NOW))
        assert undone is expected
    assert await read(database, "undo:1") == (OUT.reverse(), IN.reverse())
    assert await read(database, "credit:1") == (IN, OUT)
    with pytest.raises(NotFound, match="journal_unknown"):
        await database.effect(lambda tx: reverse(tx, "credit:2", "undo:2", REFS, NOW))


@pytest.mark.parametrize("statement", ["UPDATE postings SET amount = 1", "DELETE FROM postings"])
async def test_postings_can_be_neither_changed_nor_deleted(database: Database, statement: str) -> None:
    await write(database, "credit:1", IN, OUT)

    with pytest.raises(BotError, match="immutable"):
        await database.effect(lambda tx: tx.execute(statement))
    assert await read(database, "credit:1") == (IN, OUT)


async def test_a_journal_has_at_least_one_entry_and_not_too_many(database: Database) -> None:
    with pytest.raises(ValueError, match="postings"):
        await write(database, "credit:1")
    with pytest.raises(ValueError, match="postings"):
        await write(database, "credit:1", *[IN] * (ENTRIES_MAX + 1))
