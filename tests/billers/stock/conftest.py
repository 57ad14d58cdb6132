"""A park on each engine."""

import pytest

from bot.kernel.clock import ManualClock
from bot.storage.port import Database
from bot.storage.vault import Vault
from tests.billers.stock.rig import Park


@pytest.fixture
def park(database: Database, clock: ManualClock, keys: Vault) -> Park:
    return Park(database, clock, keys)
