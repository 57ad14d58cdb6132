"""A balance is its last checkpoint and what came after, whoever writes at the same time."""

import asyncio
from random import Random

import pytest

from bot.kernel.errors import BotError
from bot.ledger import invariants
from bot.ledger.balances import balance, checkpoint, of_family
from bot.ledger.postings import Posting, Refs, post
from bot.storage.port import Database
from tests.ledger.conftest import NOW

REFS = Refs("trace")
ACCOUNTS = ["payers:w", "clearing:w:main", "merchant:a:due", "merchant:b:due", "fees:w:main"]


async def write(database: Database, journal: str, *postings: Posting) -> None:
    await database.effect(lambda tx: post(tx, journal, postings, REFS, NOW))


async def test_balances_with_and_without_checkpoints_are_sums_of_postings(database: Database) -> None:
    """Compared with a model that adds up in memory, over random postings with checkpoints in between."""
    chance = Random(7)
    model: dict[tuple[str, str], int] = {}
    for number in range(60):
        source, destination = chance.sample(ACCOUNTS, 2)
        amount, asset = chance.randrange(10_000), chance.choice(["CNY", "CNY", "USD"])
        await write(database, f"j{number}", Posting(source, destination, amount, asset))
        model[source, asset] = model.get((source, asset), 0) - amount
        model[destination, asset] = model.get((destination, asset), 0) + amount
        if number % 17 == 16:
            assert await checkpoint(database, NOW, postings_min=1) > 0

    for (account, asset), expected in model.items():
        assert await balance(database, account, asset) == expected
    merchants = {key: value for key, value in model.items() if key[0].startswith("merchant:")}
    assert await of_family(database, "merchant") == merchants
    assert await balance(database, "merchant:nobody:due") == 0
    assert await invariants.inspect(database, NOW) == [
        finding for finding in await invariants.inspect(database, NOW) if finding.check == "clearing_not_zero"
    ]


async def test_a_checkpoint_is_written_only_when_there_is_enough_new(database: Database) -> None:
    await write(database, "j1", Posting("payers:w", "fees:w:main", 5))

    assert await checkpoint(database, NOW, postings_min=2) == 0
    first = await checkpoint(database, NOW, postings_min=1)
    assert first > 0
    assert await checkpoint(database, NOW, postings_min=1) == 0
    rows = await database.rows("SELECT account, balance FROM balance_checkpoints ORDER BY account")
    assert [(row["account"], row["balance"]) for row in rows] == [("fees:w:main", 5), ("payers:w", -5)]
    with pytest.raises(BotError, match="immutable"):
        await database.effect(lambda tx: tx.execute("UPDATE balance_checkpoints SET balance = 6"))


async def test_checkpoints_taken_amid_writers_miss_nothing(database: Database) -> None:
    """A number given to a transaction that is not committed yet must not be counted as seen."""

    async def writer(name: int) -> None:
        for number in range(15):
            await write(
                database,
                f"j{name}-{number}",
                Posting("payers:w", "clearing:w:main", 1),
                Posting("clearing:w:main", "merchant:a:due", 1),
            )

    async def checkpoints() -> None:
        for _ in range(12):
            await checkpoint(database, NOW, postings_min=1)
            await asyncio.sleep(0.005)

    await asyncio.gather(*(writer(name) for name in range(6)), checkpoints(), checkpoints())

    assert await balance(database, "merchant:a:due") == 90
    assert await balance(database, "payers:w") == -90
    assert await invariants.inspect(database, NOW) == []
