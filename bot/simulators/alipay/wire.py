"""Requests in and answers out: the application's signature checked over raw values, the platform's signature set."""

import asyncio
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from bot.simulators.alipay import crypto
from bot.simulators.alipay.book import CHINA
from bot.simulators.alipay.keys import KeyRing
from bot.simulators.alipay.plan import Application

# Generous, since clients of the field send the time of their own zone.
CLOCK_SKEW = timedelta(hours=24)
REQUIRED = ("app_id", "method", "charset", "sign_type", "sign", "timestamp", "version")


class ApiError(Exception):
    """A refusal in Alipay's shape; those of the open platform itself are not signed."""

    def __init__(self, sub_code: str, message: str, code: str = "40004", *, signed: bool = True) -> None:
        super().__init__(sub_code)
        self.code, self.sub_code, self.message, self.signed = code, sub_code, message, signed

    def body(self) -> dict[str, Any]:
        return {"code": self.code, "msg": WORDS.get(self.code, ""), "sub_code": self.sub_code, "sub_msg": self.message}


WORDS = {
    "10000": "Success",
    "10003": "order success pay inprocess",
    "20000": "Service Currently Unavailable",
    "40002": "Invalid Arguments",
    "40004": "Business Failed",
    "40006": "Insufficient Permissions",
}


def trouble() -> ApiError:
    """20000: nothing can be concluded."""
    return ApiError("aop.ACQ.SYSTEM_ERROR", "系统异常", "20000")


def bad(message: str) -> ApiError:
    """A business field is wrong."""
    return ApiError("ACQ.INVALID_PARAMETER", f"参数无效: {message}")


@dataclass(frozen=True, slots=True)
class Call:
    """A verified request; `content` is its business content, `base` our own address."""

    application: Application
    method: str
    parameters: Mapping[str, str]
    content: Mapping[str, Any]
    base: str

    @property
    def by_certificate(self) -> bool:
        return bool(self.parameters.get("app_cert_sn"))

    @property
    def seller_id(self) -> str:
        return self.application.seller_id

    def text(self, name: str, limit: int, *, required: bool = True) -> str:
        """A text field of the content; raises ApiError."""
        value = self.content.get(name)
        if value is None and not required:
            return ""
        if not isinstance(value, str) or not value or len(value) > limit:
            raise bad(name)
        return value

    def fen(self, name: str) -> int:
        """An amount in yuan with at most two decimals, above zero, as text or as a JSON number."""
        found = read_fen(self.content.get(name))
        if found is None or found <= 0:
            raise bad(name)
        return found


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call answers, and the fault that strikes on the way out ("" for none)."""

    facts: Mapping[str, Any]
    fault: str = ""
    code: str = "10000"


def read_fen(value: object) -> int | None:
    """Fen of an amount in yuan, None for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    whole, _, cents = str(value).partition(".")
    if not whole.isdigit() or (cents and not cents.isdigit()) or len(cents) > 2 or len(whole) > 9:
        return None
    return int(whole) * 100 + int(cents.ljust(2, "0"))


def read_time(value: str) -> datetime | None:
    try:
        return datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError:
        return None


