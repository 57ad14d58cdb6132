"""One turn a message: joined, answered in time, sent through the outbox once, and never lost with its process."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import pytest

from bot.channels.turns import SILENCE, Pace, Turns
from bot.dialogue.event import Event, Said
from bot.dialogue.reply import HandOff, Part, Picture, Reply, Text
from bot.jobs.port import NewJob
from bot.kernel.clock import ManualClock
from bot.kernel.errors import BadRequest, Busy
from tests.channels.fakes import FakeStore, pass_time, settle
from tests.channels.samples import NOW

Step = Callable[[Event], Awaitable[Reply]]


def event(key: str = "k1") -> Event:
    return Event(key, "official", "main", "oOpenid", NOW, "trc_1", Said("交物业费"))


def reply(*texts: str) -> Reply:
    return Reply(tuple(Text(text) for text in texts))


class PlainWire:
    """The simplest channel: a response is one text, a picture must be sent later, and jobs show what they carry."""

    def __init__(self) -> None:
        self.settled = 0

    def prepare(self, reply: Reply) -> Sequence[Part]:
        return reply.parts

    def first_and_rest(self, parts: Sequence[Part]) -> tuple[Part | None, Sequence[Part]]:
        if not parts or isinstance(parts[0], Picture):
            return None, parts
        return parts[0], parts[1:]

    def response(self, part: Part) -> bytes:
        return part.text.encode() if isinstance(part, Text) else b"handoff"

    def job(self, parts: Sequence[Part], key: str, due_at: datetime | None) -> NewJob:
        texts = [part.text if isinstance(part, Text) else type(part).__name__ for part in parts]
        return NewJob("custom", key, "official:main", {"texts": texts}, "trc_1", due_at)

    async def after(self) -> None:
        self.settled += 1


class Rig:
    """Processes that share one store and one outbox, whose keys are unique as the real one's are."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.store = FakeStore(self.clock)
        self.outbox: dict[str, NewJob] = {}
        self.handled: list[str] = []
        self.steps: list[Step] = []
        self.wire = PlainWire()
        self.outbox_fault: Exception | None = None

    def process(self, **pace: float) -> Turns:
        return Turns(self.store, self.clock, self._handle, self._enqueue, self._apologise, Pace(**pace))

    async def _handle(self, event: Event) -> Reply:
        self.handled.append(event.key)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        return await step(event)

    async def _enqueue(self, jobs: Sequence[NewJob]) -> None:
        await asyncio.sleep(0)
        if self.outbox_fault is not None:
            raise self.outbox_fault
        for job in jobs:
            self.outbox.setdefault(job.key, job)

    def _apologise(self, event: Event, error: Exception) -> Reply:
        return reply(f"sorry: {type(error).__name__}")

    def takes(self, seconds: float, answer: Reply | Exception) -> Step:
        async def step(_event: Event) -> Reply:
            await self.clock.sleep(seconds)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return step

    def deliver(self, turns: Turns, key: str = "k1") -> "asyncio.Task[bytes]":
        return asyncio.create_task(turns.answer(event(key), self.wire, self.clock.monotonic()))

    def queued(self) -> dict[str, Any]:
        return {key: job.payload["texts"] for key, job in self.outbox.items()}


@pytest.fixture
def rig() -> Rig:
    return Rig()


def never(*_: object) -> Awaitable[Reply]:
    raise AssertionError("this message was handled already")


# --- in time --------------------------------------------------------------------------------------------------------


async def test_a_quick_turn_answers_its_delivery(rig: Rig) -> None:
    rig.steps = [rig.takes(0, reply("账单"))]

    assert await rig.deliver(rig.process()) == "账单".encode()
    await settle()

    assert rig.wire.settled == 1 and not rig.outbox
    assert rig.store.calls == ["open", "shut"]


async def test_deliveries_of_a_running_message_join_it(rig: Rig) -> None:
    rig.steps = [rig.takes(2, reply("账单")), never]
    turns = rig.process()
    deliveries = [rig.deliver(turns) for _ in range(3)]

    await pass_time(rig.clock, 2.2)

    assert {await delivery for delivery in deliveries} == {"账单".encode()} and rig.handled == ["k1"]


async def test_a_delivery_after_the_end_gets_the_same_reply(rig: Rig) -> None:
    rig.steps = [rig.takes(0, reply("账单")), never]
    turns = rig.process()
    await rig.deliver(turns)
    await pass_time(rig.clock, 10)

    assert await rig.deliver(turns) == "账单".encode()
    assert await rig.deliver(rig.process()) == "账单".encode()
    assert rig.handled == ["k1"] and not rig.outbox


