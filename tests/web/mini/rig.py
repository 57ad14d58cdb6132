"""A shop with a mini-program in front of it: visitors whom a scripted WeChat knows, and a gateway that pays in it."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.channels.miniprogram.client import MiniClient, Phone, Visitor
from bot.channels.platform.errors import BadCode, WeChatError
from bot.kernel.clock import Clock
from bot.kernel.ids import random_text
from bot.kernel.masking import Secret
from bot.payments.facts import Created, Declined, NewCharge, Paid, Way
from bot.payments.registry import Gateways
from bot.payments.room import Means, furnish
from bot.settings import MiniSection
from bot.wiring import application
from tests.web.rig import MERCHANT, SECRET, URL, NoticeGateway, Shop, open_shop

BASE = "/api/mini/v1"
APPID = "wxmini"
SESSION_KEY = "tiihtNczf5v6AKRyjwEUhQ=="


class MiniGateway(NoticeGateway):
    """Hands over what wx.requestPayment takes."""

    def _create(self, request: NewCharge) -> Created | Paid | Declined:
        made = super()._create(request)
        if not isinstance(made, Created) or request.way is not Way.MINI:
            return made
        package = f"prepay_id={request.out_trade_no}"
        names = {"appId": request.payer_app or "", "timeStamp": "1", "nonceStr": "n", "package": package}
        return Created({**names, "signType": "RSA", "paySign": "s"})


@dataclass
class WeChat:
    """Stands in for MiniClient: each code is good once."""

    codes: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def code(self, person: str) -> str:
        code = random_text(32)
        self.codes[code] = person
        return code

    async def visitor(self, code: str) -> Visitor:
        person = self._spend(code)
        return Visitor(f"o{person}", f"u{person}", Secret(SESSION_KEY))

    async def phone(self, code: str) -> Phone:
        self._spend(code)
        return Phone("13800138000", "86")

    def _spend(self, code: str) -> str:
        if code in self.used:
            raise BadCode(40163)
        if code == "risky":
            raise WeChatError(40226)
        if code not in self.codes:
            raise BadCode(40029)
        self.used.add(code)
        return self.codes[code]


@dataclass(frozen=True)
class Heard:
    """An answer of the API."""

    status: int
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Person:
    """A customer's page in the mini-program."""

    client: TestClient[web.Request, web.Application]
    token: str = ""

    async def get(self, path: str) -> Heard:
        return await self.ask("GET", path)

    async def post(self, path: str, body: Any = None, key: str | None = None) -> Heard:
        return await self.ask("POST", path, {} if body is None else body, key)

    async def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> Heard:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if method != "GET":
            headers["Idempotency-Key"] = random_text(20) if key is None else key
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        async with self.client.request(method, BASE + path, headers=headers, data=data) as answer:
            return Heard(answer.status, await answer.text())


@dataclass
class Mini:
    """The shop, its mini-program and its people."""

    shop: Shop
    wechat: WeChat
    gateway: MiniGateway
    client: TestClient[web.Request, web.Application]

    async def person(self, name: str = "one") -> Person:
        found = await Person(self.client).post("/login", {"appid": APPID, "code": self.wechat.code(name)})
        assert found.status == 200, found
        return Person(self.client, found.json["token"])

    async def order(self, person: Person, amount: int = 2550) -> Mapping[str, Any]:
        quote = await person.post("/quotes", {"lines": [{"item": "itm_meal", "amount": amount}]})
        assert quote.status == 200, quote
        placed = await person.post("/orders", {"quote": quote.json["id"]})
        assert placed.status == 200, placed
        found: Mapping[str, Any] = placed.json
        return found


@asynccontextmanager
async def open_mini(database_url: str, clock: Clock) -> AsyncIterator[Mini]:
    async with open_shop(database_url, clock) as shop:
        gateway = MiniGateway(clock)
        gateway.can = gateway.can | {Way.MINI}
        plain, wechat = shop.house, WeChat()
        gateways = Gateways({"scripted": gateway}, {"wechat": "scripted"}, URL)
        means = Means(plain.database, clock, plain.vault, gateways, plain.billers, SECRET.encode())
        section = MiniSection.model_validate(
            {"appid": APPID, "secret": "s", "token": "AAAAA", "mode": "plain", "cities": {"杭州": [MERCHANT.id]}}
        )
        file = plain.settings.file.model_copy(update={"mini": {"mini": section}})
        settings = plain.settings.model_copy(update={"file": file})
        house = replace(
            plain,
            settings=settings,
            mini_clients=cast("Mapping[str, MiniClient]", {"mini": wechat}),
            payments=furnish(means),
        )
        async with TestClient(TestServer(application(house))) as client:
            yield Mini(replace(shop, house=house, gateway=gateway), wechat, gateway, client)
