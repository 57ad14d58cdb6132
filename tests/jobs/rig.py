"""Short ways into an outbox, and deliverers that do as a test says."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.jobs.leases import Leased, Wanted, claim
from bot.jobs.outbox import enqueue
from bot.jobs.port import Again, Dead, Done, Job, NewJob
from bot.jobs.relay import Pace, Relay
from bot.jobs.schedule import Schedule
from bot.kernel.clock import SystemClock
from bot.storage.port import Database
from bot.storage.vault import Vault

CLOCK = SystemClock()
START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
# Fast enough for a test and slow enough for a busy machine.
QUICK = Schedule(pauses=(0.01,), give_up_after=3, jitter=0.0)
FAST = Pace(lease=0.6, beat=0.05, poll=0.1, breath=0.002, drain=1.0)

Answer = Done | Again | Dead
Delivery = Callable[[Job], Awaitable[Answer]]


def new(key: str, *, kind: str = "letter", dest: str = "ann", **more: Any) -> NewJob:
    return NewJob(kind, key, dest, more.pop("payload", {"key": key}), f"trc_{key}", **more)


async def put(database: Database, *jobs: NewJob, now: datetime = START, vault: Vault | None = None) -> None:
    await database.effect(lambda tx: enqueue(tx, jobs, now, vault))


async def take(
    database: Database,
    owner: str = "me",
    *,
    kinds: Sequence[str] = ("letter",),
    busy: dict[str, int] | None = None,
    per_dest: int = 8,
    limit: int = 32,
    now: datetime = START + timedelta(hours=1),
    lease: float = 60.0,
) -> list[Leased]:
    return await claim(database, owner, Wanted(kinds, busy or {}, per_dest, limit), now, lease)


async def rows(database: Database) -> list[dict[str, Any]]:
    found = await database.rows("SELECT * FROM outbox ORDER BY kind, key")
    return [{name: row[name] for name in row.keys()} for row in found]  # type: ignore[attr-defined]  # noqa: SIM118


async def states(database: Database) -> dict[str, str]:
    return {row["key"]: row["state"] for row in await rows(database)}


def relay(database: Database, *postmen: Any, pace: Pace = FAST, **more: Any) -> Relay:
    more.setdefault("schedules", {"letter": QUICK})
    return Relay(database, postmen, CLOCK, pace=pace, **more)


async def put_now(database: Database, *jobs: Any, vault: Vault | None = None) -> None:
    await put(database, *jobs, now=CLOCK.now(), vault=vault)


async def all_done(database: Database) -> bool:
    return set((await states(database)).values()) <= {"done"}


class Postman:
    """A deliverer that notes what it carries, when, and how many at a time; ``delivery`` decides the answer."""

    def __init__(self, delivery: Delivery | None = None, kind: str = "letter") -> None:
        self.kind = kind
        self.jobs: list[Job] = []
        self.at_once: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.twice: set[str] = set()
        self._under_way: Counter[str] = Counter()
        self._delivery = delivery

    @property
    def keys(self) -> list[str]:
        return [job.key for job in self.jobs]

    async def deliver(self, job: Job) -> Answer:
        self.jobs.append(job)
        self.at_once[job.dest] += 1
        self.most[job.dest] = max(self.most[job.dest], self.at_once[job.dest])
        self._under_way[job.key] += 1
        if self._under_way[job.key] > 1:
            self.twice.add(job.key)
        try:
            return Done() if self._delivery is None else await self._delivery(job)
        finally:
            self.at_once[job.dest] -= 1
            self._under_way[job.key] -= 1


@asynccontextmanager
async def working(*relays: Relay) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run relays beside each other and stop them as a process would, all at once."""
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    try:
        yield tasks
    finally:
        await stop(*tasks)


async def stop(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def kill(task: asyncio.Task[None], relay: Relay) -> None:
    """End a relay as SIGKILL would: nothing drained, nothing given back, no lease renewed."""
    for carried in relay._carried.values():
        if carried.task is not None:
            carried.task.cancel()
    relay._database = _Gone()  # type: ignore[assignment]
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup):
        await task


class _Gone:
    """A database that nobody hears any more."""

    engine = "none"

    def __getattr__(self, _name: str) -> Any:
        async def refuse(*_: Any) -> Any:
            raise OSError("killed")

        return refuse


async def until(done: Callable[[], Any], within: float = 10.0) -> None:
    """Wait until something holds; the bound is for a machine that is busy with other things."""
    async with asyncio.timeout(within):
        while True:
            found = done()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.005)
