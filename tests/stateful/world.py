"""The real rooms over a database, the real gateways, and every platform beside them on loopback HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.billers.catalogue import Catalogue
from bot.billers.hosted import HostedBiller
from bot.gateways import GATEWAYS, WALLETS
from bot.kernel.errors import BotError
from bot.kernel.masking import Secret
from bot.outside.http import HttpClient
from bot.payments.facts import Notice, RawNotice
from bot.payments.policy import Policy
from bot.payments.ports import Gateway
from bot.payments.registry import Gateways
from bot.payments.room import Means, Payments, furnish
from bot.storage.database import connect
from bot.storage.port import Database
from bot.storage.vault import Vault
from tests.payments.scripted_biller import ScriptedBiller
from tests.payments.world import SECRET, populate
from tests.stateful.clock import HouseClock, Time, morning
from tests.stateful.platforms import PLATFORMS, Platform

ACCOUNT: Final = "main"
# How long the tasks of the platforms may take to come to rest, in real milliseconds.
_REST_MAX: Final = 3000


@dataclass(frozen=True, slots=True)
class Letter:
    """One delivery of a notice that has not arrived yet."""

    gateway: str
    raw: RawNotice


@dataclass(slots=True)
class Bag:
    """Where all notices arrive. Deliveries wait here until a step posts them; ``open`` lets them through at once."""

    letters: list[Letter] = field(default_factory=list)
    open: bool = False


class World:
    """A process (``payments``) that may be cut off and started anew, and everything that outlives it."""

    def __init__(
        self, database: Database, time: Time, http: HttpClient, browser: aiohttp.ClientSession, policy: Policy
    ) -> None:
        self.database = database
        self.time = time
        self.clock = HouseClock(time)
        self.vault = Vault.from_secrets([Secret(SECRET)])
        self.browser = browser
        self.policy = policy
        self.platforms: Mapping[str, Platform] = {name: make() for name, make in PLATFORMS.items()}
        self.bag = Bag()
        self.gateways: Mapping[str, Gateway] = {}
        self.biller = ScriptedBiller(HostedBiller(database, Catalogue(database, self.clock), self.vault, self.clock))
        self.payments: Payments
        self._http = http
        self._urls: dict[str, str] = {}
        self._home = ""

    async def open(self, stack: AsyncExitStack) -> None:
        """Start the platforms and the door for their notices."""
        door = web.Application()
        door.router.add_post("/notify/{gateway}/{account}", self._arrived)
        self._home = await _served(stack, door)
        for name, platform in self.platforms.items():
            self._urls[name] = await _served(stack, platform.make(self.time))
        self.gateways = {
            name: GATEWAYS[name]({ACCOUNT: dict(platform.settings(self._urls[name]))}, self._http, self.clock)
            for name, platform in self.platforms.items()
        }
        self.restart()

    def restart(self) -> None:
        """Furnish the rooms anew: whatever the last process kept in memory is gone."""
        wallets = {wallet: gateway for wallet, gateway in WALLETS.items() if gateway in self.gateways}
        gateways = Gateways(self.gateways, wallets, self._home)
        means = Means(self.database, self.clock, self.vault, gateways, self.biller, SECRET.encode(), self.policy)
        self.payments = furnish(means)

    async def _arrived(self, request: web.Request) -> web.Response:
        headers = {key.lower(): value for key, value in request.headers.items()}
        name = request.match_info["gateway"]
        raw = RawNotice(request.match_info["account"], headers, await request.read(), request.query_string)
        letter = Letter(name, raw)
        if self.bag.open:
            await self.take(letter)
        else:
            self.bag.letters.append(letter)
        status, kind, text = self.gateways[name].acknowledge(True)
        return web.Response(status=status, body=text, content_type=kind)

    async def take(self, letter: Letter) -> None:
        """Do with a letter what the door of the house does; what could not be applied comes again."""
        read = self.gateways[letter.gateway].read_notice(letter.raw, self.clock.now())
        if not isinstance(read, Notice):
            return
        try:
            await self.payments.notices.take(letter.gateway, read, "trace-notice")
        except BotError as fault:
            if not fault.retryable:
                raise
            self.bag.letters.append(letter)

    async def rest(self) -> None:
        """Wait until the platforms do nothing but wait for time to pass."""
        for _ in range(_REST_MAX):
            at_work = sum(len(platform.background) for platform in self.platforms.values())
            if at_work <= self.time.sleepers:
                return
            await asyncio.sleep(0.001)
        raise AssertionError("the platforms did not come to rest")

    async def pass_time(self, seconds: float) -> None:
        await self.time.advance(seconds)
        await self.rest()


async def _served(stack: AsyncExitStack, app: web.Application) -> str:
    """Serve an application on a loopback port of its own until the stack closes; return its address."""
    server = TestServer(app)
    stack.push_async_callback(server.close)
    # A history makes thousands of requests; a line for each would be most of what it costs.
    await server.start_server(access_log=None)
    return str(server.make_url("")).rstrip("/")


@asynccontextmanager
async def open_world(database_url: str) -> AsyncIterator[World]:
    """Open a world over a database with the schema and no rows."""
    time = Time(morning())
    async with AsyncExitStack() as stack:
        database = await connect(database_url, HouseClock(time), connections=4)
        stack.push_async_callback(database.close)
        await database.effect(populate)
        http = await HttpClient.create(HouseClock(time))
        stack.push_async_callback(http.close)
        browser = await stack.enter_async_context(aiohttp.ClientSession())
        world = World(database, time, http, browser, Policy())
        await world.open(stack)
        yield world
