"""WeChat's platform (api.weixin.qq.com) for one official account: how it is called, and each call that we make."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

from wechatpy.client.api.jsapi import WeChatJSAPI

from bot.channels.official.account import OfficialAccount
from bot.channels.official.errors import AlreadySo, SystemBusy, TokenRejected, raise_for
from bot.channels.official.tokens import Keeper
from bot.channels.wire import jsontext
from bot.kernel.clock import Clock
from bot.kernel.errors import BadRequest, GatewayTrouble
from bot.kernel.ids import random_text
from bot.outside.http import Answer, HttpClient
from bot.storage.ephemeral_port import Ephemeral

Fields = Mapping[str, Any]

_WITHIN: Final = 5.0
_UPLOAD_WITHIN: Final = 15.0
# How long to wait after a «system busy» before the next try; the end of the list is the end of trying.
_BUSY_WAITS: Final = (0.2, 0.8)
# Temporary media live for three days (新增临时素材).
_MEDIA_TTL: Final = 2.5 * 86_400
_SCENE_ID_MAX: Final = 100_000
_QR_LIFE_MAX: Final = 2_592_000


@dataclass(frozen=True, slots=True)
class SceneCode:
    """A parametric code: ``url`` is what the picture says, ``ticket`` fetches WeChat's own picture of it."""

    ticket: str
    url: str
    expire_seconds: int | None

    @property
    def picture_url(self) -> str:
        return f"https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket={quote(self.ticket, safe='')}"


@dataclass(frozen=True, slots=True)
class JsConfig:
    """The parameters of ``wx.config`` for one page."""

    app_id: str
    timestamp: int
    nonce: str
    signature: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who granted a page's OAuth2 request; the tokens in the answer are not kept."""

    openid: str
    unionid: str | None
    snapshot: bool
    scope: str


