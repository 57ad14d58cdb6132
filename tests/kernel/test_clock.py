"""The clock: stored times survive, days are Shanghai's, and manual time wakes sleepers in order."""

import asyncio
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kernel.clock import ManualClock, SystemClock, business_day, from_micros, to_micros

START = datetime(2026, 11, 23, 15, 59, tzinfo=UTC)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1)))
def test_a_stored_time_comes_back_exactly(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    assert from_micros(to_micros(aware)) == aware


def test_the_day_turns_at_midnight_in_shanghai() -> None:
    assert business_day(START) == date(2026, 11, 23)
    assert business_day(START.replace(hour=16, minute=0)) == date(2026, 11, 24)


async def test_sleepers_wake_in_their_order_and_not_before() -> None:
    clock, woken = ManualClock(START), []

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.create_task(sleep(seconds)) for seconds in (3.0, 1.0, 2.0)]
    await asyncio.sleep(0)
    clock.advance(0.5)
    await asyncio.sleep(0)
    assert woken == []
    clock.advance(2.0)
    await asyncio.gather(*tasks[1:])
    assert woken == [1.0, 2.0]
    clock.advance(1.0)
    await asyncio.gather(*tasks)
    assert clock.monotonic() == 3.5
    assert (clock.now() - START).total_seconds() == 3.5


async def test_a_cancelled_sleeper_disturbs_nobody() -> None:
    clock = ManualClock(START)
    task = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    clock.advance(2)


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        ManualClock(datetime(2026, 1, 1))


def test_the_system_clock_is_aware_and_runs_forward() -> None:
    clock = SystemClock()
    first = clock.monotonic()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() >= first
