"""Identity of web pages: OAuth2 of the account's users and the check behind wx.config."""

import hashlib
import html
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from bot.simulators.wechat.api import ApiError, Call, Fields, Route
from bot.simulators.wechat.plan import Account, origin_of
from bot.simulators.wechat.world import WORLD, Contact, World, masked

CODE_LIFE = timedelta(minutes=5)
TOKEN_LIFE = timedelta(seconds=7200)
REFRESH_LIFE = timedelta(days=30)
SCOPES = ("snsapi_base", "snsapi_userinfo")
KEPT = 20_000


@dataclass(slots=True)
class Grant:
    """One consent: a code, then its tokens."""

    appid: str
    openid: str
    scope: str
    expires: datetime
    used: bool = False


class Grants:
    """Codes and tokens given out; the oldest are forgotten first."""

    def __init__(self) -> None:
        self.codes: dict[str, Grant] = {}
        self.access: dict[str, Grant] = {}
        self.refresh: dict[str, Grant] = {}

    def keep(self, shelf: dict[str, Grant], grant: Grant, prefix: str = "") -> str:
        """Put a grant under a new secret and return the secret."""
        value = prefix + secrets.token_urlsafe(24)
        shelf[value] = grant
        while len(shelf) > KEPT:
            del shelf[next(iter(shelf))]
        return value


GRANTS = web.AppKey("GRANTS", Grants)


class ConsentError(Exception):
    """The page WeChat shows instead of redirecting."""


def _checked(world: World, query: dict[str, str]) -> Account:
    account = world.plan.account(query.get("appid", "") or "?")
    if account is None:
        raise ConsentError("公众号 appid 不存在（10003）")
    if query.get("response_type") != "code":
        raise ConsentError("response_type 参数错误")
    if query.get("scope") not in SCOPES:
        raise ConsentError("Scope 参数错误或没有 Scope 权限（10005）")
    target = origin_of(query.get("redirect_uri", ""))
    allowed = world.plan.public_origin
    if not target or (allowed and urlsplit(target).hostname != urlsplit(allowed).hostname):
        # The registered domain is compared, not the port (网页授权域名).
        raise ConsentError("redirect_uri 域名与后台配置不一致（10003）")
    return account


def consent(app: web.Application, query: dict[str, str], openid: str) -> str:
    """The address the browser goes to after authorize, with code and state; raises ConsentError."""
    world = app[WORLD]
    account = _checked(world, query)
    contact = world.contact(account, openid or world.current)
    if contact is None:
        raise ConsentError("请在微信客户端打开链接")
    return _returning(app, account, contact, query)


def _returning(app: web.Application, account: Account, contact: Contact, query: dict[str, str]) -> str:
    world, grants = app[WORLD], app[GRANTS]
    expires = world.clock.now() + CODE_LIFE
    code = grants.keep(grants.codes, Grant(account.appid, contact.openid, query["scope"], expires), "0")
    parts = urlsplit(query["redirect_uri"])
    pairs = [
        *parse_qsl(parts.query, keep_blank_values=True),
        ("code", code),
        ("state", query.get("state", "")),
    ]
    world.note("oauth", f"网页授权 {query['scope']}", masked(contact.openid))
    return urlunsplit(parts._replace(query=urlencode(pairs)))


async def authorize(request: web.Request) -> web.Response:
    """GET /connect/oauth2/authorize: straight back with a code.

    The user is `sim_openid` (query), the X-Sim-Openid header, or the platform's current user.
    """
    query = dict(request.query)
    openid = query.pop("sim_openid", "") or request.headers.get("X-Sim-Openid", "")
    try:
        location = consent(request.app, query, openid)
    except ConsentError as fault:
        return refusal(str(fault))
    return web.Response(status=302, headers={"Location": location})


def refusal(text: str) -> web.Response:
    """WeChat's page for a broken authorize link."""
    page = (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>微信</title>'
        f'<body style="font:16px sans-serif;text-align:center;padding-top:30vh">{html.escape(text)}</body></html>'
    )
    return web.Response(text=page, content_type="text/html", status=200)


