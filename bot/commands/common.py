"""What commands share: a parser with its command, and a house opened for one piece of work."""

import argparse
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
    """Open the configured house for a command; no worker runs in it."""
    async with open_house(load(), SystemClock()) as house:
        yield house
