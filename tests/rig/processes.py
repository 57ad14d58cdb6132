"""Starts the application, its worker and the simulators as processes that can be killed."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0


@dataclass
class Proc:
    """One child process; ``kill`` is SIGKILL, as a power cut for the process (not for the machine)."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    kills: int = 0
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        # Without its bytecode a start takes seconds of compiling, which is not what a restart costs anybody.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        with self.log.open("ab") as sink:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self.arguments,
                cwd=ROOT,
                env={**inherited, **self.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
            )

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            await self.process.wait()
            self.kills += 1

    def died(self) -> str:
        """Return what a process that ended by itself said last; empty while it runs."""
        if self.process is None or self.process.returncode is None:
            return ""
        return f"{self.name} ended with {self.process.returncode}: {self.log.read_text(encoding='utf-8')[-2000:]}"

    async def end(self) -> None:
        """Stop in order, by force when it takes too long."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), 15)
        except TimeoutError:
            await self.kill()


@dataclass
class Simulators:
    """The outside world, which is never killed: it remembers what it took and told."""

    urls: Mapping[str, str]
    setup: Mapping[str, Any]
    proc: Proc = field(repr=False)


@asynccontextmanager
async def simulators(folder: Path, config: Mapping[str, Any], factor: float, seed: int) -> AsyncIterator[Simulators]:
    """Run the simulators in a process of their own."""
    given, kept = folder / "given.json", folder / "kept.json"
    given.write_text(json.dumps(config), encoding="utf-8")
    arguments = ("-m", "bot.simulators", "--config", str(given), "--save-config", str(kept))
    rest = ("--clock-factor", str(factor), "--seed", str(seed))
    log = folder / "simulators.log"
    proc = Proc("simulators", (*arguments, *rest), {}, log)
    await proc.start()
    try:
        urls = await _first_json_line(log)
        yield Simulators(urls, json.loads(kept.read_text(encoding="utf-8")), proc)
    finally:
        await proc.end()


async def _first_json_line(log: Path) -> Mapping[str, str]:
    for _ in range(int(START_SECONDS / 0.1)):
        for line in log.read_text(encoding="utf-8").splitlines():
            if line.startswith("{"):
                urls: Mapping[str, str] = json.loads(line)
                return urls
        await asyncio.sleep(0.1)
    raise AssertionError(f"the simulators did not start: {log.read_text(encoding='utf-8')[-2000:]}")


async def until_ready(session: aiohttp.ClientSession, url: str, web: Proc) -> None:
    """Wait until the application says that it can take requests."""
    for _ in range(int(START_SECONDS / 0.05)):
        try:
            async with session.get(f"{url}/readyz") as answer:
                if answer.status == 200:
                    return
        except (aiohttp.ClientError, OSError):
            pass
        assert not web.died(), web.died()
        await asyncio.sleep(0.05)
    raise AssertionError(f"the application did not become ready: {web.log.read_text(encoding='utf-8')[-2000:]}")
