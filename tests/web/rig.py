"""The web over real rooms, with a scripted gateway and a scripted wallet behind it."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from bot.billers.catalogue import Merchant, Store, put_item, put_merchant, put_store
from bot.billers.codes import add_code
from bot.billers.items import AmountKind, AmountRule, BillItem, Flow, ItemDefinition
from bot.billers.port import Line, Quote
from bot.kernel.clock import Clock
from bot.kernel.errors import BadRequest
from bot.kernel.ids import random_text
from bot.outside.breaker import Patience
from bot.payments.facts import Created, Declined, NewCharge, Notice, Paid, PayerId, RawNotice, Unverified, Way
from bot.payments.gatekeeper import Placing
from bot.payments.ports import SignIn
from bot.payments.registry import Gateways
from bot.payments.room import Means, furnish
from bot.payments.routing import Health, Rule
from bot.payments.values import Order
from bot.settings import ConfigFile, Environment, Settings
from bot.storage.port import Tx
from bot.web.payers import WalletBook
from bot.wiring import House, application, open_house
from tests.payments.scripted_gateway import APP, ScriptedGateway

SECRET = "a secret of the tests, at least 32 long"
URL = "http://127.0.0.1:8080"
WALLET_URL = "https://wallet.example/authorize"

WECHAT = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Mobile Safari/537.36 MicroMessenger/8.0.50"
DESKTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
ANDROID = "Mozilla/5.0 (Linux; Android 14; V2309A) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36"
SAFARI = f"{IPHONE} Version/17.5 Mobile/15E148 Safari/604.1"
ALIPAY = f"{IPHONE} AliApp(AP/10.5.96) AlipayClient/10.5.96"
CLOUD_PAY = f"{ANDROID} (com.unionpay.chsp) UnionPay/1.0 CloudPay"
BANK = f"{ANDROID} ExampleBank/7.1"

MERCHANT = Merchant("mer_1", "老街面馆有限公司", "老街面馆", "active", {"scripted": "main", "second": "main"})
STORE = Store("sto_1", MERCHANT.id, "中山路店", "中山路 18 号", "active")
MEAL = ItemDefinition(
    flow=Flow.DIRECT, amount=AmountRule(kind=AmountKind.ANY, minimum=100, maximum=500_000), quote_seconds=600
)

_HIDDEN = re.compile(r'name="nonce" value="([0-9A-Za-z]{24})"')


class NoticeGateway(ScriptedGateway):
    """The scripted gateway, whose notices are genuine when they say so in a header."""

    def read_notice(self, raw: RawNotice, now: Any) -> Notice | Unverified:
        if raw.account != "main":
            return Unverified("unknown_account", 404)
        if raw.headers.get("x-genuine") != "yes":
            return Unverified("bad_signature")
        number = json.loads(raw.body)["out_trade_no"]
        return self.notice(self.pay(number))


class WalletsGateway(NoticeGateway):
    """A gateway that takes every wallet's payments in every way, and hands over what each of them needs."""

    pages = "https://wallet.example/pay"

    def _create(self, request: NewCharge) -> Created | Paid | Declined:
        made = super()._create(request)
        if not isinstance(made, Created):
            return made
        if request.way is Way.NATIVE:
            return Created({"qr_code": f"https://qr.wallet.example/{request.out_trade_no}"})
        if request.way is Way.JSAPI and request.payer_app == "alipay_app":
            return Created({"trade_no": f"2026{request.out_trade_no}"})
        if request.way is Way.JSAPI and request.payer_app == APP:
            return made
        return Created({"url": f"{self.pages}?no={request.out_trade_no}"})


EVERY_WAY = frozenset({Way.JSAPI, Way.NATIVE, Way.H5, Way.REDIRECT, Way.CLOSE, Way.REFUND})
# The merchant's WeChat payments go the one way first and the other way where that fails.
ROUTES = (Rule("wechat", "scripted", priority=1), Rule("wechat", "second", priority=2))


@dataclass
class ScriptedWallet:
    """Implements ``payments.ports.Wallet``: codes are good once, as WeChat's are."""

    name: str = "wechat"
    codes: dict[str, PayerId | Exception] = field(default_factory=dict)
    url: str = WALLET_URL
    app: str = APP

    def authorize_url(self, back: str, state: str) -> str:
        return f"{self.url}?redirect_uri={back}&state={state}"

    async def identify(self, code: str) -> PayerId:
        found = self.codes.pop(code, None)
        if found is None:
            raise BadRequest("oauth_code_spent", "open the page again")
        if isinstance(found, Exception):
            raise found
        return found

    def code(self, subject: str = "openid-1", *, snapshot: bool = False) -> str:
        """Give out a code for a person."""
        code = random_text(16)
        self.codes[code] = PayerId(self.name, self.app, subject, snapshot=snapshot)
        return code

    @property
    def sign_in(self) -> SignIn:
        return SignIn(self, lambda query, _: query.get("code", ""))


