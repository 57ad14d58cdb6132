"""A browser and a shop; every test here drives Chromium and takes more than a moment."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser

from bot.kernel.clock import SystemClock
from tests import engines
from tests.browser.driving import base, chromium_open
from tests.services import Chromium
from tests.web.rig import Shop, open_shop


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: Chromium) -> AsyncIterator[Browser]:
    """One browser for a module; every test opens windows of its own in it."""
    async with chromium_open(chromium) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def shop(sqlite_url: str, usage: engines.Usage) -> AsyncIterator[Shop]:
    """The same shop as in tests/web, in real time, and a wallet that a browser can go to."""
    usage.add("memory")
    async with open_shop(sqlite_url, SystemClock()) as opened:
        wallet = await _wallet(opened)
        try:
            yield opened
        finally:
            await wallet.close()


@pytest_asyncio.fixture(loop_scope="module")
async def bazaar(sqlite_url: str, usage: engines.Usage) -> AsyncIterator[Shop]:
    """A shop whose merchant takes every wallet."""
    usage.add("memory")
    async with open_shop(sqlite_url, SystemClock(), every_wallet=True) as opened:
        wallet = await _wallet(opened)
        try:
            yield opened
        finally:
            await wallet.close()


async def _wallet(shop: Shop) -> TestServer:
    """Serve every wallet's sign-in, which knows everybody and asks nothing, and the page where they go on to pay."""

    async def sign_in(request: web.Request) -> web.StreamResponse:
        # We listen on a port that only the test knows, so the registered address leads there.
        callback = urlsplit(request.query["redirect_uri"]).path
        code = shop.wallets[request.match_info["wallet"]].code()
        raise web.HTTPFound(f"{base(shop)}{callback}?code={code}&state={request.query['state']}")

    async def pay(_: web.Request) -> web.StreamResponse:
        page = '<!doctype html><html lang="zh"><link rel="icon" href="data:,"><title>pay</title><h1>Wallet</h1></html>'
        return web.Response(text=page, content_type="text/html")

    app = web.Application()
    app.router.add_get("/authorize/{wallet}", sign_in)
    app.router.add_get("/pay", pay)
    server = TestServer(app)
    await server.start_server()
    for name, wallet in shop.wallets.items():
        wallet.url = str(server.make_url(f"/authorize/{name}"))
    shop.second.pages = str(server.make_url("/pay"))
    return server
