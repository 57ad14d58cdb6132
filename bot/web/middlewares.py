"""What every request passes: a trace id, a measure of its time, and errors turned into answers that people can use."""

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.kernel.clock import Clock
from bot.kernel.errors import BotError
from bot.kernel.ids import new_id
from bot.outside.logging import bind_trace, get_logger, rebind_trace
from bot.outside.metrics import Metrics
from bot.web.answers import answer_json, complete, page
from bot.web.serving import tame

log = get_logger(__name__)

TRACE: Final = web.RequestKey("trace_id", str)

# Paths whose callers read a status and one word.
_TERSE: Final = ("/wechat/", "/notify/")
# Paths whose callers are programs: they get JSON or bare text, never a page.
_MACHINES: Final = (*_TERSE, "/api/", "/healthz", "/readyz", "/metrics")
# Here the remedy has a place of its own.
_REMEDIED: Final = "/api/mini/"
# What happened and what to do now. Nothing is said of money that this very request cannot know: it moved none.
_AGAIN: Final = "请重新扫码，或从聊天里再打开一次。"
_WAIT: Final = "请稍后再试。若您已经付款，结果会在聊天里通知您，请不要重复付款。"
_PEOPLE: Final = {
    400: ("请求有误", "页面上的内容不完整或已过期，没有扣款。", _AGAIN),
    403: ("请重新打开", "为了您的资金安全，这个页面需要重新验证。", _AGAIN),
    404: ("没有找到", "这个二维码或链接不存在，可能已损坏。", "请向商户确认，或从聊天里重新打开。"),
    409: ("状态已变化", "订单或收款码的状态已经变化，这次操作没有扣款。", "请返回聊天查看，或重新扫码。"),
    429: ("操作太频繁", "您的操作太频繁，这次操作没有扣款。", "请过几分钟再试。"),
    502: ("支付机构没有回应", "暂时无法确认您的身份，没有扣款。", "请重新打开一次。"),
    503: ("系统正忙", "现在处理不了这个请求。", _WAIT),
}
_REFUSED: Final = ("打不开这个页面", "这个请求没有被接受，没有扣款。", _AGAIN)
_TROUBLE: Final = ("暂时无法办理", "系统出了点问题。", _WAIT)


def trace_middleware(clock: Clock, metrics: Metrics) -> Middleware:
    """Give each request a trace id, and turn what goes wrong into an answer without a stack trace."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        since = clock.monotonic()
        status = 500
        request[TRACE] = trace_id = new_id("trc", clock.now())
        with bind_trace(trace_id):
            try:
                response = await _handled(request, handler)
                status = response.status
                return response
            except web.HTTPException as redirect:
                status = redirect.status
                raise
            finally:
                labels = {"route": _route(request), "status": f"{status // 100}xx"}
                metrics.observe("http_in_seconds", clock.monotonic() - since, **labels)

    return middleware


def adopt_trace(request: web.Request, trace_id: str) -> None:
    """Go on under the trace of the order that the request turned out to be about: one story, from chat to receipt."""
    request[TRACE] = trace_id
    rebind_trace(trace_id)


def add_headers(app: web.Application, *, secure: bool) -> None:
    """Let every answer of an application carry the common headers, redirects, errors and streams included."""

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        complete(response, request.get(TRACE, ""), secure=secure)

    app.on_response_prepare.append(prepare)
    tame()


async def _handled(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except BotError as fault:
        if fault.http_status >= 500:
            log.warning("request.refused", route=_route(request), code=fault.code, status=fault.http_status)
        return error_answer(request, fault.http_status, fault.code, fault.remedy)
    except web.HTTPException as fault:
        if fault.status < 400:
            raise
        return error_answer(request, fault.status, fault.reason.lower().replace(" ", "_"))
    except Exception:
        log.exception("request.failed", route=_route(request))
        return error_answer(request, 500, "internal")


def _route(request: web.Request) -> str:
    """Return the route's pattern, which holds no token or id as the path itself would."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unmatched"


def wants_page(request: web.Request) -> bool:
    """Tell whether a person is asking."""
    return not request.path.startswith(_MACHINES) and "text/html" in request.headers.get("Accept", "")


def error_answer(
    request: web.Request, status: int, code: str, remedy: str = "", *, again_at: str | None = None
) -> web.Response:
    """Answer with an error in the caller's own form; ``again_at`` is a path of ours that a person may try next."""
    if request.path.startswith(_TERSE):
        return web.Response(status=status, text=code)
    if not wants_page(request):
        told = {"code": code, "message": remedy or code, "trace_id": request[TRACE]}
        return answer_json({**told, "remedy": remedy} if request.path.startswith(_REMEDIED) else told, status)
    title, happened, todo = _PEOPLE.get(status, _TROUBLE if status >= 500 else _REFUSED)
    action = {"action_url": again_at, "action_text": "重新打开"} if again_at else {}
    values = {"title": title, "happened": happened, "todo": todo, "trace": request[TRACE], **action}
    return page("base/error.html", status=status, **values)
