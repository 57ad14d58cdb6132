"""Customers' pictures come from the platform's store by their id, within bounds, and from nowhere else."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.channels.official.client import WeChatClient
from bot.channels.platform.client import MEDIA_BYTES_MAX
from bot.channels.platform.errors import WeChatError
from bot.channels.platform.media import MediaStore
from bot.kernel.clock import ManualClock, SystemClock
from bot.kernel.errors import BadRequest, BotError, GatewayTrouble, NotFound
from bot.outside.http import HttpClient, NoAnswer
from tests.channels.fakes import FakeStore
from tests.channels.samples import account

PICTURE = b"\xff\xd8 a picture"
KINDS = {
    "ok": ("image/jpeg", PICTURE),
    "large": ("image/png", b"x" * (MEDIA_BYTES_MAX + 1)),
    "page": ("text/html", b"<html>"),
    "video": ("video/mp4", b"x"),
    "svg": ("image/svg+xml", b"<svg/>"),
    "refused": ("application/json", b'{"errcode":40007,"errmsg":"invalid media_id"}'),
    "refused-as-text": ("text/plain", b'{"errcode":40007,"errmsg":"invalid media_id"}'),
}


@pytest.fixture
async def store(clock: ManualClock) -> AsyncIterator[tuple[MediaStore, list[str]]]:
    """A store over a platform that answers by the id; with the paths and queries that it was asked for."""
    asked: list[str] = []
    tokens = iter(("t1", "t2", "t3"))

    async def token(request: web.Request) -> web.Response:
        return web.json_response({"access_token": next(tokens), "expires_in": 7200})

    async def media(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        media_id = request.query["media_id"]
        if media_id == "expired-token" and request.query["access_token"] == "t1":
            return web.json_response({"errcode": 40001, "errmsg": "invalid credential"})
        kind, body = KINDS["ok" if media_id == "expired-token" else media_id]
        if media_id == "moved":
            raise web.HTTPFound("http://127.0.0.1:1/")
        return web.Response(body=body, headers={"Content-Type": kind})

    app = web.Application()
    app.router.add_post("/cgi-bin/stable_token", token)
    app.router.add_get("/cgi-bin/media/get", media)
    server = TestServer(app)
    await server.start_server()
    http = await HttpClient.create(SystemClock())
    client = WeChatClient(account(api_base=str(server.make_url("")).rstrip("/")), http, FakeStore(clock), SystemClock())
    yield MediaStore({"main": client}), asked
    await client.close()
    await http.close()
    await server.close()


Store = tuple[MediaStore, list[str]]


async def test_a_picture_is_fetched_by_its_id(store: Store) -> None:
    assert await store[0].picture("main", "ok") == PICTURE
    assert store[1] == ["/cgi-bin/media/get?access_token=t1&media_id=ok"]


@pytest.mark.parametrize(
    ("media_id", "fault"),
    [
        ("large", NoAnswer),
        ("page", GatewayTrouble),
        ("video", GatewayTrouble),
        ("svg", GatewayTrouble),
        ("refused", WeChatError),
        ("refused-as-text", WeChatError),
    ],
)
async def test_anything_else_is_none(store: Store, media_id: str, fault: type[BotError]) -> None:
    with pytest.raises(fault) as caught:
        await store[0].picture("main", media_id)

    assert "t1" not in str(caught.value)


async def test_a_refused_token_is_replaced_once(store: Store) -> None:
    assert await store[0].picture("main", "expired-token") == PICTURE
    assert len(store[1]) == 2


@pytest.mark.parametrize("media_id", ["", "../token", "a b", "x" * 129, "id&access_token=1", "http://evil/"])
async def test_what_is_no_id_is_asked_for_nowhere(store: Store, media_id: str) -> None:
    with pytest.raises(BadRequest):
        await store[0].picture("main", media_id)

    assert store[1] == []


async def test_another_account_has_no_pictures(store: Store) -> None:
    with pytest.raises(NotFound):
        await store[0].picture("other", "ok")
