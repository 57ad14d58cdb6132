"""A world to pay in, with a desk, once for each engine."""

from collections.abc import AsyncIterator

import pytest

from bot.kernel.clock import ManualClock
from bot.storage.database import connect
from bot.storage.port import Database
from tests.cases.office import Office, open_office
from tests.payments.world import START, TickingClock, World, build, populate


@pytest.fixture
def clock() -> ManualClock:
    return TickingClock(START)


@pytest.fixture
async def database(database_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    opened = await connect(database_url, clock)
    try:
        await opened.effect(populate)
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def world(database: Database, clock: ManualClock) -> World:
    return build(database, clock)


@pytest.fixture
def office(world: World) -> Office:
    return open_office(world)


@pytest.fixture
async def lone(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Office]:
    """A desk for tests of what no engine can change."""
    opened = await connect(sqlite_url, clock)
    try:
        await opened.effect(populate)
        yield open_office(build(opened, clock))
    finally:
        await opened.close()
