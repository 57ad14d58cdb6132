"""Runs the whole system for a visitor: the simulators, then the application and its worker, in one process."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import web

from bot.channels.official.menu import default_menu
from bot.demo.feed import Feed, follow
from bot.demo.pages import add_demo_routes
from bot.demo.sample import SampleCode, put_sample
from bot.demo.town import ACCOUNT, Town, open_town
from bot.kernel.clock import Clock
from bot.kernel.errors import Misconfigured
from bot.settings import ConfigFile, Environment, Settings
from bot.storage.migrations import upgrade
from bot.wiring import House, application, background, open_house
from qrcodes.tokens import code_url

_KEY_FILE: Final = "secret_key"


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demonstration."""

    public_url: str
    town: Town
    house: House
    codes: tuple[SampleCode, ...]


@asynccontextmanager
async def open_demo(
    clock: Clock,
    *,
    port: int,
    folder: Path,
    database_url: str = "",
    redis_url: str = "memory://",
    factor: float = 1.0,
) -> AsyncIterator[Demo]:
    """Start everything on the loopback interface; ``port`` 0 takes a free one, ``folder`` keeps the data."""
    async with AsyncExitStack() as stack:
        listener = _listener(port)
        stack.callback(listener.close)
        public_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        secret_key, file = await asyncio.to_thread(_prepared, folder)
        database_url = database_url or f"sqlite:///{file}"
        await asyncio.to_thread(upgrade, database_url)
        town = await stack.enter_async_context(open_town(public_url, (), factor=factor))
        environment = Environment(
            database_url=database_url,
            redis_url=redis_url,
            public_url=public_url,
            secret_key=secret_key,  # type: ignore[arg-type]  # Pydantic makes it a SecretStr.
        )
        settings = Settings(environment=environment, file=ConfigFile.model_validate(town.config))
        feed = Feed(clock)
        house = await stack.enter_async_context(open_house(settings, clock, seen=feed.called))
        codes = await put_sample(house.database, house.vault, house.catalogue, clock)
        await stack.enter_async_context(background(house, worker=True))
        await stack.enter_async_context(_beside(follow(feed, house.database, house.traces, clock)))
        app = application(house)
        add_demo_routes(app, feed, town.phone_url)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, listener).start()
        await house.clients[ACCOUNT].create_menu(default_menu())
        await _tell_codes(town, public_url, codes)
        yield Demo(public_url, town, house, codes)


def welcome(demo: Demo) -> str:
    """Return what a visitor needs to begin."""
    url = demo.public_url
    addresses = [
        ("the phone: chat, scan and pay", f"{url}/demo/"),
        *((f"code to scan: {code.label}", f"{url}/q/{code.token}.svg") for code in demo.codes),
        ("health", f"{url}/readyz"),
        ("metrics", f"{url}/metrics"),
    ]
    lines = [f"  {address:58}  {what}" for what, address in addresses]
    hints = [
        "  Open the first one and say 交物业费 (room 3-2-501, owner 陈晓明), 查电费 0512345678, or scan a code.",
        "  Everything runs on this machine; nobody is paid. Ctrl-C ends it.",
    ]
    return "\n".join(["", *lines, "", *hints, "", ""])


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run a piece of work for as long as the block lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _listener(port: int) -> socket.socket:
    """Take the port first, before anything is made. Raises Misconfigured where another program has it."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as fault:
        listener.close()
        remedy = f'cannot listen on port {port} ({fault}); end what uses it, or: make run ARGS="--port 8081"'
        raise Misconfigured("port_taken", remedy) from fault
    return listener


def _prepared(folder: Path) -> tuple[str, Path]:
    """Return the demonstration's key, made once so that a second start can read its data, and its database file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _KEY_FILE
    if not path.is_file():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48), encoding="utf-8")
    return path.read_text(encoding="utf-8"), folder.absolute() / "demo.db"


async def _tell_codes(town: Town, public_url: str, codes: tuple[SampleCode, ...]) -> None:
    """Lay the stores' codes onto the phone's table; their tokens are known only now."""
    scan = [{"label": code.label, "url": code_url(public_url, code.token)} for code in codes]
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{town.wechat_url}/_sim/plan", json={"codes": scan}) as answer,
    ):
        answer.raise_for_status()
