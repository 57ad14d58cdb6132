"""Questions: the same answers alone and together, and one spoiler spoils only its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from bot.kernel.clock import SystemClock
from bot.storage.database import connect
from bot.storage.port import Database, Question, Reader

_ONE = "SELECT CAST($1 AS INTEGER) * 2 AS doubled"
_MANY = """
SELECT asked.place, asked.number * 2 AS doubled FROM unnest($1::bigint[]) WITH ORDINALITY AS asked(number, place)
ORDER BY place
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = await connect(database_url, SystemClock())
    yield found
    await found.close()


def doubling() -> tuple[Question[int, int], list[int]]:
    """A question, and how many items each of its round trips carried."""
    carried: list[int] = []

    async def one(reader: Reader, number: int) -> int:
        carried.append(1)
        row = await reader.row(_ONE, number)
        assert row is not None
        return int(row["doubled"])

    async def many(reader: Reader, numbers: Sequence[int]) -> Sequence[int]:
        carried.append(len(numbers))
        if 13 in numbers and len(numbers) > 1:
            raise ValueError("thirteen spoils the group")
        return [int(row["doubled"]) for row in await reader.rows(_MANY, list(numbers))]

    return Question("test.doubling", one, many), carried


async def test_answers_come_back_to_who_asked(database: Database) -> None:
    question, _ = doubling()
    numbers = [number for number in range(200) if number != 13]
    assert await asyncio.gather(*(database.ask(question, number) for number in numbers)) == [2 * n for n in numbers]


async def test_postgresql_is_asked_once_for_many(database: Database) -> None:
    question, carried = doubling()
    await asyncio.gather(*(database.ask(question, number) for number in range(1000, 1128)))
    assert sum(carried) == 128
    # SQLite reads in its own process, so nothing is to be shared there.
    assert len(carried) <= (6 if database.engine == "postgresql" else 128)


async def test_a_spoiler_is_answered_alone(database: Database) -> None:
    question, _ = doubling()
    answers = await asyncio.gather(*(database.ask(question, number) for number in (12, 13, 14)))
    assert answers == [24, 26, 28]


async def test_a_cancelled_asker_spoils_nobody(database: Database) -> None:
    question, _ = doubling()
    tasks = [asyncio.create_task(database.ask(question, number)) for number in range(20, 40)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers[3], asyncio.CancelledError)
    assert [answer for place, answer in enumerate(answers) if place != 3] == [
        2 * number for number in range(20, 40) if number != 23
    ]
