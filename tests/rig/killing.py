"""The kill rig: payers pay while web and worker are killed at random moments; then every fen is accounted for.

Run by tests/rig/test_killing.py with few kills, and by ``make soak`` with many; by hand:
``python -m tests.rig.killing --kills 200``. Kills do not test power loss.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import aiohttp
from redis.asyncio import Redis

from bot.demo.sample import put_sample
from bot.kernel.clock import SystemClock
from bot.settings import Settings, load
from bot.storage.migrations import upgrade
from bot.wiring import open_house
from tests.rig import counting, town
from tests.rig.payers import Payer, Scene, Tally
from tests.rig.processes import Proc, Simulators, simulators, until_ready

PAYERS = 8
# The simulators' schedules (notices again after 15 s) are this much quicker.
FACTOR = 30.0
SETTLE_SECONDS = 15.0
# A kill waits no longer than this for payments.
PROGRESS_SECONDS = 3.0


@dataclass(frozen=True)
class Plan:
    """What to do to whom. ``kills`` are so many of each process; ``flush`` empties Redis all the while."""

    database_url: str
    redis_url: str
    folder: Path
    kills: int
    seed: int
    flush: bool = False


@dataclass
class Report:
    """What a run found. ``problems`` is empty when every fen and every biller is accounted for."""

    stores: str
    seed: int
    kills: Mapping[str, int] = field(default_factory=dict)
    flushes: int = 0
    paid: int = 0
    troubles: Mapping[str, int] = field(default_factory=dict)
    forged: int = 0
    recoveries: list[float] = field(default_factory=list)
    settled_after: float = 0.0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kills = " + ".join(f"{number} of {name}" for name, number in self.kills.items())
        ordered = sorted(self.recoveries) or [0.0]
        flushed = f", {self.flushes} times FLUSHALL" if self.flushes else ""
        return (
            f"killed on {self.stores}, seed {self.seed}: {kills} kills{flushed} in {self.seconds:.0f} s, "
            f"{self.paid} payments, {self.forged} forged notices, {sum(self.troubles.values())} troubles met; "
            f"web ready again after {ordered[len(ordered) // 2]:.2f} s (worst {ordered[-1]:.2f} s), "
            f"all settled after {self.settled_after:.2f} s; {len(self.problems)} problems"
        )


@dataclass
class Rig:
    """One application under attack."""

    plan: Plan
    settings: Settings
    public_url: str
    web: Proc
    others: tuple[Proc, ...]
    outside: Simulators
    session: aiohttp.ClientSession
    report: Report
    codes: tuple[str, ...]
    tally: Tally = field(default_factory=Tally)

    async def start_web(self) -> None:
        """Start the web process, wait until it serves, and note how long that took."""
        begun = time.monotonic()
        await self.web.start()
        await until_ready(self.session, self.public_url, self.web)
        self.report.recoveries.append(time.monotonic() - begun)


async def run(plan: Plan) -> Report:
    """Kill under load and count; the databases must be empty."""
    begun = time.monotonic()
    report = Report(_stores(plan), plan.seed)
    async with _opened(plan, report) as rig:
        await _attacked(rig)
        async with open_house(rig.settings, SystemClock()) as house:
            report.problems += await counting.problems(house, rig.session, rig.outside.urls)
    report.seconds = time.monotonic() - begun
    return report


def _stores(plan: Plan) -> str:
    return f"{plan.database_url.partition(':')[0]} and {plan.redis_url.partition(':')[0]}"


@asynccontextmanager
async def _opened(plan: Plan, report: Report) -> AsyncIterator[Rig]:
    """The simulators running, the database filled with the sample, the processes not started yet."""
    port = town.free_port()
    public_url = f"http://127.0.0.1:{port}"
    config = town.simulator_config(public_url, plan.folder / "payments.jsonl")
    async with simulators(plan.folder, config, FACTOR, plan.seed) as outside, aiohttp.ClientSession() as session:
        file = plan.folder / "scenepay.toml"
        file.write_text(town.application_config(outside.urls, outside.setup), encoding="utf-8")
        environment = {
            "DATABASE_URL": plan.database_url,
            "REDIS_URL": plan.redis_url,
            "PUBLIC_URL": public_url,
            "PORT": str(port),
            "SECRET_KEY": town.SECRET_KEY,
            "SCENEPAY_CONFIG": str(file),
        }
        with mock.patch.dict(os.environ, environment):
            settings = load()
        await asyncio.to_thread(upgrade, plan.database_url)
        async with open_house(settings, SystemClock()) as house:
            sample = await put_sample(house.database, house.vault, house.catalogue, house.clock)
        quiet = ("-m", "bot", "--log-level", "WARNING")
        web = Proc("web", (*quiet, "serve"), environment, plan.folder / "web.log")
        worker = Proc("worker", (*quiet, "worker"), environment, plan.folder / "worker.log")
        others = () if settings.alone else (worker,)
        codes = tuple(code.token for code in sample)
        yield Rig(plan, settings, public_url, web, others, outside, session, report, codes)


async def _attacked(rig: Rig) -> None:
    """Payers, killers and whoever empties Redis, all beside each other; then wait for the dust to settle."""
    report, plan, urls = rig.report, rig.plan, rig.outside.urls
    scene = Scene(rig.public_url, urls["wechat"], urls["wechatpay"], rig.codes)
    tally, stop = rig.tally, asyncio.Event()
    try:
        for proc in rig.others:
            await proc.start()
        await rig.start_web()
        async with asyncio.TaskGroup() as group:
            for number in range(PAYERS):
                group.create_task(Payer(number, scene, tally, plan.seed).run(stop))
            if plan.flush:
                group.create_task(_flushed(rig, stop))
            await _killed(rig)
            stop.set()
        await _faultless(rig)
        begun = time.monotonic()
        await _quiet(rig)
        report.settled_after = time.monotonic() - begun
    finally:
        stop.set()
        await asyncio.gather(*(proc.end() for proc in (rig.web, *rig.others)))
    report.kills = {proc.name: proc.kills for proc in (rig.web, *rig.others)}
    report.paid, report.forged = tally.paid, tally.forged
    report.troubles = dict(tally.troubles.most_common())


async def _killed(rig: Rig) -> None:
    """Kill every process at moments of its own, so that each meets the others alive, dead and starting."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_kill_web(rig, random.Random(f"{rig.plan.seed}:web")))
        for proc in rig.others:
            group.create_task(_kill_other(rig, proc, random.Random(f"{rig.plan.seed}:{proc.name}")))


