"""A merchant for the WeChat Pay simulator, with signing of its own, and an inbox for its notices."""

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.simulators.clock import Clock, FactorClock
from bot.simulators.wechatpay import SIMULATOR, Credentials, Simulator, generate_credentials, make

APPID = "wx0000000000000001"
OPENID = "oTestPayer00000000000000001a"
JSON = dict[str, Any]


@lru_cache(maxsize=1)
def credentials() -> Credentials:
    """Keys made once for the whole run: RSA generation is what costs here."""
    return generate_credentials(appids=(APPID, "wx0000000000000002"))


@lru_cache(maxsize=8)
def _private(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def public_key(pem: str) -> rsa.RSAPublicKey:
    """A public key from a certificate or a SubjectPublicKeyInfo PEM."""
    if "CERTIFICATE" in pem:
        key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    else:
        key = serialization.load_pem_public_key(pem.encode())  # type: ignore[assignment]
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def good_signature(headers: Mapping[str, str], body: bytes, pem: str) -> bool:
    """Whether the platform's key signed these bytes under these headers."""
    message = f"{headers['Wechatpay-Timestamp']}\n{headers['Wechatpay-Nonce']}\n".encode() + body + b"\n"
    try:
        public_key(pem).verify(
            base64.b64decode(headers["Wechatpay-Signature"]), message, padding.PKCS1v15(), hashes.SHA256()
        )
    except (InvalidSignature, ValueError):
        return False
    return True


def opened(resource: Mapping[str, str], key: str) -> JSON:
    """The decrypted resource of a notice."""
    plain = AESGCM(key.encode()).decrypt(
        resource["nonce"].encode(),
        base64.b64decode(resource["ciphertext"]),
        resource["associated_data"].encode(),
    )
    facts: JSON = json.loads(plain)
    return facts


@dataclass
class Answer:
    """What came back, and whether the expected platform key signed it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> JSON:
        facts: JSON = json.loads(self.body)
        return facts

    @property
    def code(self) -> str:
        return str(self.json["code"])

    def signed_by(self, pem: str) -> bool:
        return "Wechatpay-Signature" in self.headers and good_signature(self.headers, self.body, pem)


@dataclass
class Merchant:
    """Calls the simulator as the merchant does; `claims` and `headers` let a test break one thing."""

    base: str
    session: aiohttp.ClientSession
    keys: Credentials
    clock: Clock
    notify_url: str = "http://127.0.0.1:9/notify"
    wanted: str = ""

    def sign(self, message: bytes) -> str:
        key = _private(self.keys.merchant_private_pem)
        return base64.b64encode(key.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()

    def authorization(self, method: str, target: str, body: bytes, **changes: str) -> str:
        claims = {
            "mchid": self.keys.mchid,
            "nonce_str": secrets.token_hex(16),
            "timestamp": str(int(self.clock.now().timestamp())),
            "serial_no": self.keys.merchant_cert_serial,
            **changes,
        }
        message = f"{method}\n{target}\n{claims['timestamp']}\n{claims['nonce_str']}\n".encode() + body + b"\n"
        claims.setdefault("signature", self.sign(message))
        return "WECHATPAY2-SHA256-RSA2048 " + ",".join(f'{name}="{value}"' for name, value in claims.items())

    async def call(
        self,
        method: str,
        target: str,
        facts: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        claims: Mapping[str, str] | None = None,
    ) -> Answer:
        body = b"" if facts is None else json.dumps(facts, ensure_ascii=False).encode()
        sent = {
            "Authorization": self.authorization(method, target, body, **(claims or {})),
            "Accept": "application/json",
            "Content-Type": "application/json",
            **({"Wechatpay-Serial": self.wanted} if self.wanted else {}),
            **(headers or {}),
        }
        async with self.session.request(method, self.base + target, data=body or None, headers=sent) as response:
            return Answer(response.status, response.headers, await response.read())

    def order(self, out_trade_no: str, total: int = 12850, **changes: Any) -> JSON:
        facts = {
            "appid": APPID,
            "mchid": self.keys.mchid,
            "description": "电费 2026-10",
            "out_trade_no": out_trade_no,
            "notify_url": self.notify_url,
            "amount": {"total": total, "currency": "CNY"},
            "payer": {"openid": OPENID},
        }
        return {name: value for name, value in {**facts, **changes}.items() if value is not None}

    async def create(self, out_trade_no: str, total: int = 12850, way: str = "jsapi", **changes: Any) -> Answer:
        if way != "jsapi":
            changes.setdefault("payer", None)
        return await self.call("POST", f"/v3/pay/transactions/{way}", self.order(out_trade_no, total, **changes))

    async def query(self, out_trade_no: str) -> Answer:
        target = f"/v3/pay/transactions/out-trade-no/{out_trade_no}?mchid={self.keys.mchid}"
        return await self.call("GET", target)

    async def close(self, out_trade_no: str) -> Answer:
        target = f"/v3/pay/transactions/out-trade-no/{out_trade_no}/close"
        return await self.call("POST", target, {"mchid": self.keys.mchid})

    async def refund(self, out_trade_no: str, out_refund_no: str, refund: int, total: int) -> Answer:
        return await self.call(
            "POST",
            "/v3/refund/domestic/refunds",
            {
                "out_trade_no": out_trade_no,
                "out_refund_no": out_refund_no,
                "notify_url": self.notify_url,
                "amount": {"refund": refund, "total": total, "currency": "CNY"},
            },
        )

    async def control(self, method: str, path: str, facts: object = None) -> JSON:
        async with self.session.request(method, f"{self.base}/_sim/{path}", json=facts) as response:
            told: JSON = await response.json()
            return {"http": response.status, **told}

    async def pay(self, **facts: Any) -> JSON:
        return await self.control("POST", "pay", {"openid": OPENID, **facts})


@dataclass
class Inbox:
    """Where notices arrive; `statuses` are answered in turn, then `accepted` for ever."""

    statuses: list[int] = field(default_factory=list)
    accepted: int = 204
    received: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        async with self.arrived:
            self.received.append((dict(request.headers), body))
            self.arrived.notify_all()
        return web.Response(status=self.statuses.pop(0) if self.statuses else self.accepted)

    async def wait(self, count: int) -> list[tuple[Mapping[str, str], bytes]]:
        """The first so many notices, within five seconds of real time."""
        async with self.arrived:
            await asyncio.wait_for(self.arrived.wait_for(lambda: len(self.received) >= count), 5)
        return self.received[:count]

    def facts(self, index: int = 0) -> JSON:
        envelope: JSON = json.loads(self.received[index][1])
        return opened(envelope["resource"], credentials().apiv3_key)


@dataclass
class Rig:
    """A running simulator with its merchant and inbox."""

    merchant: Merchant
    inbox: Inbox
    sim: Simulator
    clock: Clock


@asynccontextmanager
async def running(clock: Clock | None = None, **changes: Any) -> AsyncIterator[Rig]:
    """Start simulator and inbox on loopback ports; keyword arguments are fields of WeChatPayPlan."""
    clock = clock or FactorClock(1000)
    inbox = Inbox()
    receiver = web.Application()
    receiver.router.add_post("/notify{further:.*}", inbox.take)
    plan = credentials().plan(**{"hang_seconds": 0.05, "notice_timeout": 2.0, **changes})
    app = make(plan, clock)
    async with TestServer(receiver) as home, TestServer(app) as server, aiohttp.ClientSession() as session:
        merchant = Merchant(
            base=str(server.make_url("")).rstrip("/"),
            session=session,
            keys=credentials(),
            clock=clock,
            notify_url=str(home.make_url("/notify")),
        )
        yield Rig(merchant, inbox, app[SIMULATOR], clock)


async def until(condition: Callable[[], Awaitable[bool] | bool], seconds: float = 5.0) -> None:
    """Poll a condition on real time, for at most so many seconds."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return
        assert asyncio.get_running_loop().time() < end, "the condition did not come true in time"
        await asyncio.sleep(0.002)


def age(moment: str, now: datetime) -> float:
    """Seconds between a wire time and now."""
    return abs((now - datetime.fromisoformat(moment)).total_seconds())
