"""Time in the simulators: compressed waiting, manual time, and a present that signatures accept."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from bot.simulators.background import Background
from bot.simulators.clock import FactorClock, ManualClock


async def test_factor_divides_waiting_but_not_the_present() -> None:
    clock = FactorClock(1000)
    started = time.monotonic()

    await clock.sleep(15)

    assert time.monotonic() - started < 1
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 2


def test_offset_shifts_the_present() -> None:
    shifted = FactorClock(1, offset=timedelta(minutes=10)).now() - datetime.now(UTC)

    assert abs(shifted - timedelta(minutes=10)) < timedelta(seconds=2)


@pytest.mark.parametrize("factor", [0, -1])
def test_factor_must_be_positive(factor: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        FactorClock(factor)


async def test_manual_clock_wakes_sleepers_in_order_and_at_their_time() -> None:
    clock = ManualClock(datetime(2026, 11, 1, tzinfo=UTC))
    woken: list[tuple[str, datetime]] = []

    async def sleeper(name: str, *pauses: float) -> None:
        for pause in pauses:
            await clock.sleep(pause)
            woken.append((name, clock.now()))

    tasks = [asyncio.create_task(sleeper("b", 20)), asyncio.create_task(sleeper("a", 5, 10, 10))]
    await asyncio.sleep(0)
    await clock.advance(20)

    start = datetime(2026, 11, 1, tzinfo=UTC)
    assert [(name, (at - start).total_seconds()) for name, at in woken] == [("a", 5), ("a", 15), ("b", 20)]
    assert clock.now() == start + timedelta(seconds=20)
    assert clock.sleepers == 1
    await clock.advance(5)
    await asyncio.gather(*tasks)


async def test_manual_clock_survives_cancelled_sleepers() -> None:
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await clock.advance(120)

    assert clock.sleepers == 0


async def test_no_pause_still_yields_to_others() -> None:
    clock, turn = ManualClock(), asyncio.Event()
    asyncio.get_running_loop().call_soon(turn.set)

    await clock.sleep(0)

    assert turn.is_set()


async def test_background_reports_failures_and_cancels_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    background, ended = Background(), []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("endless")

    async def failing() -> None:
        raise RuntimeError("broken")

    background.start(endless())
    background.start(failing())
    await asyncio.sleep(0.01)
    assert "background task failed" in caplog.text
    assert len(background) == 1

    await background.close()

    assert ended == ["endless"]
    assert len(background) == 0
