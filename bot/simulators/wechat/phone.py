"""The phone of the demo: its page, its live events, and what a visitor taps."""

import re
from importlib import resources
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from bot.simulators.wechat import doings
from bot.simulators.wechat.api_basic import svg_of
from bot.simulators.wechat.control import controlled, whom
from bot.simulators.wechat.doings import PAYMENT, NotPossible
from bot.simulators.wechat.hub import Event, stream
from bot.simulators.wechat.trail import trail
from bot.simulators.wechat.world import WORLD, World

ASSETS = {
    "phone.css": "text/css",
    "chat.css": "text/css",
    "layers.css": "text/css",
    "strip.css": "text/css",
    "phone.js": "text/javascript",
    "chat.js": "text/javascript",
    "dom.js": "text/javascript",
    "pay.js": "text/javascript",
    "strip.js": "text/javascript",
    "webview.js": "text/javascript",
}
JSAPI_NAMES = ("appId", "timeStamp", "nonceStr", "package", "signType", "paySign")
PAY_TIMEOUT = aiohttp.ClientTimeout(total=20)


def asset(name: str) -> bytes:
    """A file that ships with this package."""
    return (resources.files(__package__) / "assets" / name).read_bytes()


async def page(request: web.Request) -> web.Response:
    """GET /phone/."""
    plan = request.app[WORLD].plan
    frame = plan.webview_origin or "'none'"
    pictures = " ".join(part for part in (plan.public_origin, plan.webview_origin) if part)
    policy = (
        f"default-src 'self'; frame-src {frame}; img-src 'self' data: {pictures}; "
        "object-src 'none'; base-uri 'none'; form-action 'self'"
    )
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return web.Response(body=asset("phone.html"), content_type="text/html", charset="utf-8", headers=headers)


async def asset_file(request: web.Request) -> web.Response:
    """GET /phone/assets/{name}."""
    name = request.match_info["name"]
    kind = ASSETS.get(name)
    if kind is None:
        raise web.HTTPNotFound
    headers = {"Cache-Control": "no-cache"}
    return web.Response(body=asset(name), content_type=kind, charset="utf-8", headers=headers)