@dataclass(frozen=True)
class Seen:
    """An answer as a test looks at it."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def location(self) -> str:
        return self.headers["Location"]

    @property
    def cookie(self) -> str:
        return self.headers.get("Set-Cookie", "")

    @property
    def state(self) -> str:
        """The state in the redirect to the wallet."""
        return parse_qs(urlsplit(self.location).query)["state"][0]

    @property
    def nonce(self) -> str:
        found = _HIDDEN.search(self.text)
        assert found is not None, self.text
        return found[1]


class Browser:
    """One browser with its own cookies; redirects are shown, not followed."""

    def __init__(self, shop: "Shop", client: TestClient[web.Request, web.Application], agent: str) -> None:
        self.shop = shop
        self.client = client
        self.agent = agent

    async def get(self, path: str, **headers: str) -> Seen:
        return await self._ask("GET", path, headers, None)

    async def post(self, path: str, data: Any = None, **headers: str) -> Seen:
        return await self._ask("POST", path, headers, data)

    async def send(self, method: str, path: str, data: Any = None) -> Seen:
        return await self._ask(method, path, {}, data)

    async def _ask(self, method: str, path: str, headers: Mapping[str, str], data: Any) -> Seen:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"User-Agent": self.agent, "Accept": "text/html", **named}
        async with self.client.request(method, path, headers=sent, data=data, allow_redirects=False) as answer:
            body = await answer.read()
            return Seen(answer.status, dict(answer.headers), body.decode("utf-8", "replace"))

    async def sign_in(self, path: str, subject: str = "openid-1", wallet: str = "wechat") -> Seen:
        """Open a page of a payer, go through the wallet, and come back to the page."""
        signer = self.shop.wallets[wallet]
        sent = await self.get(path)
        assert sent.status == 302 and sent.location.startswith(signer.url), sent
        back = await self.come_back(sent, signer.code(subject))
        assert back.status == 303 and back.location == path, back
        return await self.get(back.location)

    async def come_back(self, sent: Seen, code: str) -> Seen:
        """Return from the wallet to the address that we gave it."""
        callback = urlsplit(parse_qs(urlsplit(sent.location).query)["redirect_uri"][0]).path
        return await self.get(f"{callback}?code={code}&state={sent.state}")

    async def charge(self, order: Order, how: str = "") -> Seen:
        """Press the button of the cashier's page; ``how`` is what the page chose, such as ``with=alipay``."""
        path = f"/cashier/{order.token}/charge{'?' if how else ''}{how}"
        return await self.post(path, X_Scenepay="cashier", Accept="application/json")

    async def type_amount(self, amount: str, nonce: str, *, accept: str = "application/json") -> Seen:
        """Send the form of the store's page."""
        form = {"amount": amount, "nonce": nonce}
        return await self.post(f"/q/{self.shop.code}/order", form, Accept=accept)


