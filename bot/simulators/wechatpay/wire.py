"""Requests in and answers out: the merchant's signature checked over raw bytes, the platform's signature set."""

import asyncio
import hmac
import json
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from bot.simulators.wechatpay import crypto
from bot.simulators.wechatpay.keys import KeyRing, Signer
from bot.simulators.wechatpay.plan import Merchant

FRESH_SECONDS = 300
KEPT_NONCES = 100_000
_FIELD = re.compile(r'\s*([a-z_]+)="([^"]*)"\s*(?:,|$)')
_FIELDS = frozenset({"mchid", "nonce_str", "signature", "timestamp", "serial_no"})


class ApiError(Exception):
    """A refusal in WeChat Pay's shape."""

    def __init__(self, status: int, code: str, message: str, detail: Mapping[str, Any] | None = None) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.detail = status, code, message, detail

    def body(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.detail is not None:
            facts["detail"] = dict(self.detail)
        return facts


def bad_field(name: str, value: object, issue: str, location: str = "body") -> ApiError:
    """400 PARAM_ERROR naming a field."""
    return ApiError(
        400,
        "PARAM_ERROR",
        f"参数错误: {issue}",
        {"field": f"/{name}", "value": value, "issue": issue, "location": location},
    )


@dataclass(frozen=True, slots=True)
class Call:
    """A verified request of a merchant; `path` has no query, `wanted` is the request's Wechatpay-Serial."""

    merchant: Merchant
    path: str
    query: Mapping[str, str]
    body: bytes
    wanted: str
    base_url: str

    def json(self) -> dict[str, Any]:
        """The body as a JSON object."""
        try:
            facts = json.loads(self.body)
        except (UnicodeDecodeError, ValueError):
            raise ApiError(400, "PARAM_ERROR", "请求体不是合法的JSON") from None
        if not isinstance(facts, dict):
            raise ApiError(400, "PARAM_ERROR", "请求体不是JSON对象")
        return facts

    def only_query(self, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, str]:
        """The query parameters; one that is missing or not known to the call is refused (trap 17)."""
        for name in self.query:
            if name not in required and name not in optional:
                raise bad_field(name, self.query[name], "未知的查询参数", "query")
        for name in required:
            if not self.query.get(name):
                raise bad_field(name, "", "缺少必填的查询参数", "query")
        return dict(self.query)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call answers, and the fault that strikes on the way out ("" for none)."""

    status: int = 200
    facts: Mapping[str, Any] | None = None
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    signed: bool = True
    fault: str = ""

    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return b"" if self.facts is None else json.dumps(self.facts, ensure_ascii=False).encode()


class Gatekeeper:
    """Checks who calls. Sources: payments.md §4.1 and trap 13."""

    def __init__(self, merchants: tuple[Merchant, ...]) -> None:
        self._merchants = {merchant.mchid: merchant for merchant in merchants}
        self._nonces: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def admit(self, request: web.Request, now: datetime) -> Call:
        """The verified call, or ApiError."""
        if not request.headers.get("Accept") or not request.headers.get("User-Agent"):
            raise ApiError(400, "PARAM_ERROR", "Http头缺少Accept或User-Agent")
        body = await request.read()
        if body and request.content_type != "application/json":
            raise ApiError(415, "PARAM_ERROR", "Http头Content-Type应为application/json")
        merchant = self._authenticate(request, body, now)
        target = urlsplit(request.raw_path)
        pairs = parse_qsl(target.query, keep_blank_values=True)
        if len({name for name, _ in pairs}) != len(pairs):
            raise ApiError(400, "PARAM_ERROR", "查询参数重复")
        return Call(
            merchant=merchant,
            path=target.path,
            query=dict(pairs),
            body=body,
            wanted=request.headers.get("Wechatpay-Serial", ""),
            base_url=f"{request.scheme}://{request.host}",
        )

    def _authenticate(self, request: web.Request, body: bytes, now: datetime) -> Merchant:
        claims = _claims(request.headers.get("Authorization", ""))
        merchant = self._merchants.get(claims["mchid"])
        if merchant is None:
            raise ApiError(401, "SIGN_ERROR", "商户号不存在")
        if claims["serial_no"] != merchant.cert_serial:
            raise ApiError(401, "SIGN_ERROR", "商户证书序列号有误")
        timestamp = claims["timestamp"]
        fresh = timestamp.isascii() and timestamp.isdigit() and len(timestamp) == 10
        if not fresh or abs(now.timestamp() - int(timestamp)) > FRESH_SECONDS:
            raise ApiError(401, "SIGN_ERROR", "Http头Authorization中的timestamp与系统时间差超过5分钟")
        message = crypto.lines(request.method, request.raw_path, timestamp, claims["nonce_str"], body)
        if not crypto.verifies(merchant.public_key_pem, message, claims["signature"]):
            raise _sign_mismatch(request, message)
        self._remember(merchant.mchid, claims["nonce_str"], claims["signature"])
        return merchant

    def _remember(self, mchid: str, nonce: str, signature: str) -> None:
        """A nonce may come again with the same bytes (a transport repeats), never with others."""
        first = self._nonces.setdefault((mchid, nonce), signature)
        if not hmac.compare_digest(first.encode(), signature.encode()):
            raise ApiError(401, "SIGN_ERROR", "nonce_str重复")
        if len(self._nonces) > KEPT_NONCES:
            self._nonces.popitem(last=False)


def _claims(header: str) -> dict[str, str]:
    scheme, _, rest = header.partition(" ")
    if not header:
        raise ApiError(401, "SIGN_ERROR", "Http头缺少Authorization")
    if not header.isascii():
        raise ApiError(401, "SIGN_ERROR", "Http头Authorization值格式错误")
    if scheme != crypto.SCHEME:
        raise ApiError(401, "SIGN_ERROR", "Http头Authorization认证类型不正确")
    matches = list(_FIELD.finditer(rest))
    claims = {match[1]: match[2] for match in matches}
    whole = "".join(match[0] for match in matches) == rest
    if not whole or claims.keys() != _FIELDS or len(matches) != len(_FIELDS) or not all(claims.values()):
        raise ApiError(401, "SIGN_ERROR", "Http头Authorization值格式错误")
    return claims


def _sign_mismatch(request: web.Request, message: bytes) -> ApiError:
    return ApiError(
        401,
        "SIGN_ERROR",
        "错误的签名，导致验签失败",
        {
            "detail": {"issue": "sign not match"},
            "field": "signature",
            "location": "authorization",
            "sign_information": {
                "method": request.method,
                "url": request.raw_path,
                "sign_message_length": len(message),
                "truncated_sign_message": message[:128].decode("utf-8", "replace"),
            },
        },
    )


class Postman:
    """Sends answers: signed as the request asks, or spoiled as the fault says."""

    def __init__(self, keys: KeyRing, *, hang_seconds: float, closing: asyncio.Event) -> None:
        self._keys = keys
        self._hang_seconds = hang_seconds
        self._closing = closing

    async def send(self, request: web.Request, answer: Answer, wanted: str, now: datetime) -> web.Response:
        """Turn an answer into a response; a lost one holds the connection, a dropped one resets it."""
        if answer.fault.endswith("_lost"):
            await self.hang()
            return self.reset(request)
        if answer.fault in ("answer_dropped", "create_reset"):
            return self.reset(request)
        if answer.fault == "bad_gateway":
            return web.Response(status=502, text="<html>502 Bad Gateway</html>", content_type="text/html")
        body = answer.body()
        headers = {"Request-ID": secrets.token_hex(16).upper(), **answer.headers}
        if body and answer.raw is None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        if answer.signed and answer.fault != "answer_unsigned":
            headers |= await self._signature(answer.fault, body, wanted, now)
        return web.Response(status=answer.status, body=body, headers=headers)

    async def hang(self) -> None:
        """Keep the peer waiting, for a bounded time and not beyond our own end."""
        try:
            await asyncio.wait_for(self._closing.wait(), self._hang_seconds)
        except TimeoutError:
            return

    @staticmethod
    def reset(request: web.Request) -> web.Response:
        """Cut the connection without an answer."""
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    async def _signature(self, fault: str, body: bytes, wanted: str, now: datetime) -> dict[str, str]:
        signer = self._keys.answer_signer(wanted) or self._keys.answer_signer("")
        assert signer is not None, "a plan has at least one platform key"
        if fault == "answer_forged":
            signer = Signer(signer.serial, (await self._keys.stranger()).private_pem)
        return signer.headers(body, now)
