"""WeChat's platform (api.weixin.qq.com) for one official account: how it is called, and each call that we make."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

from wechatpy.client.api.jsapi import WeChatJSAPI

from bot.channels.official.account import OfficialAccount
from bot.channels.platform.client import Fields, PlatformClient, text_of
from bot.channels.platform.tokens import Keeper
from bot.kernel.clock import Clock
from bot.kernel.errors import BadRequest
from bot.kernel.ids import random_text
from bot.outside.http import HttpClient
from bot.storage.ephemeral_port import Ephemeral

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


class WeChatClient(PlatformClient):
    """Calls WeChat for one official account; errors as PlatformClient says."""

    def __init__(self, account: OfficialAccount, http: HttpClient, store: Ephemeral, clock: Clock) -> None:
        super().__init__(account, http, store, clock)
        self._official = account
        self._ticket = Keeper(f"{account.app_id}:jsapi", self._fetch_ticket, store, clock)

    async def close(self) -> None:
        """Give up renewals under way."""
        await asyncio.gather(super().close(), self._ticket.close())

    # --- messages ---------------------------------------------------------------------------------------------------

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
        answer = await self.post("/cgi-bin/message/template/send", body)
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
        await self.post("/cgi-bin/message/subscribe/bizsend", body)

    # --- menu, codes, customers -------------------------------------------------------------------------------------

    async def create_menu(self, menu: Fields) -> None:
        """Replace the account's menu; phones show it within five minutes."""
        await self.post("/cgi-bin/menu/create", menu)

    async def menu(self) -> Fields:
        """Return the menu as it is set; raise NoSuchThing when there is none."""
        return await self.get("/cgi-bin/menu/get", {})

    async def delete_menu(self) -> None:
        await self.get("/cgi-bin/menu/delete", {})

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
        answer = await self.post("/cgi-bin/qrcode/create", body)
        life = answer.get("expire_seconds")
        return SceneCode(text_of(answer, "ticket"), text_of(answer, "url"), None if life is None else int(life))

    async def user(self, openid: str, lang: Literal["zh_CN", "zh_TW", "en"] = "zh_CN") -> Fields:
        """Return what WeChat tells of a follower: ``subscribe``, ``unionid``, ``language`` …"""
        return await self.get("/cgi-bin/user/info", {"openid": openid, "lang": lang})

    # --- pages ------------------------------------------------------------------------------------------------------

    def authorize_url(self, back: str, state: str, *, profile: bool = False) -> str:
        """Return the page that asks for (``profile``) or silently gives the customer's identity (网页授权).

        wechatpy builds the same address but leaves ``state`` as it is, so that one with ``&`` or ``#`` would change
        the meaning of the rest.
        """
        query = urlencode(
            {
                "appid": self._official.app_id,
                "redirect_uri": back,
                "response_type": "code",
                "scope": "snsapi_userinfo" if profile else "snsapi_base",
                "state": state,
            },
            quote_via=quote,
            safe="",
        )
        return f"{self._official.oauth_base}/connect/oauth2/authorize?{query}#wechat_redirect"

    async def exchange(self, code: str) -> Identity:
        """Exchange an OAuth2 code, which is good once and for five minutes; raise BadCode for any other."""
        answer = await self.ask(
            "GET",
            "/sns/oauth2/access_token",
            {
                "appid": self._official.app_id,
                "secret": self._official.secret.reveal(),
                "code": code,
                "grant_type": "authorization_code",
            },
        )
        snapshot = str(answer.get("is_snapshotuser", "0")) == "1"
        unionid = answer.get("unionid")
        scope = str(answer.get("scope", ""))
        return Identity(text_of(answer, "openid"), str(unionid) if unionid else None, snapshot, scope)

    async def js_config(self, url: str) -> JsConfig:
        """Return the JS-SDK parameters for a page, whose address counts without its fragment."""
        ticket = await self._ticket.value()
        nonce, timestamp = random_text(16), int(self._clock.now().timestamp())
        return JsConfig(self._official.app_id, timestamp, nonce, js_signature(ticket, nonce, timestamp, url))

    async def _fetch_ticket(self, _force: bool) -> tuple[str, float]:
        answer = await self.get("/cgi-bin/ticket/getticket", {"type": "jsapi"})
        return text_of(answer, "ticket"), float(answer.get("expires_in", 0))


def js_signature(ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """Return the signature of ``wx.config`` (JS-SDK 附录1), which covers the address without its fragment."""
    page, _, _ = url.partition("#")
    return str(WeChatJSAPI().get_jsapi_signature(nonce, ticket, timestamp, page))


def _check_scene(scene: int | str, expire_seconds: int | None) -> None:
    if expire_seconds is not None and not 1 <= expire_seconds <= _QR_LIFE_MAX:
        raise BadRequest("bad_code_life", f"1 to {_QR_LIFE_MAX} seconds")
    if isinstance(scene, str):
        fits = 1 <= len(scene) <= 64
    else:
        fits = 1 <= scene <= (_SCENE_ID_MAX if expire_seconds is None else 0xFFFF_FFFF)
    if not fits:
        raise BadRequest("bad_scene", "1 to 100000 (permanent), 32 bits (temporary) or 1 to 64 characters")