@dataclass
class Shop:
    """A merchant with one store and its code, and browsers in front of it."""

    house: House
    server: TestServer
    gateway: NoticeGateway
    wallet: ScriptedWallet
    code: str
    clients: list[TestClient[web.Request, web.Application]]
    second: WalletsGateway
    wallets: Mapping[str, ScriptedWallet]

    @property
    def clock(self) -> Clock:
        return self.house.clock

    async def browser(self, agent: str = WECHAT) -> Browser:
        # The test server has an address instead of a name, and cookies of addresses are unsafe.
        client = TestClient(self.server, cookie_jar=CookieJar(unsafe=True))
        self.clients.append(client)
        return Browser(self, client, agent)

    async def order(self, amount: int = 2_550, *, seconds: float = 900) -> Order:
        quote = Quote(
            id=f"quo_{random_text(24)}",
            merchant_id=MERCHANT.id,
            store_id=None,
            scene="dining",
            title="中山路店 买单",
            payee=MERCHANT.name,
            lines=(Line("itm_meal", amount, "中山路店 买单"),),
            amount=amount,
            expires_at=self.clock.now() + timedelta(seconds=seconds),
        )
        placed = await self.house.payments.orders.place(quote, Placing(origin="chat", trace_id="trc_of_the_order"))
        assert isinstance(placed, Order), placed
        return placed

    async def pay(self, order: Order, gateway: NoticeGateway | None = None) -> None:
        """The payer has paid: bring the gateway's word into the books."""
        taker = gateway or self.gateway
        notice = taker.notice(taker.pay(list(taker.charges)[-1]))
        await self.house.payments.notices.take(taker.name, notice, "trc_notice")

    async def execute(self, sql: str, *values: Any) -> int:
        return await self.house.database.effect(lambda tx: tx.execute(sql, *values))

    async def rows(self, sql: str, *values: Any) -> list[Any]:
        return list(await self.house.database.rows(sql, *values))

    async def new_code(self, item_id: str | None, *, store_id: str | None = STORE.id) -> str:
        async def add(tx: Tx) -> str:
            return await add_code(
                tx, self.clock, kind="static", merchant_id=MERCHANT.id, store_id=store_id, item_id=item_id
            )

        return await self.house.database.effect(add)

    async def put_item(self, id_: str, definition: ItemDefinition, state: str = "active") -> None:
        item = BillItem(
            id=id_,
            merchant_id=MERCHANT.id,
            merchant_name=MERCHANT.name,
            merchant_short_name=MERCHANT.short_name,
            scene="dining",
            name="买单",
            biller="hosted",
            definition=definition,
            state="active" if state == "active" else "paused",
        )
        await self.house.database.effect(lambda tx: put_item(tx, item, self.clock))
        self.house.catalogue.forget()

    async def audit(self) -> Mapping[str, int]:
        """How many rows the tables of money hold."""
        counts = {}
        for table in ("orders", "charges", "inbox", "postings", "suspense"):
            counts[table] = (await self.rows(f"SELECT COUNT(*) AS n FROM {table}"))[0]["n"]  # noqa: S608 - Literals.
        return counts


@asynccontextmanager
async def open_shop(
    database_url: str,
    clock: Clock,
    *,
    public_url: str = URL,
    trusted_proxies: tuple[str, ...] = (),
    every_wallet: bool = False,
) -> AsyncIterator[Shop]:
    """Open a house without gateways of its own, put the scripted ones in, and serve it.

    ``every_wallet`` lets the merchant be paid with all of them, through a second gateway; else only with WeChat.
    """
    environment = Environment(
        database_url=database_url,
        redis_url="memory://",
        public_url=public_url,
        secret_key=SECRET,  # type: ignore[arg-type]  # Pydantic makes it a SecretStr.
    )
    file = ConfigFile(trusted_proxies=trusted_proxies, bank_apps=("ExampleBank/",))
    settings = Settings(environment=environment, file=file)
    async with open_house(settings, clock) as plain:
        gateway, second = NoticeGateway(clock), WalletsGateway(clock, name="second", can=EVERY_WAY)
        wallets = {name: ScriptedWallet(name, app=f"{name}_app") for name in ("alipay", "unionpay")}
        wallets["wechat"] = ScriptedWallet()
        gateways = _gateways(gateway, second, public_url, clock, every_wallet=every_wallet)
        means = Means(plain.database, clock, plain.vault, gateways, plain.billers, SECRET.encode())
        # The other account is signed in for by the same wallet, and takes no money of anybody's here.
        places = [("wechat", "scripted", "main"), ("wechat", "scripted", "other")]
        places += [(name, "second", "main") for name in wallets] if every_wallet else []
        book = WalletBook({place: wallets[place[0]].sign_in for place in places})
        house = replace(plain, payments=furnish(means), wallets=book, gateways={"scripted": gateway, "second": second})
        server = TestServer(application(house))
        shop = Shop(house, server, gateway, wallets["wechat"], "", [], second, wallets)
        await house.database.effect(lambda tx: put_merchant(tx, MERCHANT, clock))
        await house.database.effect(lambda tx: put_store(tx, STORE, clock))
        await shop.put_item("itm_meal", MEAL)
        shop.code = await shop.new_code("itm_meal")
        await server.start_server()
        try:
            yield shop
        finally:
            for client in shop.clients:
                await client.close()
            await server.close()


def _gateways(
    gateway: NoticeGateway, second: WalletsGateway, public_url: str, clock: Clock, *, every_wallet: bool
) -> Gateways:
    if not every_wallet:
        return Gateways({"scripted": gateway}, {"wechat": "scripted"}, public_url)
    wallets = {"wechat": "scripted"} | dict.fromkeys(("alipay", "unionpay", "bankapp"), "second")
    health = Health(clock, Patience(failures=3, rest=30))
    return Gateways({"scripted": gateway, "second": second}, wallets, public_url, rules=ROUTES, health=health)
