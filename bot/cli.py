"""The operator's commands: serve, work, migrate, look, import, and decide."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Final

import uvloop
from aiohttp import web

from bot.commands import books, codes, desk, diagnose, routing
from bot.commands.common import add_command, require_schema
from bot.demo.run import open_demo, welcome
from bot.kernel.clock import SystemClock
from bot.kernel.errors import BotError, Misconfigured
from bot.outside import logging
from bot.settings import Settings, load
from bot.storage.migrations import upgrade
from bot.wiring import application, background, open_house, refresh_gateways, run_worker

_DEMO_FOLDER: Final = Path("var/demo")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 is well, 1 is a finding or a fault, 2 is a wrong call or configuration."""
    arguments = _parser().parse_args(argv)
    logging.configure(SystemClock(), json=not sys.stderr.isatty(), level=arguments.log_level or arguments.usual_level)
    try:
        return _run(arguments.command(arguments))
    except Misconfigured as fault:
        sys.stderr.write(f"{fault.remedy or fault.code}\n")
        return 2
    except BotError as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    except OSError as fault:
        # A port in use, a file that cannot be written: the system's words say it, a traceback would hide them.
        sys.stderr.write(f"{fault}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _run(work: Awaitable[int]) -> int:
    async def awaited() -> int:
        return await work

    return uvloop.run(awaited())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bot", description=__doc__)
    parser.add_argument("--log-level", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    parser.set_defaults(usual_level="INFO")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_command(commands, "serve", _serve, "run the web application (and, on SQLite or memory://, the worker)")
    add_command(commands, "worker", _worker, "deliver, sweep and seal; any number of workers may run")
    add_command(commands, "migrate", _migrate, "bring the database to this release's schema")
    demo = add_command(commands, "demo", _demo, "run the whole system with simulators and sample bills")
    demo.set_defaults(usual_level="WARNING")
    demo.add_argument("--port", type=int, default=8080, help="0 takes a free one (default 8080)")
    demo.add_argument("--folder", type=Path, default=_DEMO_FOLDER, help="where the data is kept")
    demo.add_argument("--factor", type=float, default=1.0, help="divides the simulators' pauses")
    for room in (routing, books, desk, codes, diagnose):
        room.add(commands)
    return parser


async def _serve(_: argparse.Namespace) -> int:
    settings, clock = load(), SystemClock()
    await require_schema(settings.environment.database_url)
    async with open_house(settings, clock) as house:
        await refresh_gateways(house)
        async with background(house, worker=settings.alone):
            await _serving(application(house), "0.0.0.0" if not _local(settings) else "127.0.0.1", settings)  # noqa: S104
    return 0


def _local(settings: Settings) -> bool:
    return settings.environment.public_url.startswith("http://")


async def _serving(app: web.Application, host: str, settings: Settings) -> None:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=10.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, settings.environment.port).start()
        sys.stdout.write(f"serving on port {settings.environment.port}\n")
        sys.stdout.flush()
        await _until_signal()
    finally:
        await runner.cleanup()


async def _worker(_: argparse.Namespace) -> int:
    settings, clock = load(), SystemClock()
    if settings.alone:
        raise Misconfigured(
            "alone",
            "`serve` runs the worker itself on SQLite or memory://; set DATABASE_URL to PostgreSQL and REDIS_URL to "
            "Redis to run workers of their own",
        )
    await require_schema(settings.environment.database_url)
    async with open_house(settings, clock) as house:
        await refresh_gateways(house)
        async with background(house, worker=False):
            work = asyncio.ensure_future(run_worker(house))
            stop = asyncio.ensure_future(_until_signal())
            await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
            for each in (work, stop):
                each.cancel()
            for result in await asyncio.gather(work, stop, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result
    return 0


async def _migrate(_: argparse.Namespace) -> int:
    settings = load()
    revision = await asyncio.to_thread(upgrade, settings.environment.database_url)
    sys.stdout.write(f"the database is at {revision}\n")
    return 0


async def _demo(arguments: argparse.Namespace) -> int:
    stop = _signalled()
    async with open_demo(SystemClock(), port=arguments.port, folder=arguments.folder, factor=arguments.factor) as demo:
        sys.stdout.write(welcome(demo))
        sys.stdout.flush()
        await stop.wait()
    return 0


def _signalled() -> asyncio.Event:
    """Return what a signal to end sets; from now on none of them interrupts anything half-way."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _until_signal() -> None:
    await _signalled().wait()
