"""An open database, once for each engine, with nothing in its outbox."""

from collections.abc import AsyncIterator

import pytest

from bot.kernel.clock import SystemClock
from bot.kernel.masking import Secret
from bot.storage.database import connect
from bot.storage.port import Database
from bot.storage.vault import Vault


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await connect(database_url, SystemClock())
    yield opened
    await opened.close()


@pytest.fixture
def vault() -> Vault:
    return Vault.from_secrets([Secret("a secret of the tests, at least 32 long")])


@pytest.fixture
async def shared(pg_url: str) -> AsyncIterator[Database]:
    """A database that several workers may share: SQLite has one worker, which takes over whatever others held."""
    opened = await connect(pg_url, SystemClock())
    yield opened
    await opened.close()


@pytest.fixture
async def alone(sqlite_url: str) -> AsyncIterator[Database]:
    """A database for tests of what no engine can change."""
    opened = await connect(sqlite_url, SystemClock())
    yield opened
    await opened.close()