async def test_a_message_is_remembered_for_as_long_as_its_signature_is_fresh(rig: Rig) -> None:
    """At least the 30 s of wechat.md §2.1, and twice the 300 s within which a capture could be played again."""
    rig.steps = [rig.takes(0, reply("一")), rig.takes(0, reply("二"))]
    turns = rig.process()
    await rig.deliver(turns)

    await pass_time(rig.clock, 599, step=1)
    assert await rig.deliver(turns) == "一".encode()
    await pass_time(rig.clock, 2, step=1)
    assert await rig.deliver(turns) == "二".encode()


async def test_other_messages_are_other_turns(rig: Rig) -> None:
    rig.steps = [rig.takes(0, reply("账单"))]
    turns = rig.process()

    await asyncio.gather(rig.deliver(turns, "k1"), rig.deliver(turns, "k2"))

    assert sorted(rig.handled) == ["k1", "k2"]


async def test_silence_is_remembered_too(rig: Rig) -> None:
    rig.steps = [rig.takes(0, Reply()), never]
    turns = rig.process()

    assert await rig.deliver(turns) == SILENCE == await rig.deliver(turns)
    assert not rig.outbox


# --- past the deadline ----------------------------------------------------------------------------------------------


async def test_a_slow_turn_answers_with_silence_and_then_through_the_outbox_once(rig: Rig) -> None:
    rig.steps = [rig.takes(11.5, reply("账单", "二")), never]
    turns = rig.process()
    first = rig.deliver(turns)

    await pass_time(rig.clock, 4.4)
    assert not first.done()
    await pass_time(rig.clock, 0.2)
    assert await first == SILENCE and not rig.outbox
    await pass_time(rig.clock, 8)

    assert rig.queued() == {"k1": ["账单", "二"]} and rig.wire.settled == 1
    assert await rig.deliver(turns) == SILENCE == await rig.deliver(rig.process())
    assert rig.queued() == {"k1": ["账单", "二"]} and rig.handled == ["k1"]


async def test_three_deliveries_of_a_turn_of_eleven_and_a_half_seconds(rig: Rig) -> None:
    """The log of gtoxlili/wechat-chatGPT#9: t, t+5, t+10, and the third connection is open when the handler ends."""
    rig.steps = [rig.takes(11.5, reply("账单")), never]
    turns = rig.process()
    first = rig.deliver(turns)
    await pass_time(rig.clock, 5)
    second = rig.deliver(turns)
    await pass_time(rig.clock, 5)
    third = rig.deliver(turns)
    await pass_time(rig.clock, 1.8)

    assert [await first, await second, await third] == [SILENCE, SILENCE, "账单".encode()]
    assert rig.handled == ["k1"] and not rig.outbox


async def test_three_deliveries_to_three_processes(rig: Rig) -> None:
    """The runner cannot see the third connection, so the outbox has the reply and the connection gets silence."""
    rig.steps = [rig.takes(11.5, reply("账单")), never]
    first = rig.deliver(rig.process())
    await pass_time(rig.clock, 5)
    second = rig.deliver(rig.process())
    await pass_time(rig.clock, 5)
    third = rig.deliver(rig.process())
    await pass_time(rig.clock, 2.5)

    assert [await first, await second, await third] == [SILENCE] * 3
    assert rig.handled == ["k1"] and rig.queued() == {"k1": ["账单"]}


async def test_a_delivery_that_waits_in_another_process_gets_the_reply(rig: Rig) -> None:
    rig.steps = [rig.takes(2, reply("账单")), never]
    here, there = rig.process(), rig.process()
    first = rig.deliver(here)
    await settle()
    second = rig.deliver(there)

    await pass_time(rig.clock, 2.6)

    assert await first == await second == "账单".encode()
    assert rig.handled == ["k1"] and not rig.outbox


async def test_a_client_that_hangs_up_ends_its_delivery_and_not_the_turn(rig: Rig) -> None:
    rig.steps = [rig.takes(2, reply("账单")), never]
    turns = rig.process()
    delivery = rig.deliver(turns)
    await settle()
    delivery.cancel()
    await pass_time(rig.clock, 2.2)

    assert rig.queued() == {"k1": ["账单"]} and rig.handled == ["k1"]


async def test_a_body_that_came_slowly_leaves_less_time(rig: Rig) -> None:
    rig.steps = [rig.takes(4, reply("账单"))]
    rig.clock.advance(100)
    delivery = asyncio.create_task(rig.process().answer(event(), rig.wire, since=rig.clock.monotonic() - 2))

    await pass_time(rig.clock, 2.7)

    assert await delivery == SILENCE


