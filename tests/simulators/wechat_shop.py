"""A small product with a cashier page and a feed of events, and a pay desk, for tests of the phone."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web

from bot.simulators.clock import FactorClock
from bot.simulators.wechat import ScanCode, WeChatPlan, make, make_webview
from tests.simulators.wechat_rig import ALICE, APPID, BOB, SECRET, Product, account, served

MENU = {
    "button": [
        {
            "name": "缴费",
            "sub_button": [
                {"type": "click", "name": "物业费", "key": "PROPERTY"},
                {"type": "click", "name": "电费", "key": "POWER"},
            ],
        },
        {"type": "click", "name": "我的账单", "key": "BILLS"},
        {"type": "click", "name": "人工客服", "key": "HUMAN"},
    ]
}
CASHIER = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>收银台</title>
<style nonce="page">body{font:16px/1.5 system-ui,"WenQuanYi Zen Hei";margin:0;background:#f5f5f5;text-align:center}
main{background:#fff;margin:12px;padding:28px 16px;border-radius:10px}b{font-size:38px}
button{width:calc(100% - 24px);height:48px;border:0;border-radius:8px;background:#07c160;color:#fff;font-size:17px}
</style></head><body><main><p>幸福里小区物业</p><b>¥286.50</b><p>2025年11月 物业费</p>
<a href="PUBLIC/cashier/help">说明</a></main>
<button id="pay">微信支付</button><p id="state">待支付</p>
<script nonce="page">
document.body.dataset.ua = navigator.userAgent;
const state = document.getElementById("state");
new EventSource("/cashier/events").onmessage = (event) => { state.textContent = event.data; };
document.getElementById("pay").onclick = async () => {
  const answer = await fetch("PUBLIC/cashier/pay", {method: "POST"});
  WeixinJSBridge.invoke("getBrandWCPayRequest", await answer.json(), (result) => {
    document.body.dataset.result = result.err_msg;
  });
};
</script></body></html>"""
POLICY = "default-src 'self'; style-src 'nonce-page'; script-src 'nonce-page' 'strict-dynamic'; frame-ancestors 'none'"


