"""What commands share: a parser with its command, and a house opened for one piece of work."""

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from bot.kernel.clock import SystemClock
from bot.kernel.errors import Misconfigured
from bot.settings import load
from bot.storage.database import is_postgresql, sqlite_path
from bot.storage.migrations import check
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
    settings = load()
    await require_schema(settings.environment.database_url)
    async with open_house(settings, SystemClock()) as house:
        yield house


async def require_schema(url: str) -> None:
    """Raises Misconfigured unless the database is there with the schema of this release; makes no file."""
    if not is_postgresql(url) and not await asyncio.to_thread(sqlite_path(url).is_file):
        raise Misconfigured("database_missing", f"there is no file {sqlite_path(url)}; run: python -m bot migrate")
    await asyncio.to_thread(check, url)
