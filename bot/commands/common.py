"""What commands share: a parser with its command, a house opened for one piece of work, and an end by signal."""

import argparse
import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from bot.kernel.clock import SystemClock
from bot.settings import load
from bot.wiring import House, open_house

Command = Callable[[argparse.Namespace], Awaitable[int]]
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_command(commands: Commands, name: str, command: Command, text: str) -> argparse.ArgumentParser:
    """Add ``python -m bot name``."""
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=command)
    return parser


@asynccontextmanager
async def opened() -> AsyncIterator[House]:
    """Open the configured house for a command; no worker runs in it.

    Raises Misconfigured for a wrong configuration and for a database without this release's schema.
    """
    async with open_house(load(), SystemClock()) as house:
        yield house


def signalled() -> asyncio.Event:
    """Return what a signal to end sets; from now on none of them interrupts anything half-way."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def until_signal() -> None:
    """Wait for a signal to end."""
    await signalled().wait()
