"""An open database on each engine, a vault and a catalogue."""

from collections.abc import AsyncIterator

import pytest

from bot.billers.catalogue import Catalogue
from bot.kernel.clock import ManualClock
from bot.storage.database import connect
from bot.storage.port import Database
from bot.storage.vault import Vault
from tests.billers import samples
from tests.billers.rig import HostedRig


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(samples.START)


@pytest.fixture
def keys() -> Vault:
    return samples.vault()


@pytest.fixture
async def database(database_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    """An open database with no rows, once for each engine."""
    opened = await connect(database_url, clock)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    """An open database on one engine, for what does not depend on it."""
    opened = await connect(sqlite_url, clock)
    yield opened
    await opened.close()


@pytest.fixture
def catalogue(database: Database, clock: ManualClock) -> Catalogue:
    return Catalogue(database, clock)


@pytest.fixture
def hosted(database: Database, clock: ManualClock, keys: Vault, catalogue: Catalogue) -> HostedRig:
    """The hosted biller over that database."""
    return HostedRig.over(database, clock, keys, catalogue)
