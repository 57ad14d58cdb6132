"""Waits end at their own deadline, whatever order they came in."""

import asyncio

from bot.channels.deadlines import Deadlines
from bot.kernel.clock import ManualClock
from tests.channels.fakes import pass_time, settle
from tests.channels.samples import NOW


def future() -> asyncio.Future[str]:
    return asyncio.get_running_loop().create_future()


async def test_each_wait_ends_at_its_own_time() -> None:
    clock = ManualClock(NOW)
    deadlines = Deadlines(clock, "late")
    waits = {at: future() for at in (3.0, 1.0, 2.0)}
    for at, wait in waits.items():
        deadlines.add(at, wait)

    await pass_time(clock, 1.05, step=0.05)
    assert [at for at, wait in waits.items() if wait.done()] == [1.0]
    await pass_time(clock, 2.0)

    assert {wait.result() for wait in waits.values()} == {"late"}
    await deadlines.close()


async def test_what_ended_before_is_left_alone() -> None:
    clock = ManualClock(NOW)
    deadlines = Deadlines(clock, "late")
    answered, given_up = future(), future()
    deadlines.add(1.0, answered)
    deadlines.add(1.0, given_up)
    answered.set_result("in time")
    given_up.cancel()

    await pass_time(clock, 1.2)

    assert answered.result() == "in time" and given_up.cancelled()


async def test_an_earlier_wait_that_comes_later_is_not_slept_over() -> None:
    clock = ManualClock(NOW)
    deadlines = Deadlines(clock, "late")
    long, short = future(), future()
    deadlines.add(100.0, long)
    await settle()
    deadlines.add(1.0, short)

    await pass_time(clock, 1.2)

    assert short.done() and not long.done()
    await deadlines.close()


async def test_the_watch_ends_and_begins_again() -> None:
    clock = ManualClock(NOW)
    deadlines = Deadlines(clock, "late")
    for _ in range(3):
        wait = future()
        deadlines.add(clock.monotonic() + 1.0, wait)
        await pass_time(clock, 1.2)
        assert wait.done()
    assert deadlines._sleeper is None and not deadlines._waiting


async def test_a_deadline_in_the_past_ends_at_once() -> None:
    clock = ManualClock(NOW)
    wait = future()
    Deadlines(clock, "late").add(-1.0, wait)

    assert await asyncio.wait_for(wait, 1) == "late"