async def test_a_delivery_that_joins_while_the_outbox_is_written_gets_silence(rig: Rig) -> None:
    rig.steps = [rig.takes(6, reply("账单"))]
    turns = rig.process()
    enqueue, joined = turns._enqueue, []

    async def slow(jobs: Sequence[NewJob]) -> None:
        joined.append(rig.deliver(turns))
        await rig.clock.sleep(0.5)
        await enqueue(jobs)

    turns._enqueue = slow
    first = rig.deliver(turns)
    await pass_time(rig.clock, 7)

    assert [await first, await joined[0]] == [SILENCE] * 2 and rig.queued() == {"k1": ["账单"]}


# --- several parts --------------------------------------------------------------------------------------------------


async def test_the_first_part_answers_and_the_rest_follows_a_little_later(rig: Rig) -> None:
    rig.steps = [rig.takes(0, reply("一", "二", "三"))]

    assert await rig.deliver(rig.process()) == "一".encode()

    job = rig.outbox["k1:rest"]
    assert job.payload["texts"] == ["二", "三"] and job.due_at is not None and job.due_at > rig.clock.now()


async def test_a_first_part_that_cannot_answer_goes_with_the_rest(rig: Rig) -> None:
    rig.steps = [rig.takes(0, Reply((Picture(b"png", "a"), Text("二"))))]

    assert await rig.deliver(rig.process()) == SILENCE

    assert rig.queued() == {"k1:rest": ["Picture", "二"]} and rig.outbox["k1:rest"].due_at is None


async def test_the_deadline_passes_while_the_rest_is_enqueued(rig: Rig) -> None:
    rig.steps = [rig.takes(4.3, reply("一", "二"))]
    turns = rig.process()
    enqueue = turns._enqueue

    async def slow(jobs: Sequence[NewJob]) -> None:
        await rig.clock.sleep(0.5)
        await enqueue(jobs)

    turns._enqueue = slow
    delivery = rig.deliver(turns)
    await pass_time(rig.clock, 6)

    assert await delivery == SILENCE and rig.queued() == {"k1:rest": ["二"], "k1": ["一"]}


# --- failures -------------------------------------------------------------------------------------------------------


async def test_a_failed_turn_apologises_and_the_next_delivery_tries_again(rig: Rig) -> None:
    rig.steps = [rig.takes(0, BadRequest("no_such_bill")), rig.takes(0, reply("账单"))]
    turns = rig.process()

    assert await rig.deliver(turns) == b"sorry: BadRequest"
    await settle()
    assert await rig.deliver(turns) == "账单".encode()
    assert rig.handled == ["k1", "k1"]


async def test_a_turn_that_fails_late_apologises_through_the_outbox_once(rig: Rig) -> None:
    rig.steps = [rig.takes(6, RuntimeError("bug")), never]
    turns = rig.process()
    delivery = rig.deliver(turns)
    await pass_time(rig.clock, 6.5)

    assert await delivery == SILENCE and rig.queued() == {"k1": ["sorry: RuntimeError"]}
    assert await rig.deliver(turns) == SILENCE


async def test_a_store_that_is_away_lets_wechat_deliver_again(rig: Rig) -> None:
    rig.steps = [rig.takes(0, reply("账单"))]
    turns = rig.process()
    rig.store.away = True
    with pytest.raises(Busy):
        await rig.deliver(turns)
    rig.store.away = False

    assert await rig.deliver(turns) == "账单".encode()


async def test_an_outbox_that_is_away_lets_wechat_deliver_again(rig: Rig) -> None:
    rig.steps = [rig.takes(0, reply("一", "二"))]
    turns = rig.process()
    rig.outbox_fault = Busy("store_away")
    with pytest.raises(Busy):
        await rig.deliver(turns)
    rig.outbox_fault = None

    assert await rig.deliver(turns) == "一".encode() and rig.queued() == {"k1:rest": ["二"]}


async def test_a_turn_that_hangs_is_ended(rig: Rig) -> None:
    rig.steps = [rig.takes(10_000, reply("never"))]
    turns = rig.process(longest=20)
    delivery = rig.deliver(turns)
    await pass_time(rig.clock, 24)

    assert await delivery == SILENCE and rig.queued() == {"k1": ["sorry: TimeoutError"]}
    assert not turns._running


# --- leases ---------------------------------------------------------------------------------------------------------


