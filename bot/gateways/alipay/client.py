"""Sends signed requests to Alipay and believes no answer whose raw bytes are not signed; knows no business."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

from bot.gateways.alipay.account import AlipayAccount
from bot.gateways.alipay.crypto import SIGN_TYPE, members, read_object, text_to_sign
from bot.gateways.alipay.keys import AlipayKeys, AppKey
from bot.kernel.clock import SHANGHAI, Clock
from bot.kernel.errors import BadRequest, Busy
from bot.outside.http import Answer, NoAnswer

_MESSAGE_MAX: Final = 120
_CHARSET: Final = "utf-8"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8", "Accept": "application/json"}
# Where bills lie: their address names plain http, which is never used.
_VENDOR_HOSTS: Final = (".alipay.com", ".alipayobjects.com", ".alipaydev.com")
_ERROR: Final = "error_response"
# These stand beside the business content and not in the address, where proxies would write them down.
_IN_BODY: Final = ("biz_content", "app_auth_token", "code")


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
class Told:
    """A verified answer, whatever it says; ``code`` is empty for the few methods that give none on success."""

    code: str
    sub_code: str
    message: str
    data: Mapping[str, object]

    @property
    def good(self) -> bool:
        return self.code == "10000"

    @property
    def reason(self) -> str:
        """Why it is not good, for an Unknown."""
        return self.sub_code or f"code_{self.code}"


@dataclass(frozen=True, slots=True)
class Silent:
    """No answer that may be believed; ``sent`` is False only where surely nothing left us."""

    reason: str
    sent: bool = True


Reply = Told | Silent


class Client:
    """Calls in the name of one application."""

    def __init__(self, account: AlipayAccount, key: AppKey, keys: AlipayKeys, http: Http, clock: Clock) -> None:
        self._account = account
        self._key = key
        self._keys = keys
        self._http = http
        self._clock = clock
        self._dest = f"alipay.{account.key}"

    async def call(self, method: str, content: Mapping[str, object], notify_url: str = "") -> Reply:
        """Carry out one method with its business content."""
        return await self.send(method, {"biz_content": serialise(content), "notify_url": notify_url})

    async def send(self, method: str, own: Mapping[str, str]) -> Reply:
        """Carry out one method with parameters of its own; empty ones are left out."""
        parameters = self._signed(method, own)
        body: dict[str, str] = {name: parameters.pop(name) for name in _IN_BODY if name in parameters}
        url = f"{self._account.base_url}?{urlencode(parameters)}"
        try:
            answer = await self._http.request(
                "POST",
                url,
                headers=_FORM,
                body=urlencode(body).encode(),
                within=self._account.within,
                dest=self._dest,
            )
        except NoAnswer as fault:
            return Silent(fault.code, sent=fault.sent)
        except Busy as fault:
            return Silent(fault.code, sent=False)
        return self._judged(method, answer)

    def page(self, method: str, content: Mapping[str, object], notify_url: str, return_url: str = "") -> str:
        """Return the signed address of a page of Alipay's; pure computation."""
        own = {"biz_content": serialise(content), "notify_url": notify_url, "return_url": return_url}
        return f"{self._account.base_url}?{urlencode(self._signed(method, own))}"

    def renewed(self, url: str) -> str:
        """Return the address of ``page`` signed for now."""
        own = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        method = own.pop("method", "")
        return f"{self._account.base_url}?{urlencode(self._signed(method, own))}" if method else url

    async def download(self, url: str, limit: int) -> bytes | Silent:
        """Fetch a file of at most ``limit`` bytes from an address that a verified answer named.

        Nothing signs the file and nothing names its hash, so it comes from no host but Alipay's, over TLS.
        """
        target = self._safe(url)
        if target is None:
            return Silent("foreign_download_url", sent=False)
        within, dest = self._account.download_within, f"{self._dest}.files"
        try:
            answer = await self._http.request("GET", target, within=within, limit=limit, dest=dest)
        except NoAnswer as fault:
            return Silent(fault.code, sent=fault.sent)
        except (Busy, BadRequest) as fault:
            return Silent(fault.code, sent=False)
        return answer.body if answer.status == 200 else Silent(f"download_status_{answer.status}")

    def _signed(self, method: str, own: Mapping[str, str]) -> dict[str, str]:
        """Return all parameters of a request, whose order is that of their names."""
        token = self._account.app_auth_token
        parameters = {
            **own,
            "app_id": self._account.app_id,
            "method": method,
            "format": "JSON",
            "charset": _CHARSET,
            "sign_type": SIGN_TYPE,
            "timestamp": wire_time(self._clock.now()),
            "version": "1.0",
            "app_auth_token": token.reveal() if token else "",
            **self._key.names,
        }
        parameters.pop("sign", None)
        kept = {name: parameters[name] for name in sorted(parameters) if parameters[name]}
        return {**kept, "sign": self._key.sign(text_to_sign(kept))}

    def _judged(self, method: str, answer: Answer) -> Reply:
        if answer.status != 200:
            return Silent(f"status_{answer.status}")
        parts = members(answer.body)
        if parts is None:
            return Silent("answer_malformed")
        raw = parts.get(f"{method.replace('.', '_')}_response")
        if raw is None:
            # Errors of the open platform itself come under another name and often unsigned: they conclude nothing.
            refusal = read_object(parts.get(_ERROR, b"")) or {}
            return Silent(_word(refusal, "sub_code") or _word(refusal, "code") or "answer_without_response")
        signature, serial = _string(parts.get("sign")), _string(parts.get("alipay_cert_sn"))
        if fault := self._keys.answer_fault(raw, signature, serial, self._clock.now()):
            return Silent(f"answer_{fault}")
        data = read_object(raw)
        if data is None:
            return Silent("answer_malformed")
        message = _word(data, "sub_msg") or _word(data, "msg")
        return Told(_word(data, "code"), _word(data, "sub_code"), message[:_MESSAGE_MAX], data)

    def _safe(self, url: str) -> str | None:
        try:
            given, own = urlsplit(url), urlsplit(self._account.base_url)
            same = (given.scheme, given.hostname, given.port) == (own.scheme, own.hostname, own.port)
        except ValueError:
            return None
        if given.username or given.fragment:
            return None
        if same:
            return url
        if not (given.hostname or "").endswith(_VENDOR_HOSTS) or given.port not in (None, 80, 443):
            return None
        return given._replace(scheme="https", netloc=given.hostname or "").geturl()


def serialise(content: Mapping[str, object]) -> str:
    """Return the one form of a content: equal contents give equal texts."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def wire_time(moment: datetime) -> str:
    """Return a moment as Alipay writes it: Chinese time, whole seconds, cut and not rounded."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def _string(raw: bytes | None) -> str:
    try:
        value = json.loads(raw.decode()) if raw else ""
    except (ValueError, RecursionError):
        return ""
    return value if isinstance(value, str) else ""


def _word(data: Mapping[str, object], field: str) -> str:
    value = data.get(field)
    return value if isinstance(value, str) else ""
