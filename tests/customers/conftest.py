"""The book of names and the saved accounts over a database of their own, once for each engine."""

from collections.abc import AsyncIterator

import pytest

from bot.customers.accounts import SavedAccounts
from bot.customers.identities import Identities
from bot.kernel.clock import ManualClock
from bot.storage.database import connect
from bot.storage.port import Database
from bot.storage.vault import Vault
from tests.billers import samples


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(samples.START)


@pytest.fixture
def keys() -> Vault:
    return samples.vault()


@pytest.fixture
async def database(database_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    opened = await connect(database_url, clock)
    yield opened
    await opened.close()


@pytest.fixture
def identities(database: Database, keys: Vault, clock: ManualClock) -> Identities:
    return Identities(database, keys, clock)


@pytest.fixture
def saved(database: Database, keys: Vault, clock: ManualClock) -> SavedAccounts:
    return SavedAccounts(database, keys, clock)
