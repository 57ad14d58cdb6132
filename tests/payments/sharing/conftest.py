"""A world with a gateway that can share, once for each engine."""

import pytest

from tests.payments.sharing.rig import TERMS, ShareWorld, equip
from tests.payments.world import World


@pytest.fixture
def plain(world: World) -> ShareWorld:
    """A gateway that can share, and a merchant who does not."""
    return equip(world)


@pytest.fixture
async def sharing(plain: ShareWorld) -> ShareWorld:
    """A tenth for the owners and half a yuan for an agent."""
    await plain.rule(*TERMS)
    return plain
