"""Carries jobs from the outbox to their deliverers: each on its own, with a limit per receiver."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.jobs import leases
from bot.jobs.leases import FINISH, Finished, Leased, Wanted
from bot.jobs.outbox import CHANNEL, enqueue
from bot.jobs.payload import unpack
from bot.jobs.port import Again, Dead, Deliverer, Done, Job, NewJob
from bot.jobs.schedule import DEFAULT, Schedule
from bot.kernel.clock import Clock, from_micros, to_micros
from bot.kernel.errors import BotError
from bot.kernel.ids import new_id
from bot.kernel.text import shorten
from bot.outside.logging import bind_trace, get_logger
from bot.outside.metrics import Metrics
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault

log = get_logger(__name__)

# The receiver of what is for a person.
DESK: Final = "desk"

_CLAIM_MAX: Final = 64
# A deliverer that wants to be asked again at once is asked again soon.
_PAUSE_MIN: Final = 0.05
# From this share of its life on a lease is renewed, so that jobs which are soon done cost no renewal.
_RENEW_FROM: Final = 0.4


@dataclass(frozen=True, slots=True)
class Pace:
    """Limits of a relay. Times are in seconds.

    ``per_dest`` is for a receiver over the network, ``per_near`` for one that is our own database. A lease is short
    and renewed while the work goes on, so that a killed worker's jobs are free again within ``lease`` and a ``beat``.
    ``poll`` is for signals that were lost. ``longest`` ends a deliverer that hangs, and ``drain`` is
    what jobs under way are given when the process stops.
    """

    in_flight: int = 256
    per_dest: int = 8
    per_near: int = 48
    lease: float = 2.0
    beat: float = 0.4
    poll: float = 1.0
    breath: float = 0.01
    longest: float = 120.0
    drain: float = 8.0


class _Carried:
    """One job under way in this process."""

    __slots__ = ("ending", "leased", "since", "task")

    def __init__(self, leased: Leased, since: float) -> None:
        self.leased = leased
        self.since = since
        self.ending = False
        self.task: asyncio.Task[None] | None = None


class Relay:
    """One process's share of the outbox; any number of relays work on one database.

    A relay that gathers a batch and waits for it starves behind one slow receiver (reliability.md §1); here each
    job is a task of its own, and no receiver is given more than ``Pace.per_dest`` of them at a time.
    """

    def __init__(
        self,
        database: Database,
        deliverers: Sequence[Deliverer],
        clock: Clock,
        *,
        vault: Vault | None = None,
        schedules: Mapping[str, Schedule] | None = None,
        pace: Pace | None = None,
        metrics: Metrics | None = None,
        near: Sequence[str] = (),
    ) -> None:
        """Raises ValueError when two deliverers claim one kind.

        ``vault`` opens the payloads of private jobs; ``near`` names the receivers that are our own database.
        """
        self._database = database
        self._deliverers = {deliverer.kind: deliverer for deliverer in deliverers}
        if len(self._deliverers) != len(deliverers):
            raise ValueError("two deliverers claim one kind of job")
        self._clock = clock
        self._vault = vault
        self._schedules = schedules or {}
        self._pace = pace or Pace()
        self._metrics = metrics or Metrics()
        # What such a receiver may have more than others counts as room that it has from the beginning.
        self._more = dict.fromkeys(near, max(0, self._pace.per_near - self._pace.per_dest))
        self._owner = new_id("wrk", clock.now())
        self._chance = random.Random(self._owner)  # noqa: S311 - jitter is no secret.
        self._carried: dict[str, _Carried] = {}
        self._busy: Counter[str] = Counter()
        self._stir = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled; then let what is under way end within ``Pace.drain`` and leave the rest to others."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="outbox ears")
            group.create_task(self._tend(), name="outbox leases")
            try:
                while True:
                    await self._round()
            finally:
                await self._drain()

    # --- finding work ------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Look again whenever somebody enqueued, and now and then in case that nobody heard."""
        while True:
            await self._database.heard(CHANNEL, self._pace.poll)
            self._stir.set()

    async def _round(self) -> None:
        """Claim what there is room for; when there was none, or nothing to claim, wait until that may have changed."""
        # Cleared first: whatever happens from here on is worth another look.
        self._stir.clear()
        begun = self._clock.monotonic()
        try:
            taken = await self._claim()
        except (BotError, OSError) as fault:
            log.warning("outbox.claim_failed", fault=type(fault).__name__)
            await self._clock.sleep(self._pace.poll)
            return
        if taken:
            return
        await self._stir.wait()
        # Signals of jobs that are not due yet, or are somebody else's, must not make us ask thousands of times.
        early = begun + self._pace.breath - self._clock.monotonic()
        if early > 0:
            await self._clock.sleep(early)

    async def _claim(self) -> int:
        room = self._pace.in_flight - len(self._carried)
        if room <= 0:
            return 0
        since = self._clock.monotonic()
        busy = {dest: self._busy[dest] - self._more.get(dest, 0) for dest in {*self._busy, *self._more}}
        wanted = Wanted(tuple(self._deliverers), busy, self._pace.per_dest, min(room, _CLAIM_MAX))
        found = await leases.claim(self._database, self._owner, wanted, self._clock.now(), self._pace.lease)
        for leased in found:
            self._begin(leased, since)
        return len(found)

    def _begin(self, leased: Leased, since: float) -> None:
        carried = self._carried.get(leased.id)
        if carried is not None:
            # Our lease ran out unseen and the job came back to us: what is under way goes on under the new one.
            carried.leased, carried.since = leased, since
            return
        carried = self._carried[leased.id] = _Carried(leased, since)
        self._busy[leased.dest] += 1
        carried.task = asyncio.create_task(self._carry(carried), name=f"job {leased.kind}")
        carried.task.add_done_callback(lambda _: self._end(leased))

    def _end(self, leased: Leased) -> None:
        del self._carried[leased.id]
        self._busy[leased.dest] -= 1
        if not self._busy[leased.dest]:
            del self._busy[leased.dest]
        self._stir.set()

    # --- one job -----------------------------------------------------------------------------------------------------

    async def _carry(self, carried: _Carried) -> None:
        leased = carried.leased
        with bind_trace(leased.trace_id):
            outcome = await self._outcome(leased)
            carried.ending = True
            # The newest lease counts, should the job have come back to us meanwhile.
            leased = carried.leased
            try:
                await self._record(leased, outcome)
            except Exception:
                # The edge: the lease runs out and the job is tried again; deliverers are idempotent for this very case.
                log.exception("job.record_failed", kind=leased.kind, job_id=leased.id)

    async def _outcome(self, leased: Leased) -> Done | Again | Dead:
        if self._exhausted(leased, leased.attempt - 1):
            # Given up long ago, had any attempt come to its end: this job ends the processes that try it.
            return Dead("interrupted")
        try:
            job = self._read(leased)
        except (BotError, ValueError):
            return Dead("payload_unreadable")
        try:
            async with asyncio.timeout(self._pace.longest):
                return await self._deliverers[job.kind].deliver(job)
        except BotError as fault:
            log.warning("job.failed", kind=job.kind, job_id=job.id, fault=fault.code)
            return Again(fault.code)
        except Exception as fault:
            # The edge: whatever a deliverer raises is one failed attempt, never the end of the relay.
            log.exception("job.raised", kind=job.kind, job_id=job.id)
            return Again(type(fault).__name__)

    def _read(self, leased: Leased) -> Job:
        return Job(
            id=leased.id,
            kind=leased.kind,
            key=leased.key,
            dest=leased.dest,
            payload=unpack(leased.payload, self._vault),
            trace_id=leased.trace_id,
            attempt=leased.attempt,
            created_at=from_micros(leased.created_at),
        )

    def _schedule(self, leased: Leased) -> Schedule:
        return self._schedules.get(leased.kind, DEFAULT)

    def _exhausted(self, leased: Leased, attempts: int) -> bool:
        age = (self._clock.now() - from_micros(leased.created_at)).total_seconds()
        return self._schedule(leased).exhausted(attempts, age)

    async def _record(self, leased: Leased, outcome: Done | Again | Dead) -> None:
        now = self._clock.now()
        match outcome:
            case Done():
                ours = await self._database.batch(FINISH, self._finished(leased, "done", None, now))
            case Again() if not self._exhausted(leased, leased.attempt):
                pause = outcome.after
                if pause is None:
                    pause = self._schedule(leased).pause(leased.attempt, self._chance)
                due = now + timedelta(seconds=max(pause, _PAUSE_MIN))
                ours = await self._database.batch(FINISH, self._finished(leased, "ready", outcome.reason, due))
            case Dead(to_desk=False):
                ours = await self._database.batch(FINISH, self._finished(leased, "done", outcome.reason, now))
                log.info("job.dropped", kind=leased.kind, job_id=leased.id, reason=outcome.reason)
            case Again() | Dead():
                ours = await self._bury(leased, outcome.reason, now)
        if not ours:
            log.warning("job.lease_lost", kind=leased.kind, job_id=leased.id)
        self._metrics.count("jobs_total", kind=leased.kind, outcome=type(outcome).__name__.lower())

    def _finished(self, leased: Leased, state: str, error: str | None, at: datetime) -> Finished:
        return Finished(
            id=leased.id,
            owner=self._owner,
            state=state,
            due_at=to_micros(at),
            error=None if error is None else shorten(error, 200),
            done_at=None if state == "ready" else to_micros(at),
        )

    async def _bury(self, leased: Leased, reason: str, now: datetime) -> bool:
        """Mark a job dead and, in the same transaction, put it on a person's desk."""
        finished = self._finished(leased, "dead", reason, now)
        case = dead_letter(leased, finished, one_case=self._schedule(leased).one_case)

        async def work(tx: Tx) -> bool:
            if not await FINISH.one(tx, finished):
                return False
            await enqueue(tx, [case], now)
            return True

        ours = await self._database.effect(work)
        if ours:
            log.error("job.dead", kind=leased.kind, job_id=leased.id, reason=reason)
        return ours

    # --- leases ------------------------------------------------------------------------------------------------------

    async def _tend(self) -> None:
        """Renew what is under way and free what others left behind."""
        # Nobody else works on a file of this machine: what others held, they held when they were killed.
        alone = self._database.engine == "sqlite"
        while True:
            try:
                if alone:
                    freed = await leases.take_over(self._database, self._owner)
                    alone = False
                else:
                    await self._renew()
                    freed = await leases.reclaim(self._database, self._clock.now())
                if freed:
                    log.warning("outbox.reclaimed", jobs=freed)
                    self._stir.set()
            except (BotError, OSError) as fault:
                log.warning("outbox.lease_failed", fault=type(fault).__name__)
            await self._clock.sleep(self._pace.beat)

    async def _renew(self) -> None:
        """Renew what has used up a good part of its lease; stop what somebody else has been given meanwhile."""
        begun = self._clock.monotonic()
        aged = begun - self._pace.lease * _RENEW_FROM
        aging = {id_: carried for id_, carried in self._carried.items() if carried.since <= aged}
        if not aging:
            return
        kept = await leases.renew(self._database, self._owner, sorted(aging), self._clock.now(), self._pace.lease)
        for id_, carried in aging.items():
            if id_ in kept:
                carried.since = begun
            elif carried.since <= aged and not carried.ending and carried.task is not None:
                log.warning("job.lease_lost", kind=carried.leased.kind, job_id=id_)
                carried.task.cancel()

    async def _drain(self) -> None:
        tasks = [carried.task for carried in self._carried.values() if carried.task is not None]
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=self._pace.drain)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await leases.release(self._database, self._owner)
        except (BotError, OSError) as fault:
            log.warning("outbox.release_failed", fault=type(fault).__name__)


def dead_letter(leased: Leased, finished: Finished, *, one_case: bool) -> NewJob:
    """Return the job that puts a dead job on a desk; each death is told once, and a second one opens the case again.

    A key begins with the id of what its job is about.
    """
    reason = finished.error or ""
    key = f"{leased.kind}:{leased.dest}:{reason}" if one_case else leased.id
    return NewJob(
        kind="case",
        key=f"dead:{leased.id}:{finished.done_at}",
        dest=DESK,
        payload={
            "kind": "dead_letter",
            "key": key,
            "subject": leased.dest if one_case else leased.key.partition(":")[0],
            "facts": {"job": leased.kind, "dest": leased.dest, "reason": reason, "all": one_case},
        },
        trace_id=leased.trace_id,
    )
