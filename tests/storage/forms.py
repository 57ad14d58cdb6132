"""Work and forms of effects on the scratch table that several files of tests use."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from bot.storage.port import Batch, Database, Tx

INSERT = "INSERT INTO scratch (id, name, n) VALUES ($1, $2, $3)"


async def count(database: Database) -> int:
    row = await database.row("SELECT count(*) AS c FROM scratch")
    assert row is not None
    return int(row["c"])


def insert(id_: int, name: str = "", n: int = 0) -> Callable[[Tx], Awaitable[int]]:
    async def work(tx: Tx) -> int:
        return await tx.execute(INSERT, id_, name or f"name {id_}", n)

    return work


def pair(item: tuple[int, str]) -> str:
    return f"{item[0]} {item[1]}"


async def add_one(tx: Tx, item: tuple[int, str]) -> str:
    await tx.execute("INSERT INTO scratch (id, name, n) VALUES ($1, $2, 1)", *item)
    tx.signal("added")
    return pair(item)


async def add_many(tx: Tx, items: Sequence[tuple[int, str]]) -> list[str]:
    await tx.execute(
        "INSERT INTO scratch (id, name, n) SELECT id, name, 1 FROM unnest($1::int[], $2::text[]) AS i(id, name)",
        [id_ for id_, _ in items],
        [name for _, name in items],
    )
    tx.signal("added")
    return [pair(item) for item in items]


async def add_many_in_two(tx: Tx, items: Sequence[tuple[int, str]]) -> list[str]:
    results = await add_many(tx, items)
    await tx.execute("UPDATE scratch SET n = n + 0 WHERE id = ANY($1::int[])", [id_ for id_, _ in items])
    return results


ADD = Batch("add", add_one, add_many, single_statement=True)
FORMS = [
    pytest.param(Batch("only one", add_one), id="one"),
    pytest.param(Batch("in a transaction", add_one, add_many_in_two), id="many"),
    pytest.param(ADD, id="single"),
]
