"""A round that fails is tried again, a full one goes on at once but not for ever, and none holds up another."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bot.kernel.clock import ManualClock
from bot.kernel.errors import Busy
from bot.workers.rounds import Round, each_of, keep_running, run_rounds
from bot.workers.upkeep import key_rounds, token_rounds
from tests.payments.world import START


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


async def settle() -> None:
    """Let every task come to where it waits."""
    for _ in range(30):
        await asyncio.sleep(0)


class Counted:
    """Work that counts its turns and answers as told, a failure included."""

    def __init__(self, answer: Callable[[int], int] = lambda _: 0) -> None:
        self.turns = 0
        self._answer = answer

    async def __call__(self) -> int:
        self.turns += 1
        return self._answer(self.turns)


async def run(clock: ManualClock, *each: Round) -> asyncio.Task[None]:
    task = asyncio.create_task(run_rounds(each, clock))
    await settle()
    return task


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_round_comes_at_its_time(clock: ManualClock) -> None:
    often, seldom = Counted(), Counted()
    task = await run(clock, Round("often", 1.0, often), Round("seldom", 10.0, seldom))
    for _ in range(10):
        clock.advance(1.0)
        await settle()
    await end(task)

    assert (often.turns, seldom.turns) == (11, 2)


@pytest.mark.parametrize("fault", [Busy("store_away"), ValueError("a mistake of ours"), OSError("disk")])
async def test_a_round_that_fails_spoils_neither_itself_nor_others(clock: ManualClock, fault: Exception) -> None:
    def fail(turn: int) -> int:
        if turn <= 3:
            raise fault
        return 0

    failing, other = Counted(fail), Counted()
    task = await run(clock, Round("failing", 1.0, failing, full=5), Round("other", 1.0, other))
    for _ in range(4):
        clock.advance(1.0)
        await settle()

    assert not task.done()
    await end(task)
    assert (failing.turns, other.turns) == (5, 5)


async def test_a_full_round_is_followed_at_once(clock: ManualClock) -> None:
    backlog = Counted(lambda turn: 50 if turn < 4 else 7)
    task = await run(clock, Round("sweep", 60.0, backlog, full=50))
    await end(task)

    assert backlog.turns == 4


async def test_work_that_never_gets_less_rests_all_the_same(clock: ManualClock) -> None:
    """Fifty orders that can never be closed must not make a worker spin."""
    stuck = Counted(lambda _: 50)
    task = await run(clock, Round("sweep", 60.0, stuck, full=50))
    first = stuck.turns
    clock.advance(60.0)
    await settle()
    await end(task)

    assert 1 < first <= 100
    assert stuck.turns == 2 * first


class TestEachOf:
    async def test_one_that_fails_spoils_no_other(self) -> None:
        done: list[str] = []

        async def work(id_: str) -> None:
            if id_ in ("b", "d"):
                raise Busy("away") if id_ == "b" else ValueError(id_)
            done.append(id_)

        await each_of(["a", "b", "c", "d", "e"], work, at_once=2)

        assert done == ["a", "c", "e"]

    async def test_no_more_at_once_than_allowed(self) -> None:
        now, most = 0, 0

        async def work(_: str) -> None:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.001)
            now -= 1

        await each_of([str(n) for n in range(20)], work, at_once=3)

        assert most == 3

    async def test_being_cancelled_ends_all_of_them(self) -> None:
        async def work(_: str) -> None:
            await asyncio.sleep(60)

        task = asyncio.create_task(each_of(["a", "b"], work, at_once=8))
        await settle()
        before = len(asyncio.all_tasks())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert len(asyncio.all_tasks()) == before - 3


class TestKeepRunning:
    @pytest.mark.parametrize("end_of_work", [None, ValueError("a mistake of ours"), ExceptionGroup("x", [KeyError()])])
    async def test_what_falls_is_begun_anew(
        self, clock: ManualClock, end_of_work: Exception | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        """style.md §7.10: what becomes of a background task must not be dropped."""
        begun = 0

        async def work() -> None:
            nonlocal begun
            begun += 1
            if begun == 3:
                await asyncio.sleep(60)
            if end_of_work is not None:
                raise end_of_work

        task = asyncio.create_task(keep_running("worker", work, clock))
        for _ in range(5):
            await settle()
            clock.advance(1.0)
        assert not task.done()
        await end(task)

        assert begun == 3
        assert "task.fell" in caplog.text or "task.ended" in caplog.text


async def test_one_refresh_that_fails_keeps_no_other_from_its_turn(clock: ManualClock) -> None:
    refreshed: list[str] = []

    def refresh(name: str) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            if name == "broken":
                raise Busy("away")
            refreshed.append(name)

        return work

    names = ["broken", "main"]
    task = await run(clock, *key_rounds(list(map(refresh, names))), *token_rounds(list(map(refresh, names))))
    await end(task)

    assert refreshed == ["main", "main"]
