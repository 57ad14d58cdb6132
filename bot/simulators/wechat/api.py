"""The way of a call through the simulated api.weixin.qq.com: faults, token, quota, handler, errcode, log."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.simulators.wechat.plan import Account
from bot.simulators.wechat.tokens import Verdict
from bot.simulators.wechat.windows import DAILY_QUOTAS
from bot.simulators.wechat.world import WORLD, Book, Contact, World, rid, stamp

Fields = dict[str, Any]

# Wording of the return-code page (全局返回码); where the page and the wire differ, the wire.
ERRORS: dict[int, str] = {
    -1: "system error",
    40001: (
        "invalid credential, access_token is invalid or not latest, could get access_token by "
        "getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"
    ),
    40002: "invalid grant_type",
    40003: "invalid openid",
    40004: "invalid media type",
    40007: "invalid media_id",
    40008: "invalid message type",
    40013: "invalid appid",
    40014: "invalid access_token",
    40016: "invalid button size",
    40017: "invalid button type",
    40018: "invalid button name size",
    40019: "invalid button key size",
    40020: "invalid button url size",
    40023: "invalid sub button size",
    40029: "invalid code",
    40030: "invalid refresh_token",
    40037: "invalid template_id",
    40066: "invalid url",
    40125: "invalid appsecret",
    40163: "code been used",
    41001: "access_token missing",
    41002: "appid missing",
    41004: "appsecret missing",
    41006: "media_id missing",
    41008: "missing code",
    42001: "access_token expired",
    42002: "refresh_token expired",
    43002: "require POST method",
    43004: "require subscribe",
    43101: "user refuse to accept the msg",
    44002: "empty post data",
    44004: "empty content",
    45001: "media size out of limit",
    45002: "content size out of limit",
    45008: "article size out of limit",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit must slower retry next minute",
    45015: "response out of time limit or subscription is canceled",
    45029: "qrcode count out of limit",
    45047: "out of response count limit",
    45072: "command error",
    45080: "can't set typing without the msg from user",
    45081: "user already typing",
    46003: "menu no exist",
    47001: "data format error",
    47003: "argument invalid!",
    48002: "user block api message",
    48006: "forbid to clear quota because of reaching the limit",
}


class ApiError(Exception):
    """An errcode answer; the text is the documented one unless a call has its own."""

    def __init__(self, errcode: int, errmsg: str = "") -> None:
        super().__init__(errmsg or ERRORS[errcode])
        self.errcode = errcode
        self.errmsg = errmsg or ERRORS[errcode]


@dataclass(slots=True)
class Call:
    """One call being answered."""

    world: World
    request: web.Request
    account: Account
    book: Book
    body: Fields = field(default_factory=dict)

    def contact(self, openid: object) -> Contact:
        """The contact a call names; raises 40003."""
        contact = self.world.contact(self.account, str(openid or ""))
        if contact is None or contact.openid != openid:
            raise ApiError(40003)
        return contact


Handler = Callable[[Call], Awaitable[Fields | web.Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One interface: its path, whether it wants POST with JSON, and whether a token is checked."""

    path: str
    handler: Handler
    post: bool = True
    token: bool = True
    json_body: bool = True
    # The /sns interfaces answer JSON as text/plain.
    content_type: str = "application/json; encoding=utf-8"
    # The names of the appid parameter where there is no token to tell the account.
    appid_names: tuple[str, ...] = ("appid",)


