"""A bench with a gateway whose bills a test writes, once for each engine."""

import pytest

from bot.kernel.clock import ManualClock
from bot.payments.reconciliation.room import Reconciliation
from bot.storage.port import Database
from tests.payments.reconciliation.bills import AGREED, DAY, Bench, BillGateway, at
from tests.payments.world import TickingClock, build


@pytest.fixture
def clock() -> ManualClock:
    """The morning after, when bills are there."""
    clock = TickingClock(at("11:00:00", DAY))
    clock.advance(86_400)
    return clock


@pytest.fixture
def bench(database: Database, clock: ManualClock) -> Bench:
    gateway = BillGateway(clock)
    gateway.movements = {}
    gateway.flows = None
    world = build(database, clock, gateway=gateway)
    return Bench(world, gateway, Reconciliation(database, clock, world.payments, AGREED))