def _tokens(call: Call, grant: Grant) -> Fields:
    grants, now = call.request.app[GRANTS], call.world.clock.now()
    access = Grant(grant.appid, grant.openid, grant.scope, now + TOKEN_LIFE)
    refresh = Grant(grant.appid, grant.openid, grant.scope, now + REFRESH_LIFE)
    answer: Fields = {
        "access_token": grants.keep(grants.access, access, "92_"),
        "expires_in": int(TOKEN_LIFE.total_seconds()),
        "refresh_token": grants.keep(grants.refresh, refresh, "92_"),
        "openid": grant.openid,
        "scope": grant.scope,
    }
    contact = call.world.contact(call.account, grant.openid)
    if contact and contact.person.unionid and grant.scope == "snsapi_userinfo":
        answer["unionid"] = contact.person.unionid
    return answer


async def access_token(call: Call) -> Fields:
    """GET /sns/oauth2/access_token: a code is good once, for five minutes."""
    query = call.request.query
    if not secrets.compare_digest(query.get("secret", "").encode(), call.account.secret.encode()):
        raise ApiError(40125)
    if query.get("grant_type") != "authorization_code":
        raise ApiError(40002)
    code = query.get("code", "")
    if not code:
        raise ApiError(41008)
    grant = call.request.app[GRANTS].codes.get(code)
    if grant is None or grant.appid != call.account.appid:
        raise ApiError(40029)
    if grant.used:
        raise ApiError(40163)
    if grant.expires <= call.world.clock.now():
        raise ApiError(40029)
    grant.used = True
    return _tokens(call, grant)


async def refresh_token(call: Call) -> Fields:
    """GET /sns/oauth2/refresh_token: thirty days from its issue."""
    if call.request.query.get("grant_type") != "refresh_token":
        raise ApiError(40002)
    grant = call.request.app[GRANTS].refresh.get(call.request.query.get("refresh_token", ""))
    if grant is None or grant.appid != call.account.appid:
        raise ApiError(40030)
    if grant.expires <= call.world.clock.now():
        raise ApiError(42002)
    return _tokens(call, grant)


def _page_grant(request: web.Request) -> Grant | None:
    world, query = request.app[WORLD], request.query
    grant = request.app[GRANTS].access.get(query.get("access_token", ""))
    if grant is None or grant.expires <= world.clock.now() or grant.openid != query.get("openid"):
        return None
    return grant


async def userinfo(request: web.Request) -> web.Response:
    """GET /sns/userinfo with a page's own token of scope snsapi_userinfo."""
    world, grant = request.app[WORLD], _page_grant(request)
    if grant is None:
        return _plain({"errcode": 40001, "errmsg": "invalid credential"})
    if grant.scope != "snsapi_userinfo":
        return _plain({"errcode": 48001, "errmsg": "api unauthorized"})
    account = world.plan.account(grant.appid)
    contact = world.contact(account, grant.openid) if account else None
    if contact is None:
        return _plain({"errcode": 40003, "errmsg": "invalid openid"})
    person = contact.person
    names = {"openid": contact.openid, "nickname": person.nickname, "sex": 0, "province": "", "city": ""}
    union = {"unionid": person.unionid} if person.unionid else {}
    return _plain({**names, "country": "", "headimgurl": "", "privilege": [], **union})


async def auth(request: web.Request) -> web.Response:
    """GET /sns/auth: is this page token still good?"""
    if _page_grant(request) is None:
        return _plain({"errcode": 40003, "errmsg": "invalid openid"})
    return _plain({"errcode": 0, "errmsg": "ok"})


def _plain(answer: Fields) -> web.Response:
    response = web.json_response(answer)
    response.content_type = "text/plain"
    return response


def jsapi_signature_good(world: World, given: Fields) -> bool:
    """SHA-1 over jsapi_ticket, noncestr, timestamp and url without fragment (JS-SDK, 附录1)."""
    account = world.plan.account(str(given.get("appId", "")) or "?")
    if account is None or not world.book(account).jsapi_ticket:
        return False
    url = str(given.get("url", "")).partition("#")[0]
    text = (
        f"jsapi_ticket={world.book(account).jsapi_ticket}&noncestr={given.get('nonceStr')}"
        f"&timestamp={given.get('timestamp')}&url={url}"
    )
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return secrets.compare_digest(digest, str(given.get("signature", "")))


ROUTES: tuple[Route, ...] = (
    Route("/sns/oauth2/access_token", access_token, post=False, token=False, content_type="text/plain"),
    Route("/sns/oauth2/refresh_token", refresh_token, post=False, token=False, content_type="text/plain"),
)
