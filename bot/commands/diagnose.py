"""``doctor``: reports every fault of a configuration at once, and whether the stores answer."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable

from bot.commands.common import Commands, add_command
from bot.gateways import GATEWAYS
from bot.kernel.clock import SystemClock
from bot.kernel.errors import BotError
from bot.outside.http import HttpClient
from bot.settings import Settings, load
from bot.storage.database import connect
from bot.storage.ephemeral import connect as connect_ephemeral
from bot.storage.migrations import check
from bot.wiring import official_account, scenes_of
from bot.words.render import default_renderer


def add(commands: Commands) -> None:
    add_command(commands, "doctor", _doctor, "check the configuration, the stores and the templates; change nothing")


async def _doctor(_: argparse.Namespace) -> int:
    try:
        settings = load()
    except BotError as fault:
        for line in fault.remedy.splitlines():
            sys.stdout.write(f"wrong  {line}\n")
        return 2
    wrong = 0
    for name, probe in _probes(settings).items():
        said = await _asked(probe)
        wrong += said is not None
        sys.stdout.write(f"{'ok   ' if said is None else 'wrong'}  {name}{': ' + said if said else ''}\n")
    if not settings.file.official:
        sys.stdout.write("note   no official account is configured: nobody can chat\n")
    if not settings.file.gateways:
        sys.stdout.write("note   no gateway is configured: nobody can pay\n")
    return 2 if wrong else 0


def _probes(settings: Settings) -> dict[str, Callable[[], Awaitable[None]]]:
    async def database() -> None:
        found = await connect(settings.environment.database_url, SystemClock())
        await found.close()

    async def schema() -> None:
        await asyncio.to_thread(check, settings.environment.database_url)

    async def ephemeral() -> None:
        found = await connect_ephemeral(settings.environment.redis_url, SystemClock())
        try:
            await found.ping()
        finally:
            await found.close()

    async def scenes() -> None:
        scenes_of(settings.file.scene_packs)

    async def templates() -> None:
        default_renderer().compile_all()

    async def gateways() -> None:
        http = await HttpClient.create(SystemClock())
        try:
            for name, accounts in settings.file.gateways.items():
                GATEWAYS[name](accounts, http, SystemClock())
        finally:
            await http.close()

    async def accounts() -> None:
        for key, section in settings.file.official.items():
            official_account(key, section, settings).door()

    return {
        "database": database,
        "schema": schema,
        "ephemeral store": ephemeral,
        "scene packs": scenes,
        "templates": templates,
        "gateways": gateways,
        "official accounts": accounts,
    }


async def _asked(probe: Callable[[], Awaitable[None]]) -> str | None:
    try:
        await probe()
    except BotError as fault:
        return fault.remedy or fault.code
    except Exception as fault:
        # The edge: a doctor reports whatever it finds, and goes on to the next probe.
        return f"{type(fault).__name__}: {fault}"
    return None
