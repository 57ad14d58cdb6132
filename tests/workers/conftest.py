"""A world to pay in, on one engine: whatever differs between the two is tested in the rooms below."""

from collections.abc import AsyncIterator

import pytest

from bot.kernel.clock import ManualClock
from bot.storage.database import connect
from bot.storage.port import Database
from tests.payments.world import START, TickingClock, World, build, populate


@pytest.fixture
def clock() -> ManualClock:
    return TickingClock(START)


@pytest.fixture
async def database(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    opened = await connect(sqlite_url, clock)
    try:
        await opened.effect(populate)
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def world(database: Database, clock: ManualClock) -> World:
    return build(database, clock)