async def test_a_slow_turn_keeps_its_lease(rig: Rig) -> None:
    """aiogram's lock expires under a slow handler (style.md §7.5)."""
    rig.steps = [rig.takes(50, reply("账单")), never]
    first = rig.deliver(rig.process())
    await pass_time(rig.clock, 30)

    second = rig.deliver(rig.process())
    await pass_time(rig.clock, 25)

    assert [await first, await second] == [SILENCE] * 2 and rig.handled == ["k1"]
    assert rig.queued() == {"k1": ["账单"]}


async def test_a_process_that_dies_gives_its_message_to_the_next_delivery(rig: Rig) -> None:
    """A redelivery of a message that was begun and not ended must be processed (style.md §7.2)."""
    rig.steps = [rig.takes(10, reply("lost")), rig.takes(0, reply("账单"))]
    dying = rig.process()
    first = rig.deliver(dying)
    await pass_time(rig.clock, 3)
    kill(dying, first)
    await pass_time(rig.clock, 2)

    second = rig.deliver(rig.process())
    await pass_time(rig.clock, 4.4)

    assert await second == "账单".encode() and rig.handled == ["k1", "k1"]
    assert not rig.outbox


def kill(turns: Turns, *deliveries: "asyncio.Task[bytes]") -> None:
    """Stop everything that a process does without letting it clean up, as SIGKILL would."""
    owner, turns._owner = turns._owner, "dead"
    assert owner != "dead"
    for task in (turns._keeper, *(turn.task for turn in turns._running.values()), *deliveries):
        if task is not None:
            task.cancel()


async def test_a_lost_lease_leads_to_one_message_all_the_same(rig: Rig) -> None:
    """Two processes may run one turn when the store forgets; the outbox's key keeps the reply single."""
    rig.steps = [rig.takes(8, reply("账单"))]
    first = rig.deliver(rig.process())
    await pass_time(rig.clock, 5)
    rig.store.flush()
    second = rig.deliver(rig.process())
    await pass_time(rig.clock, 9)

    assert [await first, await second] == [SILENCE] * 2
    assert rig.handled == ["k1", "k1"] and rig.queued() == {"k1": ["账单"]}


async def test_renewals_that_fail_do_not_end_the_watch(rig: Rig) -> None:
    rig.steps = [rig.takes(9, reply("账单")), never]
    turns = rig.process()
    first = rig.deliver(turns)
    await pass_time(rig.clock, 1.4)
    rig.store.away = True
    await pass_time(rig.clock, 1.4)
    rig.store.away = False
    await pass_time(rig.clock, 4)
    second = rig.deliver(rig.process())
    await pass_time(rig.clock, 4)

    assert [await first, await second] == [SILENCE] * 2 and rig.handled == ["k1"]


async def test_quick_turns_cost_two_round_trips_and_no_renewal(rig: Rig) -> None:
    rig.steps = [rig.takes(0, reply("账单"))]
    turns = rig.process()
    for number in range(5):
        await rig.deliver(turns, f"k{number}")
        await pass_time(rig.clock, 1)

    assert rig.store.calls == ["open", "shut"] * 5


# --- the end --------------------------------------------------------------------------------------------------------


async def test_close_waits_for_running_turns(rig: Rig) -> None:
    rig.steps = [rig.takes(2, reply("账单"))]
    turns = rig.process()
    delivery = rig.deliver(turns)
    await settle()
    closing = asyncio.create_task(turns.close(5))
    await pass_time(rig.clock, 2.5)

    await closing
    assert await delivery == "账单".encode()


async def test_close_gives_up_what_takes_too_long_to_another_process(rig: Rig) -> None:
    rig.steps = [rig.takes(100, reply("never")), rig.takes(0, reply("账单"))]
    turns = rig.process()
    delivery = rig.deliver(turns)
    await settle()
    closing = asyncio.create_task(turns.close(1))
    await pass_time(rig.clock, 1.5)
    await closing

    with pytest.raises(Busy, match="shutting_down"):
        await delivery
    assert await rig.deliver(rig.process()) == "账单".encode()


async def test_a_closed_process_begins_nothing(rig: Rig) -> None:
    turns = rig.process()
    await turns.close(1)

    with pytest.raises(Busy, match="shutting_down"):
        await rig.deliver(turns)
    assert rig.handled == []


async def test_nothing_is_left_running(rig: Rig) -> None:
    rig.steps = [rig.takes(0, Reply((HandOff(),)))]
    turns = rig.process()
    assert await rig.deliver(turns) == b"handoff"
    await pass_time(rig.clock, 6)

    assert not turns._running and turns._keeper is None and turns._deadlines._sleeper is None
    await turns.close(1)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
