"""A running Alipay simulator with a merchant's hand on its control interface, and an inbox for its notices."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bot.simulators.alipay import SIMULATOR, Credentials, Simulator, generate_credentials, make
from bot.simulators.alipay.book import wire_time
from bot.simulators.clock import Clock, FactorClock

BUYER = "2088000000009001"
JSON = dict[str, Any]


@lru_cache(maxsize=1)
def credentials() -> Credentials:
    """Keys made once for the whole run: RSA generation is what costs here."""
    return generate_credentials()


@lru_cache(maxsize=4)
def _private(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@dataclass
class Inbox:
    """Where notices arrive; `answers` are given in turn, then success for ever."""

    answers: list[tuple[int, str]] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        async with self.arrived:
            self.received.append(body)
            self.arrived.notify_all()
        status, text = self.answers.pop(0) if self.answers else (200, "success")
        return web.Response(status=status, text=text)

    async def wait(self, count: int) -> list[bytes]:
        """The first so many notices, within five seconds of real time."""
        async with self.arrived:
            await asyncio.wait_for(self.arrived.wait_for(lambda: len(self.received) >= count), 5)
        return self.received[:count]

    def fields(self, index: int = 0) -> dict[str, str]:
        return dict(parse_qsl(self.received[index].decode(), keep_blank_values=True))


@dataclass
class Rig:
    """A running simulator; `call` speaks to it as an application does, with signing of its own."""

    base: str
    notify_url: str
    session: aiohttp.ClientSession
    inbox: Inbox
    sim: Simulator
    clock: Clock

    async def control(self, method: str, path: str, facts: object = None) -> JSON:
        async with self.session.request(method, f"{self.base}/_sim/{path}", json=facts) as response:
            told: JSON = await response.json()
            return {"http": response.status, **told}

    async def pay(self, **facts: Any) -> JSON:
        return await self.control("POST", "pay", facts)

    async def call(self, method: str, content: Mapping[str, Any] | None = None, **changes: str) -> JSON:
        """One method with its content; the whole answer, signature included."""
        parameters = self.parameters(method, content, **changes)
        async with self.session.post(f"{self.base}/gateway.do", data=parameters) as response:
            told: JSON = json.loads(await response.read())
            return told

    def parameters(self, method: str, content: Mapping[str, Any] | None = None, **changes: str) -> dict[str, str]:
        parameters = {
            "app_id": credentials().app_id,
            "method": method,
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": wire_time(self.clock.now()),
            "version": "1.0",
            "notify_url": self.notify_url,
            **({"biz_content": json.dumps(content)} if content is not None else {}),
            **changes,
        }
        if "sign" not in changes:
            text = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
            key = _private(credentials().app_private_pem)
            parameters["sign"] = base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
        return parameters

    def page(self, method: str, content: Mapping[str, Any]) -> str:
        return f"{self.base}/gateway.do?{urlencode(self.parameters(method, content))}"


@asynccontextmanager
async def running(clock: Clock | None = None, **changes: Any) -> AsyncIterator[Rig]:
    """Start simulator and inbox on loopback ports; keyword arguments are fields of AlipayPlan."""
    clock = clock or FactorClock(1000)
    inbox = Inbox()
    receiver = web.Application()
    receiver.router.add_post("/notify", inbox.take)
    plan = credentials().plan(**{"hang_seconds": 0.05, "notice_timeout": 2.0, "settle_seconds": 0.0, **changes})
    app = make(plan, clock)
    async with TestServer(receiver) as home, TestServer(app) as server, aiohttp.ClientSession() as session:
        base, url = str(server.make_url("")).rstrip("/"), str(home.make_url("/notify"))
        yield Rig(base, url, session, inbox, app[SIMULATOR], clock)


async def until(condition: Callable[[], Awaitable[bool] | bool], seconds: float = 5.0) -> None:
    """Poll a condition on real time, for at most so many seconds."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return
        assert asyncio.get_running_loop().time() < end, "the condition did not come true in time"
        await asyncio.sleep(0.002)
