"""An open database, once for each engine."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bot.kernel.clock import ManualClock
from bot.storage.database import connect
from bot.storage.port import Database

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await connect(database_url, ManualClock(NOW))
    yield opened
    await opened.close()
