"""``serve`` and ``worker``: the processes of an installation."""

import argparse
import asyncio
import sys
from typing import Final

from aiohttp import web

from bot.commands.common import Commands, add_command, until_signal
from bot.kernel.clock import SystemClock
from bot.kernel.errors import Misconfigured
from bot.settings import Settings, load
from bot.web.serving import settle
from bot.wiring import application, background, open_house, run_worker

_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - A container is reached from outside; a proxy stands before it.


def add(commands: Commands) -> None:
    add_command(commands, "serve", _serve, "run the web application (and, on SQLite or memory://, the worker)")
    add_command(commands, "worker", _worker, "deliver, sweep and seal; any number of workers may run")


async def _serve(_: argparse.Namespace) -> int:
    settings = load()
    async with open_house(settings, SystemClock()) as house, background(house, worker=settings.alone):
        await serving(application(house), "127.0.0.1" if _local(settings) else _EVERYWHERE, settings)
    return 0


def _local(settings: Settings) -> bool:
    return settings.environment.public_url.startswith("http://")


async def serving(app: web.Application, host: str, settings: Settings) -> None:
    """Serve until a signal comes, and say so on standard output."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=10.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, settings.environment.port).start()
        sys.stdout.write(f"serving on port {settings.environment.port}\n")
        sys.stdout.flush()
        settle()
        await until_signal()
    finally:
        await runner.cleanup()


async def _worker(_: argparse.Namespace) -> int:
    settings = load()
    if settings.alone:
        raise Misconfigured(
            "alone",
            "`serve` runs the worker itself on SQLite or memory://; set DATABASE_URL to PostgreSQL and REDIS_URL to "
            "Redis to run workers of their own",
        )
    async with open_house(settings, SystemClock()) as house, background(house, worker=False):
        work = asyncio.ensure_future(run_worker(house))
        stop = asyncio.ensure_future(until_signal())
        await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
        for each in (work, stop):
            each.cancel()
        for result in await asyncio.gather(work, stop, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
    return 0