def mounted(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of a route."""

    async def handle(request: web.Request) -> web.StreamResponse:
        world = request.app[WORLD]
        # Files stay in the stream for their handler.
        raw = b"" if request.content_type.startswith("multipart/") else await request.read()
        record: Fields = {
            "at": stamp(world.clock.now()),
            "method": request.method,
            "path": request.path,
            "query": {k: v for k, v in request.query.items() if k not in ("access_token", "secret", "code")},
            "body": _logged(raw),
            "errcode": 0,
            "status": 200,
        }
        world.calls.append(record)
        lost = world.faults.take("lose_answer", route.path)
        response = await _answered(world, route, request, raw, record)
        if lost:
            record["status"] = 0
            _cut(request)
        record["status"] = record["status"] and response.status
        trace_id = request.headers.get("X-Trace-Id", "")
        code = record["errcode"]
        title = f"调用 {request.path.removeprefix('/cgi-bin')}"
        world.note("api", title + (f" → {code}" if code else ""), record.get("errmsg", ""), trace_id=trace_id)
        return response

    return handle


async def _answered(world: World, route: Route, request: web.Request, raw: bytes, record: Fields) -> web.StreamResponse:
    delay = world.faults.delay(route.path)
    if delay:
        await world.clock.sleep(delay)
    if world.faults.take("drop", route.path):
        record["status"] = 0
        _cut(request)
    if world.faults.take("http_500", route.path):
        return web.Response(status=502, text="<html><body>502 Bad Gateway</body></html>", content_type="text/html")
    if world.faults.take("malformed_json", route.path):
        return web.Response(text='{"errcode":0,"errms', content_type="application/json")
    try:
        call = _admitted(world, route, request, raw)
        record["account"] = call.account.appid
        answer = await route.handler(call)
    except ApiError as fault:
        record["errcode"], record["errmsg"] = fault.errcode, fault.errmsg
        answer = {"errcode": fault.errcode, "errmsg": f"{fault.errmsg} rid: {rid()}"}
    if isinstance(answer, web.Response):
        return answer
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return web.Response(body=text.encode(), headers={"Content-Type": route.content_type})


def _admitted(world: World, route: Route, request: web.Request, raw: bytes) -> Call:
    """Everything that can be refused before the interface itself is looked at."""
    if world.faults.take("busy", route.path):
        raise ApiError(-1)
    if route.post and request.method != "POST":
        raise ApiError(43002)
    body = _parsed(raw) if route.post and route.json_body else {}
    if route.token:
        account = _token_owner(world, request, route.path)
    else:
        given = next((body.get(n) or request.query.get(n, "") for n in route.appid_names), "")
        if not given:
            raise ApiError(41002)
        found = world.plan.account(str(given))
        if found is None:
            raise ApiError(40013)
        account = found
    book = world.book(account)
    limit = world.plan.quotas.get(route.path, DAILY_QUOTAS.get(route.path))
    exhausted = route.path in world.faults.exhausted
    if exhausted or (limit is not None and not book.quotas.spend(route.path, limit, world.clock.now())):
        raise ApiError(45009)
    return Call(world, request, account, book, body)


def _token_owner(world: World, request: web.Request, path: str) -> Account:
    given = request.query.get("access_token", "")
    now = world.clock.now()
    rejected = world.faults.take("reject_token", path)
    verdicts = {account: world.book(account).tokens.judge(given, now) for account in world.plan.accounts}
    for account, verdict in verdicts.items():
        if verdict is Verdict.GOOD and not rejected:
            return account
    worst = next((v for v in verdicts.values() if v not in (Verdict.UNKNOWN, Verdict.GOOD)), Verdict.UNKNOWN)
    raise ApiError(worst.value)


def _parsed(raw: bytes) -> Fields:
    if not raw.strip():
        raise ApiError(44002)
    try:
        body = json.loads(raw)
    except ValueError as fault:
        raise ApiError(47001) from fault
    if not isinstance(body, dict):
        raise ApiError(47001)
    return body


def _logged(raw: bytes) -> Any:
    """The body for the call log, without secrets."""
    try:
        body = json.loads(raw) if raw else None
    except ValueError:
        return raw[:200].decode("utf-8", "replace")
    if isinstance(body, dict):
        return {key: value for key, value in body.items() if key not in ("secret", "appsecret")}
    return body


def _cut(request: web.Request) -> None:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError("fault on demand")


OK: Fields = {"errcode": 0, "errmsg": "ok"}
