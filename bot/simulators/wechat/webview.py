"""The phone's web view: a reverse proxy in front of the product that makes it believe it runs inside WeChat."""

import asyncio
import html
import secrets
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from bot.simulators.clock import Clock
from bot.simulators.wechat import doings, oauth, rewrite
from bot.simulators.wechat.phone import asset
from bot.simulators.wechat.plan import WeChatPlan
from bot.simulators.wechat.world import WORLD, World

PLATFORM = web.AppKey("PLATFORM", web.Application)
STREAMS: web.AppKey[set[aiohttp.ClientResponse]] = web.AppKey("STREAMS", set)

BODY_BYTES = 4 * 1024 * 1024
REWRITTEN = ("text/html", "application/json", "text/javascript", "application/javascript")
UPSTREAM_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=10, sock_read=60)
STREAM_POLL_SECONDS = 5.0
UNREACHABLE = "网页无法打开，请稍后再试"


def make_webview(plan: WeChatPlan, clock: Clock, platform_app: web.Application) -> web.Application:
    """The web view's application, for a port of its own; it shares people and plan with the platform's.

    Its root stands for the origin of the product's public address. `plan` and `clock` are the platform's:
    a plan that is set later by POST /_sim/plan holds here too.
    """
    app = web.Application(client_max_size=BODY_BYTES)
    app[PLATFORM] = platform_app
    app[STREAMS] = set()
    app.on_shutdown.append(_streams_ended)
    app.router.add_get(f"{rewrite.RESERVED}/open", open_link)
    app.router.add_get(f"{rewrite.RESERVED}/authorize", authorize)
    app.router.add_get(f"{rewrite.RESERVED}/outside", outside)
    app.router.add_get(f"{rewrite.RESERVED}/bridge.js", script)
    app.router.add_get(f"{rewrite.RESERVED}/jweixin.js", script)
    app.router.add_post(f"{rewrite.RESERVED}/config", config)
    app.router.add_route("*", "/{path:.*}", proxy)
    return app


def _world(request: web.Request) -> World:
    return request.app[PLATFORM][WORLD]


def _view(request: web.Request) -> str:
    """The web view's own origin: as planned, else as the browser called it."""
    return _world(request).plan.webview_origin or f"{request.scheme}://{request.host}"


async def open_link(request: web.Request) -> web.Response:
    """GET /__wechat__/open?openid&url: remember who holds the phone and go to a link of the product."""
    world = _world(request)
    try:
        url = doings.opened(world, request.query.get("url", ""))
    except doings.NotPossible as fault:
        return _notice(str(fault))
    response = web.Response(status=302)
    response.headers["Location"] = rewrite.location(url, world.plan.public_origin, _view(request))
    openid = request.query.get("openid", "")
    response.set_cookie(rewrite.OWN_COOKIE, openid, httponly=True, samesite="Lax", path="/")
    return response


async def authorize(request: web.Request) -> web.Response:
    """The authorize page inside the web view: straight back to the product, through the proxy."""
    world = _world(request)
    who = request.cookies.get(rewrite.OWN_COOKIE, "")
    try:
        target = oauth.consent(request.app[PLATFORM], dict(request.query), who)
    except oauth.ConsentError as fault:
        return oauth.refusal(str(fault))
    back = rewrite.location(target, world.plan.public_origin, _view(request))
    return web.Response(status=302, headers={"Location": back})


async def outside(request: web.Request) -> web.Response:
    """A redirect to somewhere that is neither the product nor the platform."""
    host = urlsplit(request.query.get("url", "")).hostname or ""
    return _notice(f"演示环境不访问外部网站 {host}")


async def script(request: web.Request) -> web.Response:
    """The injected bridge, and the stub for pages that load jweixin."""
    name = request.path.rpartition("/")[2]
    text = asset(name).decode().replace("__USER_AGENT__", rewrite.USER_AGENT)
    headers = {"Cache-Control": "no-cache"}
    return web.Response(text=text, content_type="text/javascript", headers=headers)


async def config(request: web.Request) -> web.Response:
    """POST /__wechat__/config: what the client checks on wx.config; the page's address is the product's."""
    world = _world(request)
    given: dict[str, Any] = await request.json()
    url = str(given.get("url", ""))
    view, product = _view(request), world.plan.public_origin
    given["url"] = product + url[len(view) :] if url.startswith(view) else url
    return web.json_response({"ok": oauth.jsapi_signature_good(world, given)})


