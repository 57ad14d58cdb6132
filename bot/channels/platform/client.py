"""How api.weixin.qq.com is called for one app, and the calls that official accounts and mini-programs share."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from bot.channels.app import WeChatApp
from bot.channels.platform.errors import AlreadySo, SystemBusy, TokenRejected, raise_for
from bot.channels.platform.tokens import Keeper
from bot.channels.wire import jsontext
from bot.kernel.clock import Clock
from bot.kernel.errors import GatewayTrouble
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
# What a customer's picture may be, and how long its download may take: an answer is awaited.
MEDIA_BYTES_MAX: Final = 5 * 1024 * 1024
MEDIA_TYPES: Final = frozenset({"image/jpeg", "image/jpg", "image/png", "image/gif", "image/webp", "image/bmp"})
_MEDIA_WITHIN: Final = 3.0


class PlatformClient:
    """Calls WeChat for one app.

    Every method raises WeChatError (a no, by its meaning), NoAnswer or Busy (nothing is known, or nothing was sent).
    A refused access token is replaced and the call repeated once; a busy platform is asked three times in all.
    """

    def __init__(self, app: WeChatApp, http: HttpClient, store: Ephemeral, clock: Clock) -> None:
        self._app = app
        self._http = http
        self._store = store
        self._clock = clock
        self._dest = f"wechat:{app.key}"
        self._token = Keeper(f"{app.app_id}:token", self._fetch_token, store, clock)

    async def close(self) -> None:
        """Give up renewals under way."""
        await self._token.close()

    async def refresh(self) -> None:
        """Make sure of a token, renewing one in its last minutes; for a worker, so that no customer waits for it."""
        await self._token.value()

    # --- messages ---------------------------------------------------------------------------------------------------

    async def send_custom(self, body: Fields) -> None:
        """Send one customer-service message (客服消息); ``body`` is what outbound.custom_body makes."""
        await self.post("/cgi-bin/message/custom/send", body)

    async def typing(self, openid: str, *, on: bool = True) -> None:
        """Show «对方正在输入» or end it; that it cannot be shown just now (45080, 45081) is no error."""
        command = "Typing" if on else "CancelTyping"
        try:
            await self.post("/cgi-bin/message/custom/typing", {"touser": openid, "command": command})
        except AlreadySo:
            return

    async def upload_png(self, png: bytes, name: str) -> str:
        """Upload a picture as temporary media and return its media_id, which serves the same picture for 2.5 days."""
        key = f"wechat:media:{self._app.app_id}:{hashlib.sha256(png).hexdigest()}"
        known = await self._store.get(key)
        if known is not None:
            return known.decode()
        content_type, body = _multipart("media", _file_name(name), png)
        answer = await self.call(
            "POST", "/cgi-bin/media/upload", {"type": "image"}, body, content_type, within=_UPLOAD_WITHIN
        )
        media_id = text_of(answer, "media_id")
        await self._store.put(key, media_id.encode(), _MEDIA_TTL)
        return media_id

    async def get_media(self, media_id: str) -> bytes:
        """Return a picture that a customer sent (获取临时素材), at most ``MEDIA_BYTES_MAX`` bytes of ``MEDIA_TYPES``.

        Raises WeChatError for an id that is unknown or over three days old, NoAnswer for one that is too large, and
        GatewayTrouble for anything that is no picture.
        """
        token = await self._token.value()
        try:
            return await self._media(media_id, token)
        except TokenRejected:
            other = await self._token.replace(token)
            if other is None:
                raise
            return await self._media(media_id, other)

    async def _media(self, media_id: str, token: str) -> bytes:
        query = urlencode({"access_token": token, "media_id": media_id})
        url = f"{self._app.api_base}/cgi-bin/media/get?{query}"
        answer = await self._http.request(
            "GET", url, dest=f"{self._dest}:media", within=_MEDIA_WITHIN, limit=MEDIA_BYTES_MAX
        )
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if answer.status == 200 and kind in MEDIA_TYPES:
            return answer.body
        # A refusal comes as JSON, whatever it is labelled.
        _read(answer)
        raise GatewayTrouble("wechat_no_picture")

    # --- how it is called -------------------------------------------------------------------------------------------

    async def get(self, path: str, query: Mapping[str, str]) -> Fields:
        return await self.call("GET", path, query)

    async def post(self, path: str, body: Fields) -> Fields:
        return await self.call("POST", path, {}, jsontext.dump(body), "application/json; charset=utf-8")

    async def call(
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
            return await self.ask(method, path, {**query, "access_token": token}, body, content_type, within=within)
        except TokenRejected:
            other = await self._token.replace(token)
            if other is None:
                raise
            return await self.ask(method, path, {**query, "access_token": other}, body, content_type, within=within)

    async def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes = b"",
        content_type: str = "",
        *,
        within: float = _WITHIN,
    ) -> Fields:
        url = f"{self._app.api_base}{path}?{urlencode(query)}" if query else f"{self._app.api_base}{path}"
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
            "appid": self._app.app_id,
            "secret": self._app.secret.reveal(),
            "force_refresh": force,
        }
        answer = await self.ask(
            "POST", "/cgi-bin/stable_token", {}, jsontext.dump(body), "application/json; charset=utf-8", within=3.0
        )
        return text_of(answer, "access_token"), float(answer.get("expires_in", 0))


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


def text_of(answer: Fields, name: str) -> str:
    """Return a text that an answer must hold; raise GatewayTrouble where it does not."""
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise GatewayTrouble("wechat_bad_answer", field=name)
    return value


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
