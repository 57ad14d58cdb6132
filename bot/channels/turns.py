"""Runs one turn for one message, however often it is delivered, and answers within the channel's deadline.

WeChat delivers at t, t+5 and t+10 s and hangs up 5 s after each (wechat.md §2.1). So:

* Deliveries of a running message join it: in the process by its key, across processes by a lease in the ephemeral
  store. A process that dies loses its lease within ``Pace.lease`` and the next delivery runs the turn again.
* A delivery that is open when the turn ends gets the reply, and so does any later delivery of the same message.
* A delivery that reaches its deadline is answered with silence, after which WeChat delivers no more. A turn that ends
  with no delivery open puts its reply into the outbox, before it says so in the store, under the message's key: so the
  reply is sent once, and a crash between the two repeats the turn rather than losing it.
* A turn that fails is answered with an apology and not remembered, so that another delivery tries again.

What a turn costs the ephemeral store is two round trips: take the lease and look for an earlier reply; store the reply
and give the lease back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from bot.channels.deadlines import Deadlines
from bot.dialogue.event import Event
from bot.dialogue.reply import Part, Reply
from bot.jobs.port import NewJob
from bot.kernel.clock import Clock
from bot.kernel.errors import BotError, Busy
from bot.kernel.ids import random_text
from bot.outside.logging import bind_trace, get_logger
from bot.storage.ephemeral_port import Ephemeral

log = get_logger(__name__)

Handler = Callable[[Event], Awaitable[Reply]]
Enqueue = Callable[[Sequence[NewJob]], Awaitable[None]]
Apology = Callable[[Event, Exception], Reply]

SILENCE: Final = b""
# The first byte of a stored outcome says which way the reply went; after ANSWERED follows the reply itself.
_ANSWERED: Final = b"A"
_QUEUED: Final = b"Q"
# What follows the response must not overtake it.
_AFTER_RESPONSE: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of a turn, in seconds.

    ``answer_within`` counts from a delivery's arrival. ``lease`` is how long a dead process blocks a message, renewed
    while the turn runs. ``remember`` is how long a repeated message gets the same reply: twice the window in which a
    timestamp is fresh, so that no captured message can be played a second time. ``longest`` ends a turn that hangs.
    """

    answer_within: float = 4.5
    lease: float = 4.0
    poll: float = 0.2
    remember: float = 600.0
    longest: float = 60.0


class Wire(Protocol):
    """How one channel puts the reply to one message on its wire."""

    def prepare(self, reply: Reply) -> Sequence[Part]:
        """Return the parts in a form that fits the channel's limits."""
        ...

    def first_and_rest(self, parts: Sequence[Part]) -> tuple[Part | None, Sequence[Part]]:
        """Choose the part that goes into the response, None where none can."""
        ...

    def response(self, part: Part) -> bytes: ...

    def job(self, parts: Sequence[Part], key: str, due_at: datetime | None) -> NewJob: ...

    async def after(self) -> None:
        """Do what may wait until the customer has their answer; called once by the process that ran the turn."""
        ...


class _Turn:
    """One message under way in this process."""

    __slots__ = ("event", "open", "outcome", "overdue", "owned", "since", "task", "wire")

    def __init__(self, event: Event, wire: Wire, since: float) -> None:
        self.event = event
        self.wire = wire
        self.since = since
        self.open: list[asyncio.Future[bytes]] = []
        self.outcome: bytes | None = None
        self.owned = False
        self.overdue = False
        self.task: asyncio.Task[None] | None = None

    def waited_for(self) -> bool:
        return any(not delivery.done() for delivery in self.open)

    def answer(self, response: bytes) -> bool:
        """Give the response to every open delivery; tell whether there was one."""
        waiting = [delivery for delivery in self.open if not delivery.done()]
        for delivery in waiting:
            delivery.set_result(response)
        return bool(waiting)

    def fail(self, error: Exception) -> None:
        for delivery in self.open:
            if not delivery.done():
                delivery.set_exception(error)