async def _kill_web(rig: Rig, chance: random.Random) -> None:
    for number in range(rig.plan.kills):
        await _some_payments(rig, chance)
        await rig.web.kill()
        # Now and then it dies again before it has become ready.
        if chance.random() < 0.15 and number + 1 < rig.plan.kills:
            await rig.web.start()
        else:
            await rig.start_web()
    await asyncio.sleep(0.5)


async def _some_payments(rig: Rig, chance: random.Random) -> None:
    """Wait until a random number of payments, none perhaps, were made, and then for a random moment.

    However slow the machine is, most kills then meet money on its way.
    """
    enough = rig.tally.paid + chance.randint(0, 8)
    for _ in range(int(PROGRESS_SECONDS / 0.02)):
        if rig.tally.paid >= enough:
            break
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3 * chance.random())


async def _kill_other(rig: Rig, proc: Proc, chance: random.Random) -> None:
    for _ in range(rig.plan.kills):
        # A worker needs about a second to start, and some of its deaths shall meet it at work.
        await asyncio.sleep(0.3 + 3.0 * chance.random())
        assert not proc.died(), proc.died()
        await proc.kill()
        await proc.start()


async def _flushed(rig: Rig, stop: asyncio.Event) -> None:
    """Take away, again and again, all that Redis holds: it is never the authority on money."""
    chance = random.Random(f"{rig.plan.seed}:flush")
    async with Redis.from_url(rig.plan.redis_url) as redis:
        while not stop.is_set():
            await asyncio.sleep(0.5 + 3.0 * chance.random())
            await redis.flushall()
            rig.report.flushes += 1


async def _faultless(rig: Rig) -> None:
    """End what goes wrong outside: how long it takes to recover from kills is asked, not how long bad luck can last."""
    for name in ("wechatpay", "biller"):
        async with rig.session.post(f"{rig.outside.urls[name]}/_sim/faults", json={"rates": {}}) as answer:
            assert answer.status == 200, await answer.text()


async def _quiet(rig: Rig) -> None:
    """Wait until nothing is left to be heard of, delivered or decided; the bound is the promise."""
    async with open_house(rig.settings, SystemClock()) as house:
        end = time.monotonic() + SETTLE_SECONDS
        while left := await counting.unfinished(house, rig.session, rig.outside.urls["wechatpay"]):
            if time.monotonic() > end:
                rig.report.problems.append(f"not settled within {SETTLE_SECONDS} s: {left}")
                return
            await asyncio.sleep(0.2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of each process")
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--database-url", default="", help="an empty database; else a SQLite file")
    parser.add_argument("--redis-url", default="memory://")
    parser.add_argument("--flush", action="store_true", help="FLUSHALL again and again")
    parser.add_argument("--folder", type=Path, help="keep logs and data here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        database_url = arguments.database_url or f"sqlite:///{folder / 'rig.db'}"
        plan = Plan(database_url, arguments.redis_url, folder, arguments.kills, arguments.seed, arguments.flush)
        report = asyncio.run(run(plan))
    sys.stdout.write(f"{report}\n{report.troubles}\n{json.dumps(report.problems[:20], indent=1)}\n")
    return 1 if report.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