async def state(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """GET /phone/state?openid&appid: everything the page draws at first."""
    account, contact = whom(world, dict(request.query))
    book = world.book(account)
    return {
        "title": world.plan.title,
        "appid": account.appid,
        "account": {"name": account.name, "intro": account.intro, "original_id": account.original_id},
        "accounts": [{"appid": item.appid, "name": item.name} for item in world.plan.accounts],
        "openid": contact.openid,
        "person": contact.person.openid,
        "nickname": contact.person.nickname,
        "people": [{"openid": item.openid, "nickname": item.nickname} for item in world.people()],
        "follows": contact.follows,
        "menu": book.menu,
        "chips": list(world.plan.chips),
        "codes": [{"label": code.label, "url": code.url} for code in world.plan.codes],
        "chat": list(contact.chat),
        "webview_origin": world.plan.webview_origin,
        "trail": bool(world.plan.trail_url),
    }


async def events(request: web.Request) -> web.StreamResponse:
    """GET /phone/events?openid&appid: SSE of what happens in one chat."""
    world = request.app[WORLD]
    try:
        account, contact = whom(world, dict(request.query))
    except ValueError as fault:
        raise web.HTTPNotFound from fault

    def wanted(event: Event) -> bool:
        mine = event.get("for") in ("", contact.openid)
        return mine and event.get("appid") == account.appid and not event["type"].startswith("trail")

    with world.hub.reader() as queue:
        return await stream(request, queue, wanted, [])


async def say(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """POST /phone/say {openid, appid, text, menuid?}: answered at once, the chat follows by SSE."""
    account, contact = whom(world, body)
    text = str(body["text"]).strip()
    if not text or len(text) > 600:
        raise ValueError("a message has 1 to 600 characters")
    if not contact.follows:
        raise NotPossible("请先关注公众号")
    values = {"text": text, "menuid": body.get("menuid")}
    world.spawn(doings.send_message(world, account, contact, "text", values))
    return {"ok": True}


async def tap(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """POST /phone/tap {event, key?, …}: a menu button, following or leaving."""
    account, contact = whom(world, body)
    world.spawn(doings.cause_event(world, account, contact, str(body["event"]), body))
    return {"ok": True}


async def scan(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """POST /phone/scan {url}: a parametric code goes to the account, a product's link to the web view."""
    account, contact = whom(world, body)
    url = str(body["url"]).strip()
    code = doings.scene_code(world, url)
    if code is None:
        return _link(world, contact.openid, url)
    owner = world.plan.account(code.appid) or account
    _, there = whom(world, {"appid": owner.appid, "openid": contact.person.openid})
    world.spawn(doings.scan_scene(world, owner, there, code))
    return {"ok": True, "appid": owner.appid}


def _link(world: World, openid: str, url: str) -> dict[str, Any]:
    checked = doings.opened(world, url)
    query = urlencode({"openid": openid, "url": checked})
    return {"ok": True, "open": f"{world.plan.webview_origin}/__wechat__/open?{query}", "url": checked}


async def link(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """POST /phone/link {url}: the web view's address for a link in the chat."""
    _, contact = whom(world, body)
    return _link(world, contact.openid, str(body["url"]))


async def prepay(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """POST /phone/prepay {package}: what the pay sheet shows, from the WeChat Pay simulator."""
    found = re.fullmatch(r"prepay_id=([\w-]{1,128})", str(body.get("package", "")))
    if not found:
        raise NotPossible("支付参数错误：package")
    status, facts = await _wechatpay(world, "GET", f"/_sim/prepay/{found.group(1)}")
    if status != 200:
        raise NotPossible("订单不存在或已过期")
    return facts


async def pay(request: web.Request, world: World, body: dict[str, Any]) -> Any:
    """POST /phone/pay {jsapi, openid, appid}: the visitor confirms on the pay sheet."""
    _, contact = whom(world, body)
    jsapi = {name: str(body["jsapi"][name]) for name in JSAPI_NAMES}
    payer = world.plan.account(jsapi["appId"] or "?")
    openid = contact.openid
    if payer:
        _, buyer = whom(world, {"appid": payer.appid, "openid": contact.person.openid})
        openid = buyer.openid
    world.note("pay", "用户确认支付", jsapi["package"])
    status, answer = await _wechatpay(world, "POST", "/_sim/pay", {"jsapi": jsapi, "openid": openid})
    if status != 200 or answer.get("result") != "ok":
        return {"result": "fail", "message": str(answer.get("message") or "支付失败，请稍后再试")}
    if payer:
        await doings.cause_event(world, payer, buyer, PAYMENT, {})
    return {"result": "ok"}


async def _wechatpay(
    world: World, method: str, path: str, body: dict[str, Any] | None = None
) -> tuple[int, dict[str, Any]]:
    """Speak to the pay simulator's control interface; status 0 when it does not answer."""
    if not world.plan.wechatpay_url:
        return 0, {"message": "微信支付模拟器未启动"}
    url = world.plan.wechatpay_url.rstrip("/") + path
    try:
        async with world.session.request(method, url, json=body, timeout=PAY_TIMEOUT) as response:
            answer = await response.json(content_type=None)
            return response.status, answer if isinstance(answer, dict) else {}
    except (aiohttp.ClientError, OSError, ValueError, TimeoutError):
        return 0, {"message": "微信支付没有应答"}


async def media(request: web.Request) -> web.Response:
    """GET /phone/media/{appid}/{media_id}: a picture in the chat."""
    world = request.app[WORLD]
    account = world.plan.account(request.match_info["appid"])
    found = world.book(account).media.get(request.match_info["media_id"]) if account else None
    if found is None or not found.content_type.startswith("image/"):
        raise web.HTTPNotFound
    # A picture must never run as a page, whatever the product uploaded.
    headers = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=found.data, content_type=found.content_type, headers=headers)


async def code_picture(request: web.Request) -> web.Response:
    """GET /phone/code/{index}: the picture of one of the plan's codes."""
    codes = request.app[WORLD].plan.codes
    index = int(request.match_info["index"])
    if index >= len(codes):
        raise web.HTTPNotFound
    return web.Response(body=svg_of(codes[index].url), content_type="image/svg+xml")


async def moved(request: web.Request) -> web.Response:
    """GET / and /phone lead to the phone."""
    raise web.HTTPFound("/phone/")


def routes() -> list[web.RouteDef]:
    """All routes of the phone."""
    return [
        web.get("/", moved),
        web.get("/phone", moved),
        web.get("/phone/", page),
        web.get("/phone/assets/{name}", asset_file),
        web.get("/phone/state", controlled(state)),
        web.get("/phone/events", events),
        web.get("/phone/trail", trail),
        web.post("/phone/say", controlled(say)),
        web.post("/phone/tap", controlled(tap)),
        web.post("/phone/scan", controlled(scan)),
        web.post("/phone/link", controlled(link)),
        web.post("/phone/prepay", controlled(prepay)),
        web.post("/phone/pay", controlled(pay)),
        web.get("/phone/media/{appid}/{media_id}", media),
        web.get(r"/phone/code/{index:\d+}", code_picture),
    ]
