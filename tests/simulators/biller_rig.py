"""Calls the biller simulator as Scenepay does, with signing written from docs/connector.md once more."""

import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer

from bot.simulators.biller import BILLER, Account, Bill, Biller, BillerPlan, make
from bot.simulators.clock import Clock, FactorClock

SECRET = "s" * 16 + "0123456789abcdef"
CODE = "city-power"
BILL = Bill("E202610-1", "2026-10", 12850, "2026-11-20", detail={"用电量": "257 千瓦时"})
LATE = Bill("E202609-1", "2026-09", 10000, "2026-10-20", late_fee=150)
HOME = Account("0100000001", "张*明", "…3栋2单元5**", "electricity", fields={"city": "510100"}, bills=(LATE, BILL))
LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
JSON = dict[str, Any]


@dataclass
class Answer:
    """A raw answer with its check by the document's rule."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    nonce: str

    @property
    def json(self) -> JSON:
        facts: JSON = json.loads(self.body)
        return facts

    @property
    def signed(self) -> bool:
        stamp = self.headers.get("Scenepay-Timestamp", "")
        message = f"{stamp}\n{self.nonce}\n{self.status}\n".encode() + self.body
        expected = "v1=" + hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, self.headers.get("Scenepay-Signature", ""))


@dataclass
class Caller:
    """Calls the biller as Scenepay does."""

    base: str
    session: aiohttp.ClientSession
    biller: Biller
    clock: Clock

    async def call(
        self, operation: str, facts: object, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        path = f"/v1/{operation}"
        headers = headers or {}
        raw = json.dumps(facts, ensure_ascii=False).encode() if body is None else body
        stamp = headers.get("Scenepay-Timestamp", str(int(self.clock.now().timestamp())))
        nonce = headers.get("Scenepay-Nonce", secrets.token_hex(16))
        message = f"POST\n{path}\n{stamp}\n{nonce}\n".encode() + raw
        sent = {
            "Scenepay-Biller": CODE,
            "Scenepay-Timestamp": stamp,
            "Scenepay-Nonce": nonce,
            "Scenepay-Signature": "v1=" + hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest(),
            **headers,
        }
        async with self.session.post(self.base + path, data=raw, headers=sent) as response:
            return Answer(response.status, response.headers, await response.read(), nonce)

    async def told(self, operation: str, **facts: Any) -> JSON:
        answer = await self.call(operation, facts)
        assert answer.status == 200, answer.body
        assert answer.signed
        return answer.json

    async def query(self, account: str = HOME.account, **changes: Any) -> JSON:
        facts = {"item": "electricity", "fields": {"city": "510100"}, "period": None, **changes}
        return await self.told("bills/query", account=account, **facts)

    async def advise(self, line_id: str, **changes: Any) -> JSON:
        facts = advice(line_id, **changes)
        return await self.told("payments/advise", **facts)

    async def undo(self, line_id: str, amount: int = 12850) -> JSON:
        return await self.told("payments/undo", line_id=line_id, amount=amount, reason="用户申请退款")

    async def control(self, path: str, facts: object = None) -> JSON:
        method = "GET" if facts is None else "POST"
        async with self.session.request(method, f"{self.base}/_sim/{path}", json=facts) as response:
            told: JSON = await response.json()
            return told


def advice(line_id: str, **changes: Any) -> JSON:
    return {
        "line_id": line_id,
        "account": HOME.account,
        "bill_no": BILL.bill_no,
        "period": BILL.period,
        "amount": BILL.amount,
        "paid_at": "2026-11-10T12:00:00+08:00",
        **changes,
    }


@asynccontextmanager
async def running(clock: Clock | None = None, **changes: Any) -> AsyncIterator[Caller]:
    clock = clock or FactorClock(1000)
    plan = BillerPlan(CODE, SECRET, **{"accounts": (HOME,), "hang_seconds": 0.05, **changes})
    app = make(plan, clock)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        yield Caller(str(server.make_url("")).rstrip("/"), session, app[BILLER], clock)
