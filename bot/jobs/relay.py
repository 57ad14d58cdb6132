"""Carries jobs from the outbox to their deliverers: each on its own, with a limit per receiver."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.jobs import leases
from bot.jobs.leases import FINISH, Finished
from bot.jobs.outbox import CHANNEL, enqueue
from bot.jobs.port import Again, Dead, Deliverer, Done, Job, NewJob
from bot.jobs.schedule import DEFAULT, Schedule
from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import BotError
from bot.kernel.ids import new_id
from bot.kernel.text import shorten
from bot.outside.logging import get_logger
from bot.storage.port import Database, Tx

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Limits of a relay. Times are in seconds.

    A lease is short and renewed while the work goes on, so that a killed worker's jobs are free again soon.
    """

    in_flight: int = 128
    per_dest: int = 8
    lease: float = 5.0
    renew_every: float = 1.5
    poll: float = 1.0
    drain: float = 8.0


class Relay:
    """One process's share of the outbox; any number of relays work on one database.

    A relay that gathers a batch and waits for it starves behind one slow receiver (reliability.md §1); here each
    job is a task of its own and a receiver that is busy is left out of the next claim.
    """

    def __init__(
        self,
        database: Database,
        deliverers: Sequence[Deliverer],
        clock: Clock,
        *,
        schedules: Mapping[str, Schedule] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._database = database
        self._deliverers = {deliverer.kind: deliverer for deliverer in deliverers}
        if len(self._deliverers) != len(deliverers):
            raise ValueError("two deliverers claim one kind of job")
        self._clock = clock
        self._schedules = schedules or {}
        self._pace = pace or Pace()
        self._owner = new_id("wrk", clock.now())
        self._chance = random.Random(self._owner)  # noqa: S311 - jitter is no secret.
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._by_dest: Counter[str] = Counter()
        self._freed = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled; then let what is under way finish within ``Pace.drain``."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_leases())
            try:
                while True:
                    await self._round()
            finally:
                await self._drain()

    async def _round(self) -> None:
        """Claim what there is room for; wait for news when nothing was there."""
        try:
            taken = await self._claim()
        except (BotError, OSError) as fault:
            log.warning("outbox.claim_failed", fault=type(fault).__name__)
            await self._clock.sleep(self._pace.poll)
            return
        if taken == 0:
            await self._wait()

    async def _wait(self) -> None:
        self._freed.clear()
        news = asyncio.ensure_future(self._database.heard(CHANNEL, self._pace.poll))
        freed = asyncio.ensure_future(self._freed.wait())
        try:
            await asyncio.wait((news, freed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in (news, freed):
                waiter.cancel()
            await asyncio.gather(news, freed, return_exceptions=True)

    async def _claim(self) -> int:
        room = self._pace.in_flight - len(self._tasks)
        if room <= 0:
            return 0
        full = [dest for dest, busy in self._by_dest.items() if busy >= self._pace.per_dest]
        jobs = await leases.claim(
            self._database,
            owner=self._owner,
            kinds=tuple(self._deliverers),
            full=full,
            limit=min(room, 32),
            now=self._clock.now(),
            lease=self._pace.lease,
        )
        surplus = [job.id for job in jobs if not self._begin(job)]
        if surplus:
            await leases.put_back(self._database, owner=self._owner, ids=surplus)
        return len(jobs)

    def _begin(self, job: Job) -> bool:
        if self._by_dest[job.dest] >= self._pace.per_dest:
            return False
        self._by_dest[job.dest] += 1
        task = asyncio.create_task(self._carry(job), name=f"job {job.kind}")
        self._tasks[job.id] = task
        task.add_done_callback(lambda _: self._end(job))
        return True

    def _end(self, job: Job) -> None:
        self._tasks.pop(job.id, None)
        self._by_dest[job.dest] -= 1
        if self._by_dest[job.dest] <= 0:
            del self._by_dest[job.dest]
        self._freed.set()

    async def _carry(self, job: Job) -> None:
        try:
            outcome = await self._deliverers[job.kind].deliver(job)
        except Exception as fault:
            # The edge: whatever a deliverer raises is one failed attempt, never the end of the relay.
            log.exception("job.raised", kind=job.kind, job_id=job.id, trace_id=job.trace_id)
            outcome = Again(type(fault).__name__)
        try:
            await self._record(job, outcome)
        except (BotError, OSError) as fault:
            # The lease runs out and the job is tried again; deliverers are idempotent for this very case.
            log.warning("job.record_failed", kind=job.kind, job_id=job.id, fault=type(fault).__name__)

    async def _record(self, job: Job, outcome: Done | Again | Dead) -> None:
        now = self._clock.now()
        schedule = self._schedules.get(job.kind, DEFAULT)
        if isinstance(outcome, Done):
            await self._database.batch(FINISH, self._finished(job, "done", None, 0))
        elif isinstance(outcome, Again) and not schedule.exhausted(job.attempt):
            pause = outcome.after if outcome.after is not None else schedule.pause(job.attempt, self._chance)
            await self._database.batch(FINISH, self._finished(job, "ready", outcome.reason, pause))
        else:
            await self._bury(job, self._finished(job, "dead", outcome.reason, 0))
            log.error("job.dead", kind=job.kind, job_id=job.id, reason=outcome.reason, at=now.isoformat())

    def _finished(self, job: Job, state: str, error: str | None, pause: float) -> Finished:
        now = self._clock.now()
        return Finished(
            id=job.id,
            owner=self._owner,
            state=state,
            due_at=to_micros(now + timedelta(seconds=pause)),
            error=None if error is None else shorten(error, 200),
            done_at=None if state == "ready" else to_micros(now),
        )

    async def _bury(self, job: Job, finished: Finished) -> None:
        """Mark a job dead and, in the same transaction, put it on a person's desk."""
        case = NewJob(
            kind="case",
            key=f"dead:{job.id}",
            dest="desk",
            payload={
                "kind": "dead_letter",
                "key": job.id,
                "subject": job.key,
                "facts": {"job": job.kind, "dest": job.dest, "reason": finished.error or ""},
            },
            trace_id=job.trace_id,
        )

        async def work(tx: Tx) -> None:
            if await FINISH.one(tx, finished):
                await enqueue(tx, [case], self._clock.now())

        await self._database.effect(work)

    async def _keep_leases(self) -> None:
        """Renew what is under way and free what others left behind."""
        while True:
            try:
                if self._tasks:
                    await leases.renew(
                        self._database,
                        owner=self._owner,
                        ids=tuple(self._tasks),
                        now=self._clock.now(),
                        lease=self._pace.lease,
                    )
                if await leases.reclaim(self._database, self._clock.now()):
                    self._freed.set()
            except (BotError, OSError) as fault:
                log.warning("outbox.lease_failed", fault=type(fault).__name__)
            await self._clock.sleep(self._pace.renew_every)

    async def _drain(self) -> None:
        if not self._tasks:
            return
        pending = list(self._tasks.values())
        _, late = await asyncio.wait(pending, timeout=self._pace.drain)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
