"""The kill rig: payers pay while web and worker are killed at random moments; then every fen is accounted for.

Run by tests/rig/test_killing.py with few kills, and by ``make soak`` with many:
``python -m tests.rig.killing --engine sqlite --kills 200``. Kills do not test power loss.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import aiohttp

from bot.commands.books import audit_house
from bot.demo.sample import put_sample
from bot.kernel.clock import SystemClock
from bot.settings import load
from bot.storage.migrations import upgrade
from bot.wiring import House, open_house
from tests.rig import town
from tests.rig.payers import Payer, Scene, Tally
from tests.rig.processes import Proc, Simulators, simulators, until_ready

PAYERS = 16
FACTOR = 30.0
SETTLE_SECONDS = 15.0


@dataclass
class Report:
    """What a run found. ``problems`` is empty when every fen and every biller is accounted for."""

    kills: int = 0
    paid: int = 0
    troubles: int = 0
    forged: int = 0
    recoveries: list[float] = field(default_factory=list)
    settled_after: float = 0.0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        worst = max(self.recoveries, default=0.0)
        return (
            f"{self.kills} kills, {self.paid} payments, {self.forged} forged notices, {self.troubles} troubles met; "
            f"restart to ready at most {worst:.2f} s; all settled {self.settled_after:.2f} s after the last kill; "
            f"{len(self.problems)} problems"
        )


@dataclass
class Rig:
    """One application under attack."""

    folder: Path
    environment: Mapping[str, str]
    public_url: str
    processes: Sequence[Proc]

    async def start(self, session: aiohttp.ClientSession) -> float:
        begun = time.monotonic()
        for proc in self.processes:
            await proc.start()
        await until_ready(session, self.public_url)
        return time.monotonic() - begun

    async def kill(self) -> None:
        await asyncio.gather(*(proc.kill() for proc in self.processes))

    async def end(self) -> None:
        await asyncio.gather(*(proc.end() for proc in self.processes))


async def run(*, database_url: str, redis_url: str, folder: Path, kills: int, seed: int) -> Report:
    """Kill ``kills`` times under load and count; databases must be empty."""
    port = town.free_port()
    public_url = f"http://127.0.0.1:{port}"
    journal = folder / "payments.jsonl"
    config = town.simulator_config(public_url, journal)
    async with simulators(folder, config, FACTOR, seed) as outside:
        file = folder / "scenepay.toml"
        file.write_text(town.application_config(outside.urls, outside.setup), encoding="utf-8")
        environment = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "PUBLIC_URL": public_url,
            "PORT": str(port),
            "SECRET_KEY": town.SECRET_KEY,
            "SCENEPAY_CONFIG": str(file),
        }
        with mock.patch.dict(os.environ, environment):
            settings = load()
        await asyncio.to_thread(upgrade, database_url)
        async with open_house(settings, SystemClock()) as house:
            codes = await put_sample(house.database, house.vault, house.catalogue, house.clock)
        rig = Rig(folder, environment, public_url, _processes(folder, environment, alone=settings.alone))
        scene = Scene(public_url, outside.urls["wechat"], outside.urls["wechatpay"], tuple(c.token for c in codes))
        report = await _attacked(rig, scene, kills, seed)
        async with open_house(settings, SystemClock()) as house:
            await _counted(house, outside, report)
        return report


def _processes(folder: Path, environment: Mapping[str, str], *, alone: bool) -> tuple[Proc, ...]:
    quiet = ("-m", "bot", "--log-level", "WARNING")
    web = Proc("web", (*quiet, "serve"), environment, folder / "web.log")
    if alone:
        return (web,)
    return web, Proc("worker", (*quiet, "worker"), environment, folder / "worker.log")


async def _attacked(rig: Rig, scene: Scene, kills: int, seed: int) -> Report:
    report, tally = Report(kills=kills), Tally()
    chance = random.Random(seed)
    stop = asyncio.Event()
    async with aiohttp.ClientSession() as session:
        try:
            await rig.start(session)
            payers = [Payer(number, scene, tally, seed) for number in range(PAYERS)]
            tasks = [asyncio.create_task(payer.run(stop)) for payer in payers]
            for _ in range(kills):
                await asyncio.sleep(0.05 + 1.2 * chance.random())
                await rig.kill()
                report.recoveries.append(await rig.start(session))
            await asyncio.sleep(0.5)
            stop.set()
            await asyncio.gather(*tasks)
            begun = time.monotonic()
            await _quiet(rig, report)
            report.settled_after = time.monotonic() - begun
        finally:
            stop.set()
            await rig.end()
    report.paid, report.troubles, report.forged = tally.paid, tally.troubles, tally.forged
    return report


async def _quiet(rig: Rig, report: Report) -> None:
    """Wait until nothing is left to be delivered or decided; the bound is the promise."""
    with mock.patch.dict(os.environ, rig.environment):
        settings = load()
    async with open_house(settings, SystemClock()) as house:
        end = time.monotonic() + SETTLE_SECONDS
        while left := await _unfinished(house):
            if time.monotonic() > end:
                report.problems.append(f"not settled within {SETTLE_SECONDS} s: {left}")
                return
            await asyncio.sleep(0.1)


_WORK = """
SELECT kind || ':' || state AS what, COUNT(*) AS many FROM outbox
WHERE state IN ('ready', 'leased') AND kind IN ('fulfil', 'refund_surplus', 'refund_submit') GROUP BY kind, state
UNION ALL
SELECT 'line:' || l.state, COUNT(*) FROM order_lines l JOIN orders o ON o.id = l.order_id
WHERE o.state = 'paid' AND l.state IN ('none', 'sent', 'unknown') GROUP BY l.state
"""


async def _unfinished(house: House) -> Mapping[str, int]:
    return {row["what"]: row["many"] for row in await house.database.rows(_WORK)}


_CREDITED = """
SELECT c.out_trade_no, c.amount, c.state, COUNT(p.seq) AS credits FROM charges c
LEFT JOIN postings p ON p.charge_id = c.id AND p.entry_no = 0
GROUP BY c.id, c.out_trade_no, c.amount, c.state
"""
_SUSPENDED = "SELECT out_trade_no, transaction_id, amount FROM suspense"
_LINES = """
SELECT l.id, l.amount, l.state FROM order_lines l JOIN orders o ON o.id = l.order_id
WHERE o.state = 'paid' AND l.biller = 'power'
"""


async def _counted(house: House, outside: Simulators, report: Report) -> None:
    """Hold our books against the simulators' memory."""
    async with aiohttp.ClientSession() as session:
        taken = await _orders(session, outside.urls["wechatpay"])
        settled = await _json(session, f"{outside.urls['biller']}/_sim/settled")
    paid = {order["out_trade_no"]: order for order in taken if order["state"] in ("SUCCESS", "REFUND")}
    books = {row["out_trade_no"]: row for row in await house.database.rows(_CREDITED)}
    suspended = {row["out_trade_no"] for row in await house.database.rows(_SUSPENDED)}
    for number in paid:
        row = books.get(number)
        if row is None or (row["state"] != "paid" and number not in suspended):
            report.problems.append(f"paid at the gateway, not in our books: {number}")
    for number, row in books.items():
        if row["state"] == "paid" and number not in paid:
            report.problems.append(f"in our books, never paid: {number}")
    for row in await house.database.rows(_LINES):
        if row["state"] != "settled" or settled.get(row["id"]) != row["amount"]:
            report.problems.append(f"paid line not told: {row['id']} {row['state']} {settled.get(row['id'])}")
    report.problems += await audit_house(house)


async def _orders(session: aiohttp.ClientSession, url: str) -> list[Mapping[str, Any]]:
    """Read all orders of the simulator, page by page."""
    found: list[Mapping[str, Any]] = []
    for _ in range(1000):
        page = await _json(session, f"{url}/_sim/orders?after={len(found)}")
        found += page["orders"]
        if not page["orders"] or len(found) >= page["total"]:
            break
    return found


async def _json(session: aiohttp.ClientSession, url: str) -> Any:
    async with session.get(url) as answer:
        return await answer.json()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--database-url", default="")
    parser.add_argument("--redis-url", default="memory://")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database_url = arguments.database_url or f"sqlite:///{folder / 'rig.db'}"
        report = asyncio.run(
            run(
                database_url=database_url,
                redis_url=arguments.redis_url,
                folder=folder,
                kills=arguments.kills,
                seed=arguments.seed,
            )
        )
    sys.stdout.write(f"seed {arguments.seed}: {report}\n{json.dumps(report.problems[:20], indent=1)}\n")
    return 1 if report.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
