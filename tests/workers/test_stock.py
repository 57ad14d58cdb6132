"""The round that puts unpaid tickets back on the shelf."""

from collections.abc import AsyncIterator

import pytest

from bot.kernel.clock import ManualClock
from bot.storage.database import connect
from bot.workers.stock import stock_rounds
from tests.billers import samples
from tests.billers.stock.rig import PEOPLE, Park, offer


@pytest.fixture
async def park(database_url: str) -> AsyncIterator[Park]:
    clock = ManualClock(samples.START)
    database = await connect(database_url, clock)
    yield Park(database, clock, samples.vault())
    await database.close()


async def test_what_is_not_paid_in_time_comes_back_and_what_is_paid_stays(park: Park) -> None:
    day = offer(3)
    await park.open(day)
    quotes = [await park.held(day, person) for person in PEOPLE]
    await park.biller.settle(park.paid(quotes[0]))
    (sweep,) = stock_rounds(park.database, park.clock)
    assert await sweep.work() == 0

    park.clock.advance(1_199)
    assert await sweep.work() == 0
    park.clock.advance(1)

    assert await sweep.work() == 2
    assert await sweep.work() == 0
    assert await park.taken(day) == 1
    assert await park.faults() == []
