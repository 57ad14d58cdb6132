"""A rig for the WeChat simulator: a platform on a real port, a product that wechatpy speaks for, and a pay desk."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.replies import TextReply
from wechatpy.utils import check_signature

from bot.simulators.clock import ManualClock
from bot.simulators.wechat import Account, Person, ScanCode, WeChatPlan, make, make_webview

APPID = "wx5823bf96d3bd56c7"
SECRET = "3a1f0c6de3b24cbb8aa8e1f0b1d2c3e4"
AES_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
ALICE = Person(openid="oALICE0a1b2c3d4e5f6g7h8i9j0k", unionid="uALICE", nickname="李小满")
BOB = Person(openid="oBOB000a1b2c3d4e5f6g7h8i9j0k", unionid="uBOB", nickname="王大树", follows=False)

Hook = Callable[[Any, web.Request], Awaitable[str]]


def account(**changes: Any) -> Account:
    """An official account of the rig; keyword arguments are fields of Account."""
    return Account(
        appid=APPID, secret=SECRET, token="QDG6eK", encoding_aes_key=AES_KEY, name="幸福里物业缴费", **changes
    )


async def quiet(message: Any, request: web.Request) -> str:
    """A product with nothing to say."""
    return ""


@dataclass
class Product:
    """A product of a few lines: verifies and answers by wechatpy, shows one cashier page."""

    hook: Hook = quiet
    account: Account = field(default_factory=account)
    queries: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)
    # Takes the place of verification and reading, for tests that answer by hand.
    override: Callable[[web.Request], Awaitable[web.Response]] | None = None

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/wechat", self.verify)
        app.router.add_post("/wechat", self.receive)
        return app

    async def verify(self, request: web.Request) -> web.Response:
        if self.override:
            return await self.override(request)
        query = request.query
        check_signature(self.account.token, query["signature"], query["timestamp"], query["nonce"])
        return web.Response(text=query["echostr"])

    async def receive(self, request: web.Request) -> web.Response:
        """Take a push apart by wechatpy; a crypto or signature fault is the test's failure."""
        if self.override:
            return await self.override(request)
        query, body = dict(request.query), await request.read()
        self.queries.append(query)
        self.bodies.append(body)
        text = body
        crypto = WeChatCrypto(self.account.token, self.account.encoding_aes_key, self.account.appid)
        if self.account.mode == "safe":
            text = crypto.decrypt_message(body, query["msg_signature"], query["timestamp"], query["nonce"])
        else:
            check_signature(self.account.token, query["signature"], query["timestamp"], query["nonce"])
        message = json.loads(text) if self.account.format == "json" else parse_message(text)
        self.messages.append(message)
        answer = await self.hook(message, request)
        if answer.strip() not in ("", "success") and self.account.mode == "safe":
            answer = crypto.encrypt_message(answer, query["nonce"], query["timestamp"])
        return web.Response(text=answer, content_type="text/xml")


def says(text: str) -> Hook:
    """A product that answers every message with one text."""

    async def hook(message: Any, request: web.Request) -> str:
        return str(TextReply(content=text, message=message).render())

    return hook


class Rig:
    """A running platform with a product, and an HTTP client to order things from it."""

    def __init__(self, product: Product, clock: ManualClock, server: TestServer) -> None:
        self.product, self.clock, self.server = product, clock, server
        self.session = aiohttp.ClientSession()

    @property
    def url(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    async def get(self, path: str, /, **query: str) -> Any:
        async with self.session.get(self.url + path, params=query) as response:
            return await response.json(content_type=None)

    async def post(self, path: str, body: Any = None, /, **query: str) -> Any:
        async with self.session.post(self.url + path, json=body, params=query) as response:
            return await response.json(content_type=None)

    async def token(self) -> str:
        answer = await self.post(
            "/cgi-bin/stable_token", {"grant_type": "client_credential", "appid": APPID, "secret": SECRET}
        )
        return str(answer["access_token"])

    async def call(self, path: str, body: Any = None, /, **query: str) -> Any:
        """Call an interface with a good token: POST with a body, GET without."""
        query["access_token"] = await self.token()
        return await (self.post(path, body, **query) if body is not None else self.get(path, **query))

    async def say(self, text: str, **more: Any) -> Any:
        return await self.post("/_sim/say", {"openid": ALICE.openid, "text": text, **more})

    async def event(self, name: str, **more: Any) -> Any:
        return await self.post("/_sim/event", {"openid": ALICE.openid, "event": name, **more})

    async def chat(self) -> list[Any]:
        return list((await self.get(f"/_sim/chat/{ALICE.openid}"))["messages"])

    async def in_flight(self, delivery: int) -> None:
        """Wait until the product holds so many deliveries and the platform's deadline runs on the clock."""
        await until(lambda: len(self.product.queries) >= delivery and self.clock.sleepers > 0)


async def until(reached: Callable[[], object]) -> None:
    """Wait for something another task does, for two seconds at most."""
    for _ in range(1000):
        if reached():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("what the test waited for did not come")


@contextlib.asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[TestServer]:
    """An application on a loopback port."""
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    try:
        yield server
    finally:
        await server.close()


@contextlib.asynccontextmanager
async def rig(hook: Hook = quiet, plan: WeChatPlan | None = None, **changes: Any) -> AsyncIterator[Rig]:
    """A platform with one account whose pushes go to a product of the rig; keywords are fields of Account."""
    product = Product(hook)
    clock = ManualClock()
    async with served(product.app()) as webhook:
        owner = replace(account(**changes), webhook_url=str(webhook.make_url("/wechat")))
        product.account = owner
        given = plan or WeChatPlan(accounts=(owner,), users=(ALICE, BOB))
        async with served(make(replace(given, accounts=(owner, *given.accounts[1:])), clock)) as server:
            running = Rig(product, clock, server)
            async with running.session:
                yield running


__all__ = [
    "ALICE",
    "BOB",
    "Product",
    "Rig",
    "ScanCode",
    "account",
    "make_webview",
    "quiet",
    "rig",
    "says",
    "served",
    "until",
]
