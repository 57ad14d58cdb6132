"""A running bank simulator with an inbox for its notices."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.simulators.bankapp import SIMULATOR, Credentials, Simulator, generate_credentials, make
from bot.simulators.clock import Clock, FactorClock
from tests.simulators.pay_rig import JSON, Inbox


@lru_cache(maxsize=1)
def credentials() -> Credentials:
    """Keys made once for the whole run: RSA generation is what costs here."""
    return generate_credentials()


@dataclass
class Rig:
    """A running simulator, its inbox, and the tester's hand on it."""

    base: str
    notify_url: str
    inbox: Inbox
    sim: Simulator
    clock: Clock
    session: aiohttp.ClientSession

    async def control(self, path: str, facts: object = None) -> JSON:
        async with self.session.post(f"{self.base}/_sim/{path}", json=facts or {}) as response:
            told: JSON = await response.json()
            return {"http": response.status, **told}

    async def look(self, path: str) -> JSON:
        async with self.session.get(f"{self.base}/_sim/{path}") as response:
            told: JSON = await response.json()
            return told

    async def pay(self, out_trade_no: str) -> str:
        return str((await self.control("pay", {"out_trade_no": out_trade_no}))["result"])


@asynccontextmanager
async def running(clock: Clock | None = None, **changes: Any) -> AsyncIterator[Rig]:
    """Start simulator and inbox on loopback ports; keyword arguments are fields of BankPlan."""
    clock = clock or FactorClock(1000)
    inbox = Inbox(accepted=200)
    receiver = web.Application()
    receiver.router.add_post("/notify", inbox.take)
    plan = credentials().plan(**{"hang_seconds": 0.05, "notice_timeout": 2.0, **changes})
    app = make(plan, clock)
    async with TestServer(receiver) as home, TestServer(app) as server, aiohttp.ClientSession() as session:
        base = str(server.make_url("")).rstrip("/")
        yield Rig(base, str(home.make_url("/notify")), inbox, app[SIMULATOR], clock, session)
