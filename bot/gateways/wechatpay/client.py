"""Sends signed requests to WeChat Pay and believes no answer whose raw bytes are not signed; knows no business."""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from urllib.parse import urlsplit

from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.crypto import SCHEME, lines
from bot.gateways.wechatpay.keys import MerchantKey, PlatformKey, PlatformKeys, signature_fault
from bot.kernel.clock import Clock
from bot.kernel.errors import BadRequest, Busy
from bot.outside.http import Answer, NoAnswer

_USER_AGENT: Final = "scenepay"  # Some calls refuse a request that has none.
_MESSAGE_MAX: Final = 120
_VENDOR_HOSTS: Final = ".mch.weixin.qq.com"


class Http(Protocol):
    """What this client needs of ``outside.http.HttpClient``."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        dest: str,
        within: float,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        limit: int = ...,
    ) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Good:
    """A verified 2xx; ``data`` is empty where the body is (204 signs an empty body)."""

    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Bad:
    """An answer outside 2xx. ``signed`` tells a verified one from one without any signature."""

    status: int
    code: str
    message: str
    signed: bool


@dataclass(frozen=True, slots=True)
class Silent:
    """No answer that may be believed; ``sent`` is False only where surely nothing left us."""

    reason: str
    sent: bool = True


Reply = Good | Bad | Silent


class Client:
    """Calls in the name of one merchant account."""

    def __init__(
        self, account: WeChatPayAccount, key: MerchantKey, keys: PlatformKeys, http: Http, clock: Clock
    ) -> None:
        self._account = account
        self._key = key
        self._keys = keys
        self._http = http
        self._clock = clock
        self._dest = f"wechatpay.{account.key}"

    async def get(self, path: str) -> Reply:
        """Call with a path that holds its query, percent-encoded."""
        return await self._call("GET", path, b"")

    async def post(self, path: str, body: bytes, sealed_with: str = "") -> Reply:
        """Call with the bytes that ``serialise`` made; the same bytes may be sent again.

        ``sealed_with`` is the serial of the platform key under which fields of the body are encrypted.
        """
        return await self._call("POST", path, body, sealed_with)

    async def _call(self, method: str, path: str, body: bytes, sealed_with: str = "") -> Reply:
        answer = await self.send(method, path, body, sealed_with)
        if isinstance(answer, Silent):
            return answer
        fault = self._keys.fault(answer.headers, answer.body, self._clock.now())
        return _judged(answer, fault)

    async def send(self, method: str, path: str, body: bytes = b"", sealed_with: str = "") -> Answer | Silent:
        """Send one signed request and return the answer unverified."""
        headers = self._headers(method, path, body)
        if sealed_with:
            headers["Wechatpay-Serial"] = sealed_with
        url = self._account.base_url + path
        try:
            return await self._http.request(
                method, url, headers=headers, body=body, within=self._account.within, dest=self._dest
            )
        except NoAnswer as fault:
            return Silent(fault.code, sent=fault.sent)
        except Busy as fault:
            return Silent(fault.code, sent=False)

    async def download(self, url: str, limit: int) -> bytes | Silent:
        """Fetch a file of at most ``limit`` bytes from an address that a verified answer named.

        A file's answer bears no signature (payments.md §4.1): the caller compares the hash. The request is signed,
        so it goes to no host but WeChat Pay's.
        """
        if not self._ours(url):
            return Silent("foreign_download_url", sent=False)
        parts = urlsplit(url)
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        within = self._account.download_within
        try:
            answer = await self._http.request(
                "GET",
                url,
                headers=self._headers("GET", path, b""),
                within=within,
                limit=limit,
                dest=f"{self._dest}.files",
            )
        except NoAnswer as fault:
            return Silent(fault.code, sent=fault.sent)
        except (Busy, BadRequest) as fault:
            return Silent(fault.code, sent=False)
        return answer.body if answer.status == 200 else Silent(f"download_status_{answer.status}")

    def opened(self, sealed: str) -> bytes | None:
        """Return a secret that was encrypted for our certificate, None when it does not open."""
        return self._key.opened(sealed)

    def pay_sign(self, *parts: str) -> str:
        """Return the signature with which a page opens the cashier (payments.md §4.1)."""
        return self._sign(*(part.encode() for part in parts))

    def _sign(self, *parts: bytes) -> str:
        return base64.b64encode(self._key.sign(lines(*parts))).decode()

    def _headers(self, method: str, path: str, body: bytes) -> dict[str, str]:
        timestamp, nonce = str(int(self._clock.now().timestamp())), new_nonce()
        signature = self._sign(method.encode(), path.encode(), timestamp.encode(), nonce.encode(), body)
        headers = {
            "Authorization": (
                f'{SCHEME} mchid="{self._account.mchid}",nonce_str="{nonce}",signature="{signature}",'
                f'timestamp="{timestamp}",serial_no="{self._key.serial}"'
            ),
            "Accept": "application/json",
            "User-Agent": _USER_AGENT,
        }
        if body:
            headers["Content-Type"] = "application/json"
        if self._account.public_key_id:
            # Asks that the answer be signed with the key that we hold.
            headers["Wechatpay-Serial"] = self._account.public_key_id
        return headers

    def _ours(self, url: str) -> bool:
        try:
            given, own = urlsplit(url), urlsplit(self._account.base_url)
            same = (given.scheme, given.hostname, given.port) == (own.scheme, own.hostname, own.port)
        except ValueError:
            return False
        vendor = (
            given.scheme == "https" and given.port in (None, 443) and (given.hostname or "").endswith(_VENDOR_HOSTS)
        )
        return (same or vendor) and not given.username


def serialise(body: Mapping[str, object]) -> bytes:
    """Return the one form of a body: these bytes are signed and these bytes are sent."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def new_nonce() -> str:
    return secrets.token_hex(16).upper()


def read_reply(answer: Answer, keys: Mapping[str, PlatformKey], now: datetime) -> Reply:
    """Judge an answer by other keys than the client's own."""
    return _judged(answer, signature_fault(answer.headers, answer.body, now, keys))


def read_object(body: bytes) -> Mapping[str, object] | None:
    """Return a JSON object, None for anything else however it is nested."""
    try:
        # Decoded here, since json would guess UTF-16 and UTF-32 too.
        data = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _judged(answer: Answer, fault: str) -> Reply:
    if 200 <= answer.status < 300:
        data = read_object(answer.body) if answer.body else {}
        if fault or data is None:
            return Silent(f"answer_{fault or 'malformed'}")
        return Good(data)
    if fault not in ("", "unsigned"):
        # Whoever spoilt the signature may have written the refusal too.
        return Silent(f"answer_{fault}")
    data = read_object(answer.body) or {}
    code, message = data.get("code"), data.get("message")
    return Bad(
        answer.status,
        code if isinstance(code, str) else "",
        message[:_MESSAGE_MAX] if isinstance(message, str) else "",
        signed=not fault,
    )
