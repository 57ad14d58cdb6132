"""A world to pay in, once for each engine."""

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
async def database(database_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    """An open database with a merchant and its items, once for each engine."""
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
async def pg_world(pg_url: str, clock: ManualClock) -> AsyncIterator[World]:
    """A world on PostgreSQL, the only engine with a set-based form."""
    database = await connect(pg_url, clock)
    try:
        await database.effect(populate)
        yield build(database, clock)
    finally:
        await database.close()
