"""An open database on a clock that stands still, once for each engine."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bot.kernel.clock import ManualClock
from bot.kernel.masking import Secret
from bot.storage.database import connect
from bot.storage.port import Database
from bot.storage.vault import Vault

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def database(database_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    opened = await connect(database_url, clock)
    yield opened
    await opened.close()


@pytest.fixture
async def alone(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    """A database for tests of what no engine can change."""
    opened = await connect(sqlite_url, clock)
    yield opened
    await opened.close()


@pytest.fixture
def vault() -> Vault:
    return Vault.from_secrets([Secret("a secret of the tests, at least 32 long")])
