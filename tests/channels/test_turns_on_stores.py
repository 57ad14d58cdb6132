"""Turns of several processes on every real ephemeral store: one runner, one reply, a dead runner's place is free."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from bot.channels.turns import Pace, Turns
from bot.dialogue.event import Event
from bot.dialogue.reply import Reply, Text
from bot.jobs.port import NewJob
from bot.kernel.clock import SystemClock
from bot.storage.ephemeral import connect
from bot.storage.ephemeral_port import Ephemeral
from tests.channels.test_turns import PlainWire, event, kill

PACE = Pace(answer_within=5, lease=0.4, poll=0.01)


@pytest.fixture
async def store(ephemeral_url: str) -> AsyncIterator[Ephemeral]:
    store = await connect(ephemeral_url, SystemClock())
    yield store
    await store.close()


class Dialogue:
    """Takes its time and counts its turns."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.turns = 0
        self.begun = asyncio.Event()

    async def __call__(self, _event: Event) -> Reply:
        self.turns += 1
        self.begun.set()
        number = self.turns
        await asyncio.sleep(self.seconds)
        return Reply((Text(f"账单 {number}"),))


async def nothing(jobs: Sequence[NewJob]) -> None:
    raise AssertionError(f"nothing here is late: {jobs}")


def process(store: Ephemeral, dialogue: Dialogue) -> Turns:
    return Turns(store, SystemClock(), dialogue, nothing, lambda _event, error: Reply((Text(repr(error)),)), PACE)


async def test_many_deliveries_to_many_processes_are_one_turn(store: Ephemeral) -> None:
    dialogue = Dialogue(0.05)
    processes = [process(store, dialogue) for _ in range(5)]
    now = SystemClock().monotonic()

    answers = await asyncio.gather(*(turns.answer(event(), PlainWire(), now) for turns in processes for _ in range(6)))

    assert set(answers) == {"账单 1".encode()} and dialogue.turns == 1
    await asyncio.gather(*(turns.close(1) for turns in processes))


async def test_a_turn_longer_than_its_lease_stays_one(store: Ephemeral) -> None:
    dialogue = Dialogue(0.9)
    here, there = process(store, dialogue), process(store, dialogue)
    now = SystemClock().monotonic()

    answers = await asyncio.gather(here.answer(event(), PlainWire(), now), there.answer(event(), PlainWire(), now))

    assert set(answers) == {"账单 1".encode()} and dialogue.turns == 1
    await asyncio.gather(here.close(1), there.close(1))


async def test_a_dead_process_is_followed_by_the_next(store: Ephemeral) -> None:
    dialogue = Dialogue(60.0)
    dying, next_one = process(store, dialogue), process(store, dialogue)
    now = SystemClock().monotonic()
    lost = asyncio.create_task(dying.answer(event(), PlainWire(), now))
    # It dies in the middle of its turn, however long a busy machine takes to get there.
    await asyncio.wait_for(dialogue.begun.wait(), 10)
    dialogue.seconds = 0.03
    kill(dying, lost)

    assert await next_one.answer(event(), PlainWire(), now) == "账单 2".encode()
    await asyncio.gather(lost, return_exceptions=True)
    await asyncio.gather(dying.close(0), next_one.close(1))