class Turns:
    """Runs the turns of one process. ``close`` waits for those under way."""

    def __init__(
        self,
        store: Ephemeral,
        clock: Clock,
        handler: Handler,
        enqueue: Enqueue,
        apology: Apology,
        pace: Pace | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._handler = handler
        self._enqueue = enqueue
        self._apology = apology
        self._pace = pace or Pace()
        self._owner = random_text(16)
        self._running: dict[str, _Turn] = {}
        self._deadlines = Deadlines(clock, SILENCE)
        self._keeper: asyncio.Task[None] | None = None
        self._closing = False

    async def answer(self, event: Event, wire: Wire, since: float) -> bytes:
        """Return the response to one delivery, SILENCE at its deadline; ``since`` is when it arrived (monotonic).

        Being cancelled ends this delivery and not the turn. Raises Busy while shutting down, so that WeChat delivers
        the message again to another process.
        """
        turn = self._running.get(event.key)
        if turn is None:
            turn = self._begin(event, wire, since)
        elif turn.outcome is not None:
            return turn.outcome
        delivery: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        turn.open.append(delivery)
        self._deadlines.add(since + self._pace.answer_within, delivery)
        try:
            return await delivery
        finally:
            turn.open.remove(delivery)

    async def close(self, within: float) -> None:
        """Let running turns end for ``within`` seconds, then give the rest up to the next delivery."""
        self._closing = True
        tasks = [turn.task for turn in self._running.values() if turn.task is not None]
        if tasks:
            patience = asyncio.create_task(self._clock.sleep(within))
            ended = asyncio.create_task(asyncio.wait(tasks))
            await asyncio.wait((patience, ended), return_when=asyncio.FIRST_COMPLETED)
            for task in (*tasks, patience):
                task.cancel()
            await asyncio.gather(*tasks, ended, patience, return_exceptions=True)
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._deadlines.close()

    # --- one turn ---------------------------------------------------------------------------------------------------

    def _begin(self, event: Event, wire: Wire, since: float) -> _Turn:
        if self._closing:
            raise Busy("shutting_down")
        turn = _Turn(event, wire, since)
        self._running[event.key] = turn
        turn.task = asyncio.create_task(self._carry(turn))
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
        return turn

    async def _carry(self, turn: _Turn) -> None:
        """Run the turn to its end; whatever happens, no delivery is left waiting and no lease is left behind."""
        try:
            with bind_trace(turn.event.trace_id):
                await self._turn(turn)
        except Exception:
            log.exception("turn.lost")
        finally:
            turn.fail(Busy("shutting_down" if self._closing else "turn_lost"))
            self._running.pop(turn.event.key, None)

    async def _turn(self, turn: _Turn) -> None:
        known, version = await self._claim(turn)
        if known is not None:
            turn.outcome = known[1:]
            turn.answer(turn.outcome)
            return
        if not turn.owned:
            return  # Another process runs it and will deliver it; here nobody waits any more.
        try:
            await self._run(turn, version)
        finally:
            if turn.owned:
                await self._store.release(_lock(turn), self._owner)

    async def _claim(self, turn: _Turn) -> tuple[bytes | None, int]:
        """Take the lease, or return what another process answered, waiting for it as long as a delivery is open."""
        lock, state = _lock(turn), _state(turn)
        while True:
            stored = await self._store.open(lock, state, self._owner, self._pace.lease)
            if stored is None:
                if not turn.waited_for():
                    return None, 0
                await self._clock.sleep(self._pace.poll)
                continue
            if stored.value is None:
                turn.owned = True
                return None, stored.version
            await self._store.release(lock, self._owner)
            return stored.value, stored.version

    async def _run(self, turn: _Turn, version: int) -> None:
        failed = False
        try:
            reply = await self._handle(turn)
        except Exception as error:
            failed = True
            log.exception("turn.failed", error=error.code if isinstance(error, BotError) else type(error).__name__)
            reply = self._apology(turn.event, error)
        stored = await self._deliver(turn, reply)
        turn.outcome = stored[1:]
        turn.answer(turn.outcome)  # A delivery may have joined while the outbox was written.
        if failed and stored[:1] == _ANSWERED:
            # Not remembered: if the apology was lost on its way, the next delivery is another try.
            return
        turn.owned = False
        if not await self._store.shut(_lock(turn), self._owner, _state(turn), stored, version, self._pace.remember):
            log.warning("turn.lease_lost")
        await turn.wire.after()

    async def _handle(self, turn: _Turn) -> Reply:
        try:
            return await self._handler(turn.event)
        except asyncio.CancelledError:
            if not turn.overdue:
                raise
            # Cancelled by our own keeper, not from outside; it counts as a failure of the handler.
            if turn.task is not None:
                turn.task.uncancel()
            raise TimeoutError("the turn took too long") from None

    async def _deliver(self, turn: _Turn, reply: Reply) -> bytes:
        """Send the reply on its way, once, and return the outcome to remember."""
        wire, event = turn.wire, turn.event
        parts = wire.prepare(reply)
        if not turn.waited_for():
            if parts:
                await self._enqueue([wire.job(parts, event.key, None)])
            return _QUEUED
        first, rest = wire.first_and_rest(parts)
        if rest:
            # Into the outbox first: once the delivery is answered, nothing would bring these parts back.
            due_at = self._clock.now() + _AFTER_RESPONSE if first is not None else None
            await self._enqueue([wire.job(rest, f"{event.key}:rest", due_at)])
        response = SILENCE if first is None else wire.response(first)
        if turn.answer(response) or first is None:
            return _ANSWERED + response
        await self._enqueue([wire.job([first], event.key, None)])
        return _QUEUED

    async def _keep(self) -> None:
        """Renew the leases of the turns that take long, and end those that take too long."""
        while True:
            await self._clock.sleep(self._pace.lease / 3)
            if not self._running:
                break
            now = self._clock.monotonic()
            slow = [t for t in self._running.values() if t.owned and now - t.since > self._pace.lease / 4]
            # A lease that could not be renewed is tried again in the next round; at worst the message is handled
            # twice, which a handler must bear in any case.
            held = await asyncio.gather(
                *(self._store.renew(_lock(turn), self._owner, self._pace.lease) for turn in slow),
                return_exceptions=True,
            )
            for turn, outcome in zip(slow, held, strict=True):
                if outcome is not True:
                    log.warning("turn.lease_not_renewed", key=turn.event.key[:12])
                if now - turn.since > self._pace.longest and not turn.overdue and turn.task is not None:
                    turn.overdue = True
                    turn.task.cancel()
        self._keeper = None


def _lock(turn: _Turn) -> str:
    return f"turn:{{{turn.event.key}}}"


def _state(turn: _Turn) -> str:
    # The braces keep both on one node of a cluster.
    return f"turned:{{{turn.event.key}}}"