class Gatekeeper:
    """Checks who calls. Source: payments.md §4.2."""

    def __init__(self, applications: tuple[Application, ...], root_sn: str) -> None:
        self._applications = {application.app_id: application for application in applications}
        self._root_sn = root_sn

    async def admit(self, request: web.Request, now: datetime) -> Call:
        """The verified call, or ApiError."""
        form = await request.post() if request.method == "POST" else {}
        pairs = [*request.query.items(), *((name, value) for name, value in form.items() if isinstance(value, str))]
        parameters = dict(pairs)
        if len(parameters) != len(pairs):
            raise ApiError("isv.invalid-parameter", "参数重复", "40002", signed=False)
        if missing := [name for name in REQUIRED if not parameters.get(name)]:
            raise ApiError(f"isv.missing-{missing[0]}", "缺少参数", "40001", signed=False)
        application = self._authenticate(parameters, now)
        return Call(application, parameters["method"], parameters, _content(parameters), _base(request))

    def _authenticate(self, parameters: Mapping[str, str], now: datetime) -> Application:
        application = self._applications.get(parameters["app_id"])
        if application is None:
            raise ApiError("isv.invalid-app-id", "无效的AppID参数", "40002", signed=False)
        if parameters["charset"].lower() != "utf-8" or parameters["sign_type"] != "RSA2":
            raise ApiError("isv.invalid-signature-type", "无效的签名类型", "40002", signed=False)
        told = read_time(parameters["timestamp"])
        if told is None or abs(told - now) > CLOCK_SKEW:
            raise ApiError("isv.invalid-timestamp", "非法的时间戳参数", "40002", signed=False)
        signed = {name: value for name, value in parameters.items() if value}
        if not crypto.verifies(application.public_key_pem, crypto.text(signed), parameters["sign"]):
            raise ApiError("isv.invalid-signature", "验签出错", "40002", signed=False)
        self._check_certificates(application, parameters)
        token = parameters.get("app_auth_token", "")
        if not hmac.compare_digest(token.encode(), application.auth_token.encode()):
            raise ApiError("isv.invalid-app-auth-token", "无效的应用授权令牌", "40002", signed=False)
        return application

    def _check_certificates(self, application: Application, parameters: Mapping[str, str]) -> None:
        if "app_cert_sn" not in parameters:
            return
        named = (parameters["app_cert_sn"], parameters.get("alipay_root_cert_sn", ""))
        if named != (application.cert_sn, self._root_sn or named[1]):
            raise ApiError("isv.app-cert-sn-not-match", "应用公钥证书SN不匹配", "40002", signed=False)


def _content(parameters: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        content = json.loads(parameters.get("biz_content") or "{}")
    except ValueError:
        raise ApiError("isv.invalid-json", "biz_content不是合法的JSON", "40002", signed=False) from None
    if not isinstance(content, dict):
        raise ApiError("isv.invalid-json", "biz_content不是JSON对象", "40002", signed=False)
    return content


def _base(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}"


class Postman:
    """Sends answers: signed as the request asks, or spoiled as the fault says."""

    def __init__(self, keys: KeyRing, *, hang_seconds: float, closing: asyncio.Event) -> None:
        self._keys = keys
        self._hang_seconds = hang_seconds
        self._closing = closing

    async def send(
        self, request: web.Request, name: str, facts: Mapping[str, Any], *, fault: str = "", signed: bool, cert: bool
    ) -> web.Response:
        """Turn an answer into a response; a lost one holds the connection, a dropped one resets it."""
        if fault.endswith("_lost"):
            await self._hang()
            return _reset(request)
        if fault in ("answer_dropped", "create_reset"):
            return _reset(request)
        if fault == "bad_gateway":
            return web.Response(status=502, text="<html>502 Bad Gateway</html>", content_type="text/html")
        if fault == "declared_500":
            return web.Response(status=500)
        raw = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
        parts = [f'"{name}":{raw}']
        if cert and signed:
            parts.append(f'"alipay_cert_sn":"{self._keys.serial}"')
        if signed and fault != "answer_unsigned":
            signature = await self._keys.strange(raw) if fault == "answer_forged" else self._keys.sign(raw)
            parts.append(f'"sign":"{signature}"')
        body = "{" + ",".join(parts) + "}"
        return web.Response(body=body.encode(), content_type="text/html", charset="utf-8")

    async def _hang(self) -> None:
        """Keep the peer waiting, for a bounded time and not beyond our own end."""
        try:
            await asyncio.wait_for(self._closing.wait(), self._hang_seconds)
        except TimeoutError:
            return


def _reset(request: web.Request) -> web.Response:
    """Cut the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