class WeChatClient:
    """Calls WeChat for one account.

    Every method raises WeChatError (a no, by its meaning), NoAnswer or Busy (nothing is known, or nothing was sent).
    A refused access token is replaced and the call repeated once; a busy platform is asked three times in all.
    """

    def __init__(self, account: OfficialAccount, http: HttpClient, store: Ephemeral, clock: Clock) -> None:
        self._account = account
        self._http = http
        self._store = store
        self._clock = clock
        self._dest = f"wechat:{account.key}"
        self._token = Keeper(f"{account.app_id}:token", self._fetch_token, store, clock)
        self._ticket = Keeper(f"{account.app_id}:jsapi", self._fetch_ticket, store, clock)

    async def close(self) -> None:
        """Give up renewals under way."""
        await asyncio.gather(self._token.close(), self._ticket.close())

    async def refresh(self) -> None:
        """Make sure of a token, renewing one in its last minutes; for a worker, so that no customer waits for it."""
        await self._token.value()

    # --- messages ---------------------------------------------------------------------------------------------------

    async def send_custom(self, body: Fields) -> None:
        """Send one customer-service message (客服消息); ``body`` is what outbound.custom_body makes."""
        await self._post("/cgi-bin/message/custom/send", body)

    async def typing(self, openid: str, *, on: bool = True) -> None:
        """Show «对方正在输入» or end it; that it cannot be shown just now (45080, 45081) is no error."""
        command = "Typing" if on else "CancelTyping"
        try:
            await self._post("/cgi-bin/message/custom/typing", {"touser": openid, "command": command})
        except AlreadySo:
            return

    async def send_template(
        self, openid: str, template_id: str, data: Mapping[str, str], *, url: str = "", client_msg_id: str = ""
    ) -> str:
        """Send a template message (模板消息) and return its msgid; its end is pushed as TEMPLATESENDJOBFINISH.

        WeChat sends one ``client_msg_id`` (at most 32 characters) only once in ten minutes.
        """
        body: dict[str, Any] = {
            "touser": openid,
            "template_id": template_id,
            "data": {name: {"value": value} for name, value in data.items()},
        }
        if url:
            body["url"] = url
        if client_msg_id:
            body["client_msg_id"] = client_msg_id
        answer = await self._post("/cgi-bin/message/template/send", body)
        return str(answer.get("msgid", ""))

    async def send_notice(
        self, openid: str, template_id: str, data: Mapping[str, str], *, page: str = "", app_id: str = ""
    ) -> None:
        """Send a subscribe message (订阅通知 bizsend); each grant is good for one, without it Refused is raised.

        ``page`` is a URL, or a path in the mini-program ``app_id``.
        """
        body: dict[str, Any] = {
            "touser": openid,
            "template_id": template_id,
            "data": {name: {"value": value} for name, value in data.items()},
        }
        if app_id:
            body["miniprogram"] = {"appid": app_id, "pagepath": page}
        elif page:
            body["page"] = page
        await self._post("/cgi-bin/message/subscribe/bizsend", body)

    async def upload_png(self, png: bytes, name: str) -> str:
        """Upload a picture as temporary media and return its media_id, which serves the same picture for 2.5 days."""
        key = f"wechat:media:{self._account.app_id}:{hashlib.sha256(png).hexdigest()}"
        known = await self._store.get(key)
        if known is not None:
            return known.decode()
        content_type, body = _multipart("media", _file_name(name), png)
        answer = await self._call(
            "POST", "/cgi-bin/media/upload", {"type": "image"}, body, content_type, within=_UPLOAD_WITHIN
        )
        media_id = _text(answer, "media_id")
        await self._store.put(key, media_id.encode(), _MEDIA_TTL)
        return media_id

    # --- menu, codes, customers -------------------------------------------------------------------------------------

    async def create_menu(self, menu: Fields) -> None:
        """Replace the account's menu; phones show it within five minutes."""
        await self._post("/cgi-bin/menu/create", menu)

    async def menu(self) -> Fields:
        """Return the menu as it is set; raise NoSuchThing when there is none."""
        return await self._get("/cgi-bin/menu/get", {})

    async def delete_menu(self) -> None:
        await self._get("/cgi-bin/menu/delete", {})

    async def create_code(self, scene: int | str, expire_seconds: int | None = None) -> SceneCode:
        """Make a parametric code (生成带参数的二维码); without ``expire_seconds`` one of the 100,000 permanent ones.

        Raises BadRequest for a scene that WeChat does not take: 1 to 100000 permanently, 32 bits for a time, or 1 to
        64 characters.
        """
        _check_scene(scene, expire_seconds)
        kind = "STR_SCENE" if isinstance(scene, str) else "SCENE"
        body: dict[str, Any] = {
            "action_name": f"QR_{kind}" if expire_seconds is not None else f"QR_LIMIT_{kind}",
            "action_info": {"scene": {"scene_str" if isinstance(scene, str) else "scene_id": scene}},
        }
        if expire_seconds is not None:
            body["expire_seconds"] = expire_seconds
        answer = await self._post("/cgi-bin/qrcode/create", body)
        life = answer.get("expire_seconds")
        return SceneCode(_text(answer, "ticket"), _text(answer, "url"), None if life is None else int(life))

    async def user(self, openid: str, lang: Literal["zh_CN", "zh_TW", "en"] = "zh_CN") -> Fields:
        """Return what WeChat tells of a follower: ``subscribe``, ``unionid``, ``language`` …"""
        return await self._get("/cgi-bin/user/info", {"openid": openid, "lang": lang})

    # --- pages ------------------------------------------------------------------------------------------------------

    def authorize_url(self, back: str, state: str, *, profile: bool = False) -> str:
        """Return the page that asks for (``profile``) or silently gives the customer's identity (网页授权).

        wechatpy builds the same address but leaves ``state`` as it is, so that one with ``&`` or ``#`` would change
        the meaning of the rest.
        """
        query = urlencode(
            {
                "appid": self._account.app_id,
                "redirect_uri": back,
                "response_type": "code",
                "scope": "snsapi_userinfo" if profile else "snsapi_base",
                "state": state,
            },
            quote_via=quote,
            safe="",
        )
        return f"{self._account.oauth_base}/connect/oauth2/authorize?{query}#wechat_redirect"

    async def exchange(self, code: str) -> Identity:
        """Exchange an OAuth2 code, which is good once and for five minutes; raise BadCode for any other."""
        answer = await self._ask(
            "GET",
            "/sns/oauth2/access_token",
            {
                "appid": self._account.app_id,
                "secret": self._account.secret.reveal(),
                "code": code,
                "grant_type": "authorization_code",
            },
        )
        snapshot = str(answer.get("is_snapshotuser", "0")) == "1"
        unionid = answer.get("unionid")
        scope = str(answer.get("scope", ""))
        return Identity(_text(answer, "openid"), str(unionid) if unionid else None, snapshot, scope)

    async def js_config(self, url: str) -> JsConfig:
        """Return the JS-SDK parameters for a page, whose address counts without its fragment."""
        ticket = await self._ticket.value()
        nonce, timestamp = random_text(16), int(self._clock.now().timestamp())
        return JsConfig(self._account.app_id, timestamp, nonce, js_signature(ticket, nonce, timestamp, url))

    # --- how it is called -------------------------------------------------------------------------------------------

    async def _get(self, path: str, query: Mapping[str, str]) -> Fields:
        return await self._call("GET", path, query)

    async def _post(self, path: str, body: Fields) -> Fields:
        return await self._call("POST", path, {}, jsontext.dump(body), "application/json; charset=utf-8")

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes = b"",
        content_type: str = "",
        *,
        within: float = _WITHIN,
    ) -> Fields:
        token = await self._token.value()
        try:
            return await self._ask(method, path, {**query, "access_token": token}, body, content_type, within=within)
        except TokenRejected:
            other = await self._token.replace(token)
            if other is None:
                raise
            return await self._ask(method, path, {**query, "access_token": other}, body, content_type, within=within)

    async def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes = b"",
        content_type: str = "",
        *,
        within: float = _WITHIN,
    ) -> Fields:
        url = f"{self._account.api_base}{path}?{urlencode(query)}" if query else f"{self._account.api_base}{path}"
        headers = {"Content-Type": content_type} if content_type else {}
        for wait in (*_BUSY_WAITS, None):
            answer = await self._http.request(method, url, dest=self._dest, within=within, headers=headers, body=body)
            try:
                return _read(answer)
            except SystemBusy:
                if wait is None:
                    raise
                await self._clock.sleep(wait)
        raise AssertionError("the last turn returns or raises")

    async def _fetch_token(self, force: bool) -> tuple[str, float]:
        body = {
            "grant_type": "client_credential",
            "appid": self._account.app_id,
            "secret": self._account.secret.reveal(),
            "force_refresh": force,
        }
        answer = await self._ask(
            "POST", "/cgi-bin/stable_token", {}, jsontext.dump(body), "application/json; charset=utf-8", within=3.0
        )
        return _text(answer, "access_token"), float(answer.get("expires_in", 0))

    async def _fetch_ticket(self, _force: bool) -> tuple[str, float]:
        answer = await self._get("/cgi-bin/ticket/getticket", {"type": "jsapi"})
        return _text(answer, "ticket"), float(answer.get("expires_in", 0))