@dataclass
class Shop:
    """The product and the pay desk with everything they saw."""

    product: Product = field(default_factory=Product)
    platform_url: str = ""
    public_url: str = ""
    paid: list[dict[str, Any]] = field(default_factory=list)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    feed: list[dict[str, str]] = field(default_factory=list)
    state: str = "待支付"
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    refusal: str = ""

    def app(self) -> web.Application:
        app = self.product.app()
        app.router.add_get("/q/table8", self.code)
        app.router.add_get("/oauth/back", self.back)
        app.router.add_get("/cashier/1", self.cashier)
        app.router.add_post("/cashier/pay", self.pay)
        app.router.add_get("/cashier/events", self.events)
        app.router.add_get("/away", self.away)
        app.router.add_get("/feed", self.trail)
        app.on_shutdown.append(self.end)
        return app

    def desk(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/_sim/prepay/{prepay_id}", self.prepay)
        app.router.add_post("/_sim/pay", self.confirm)
        return app

    async def end(self, app: web.Application) -> None:
        self.state = "end"
        self.wake()

    def wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def tell(self, kind: str, title: str, detail: str = "", trace: str = "trc_01JD7Q8Z5N4K2M9X") -> None:
        at = datetime.now(UTC).isoformat()
        self.feed.append({"at": at, "trace_id": trace, "kind": kind, "title": title, "detail": detail})
        self.wake()

    async def code(self, request: web.Request) -> web.Response:
        """The aggregated code: identity first, by WeChat's OAuth."""
        self.seen.append(("code", dict(request.headers)))
        back = quote(f"{self.public_url}/oauth/back?next=1", safe="")
        raise web.HTTPFound(
            f"{self.platform_url}/connect/oauth2/authorize?appid={APPID}&redirect_uri={back}"
            "&response_type=code&scope=snsapi_base&state=s1#wechat_redirect"
        )

    async def back(self, request: web.Request) -> web.Response:
        query = {
            "appid": APPID,
            "secret": SECRET,
            "code": request.query["code"],
            "grant_type": "authorization_code",
        }
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.platform_url}/sns/oauth2/access_token", params=query) as answer,
        ):
            openid = (await answer.json(content_type=None))["openid"]
        response = web.HTTPFound(f"{self.public_url}/cashier/1")
        response.set_cookie("payer", openid, secure=True, httponly=True, domain="127.0.0.1")
        raise response

    async def cashier(self, request: web.Request) -> web.Response:
        self.seen.append(("cashier", {**request.headers, "payer": request.cookies.get("payer", "")}))
        headers = {"Content-Security-Policy": POLICY, "X-Frame-Options": "DENY"}
        text = CASHIER.replace("PUBLIC", self.public_url)
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def pay(self, request: web.Request) -> web.Response:
        self.seen.append(("pay", {**request.headers, "payer": request.cookies.get("payer", "")}))
        params = {"appId": APPID, "timeStamp": "1763900000", "nonceStr": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"}
        return web.json_response({**params, "package": "prepay_id=wx01", "signType": "RSA", "paySign": "oR9d8Puhn"})

    async def events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionResetError):
            while self.state != "end":
                changed = self.changed
                await response.write(f"data: {self.state}\n\n".encode())
                await changed.wait()
        return response

    async def away(self, request: web.Request) -> web.Response:
        raise web.HTTPFound("https://evil.example/take?me=1")

    async def trail(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        sent = 0
        with contextlib.suppress(ConnectionResetError):
            while self.state != "end":
                changed = self.changed
                for event in self.feed[sent:]:
                    await response.write(f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode())
                sent = len(self.feed)
                await changed.wait()
        return response

    async def prepay(self, request: web.Request) -> web.Response:
        facts = {"amount": 28650, "merchant": "幸福里小区物业", "description": "2025年11月物业费", "payable": True}
        return web.json_response({**facts, "prepay_id": request.match_info["prepay_id"]})

    async def confirm(self, request: web.Request) -> web.Response:
        if self.refusal:
            return web.json_response({"result": "declined", "message": self.refusal})
        self.paid.append(await request.json())
        self.state = "已支付"
        self.wake()
        return web.json_response({"result": "ok"})


@dataclass
class Street:
    """Everything that runs, with the addresses a browser needs."""

    shop: Shop
    platform: str
    webview: str

    async def order(self, path: str, body: dict[str, Any]) -> Any:
        """An order to the platform's control interface."""
        async with aiohttp.ClientSession() as session, session.post(self.platform + path, json=body) as answer:
            return await answer.json()

    async def call(self, path: str, body: dict[str, Any]) -> Any:
        """The product calls an interface of the platform."""
        asked = {"grant_type": "client_credential", "appid": APPID, "secret": SECRET}
        token = (await self.order("/cgi-bin/stable_token", asked))["access_token"]
        return await self.order(f"{path}?access_token={token}", body)


@contextlib.asynccontextmanager
async def street(shop: Shop | None = None, **changes: Any) -> AsyncIterator[Street]:
    """Product, pay desk, platform and web view on ports of their own; keywords are fields of the plan."""
    shop, clock = shop or Shop(), FactorClock()
    plan = WeChatPlan(accounts=(account(),), users=(ALICE, BOB))
    platform_app = make(plan, clock)
    async with (
        served(shop.app()) as product,
        served(shop.desk()) as desk,
        served(platform_app) as platform,
        served(make_webview(plan, clock, platform_app)) as view,
    ):
        shop.public_url = str(product.make_url("")).rstrip("/")
        shop.platform_url = str(platform.make_url("")).rstrip("/")
        running = Street(shop, shop.platform_url, str(view.make_url("")).rstrip("/"))
        shop.product.account = replace(account(), webhook_url=f"{shop.public_url}/wechat")
        code = ScanCode("8号桌 · 老街面馆", f"{shop.public_url}/q/table8")
        await running.order(
            "/_sim/plan",
            {
                "public_url": shop.public_url,
                "wechatpay_url": str(desk.make_url("")).rstrip("/"),
                "webview_url": running.webview,
                "trail_url": f"{shop.public_url}/feed",
                "accounts": [{"appid": APPID, "webhook_url": f"{shop.public_url}/wechat"}],
                "codes": [{"label": code.label, "url": code.url}],
                **changes,
            },
        )
        yield running
