"""Large type on our pages: asked for once by a link, remembered by the browser, kept through a redirect."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.web.answers import page
from bot.web.large import COOKIE, large_middleware

ERROR: dict[str, Any] = {"title": "t", "happened": "h", "todo": "d", "trace": "x"}


async def show(request: web.Request) -> web.StreamResponse:
    if request.path == "/away":
        raise web.HTTPFound("/page")
    return page("base/error.html", **ERROR)


@pytest.fixture
async def client() -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application(middlewares=[large_middleware(secure=False)])
    app.router.add_get("/{any}", show)
    async with TestClient(TestServer(app)) as opened:
        yield opened


async def is_large(client: TestClient[web.Request, web.Application], path: str) -> bool:
    answer = await client.get(path)
    return 'class="large"' in await answer.text()


async def test_it_is_asked_for_and_remembered(client: TestClient[web.Request, web.Application]) -> None:
    assert not await is_large(client, "/page")
    assert await is_large(client, "/page?large=1")
    assert await is_large(client, "/page")
    assert not await is_large(client, "/page?large=0")
    assert not await is_large(client, "/page")


async def test_it_is_kept_through_a_redirect(client: TestClient[web.Request, web.Application]) -> None:
    assert await is_large(client, "/away?large=1")


@pytest.mark.parametrize("value", ["2", "yes", "", "1x"])
async def test_anything_else_changes_nothing(client: TestClient[web.Request, web.Application], value: str) -> None:
    answer = await client.get(f"/page?large={value}")

    assert 'class="large"' not in await answer.text()
    assert COOKIE not in answer.cookies