def _notice(text: str) -> web.Response:
    page = (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>提示</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"></head>'
        '<body style="margin:0;background:#ededed;color:#191919;font:16px/1.6 system-ui,sans-serif">'
        '<div style="padding:96px 32px 0;text-align:center">'
        '<svg width="64" height="64" viewBox="0 0 64 64" aria-hidden="true"><circle cx="32" cy="32" r="30" '
        'fill="#10aeff"/><path d="M32 17v20" stroke="#fff" stroke-width="5" stroke-linecap="round"/>'
        '<circle cx="32" cy="47" r="3.2" fill="#fff"/></svg>'
        f"<p>{html.escape(text)}</p></div></body></html>"
    )
    return web.Response(text=page, content_type="text/html")


async def proxy(request: web.Request) -> web.StreamResponse:
    """Everything else goes to the product as a page inside WeChat would ask for it."""
    world = _world(request)
    product, view = world.plan.public_origin, _view(request)
    if not product:
        return _notice("产品地址尚未设置")
    body = await request.read()
    try:
        upstream = await world.session.request(
            request.method,
            product + request.raw_path,
            headers=_request_headers(request, product, view),
            data=body or None,
            allow_redirects=False,
            timeout=UPSTREAM_TIMEOUT,
        )
    except (aiohttp.ClientError, OSError, TimeoutError):
        return _notice(UNREACHABLE)
    try:
        if upstream.content_type in REWRITTEN:
            return await _whole(upstream, product, view)
        return await _streamed(request, upstream, product, view)
    finally:
        upstream.close()


def _request_headers(request: web.Request, product: str, view: str) -> list[tuple[str, str]]:
    headers = rewrite.passed(request.headers.items(), rewrite.NEVER_PASSED_ON)
    # A top-level page inside WeChat, not a frame of the simulator's.
    headers = [(name, "document" if value == "iframe" else value) for name, value in headers]
    headers += [("User-Agent", rewrite.USER_AGENT), ("Accept-Encoding", "identity")]
    for name in ("Origin", "Referer"):
        value = request.headers.get(name, "")
        if value.startswith(view):
            headers.append((name, product + value[len(view) :]))
    cookies = rewrite.cookies_on(request.headers.get("Cookie", ""))
    if cookies:
        headers.append(("Cookie", cookies))
    return headers


def _copy_headers(
    upstream: aiohttp.ClientResponse, response: web.StreamResponse, product: str, view: str, nonce: str
) -> bool:
    """Carry the product's headers over; True when the bridge's tag needs the nonce."""
    for name, value in rewrite.passed(upstream.headers.items(), rewrite.NEVER_PASSED_BACK):
        response.headers.add(name, value)
    for value in upstream.headers.getall("Set-Cookie", []):
        response.headers.add("Set-Cookie", rewrite.cookie(value, secure=view.startswith("https")))
    if "Location" in upstream.headers:
        response.headers["Location"] = rewrite.location(upstream.headers["Location"], product, view)
    strict = False
    for value in upstream.headers.getall("Content-Security-Policy", []):
        written, needs = rewrite.policy(value, product, view, nonce)
        strict = strict or needs
        response.headers.add("Content-Security-Policy", written)
    return strict


async def _whole(upstream: aiohttp.ClientResponse, product: str, view: str) -> web.Response:
    try:
        raw = await upstream.read()
    except (aiohttp.ClientError, TimeoutError):
        return _notice(UNREACHABLE)
    charset = upstream.charset or "utf-8"
    text = rewrite.text(raw.decode(charset, "replace"), product, view)
    response = web.Response(status=upstream.status, reason=upstream.reason)
    nonce = secrets.token_urlsafe(16)
    strict = _copy_headers(upstream, response, product, view, nonce)
    if upstream.content_type == "text/html" and text.strip():
        text = rewrite.injected(text, nonce if strict else "")
    if upstream.status not in (204, 304):
        response.body = text.encode(charset, "replace")
    return response


async def _streamed(
    request: web.Request, upstream: aiohttp.ClientResponse, product: str, view: str
) -> web.StreamResponse:
    """Pass bytes on as they come: pictures, files and event streams."""
    response = web.StreamResponse(status=upstream.status, reason=upstream.reason)
    _copy_headers(upstream, response, product, view, "")
    await response.prepare(request)
    streams = request.app[STREAMS]
    streams.add(upstream)
    try:
        with suppress(ConnectionResetError, aiohttp.ClientError):
            while not _gone(request):
                try:
                    chunk = await asyncio.wait_for(upstream.content.readany(), STREAM_POLL_SECONDS)
                except TimeoutError:
                    continue
                if not chunk:
                    break
                await response.write(chunk)
            await response.write_eof()
    finally:
        streams.discard(upstream)
    return response


async def _streams_ended(app: web.Application) -> None:
    """Event streams of the product would hold up the end of the server."""
    streams = app[STREAMS]
    for upstream in list(streams):
        upstream.close()


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
