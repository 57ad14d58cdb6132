"""One scripted platform, one store and one client on a manual clock."""

import pytest

from bot.channels.official.client import WeChatClient
from bot.kernel.clock import ManualClock
from tests.channels.fakes import FakeStore
from tests.channels.official.platform import Platform, client_of
from tests.channels.samples import NOW


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def store(clock: ManualClock) -> FakeStore:
    return FakeStore(clock)


@pytest.fixture
def platform(clock: ManualClock) -> Platform:
    return Platform(clock)


@pytest.fixture
def client(platform: Platform, store: FakeStore) -> WeChatClient:
    return client_of(platform, store)
