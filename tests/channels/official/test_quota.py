"""The windows for customer-service messages, as the rules of the platform tell them."""

import pytest

from bot.channels.official.quota import WINDOWS, Room, Trigger, Windows
from bot.kernel.clock import ManualClock
from tests.channels.fakes import FakeStore
from tests.channels.samples import OPENID


@pytest.fixture
def windows(store: FakeStore) -> Windows:
    return Windows(store)


async def spend(windows: Windows, times: int) -> list[Room]:
    return [await windows.spend("main", OPENID) for _ in range(times)]


@pytest.mark.parametrize(
    ("trigger", "messages", "seconds"),
    [
        (Trigger.MESSAGE, 5, 48 * 3600),
        (Trigger.CLICK, 3, 60),
        (Trigger.FOLLOW, 3, 60),
        (Trigger.SCAN, 3, 60),
    ],
)
async def test_each_window_holds_its_number_for_its_time(
    windows: Windows, clock: ManualClock, trigger: Trigger, messages: int, seconds: int
) -> None:
    await windows.note("main", OPENID, trigger)
    assert await spend(windows, messages + 1) == [Room.YES] * messages + [Room.USED_UP]

    await windows.note("main", OPENID, trigger)
    clock.advance(seconds - 1)
    assert await spend(windows, 1) == [Room.YES]
    clock.advance(1)
    assert await spend(windows, 1) == [Room.UNKNOWN]


async def test_a_payment_opens_two_days_without_limit(windows: Windows, clock: ManualClock) -> None:
    await windows.note("main", OPENID, Trigger.PAID)
    clock.advance(48 * 3600 - 1)

    assert await spend(windows, 30) == [Room.YES] * 30


async def test_a_new_message_opens_a_new_window_at_once(windows: Windows, clock: ManualClock) -> None:
    await windows.note("main", OPENID, Trigger.MESSAGE)
    await spend(windows, 5)
    clock.advance(0.5)
    await windows.note("main", OPENID, Trigger.MESSAGE)

    assert await spend(windows, 6) == [Room.YES] * 5 + [Room.USED_UP]


async def test_what_is_lost_soonest_is_spent_first(windows: Windows, clock: ManualClock) -> None:
    await windows.note("main", OPENID, Trigger.MESSAGE)
    await windows.note("main", OPENID, Trigger.CLICK)
    assert await spend(windows, 3) == [Room.YES] * 3
    clock.advance(61)

    assert await spend(windows, 6) == [Room.YES] * 5 + [Room.USED_UP]


async def test_a_customer_who_left_has_no_window(windows: Windows) -> None:
    for trigger in WINDOWS:
        await windows.note("main", OPENID, trigger)
    await windows.forget("main", OPENID)

    assert await spend(windows, 1) == [Room.UNKNOWN]


async def test_windows_are_each_customers_and_each_accounts_own(windows: Windows) -> None:
    await windows.note("main", OPENID, Trigger.SCAN)

    assert await windows.spend("other", OPENID) is Room.UNKNOWN
    assert await windows.spend("main", "oOther") is Room.UNKNOWN


async def test_a_flushed_store_makes_everybody_unknown(windows: Windows, store: FakeStore) -> None:
    await windows.note("main", OPENID, Trigger.MESSAGE)
    store.flush()

    assert await spend(windows, 2) == [Room.UNKNOWN] * 2


async def test_the_longest_names_fit_into_a_key(windows: Windows) -> None:
    """The store itself refuses longer ones."""
    await windows.note("a" * 32, "o" * 128, Trigger.MESSAGE)

    assert await windows.spend("a" * 32, "o" * 128) is Room.YES
