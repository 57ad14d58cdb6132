"""Tokens, menu, QR codes, users, tickets, media and quota of the simulated platform."""

import secrets
from datetime import timedelta
from hmac import compare_digest
from io import BytesIO
from typing import Any

import qrcode
import qrcode.image.svg
from aiohttp import web

from bot.simulators.wechat.api import OK, ApiError, Call, Fields, Route
from bot.simulators.wechat.tokens import LIFE
from bot.simulators.wechat.world import WORLD, Media, SceneCode

MEDIA_LIFE = timedelta(days=3)
MEDIA_BYTES = {"image": 10 * 1024 * 1024, "voice": 2 * 1024 * 1024, "video": 10 * 1024 * 1024, "thumb": 64 * 1024}
PERMANENT_CODES = 100_000
TEMPORARY_SECONDS = 2_592_000


def _secret_checked(call: Call, secret: object) -> None:
    if not secret:
        raise ApiError(41004)
    if not compare_digest(str(secret).encode(), call.account.secret.encode()):
        raise ApiError(40125)


async def token(call: Call) -> Fields:
    """GET /cgi-bin/token."""
    query = call.request.query
    if query.get("grant_type") != "client_credential":
        raise ApiError(40002)
    _secret_checked(call, query.get("secret"))
    value, seconds = call.book.tokens.fetch(call.world.clock.now())
    return {"access_token": value, "expires_in": seconds}


async def stable_token(call: Call) -> Fields:
    """POST /cgi-bin/stable_token, normal and forced."""
    if call.body.get("grant_type") != "client_credential":
        raise ApiError(40002)
    _secret_checked(call, call.body.get("secret"))
    now = call.world.clock.now()
    if call.body.get("force_refresh") is True:
        forced = call.book.tokens.force_stable(now)
        if forced is None:
            # The document names 45009 and 45011 for this interface without saying which; the gap is a rate.
            raise ApiError(45011)
        value, seconds = forced
    else:
        value, seconds = call.book.tokens.fetch_stable(now)
    return {"access_token": value, "expires_in": seconds}


# What a leaf of a menu must carry (自定义菜单, 创建接口).
BUTTON_NEEDS: dict[str, tuple[str, ...]] = {
    "click": ("key",),
    "view": ("url",),
    "scancode_push": ("key",),
    "scancode_waitmsg": ("key",),
    "pic_sysphoto": ("key",),
    "pic_photo_or_album": ("key",),
    "pic_weixin": ("key",),
    "location_select": ("key",),
    "media_id": ("media_id",),
    "article_id": ("article_id",),
    "article_view_limited": ("article_id",),
    "miniprogram": ("appid", "pagepath", "url"),
}


def _button_checked(button: Any, name_bytes: int) -> None:
    if not isinstance(button, dict) or not 1 <= len(str(button.get("name", "")).encode()) <= name_bytes:
        raise ApiError(40018)
    subs = button.get("sub_button")
    if subs:
        if len(subs) > 5 or name_bytes == 60:
            raise ApiError(40023)
        for sub in subs:
            _button_checked(sub, 60)
        return
    needs = BUTTON_NEEDS.get(str(button.get("type", "")))
    if needs is None:
        raise ApiError(40017)
    for name in needs:
        size = len(str(button.get(name, "")).encode())
        if name == "url" and not 1 <= size <= 1024:
            raise ApiError(40020)
        if name != "url" and not 1 <= size <= 128:
            raise ApiError(40019)


async def menu_create(call: Call) -> Fields:
    """POST /cgi-bin/menu/create."""
    buttons = call.body.get("button")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        raise ApiError(40016)
    for button in buttons:
        _button_checked(button, 16)
    call.book.menu = {"button": buttons}
    _menu_shown(call)
    return OK


async def menu_get(call: Call) -> Fields:
    """GET /cgi-bin/menu/get."""
    if call.book.menu is None:
        raise ApiError(46003)
    return {"menu": call.book.menu}


async def menu_delete(call: Call) -> Fields:
    """GET /cgi-bin/menu/delete."""
    call.book.menu = None
    _menu_shown(call)
    return OK


def _menu_shown(call: Call) -> None:
    event = {"type": "menu", "appid": call.account.appid, "for": "", "menu": call.book.menu}
    call.world.hub.publish(event)


def _scene_of(body: Fields, name: str) -> str:
    scene = body.get("action_info", {}).get("scene", {})
    if name in ("QR_SCENE", "QR_LIMIT_SCENE"):
        number = scene.get("scene_id")
        highest = 2**32 - 1 if name == "QR_SCENE" else PERMANENT_CODES
        if not isinstance(number, int) or not 1 <= number <= highest:
            raise ApiError(47001)
        return str(number)
    text = scene.get("scene_str")
    if not isinstance(text, str) or not 1 <= len(text) <= 64:
        raise ApiError(47001)
    return text


async def qrcode_create(call: Call) -> Fields:
    """POST /cgi-bin/qrcode/create: temporary and permanent codes with a scene."""
    name = call.body.get("action_name")
    if name not in ("QR_SCENE", "QR_STR_SCENE", "QR_LIMIT_SCENE", "QR_LIMIT_STR_SCENE"):
        raise ApiError(47001)
    scene = _scene_of(call.body, name)
    answer: Fields = {}
    expires = None
    if name.startswith("QR_LIMIT"):
        if call.book.permanent_codes >= PERMANENT_CODES:
            raise ApiError(45029)
        call.book.permanent_codes += 1
    else:
        seconds = min(int(call.body.get("expire_seconds", 60)), TEMPORARY_SECONDS)
        expires = call.world.clock.now() + timedelta(seconds=seconds)
        answer["expire_seconds"] = seconds
    ticket = "gQ" + secrets.token_urlsafe(70)
    url = f"http://weixin.qq.com/q/02{secrets.token_urlsafe(24)}"
    call.world.codes[ticket] = SceneCode(ticket, url, scene, call.account.appid, expires)
    return {"ticket": ticket, **answer, "url": url}


