"""A shop to walk into, on SQLite and with a clock by hand; what differs by engine is tested on both where it does."""

from collections.abc import AsyncIterator

import pytest

from bot.kernel.clock import ManualClock
from tests.payments.world import START, TickingClock
from tests.web.rig import Browser, Shop, open_shop


@pytest.fixture
def clock() -> ManualClock:
    return TickingClock(START)


@pytest.fixture
async def shop(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Shop]:
    async with open_shop(sqlite_url, clock) as opened:
        yield opened


@pytest.fixture
async def bazaar(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Shop]:
    """The same shop, whose merchant takes every wallet."""
    async with open_shop(sqlite_url, clock, every_wallet=True) as opened:
        yield opened


@pytest.fixture
async def phone(shop: Shop) -> Browser:
    """WeChat's browser on somebody's phone."""
    return await shop.browser()