def js_signature(ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """Return the signature of ``wx.config`` (JS-SDK 附录1), which covers the address without its fragment."""
    page, _, _ = url.partition("#")
    return str(WeChatJSAPI().get_jsapi_signature(nonce, ticket, timestamp, page))


def _read(answer: Answer) -> Fields:
    if answer.status != 200:
        raise GatewayTrouble("wechat_http_status", status=answer.status)
    try:
        fields = json.loads(answer.body)
    except (ValueError, RecursionError) as fault:
        raise GatewayTrouble("wechat_bad_answer") from fault
    if not isinstance(fields, dict):
        raise GatewayTrouble("wechat_bad_answer")
    raise_for(fields)
    return fields


def _text(answer: Fields, name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise GatewayTrouble("wechat_bad_answer", field=name)
    return value


def _check_scene(scene: int | str, expire_seconds: int | None) -> None:
    if expire_seconds is not None and not 1 <= expire_seconds <= _QR_LIFE_MAX:
        raise BadRequest("bad_code_life", f"1 to {_QR_LIFE_MAX} seconds")
    if isinstance(scene, str):
        fits = 1 <= len(scene) <= 64
    else:
        fits = 1 <= scene <= (_SCENE_ID_MAX if expire_seconds is None else 0xFFFF_FFFF)
    if not fits:
        raise BadRequest("bad_scene", "1 to 100000 (permanent), 32 bits (temporary) or 1 to 64 characters")


def _file_name(name: str) -> str:
    """Return a name that can break out of no header."""
    plain = "".join(letter for letter in name if letter.isascii() and (letter.isalnum() or letter in "-_."))
    return plain if plain.endswith(".png") else f"{plain or 'picture'}.png"


def _multipart(field: str, file_name: str, content: bytes) -> tuple[str, bytes]:
    boundary = random_text(32)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{file_name}"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    return f"multipart/form-data; boundary={boundary}", b"".join(
        (head.encode(), content, f"\r\n--{boundary}--\r\n".encode())
    )
