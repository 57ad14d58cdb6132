"""Requests in and answers out: the merchant's form verified, the platform's pairs signed and not encoded."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl

from aiohttp import web

from bot.simulators.unionpay import crypto
from bot.simulators.unionpay.book import read_time
from bot.simulators.unionpay.core import Simulator
from bot.simulators.unionpay.plan import Merchant

ORDER_ID = re.compile(r"[0-9A-Za-z]{8,32}")
AMOUNT = re.compile(r"[1-9]\d{0,11}")
COMMON = {"version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "accessType": "0"}
ECHOED = ("version", "encoding", "bizType", "accessType", "merId", "txnType", "txnSubType", "orderId", "txnTime")


class ApiError(Exception):
    """A refusal: a two-digit answer and words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Call:
    """A verified request of a merchant."""

    merchant: Merchant
    fields: Mapping[str, str]

    @property
    def kind(self) -> tuple[str, str]:
        return self.fields.get("txnType", ""), self.fields.get("txnSubType", "")

    def text(self, name: str, limit: int = 256) -> str:
        value = self.fields.get(name, "")
        if not value or len(value) > limit:
            raise ApiError("13", f"报文交易要素缺失[{name}]")
        return value

    def order_id(self) -> str:
        number = self.text("orderId", 32)
        if not ORDER_ID.fullmatch(number):
            raise ApiError("10", "报文格式错误[orderId]")
        return number

    def time(self, name: str = "txnTime") -> datetime:
        try:
            return read_time(self.text(name, 14))
        except ValueError:
            raise ApiError("10", f"报文格式错误[{name}]") from None

    def amount(self) -> int:
        text = self.text("txnAmt", 12)
        if not AMOUNT.fullmatch(text):
            raise ApiError("10", "报文格式错误[txnAmt]")
        return int(text)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call answers, and the fault that strikes on the way out ("" for none)."""

    pairs: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


async def admit(sim: Simulator, request: web.Request) -> Call:
    """Verify a request; raises ApiError as the platform would."""
    body = await request.read()
    try:
        found = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise ApiError("10", "报文格式错误") from None
    fields = dict(found)
    if len(fields) != len(found) or any(fields.get(name) != value for name, value in COMMON.items()):
        raise ApiError("10", "报文格式错误")
    merchant = sim.merchant(fields.get("merId", ""))
    if merchant is None:
        raise ApiError("31", "商户状态不正确")
    if fields.get("certId") != merchant.cert_id or not crypto.verifies(merchant.public_key_pem, fields):
        raise ApiError("11", "验证签名失败")
    return Call(merchant, fields)


async def send(sim: Simulator, request: web.Request, call: Call | None, answer: Answer) -> web.Response:
    """Turn an answer into a response; a lost one holds the connection, a dropped one resets it."""
    if answer.fault.endswith("_lost"):
        await hang(sim)
        return reset(request)
    if answer.fault in ("answer_dropped", "create_reset"):
        return reset(request)
    if answer.fault == "bad_gateway":
        return web.Response(status=502, text="<html>502 Bad Gateway</html>", content_type="text/html")
    if answer.fault == "query_500":
        return web.Response(status=500, text="<html>500</html>", content_type="text/html")
    echo = {name: call.fields[name] for name in ECHOED if call and name in call.fields}
    pairs = {"respCode": "00", "respMsg": "成功[0000000]", **echo, **answer.pairs}
    by = {"answer_stranger": sim.stranger, "answer_other_owner": sim.other_owner}.get(answer.fault)
    whole = sim.signed(pairs, by() if by else None)
    if answer.fault == "answer_unsigned" or call is None:
        # Who is not known gets no signature, as is cautious to expect.
        whole = {name: value for name, value in whole.items() if name not in ("signature", "signPubKeyCert")}
    text = "&".join(f"{name}={value}" for name, value in sorted(whole.items()))
    return web.Response(text=text, content_type="text/html", charset="UTF-8")


async def hang(sim: Simulator) -> None:
    """Keep the peer waiting, for a bounded time and not beyond our own end."""
    try:
        await asyncio.wait_for(sim.closing.wait(), sim.plan.hang_seconds)
    except TimeoutError:
        return


def reset(request: web.Request) -> web.Response:
    """Cut the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
