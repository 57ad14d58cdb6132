"""A world with contracts, once for each engine."""

import pytest

from tests.payments.contracts.rig import ContractWorld, equip
from tests.payments.world import World


@pytest.fixture
def autopay(world: World) -> ContractWorld:
    return equip(world)
