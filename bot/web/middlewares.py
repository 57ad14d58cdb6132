"""What every request passes: a trace id, security headers, and errors turned into pages or JSON."""

import json
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.kernel.clock import Clock
from bot.kernel.errors import BotError
from bot.kernel.ids import new_id
from bot.outside.logging import bind_trace, get_logger
from bot.words.render import default_renderer, render_page
from bot.words.scripts import Script

log = get_logger(__name__)

TRACE: Final = web.RequestKey("trace_id", str)

# Paths whose callers are programs: they get JSON or bare text, never a page.
_MACHINES: Final = ("/wechat/", "/notify/", "/api/", "/healthz", "/readyz", "/metrics")
# What people read: what happened, and what to do now. Money is named, because it is the first thing they fear for.
_TROUBLE: Final = ("暂时无法办理", "系统出了点问题，没有扣款。", "请稍后再试。")
_PEOPLE: Final = {
    400: ("请求有误", "页面上的内容不完整或已过期，没有扣款。", "请重新扫码或从聊天里再打开一次。"),
    403: ("请重新打开", "为了您的资金安全，这个页面需要重新验证。", "请重新扫码或从聊天里再打开一次。"),
    404: ("没有找到", "这个二维码或链接不存在，可能已损坏。", "请向商户确认，或从聊天里重新打开。"),
    409: ("状态已变化", "订单或收款码的状态已经变化，没有重复扣款。", "请返回聊天查看，或重新扫码。"),
    429: ("操作太频繁", "操作太频繁，请稍等。", "一分钟后再试。"),
}


def page_headers() -> dict[str, str]:
    """Return the headers of a page: only our own inlined scripts and styles, no frames, nothing cached."""
    assets = default_renderer().assets
    policy = (
        f"default-src 'none'; script-src {assets.script_sources or chr(39) + 'none' + chr(39)}; "
        f"style-src {assets.style_sources}; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin",
        "Cache-Control": "no-store",
    }


def trace_middleware(clock: Clock) -> Middleware:
    """Give each request a trace id and a nonce, and turn what goes wrong into an answer without a stack trace."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        trace_id = new_id("trc", clock.now())
        request[TRACE] = trace_id
        with bind_trace(trace_id):
            response = await _handled(request, handler)
        if not response.prepared:
            # Support and the other side's own log find the story of a request by this number.
            response.headers["X-Trace-Id"] = trace_id
        return response

    return middleware


async def _handled(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except BotError as fault:
        return _answer(request, fault.http_status, fault.code, fault.remedy)
    except web.HTTPException as fault:
        if fault.status < 400:
            raise
        return _answer(request, fault.status, fault.reason.lower().replace(" ", "_"), "")
    except Exception:
        log.exception("request.failed", path=_route(request))
        return _answer(request, 500, "internal", "")


def _route(request: web.Request) -> str:
    """Return the route's pattern, which holds no token or id as the path itself would."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unmatched"


def wants_page(request: web.Request) -> bool:
    """Tell whether a person is asking."""
    return not request.path.startswith(_MACHINES) and "text/html" in request.headers.get("Accept", "")


def _answer(request: web.Request, status: int, code: str, remedy: str) -> web.Response:
    if request.path.startswith(("/wechat/", "/notify/")):
        return web.Response(status=status, text=code)
    if wants_page(request):
        title, happened, todo = _PEOPLE.get(status, _TROUBLE)
        return page(
            request, "base/error.html", status=status, title=title, happened=happened, todo=todo, trace=request[TRACE]
        )
    body = {"code": code, "message": remedy or code, "trace_id": request[TRACE]}
    return web.Response(
        status=status,
        text=json.dumps(body, ensure_ascii=False),
        content_type="application/json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


def page(request: web.Request, template: str, *, status: int = 200, **values: object) -> web.Response:
    """Render a page in the simplified script, with the headers that every page has."""
    text = render_page(template, Script.ZH_HANS, **values)
    return web.Response(status=status, text=text, content_type="text/html", headers=page_headers())


def answer_json(value: object, status: int = 200) -> web.Response:
    """Answer a program."""
    return web.Response(
        status=status,
        text=json.dumps(value, ensure_ascii=False, default=str),
        content_type="application/json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )
