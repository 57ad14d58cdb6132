"""``migrate``: the step of a release that changes the schema."""

import argparse
import asyncio
import sys

from bot.commands.common import Commands, add_command
from bot.settings import load
from bot.storage.migrations import upgrade


def add(commands: Commands) -> None:
    add_command(commands, "migrate", _migrate, "bring the database to this release's schema")


async def _migrate(_: argparse.Namespace) -> int:
    settings = load()
    revision = await asyncio.to_thread(upgrade, settings.environment.database_url)
    sys.stdout.write(f"the database is at {revision}\n")
    return 0