def svg_of(text: str) -> bytes:
    """An SVG picture of a QR code."""
    picture = qrcode.make(text, image_factory=qrcode.image.svg.SvgPathImage, border=2)
    out = BytesIO()
    picture.save(out)
    return out.getvalue()


async def showqrcode(request: web.Request) -> web.Response:
    """GET /cgi-bin/showqrcode?ticket=: the real one answers a JPEG, this one an SVG of the same address."""
    code = request.app[WORLD].codes.get(request.query.get("ticket", ""))
    if code is None:
        raise web.HTTPNotFound
    return web.Response(body=svg_of(code.url), content_type="image/svg+xml")


async def user_info(call: Call) -> Fields:
    """GET /cgi-bin/user/info."""
    contact = call.contact(call.request.query.get("openid"))
    person = contact.person
    known = {"subscribe": int(contact.follows), "openid": contact.openid}
    if person.unionid:
        known["unionid"] = person.unionid
    if not contact.follows:
        return known
    return {
        **known,
        "language": "zh_CN",
        "subscribe_time": int(contact.followed_at.timestamp()),
        "remark": "",
        "groupid": 0,
        "tagid_list": [],
        "subscribe_scene": contact.scene,
        "qr_scene": int(contact.qr_scene) if contact.qr_scene.isdigit() else 0,
        "qr_scene_str": "" if contact.qr_scene.isdigit() else contact.qr_scene,
    }


async def user_get(call: Call) -> Fields:
    """GET /cgi-bin/user/get: all followers in one page."""
    for person in call.world.people():
        call.world.contact(call.account, person.openid)
    openids = [contact.openid for contact in call.book.contacts.values() if contact.follows]
    return {
        "total": len(openids),
        "count": len(openids),
        "data": {"openid": openids},
        "next_openid": openids[-1] if openids else "",
    }


async def getticket(call: Call) -> Fields:
    """GET /cgi-bin/ticket/getticket?type=jsapi."""
    if call.request.query.get("type") != "jsapi":
        raise ApiError(40097, "invalid args")
    now, book = call.world.clock.now(), call.book
    if book.jsapi_expires is None or book.jsapi_expires <= now:
        book.jsapi_ticket = "kgt8ON7yVITDhtdwci0qe" + secrets.token_urlsafe(48)
        book.jsapi_expires = now + LIFE
    return {**OK, "ticket": book.jsapi_ticket, "expires_in": int((book.jsapi_expires - now).total_seconds())}


async def media_upload(call: Call) -> Fields:
    """POST /cgi-bin/media/upload: a temporary file, kept three days."""
    kind = call.request.query.get("type", "")
    if kind not in MEDIA_BYTES:
        raise ApiError(40004)
    form = await call.request.post()
    part = form.get("media")
    if not isinstance(part, web.FileField):
        raise ApiError(41005, "media data missing")
    data = part.file.read()
    if not 0 < len(data) <= MEDIA_BYTES[kind]:
        raise ApiError(45001)
    media_id = secrets.token_urlsafe(48)
    now = call.world.clock.now()
    call.book.media[media_id] = Media(kind, part.content_type, data, now)
    return {"type": kind, "media_id": media_id, "created_at": int(now.timestamp())}


async def media_get(call: Call) -> Fields | web.Response:
    """GET /cgi-bin/media/get: the file itself, or an error as JSON."""
    media = call.book.media.get(call.request.query.get("media_id", ""))
    if media is None or call.world.clock.now() - media.created > MEDIA_LIFE:
        raise ApiError(40007)
    return web.Response(
        body=media.data,
        content_type=media.content_type,
        headers={"Content-Disposition": f'attachment; filename="{media.kind}"'},
    )


async def clear_quota(call: Call) -> Fields:
    """POST /cgi-bin/clear_quota: ten times a month."""
    if call.body.get("appid") != call.account.appid:
        raise ApiError(40013)
    if not call.book.quotas.clear(call.world.clock.now()):
        raise ApiError(48006)
    return OK


async def getcallbackip(call: Call) -> Fields:
    """GET /cgi-bin/getcallbackip: the addresses pushes come from."""
    return {"ip_list": ["127.0.0.1"]}


ROUTES: tuple[Route, ...] = (
    Route("/cgi-bin/token", token, post=False, token=False),
    Route("/cgi-bin/stable_token", stable_token, token=False),
    Route("/cgi-bin/menu/create", menu_create),
    Route("/cgi-bin/menu/get", menu_get, post=False),
    Route("/cgi-bin/menu/delete", menu_delete, post=False),
    Route("/cgi-bin/qrcode/create", qrcode_create),
    Route("/cgi-bin/user/info", user_info, post=False),
    Route("/cgi-bin/user/get", user_get, post=False),
    Route("/cgi-bin/ticket/getticket", getticket, post=False),
    Route("/cgi-bin/media/upload", media_upload, json_body=False),
    Route("/cgi-bin/media/get", media_get, post=False),
    Route("/cgi-bin/clear_quota", clear_quota),
    Route("/cgi-bin/getcallbackip", getcallbackip, post=False),
)
