"""Requests in and answers out: the merchant's signature checked over raw bytes, the bank's signature set."""

import asyncio
import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from bot.simulators.bankapp import crypto
from bot.simulators.bankapp.core import Simulator
from bot.simulators.bankapp.plan import Merchant

FRESH_SECONDS = 300
KEPT_NONCES = 100_000
NONCE = re.compile(r"[0-9A-Za-z]{16,64}")
NUMBER = re.compile(r"[0-9A-Za-z]{8,32}")


class ApiError(Exception):
    """A refusal: (status, code, words)."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, slots=True)
class Call:
    """A verified request of a merchant."""

    merchant: Merchant
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object that names the merchant who signed."""
        try:
            facts = json.loads(self.body)
        except ValueError:
            raise bad("body") from None
        if not isinstance(facts, dict) or facts.get("merchant") != self.merchant.number:
            raise bad("merchant")
        return facts


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call answers, and the fault that strikes on the way out ("" for none)."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    fault: str = ""


class Gate:
    """Knows who is calling; a nonce is taken once."""

    def __init__(self) -> None:
        self._nonces: OrderedDict[tuple[str, str], None] = OrderedDict()

    def admit(self, sim: Simulator, request: web.Request, body: bytes) -> Call:
        """Verify a request; raises ApiError 401, which is not signed."""
        given = {name: request.headers.get(f"Scenepay-{name}", "") for name in
                 ("Merchant", "Serial", "Timestamp", "Nonce", "Signature")}  # fmt: skip
        merchant = sim.merchant(given["Merchant"])
        fresh = given["Timestamp"].isascii() and given["Timestamp"].isdigit() and len(given["Timestamp"]) <= 11
        if merchant is None or merchant.serial != given["Serial"] or not fresh or not NONCE.fullmatch(given["Nonce"]):
            raise ApiError(401, "unauthorized", "unknown caller")
        if abs(sim.clock.now().timestamp() - int(given["Timestamp"])) > FRESH_SECONDS:
            raise ApiError(401, "unauthorized", "stale")
        message = crypto.text(request.method, request.raw_path, given["Timestamp"], given["Nonce"], body)
        if not crypto.verifies(merchant.public_key_pem, message, given["Signature"]):
            raise ApiError(401, "unauthorized", "signature")
        seen = (merchant.number, given["Nonce"])
        if seen in self._nonces:
            raise ApiError(401, "unauthorized", "nonce")
        self._nonces[seen] = None
        if len(self._nonces) > KEPT_NONCES:
            self._nonces.popitem(last=False)
        return Call(merchant, body)


def bad(name: str) -> ApiError:
    return ApiError(400, "bad_request", name)


def text(facts: Mapping[str, Any], name: str, limit: int = 255) -> str:
    value = facts.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= limit:
        raise bad(name)
    return value


def number(facts: Mapping[str, Any], name: str) -> str:
    value = text(facts, name, 32)
    if not NUMBER.fullmatch(value):
        raise bad(name)
    return value


def amount(facts: Mapping[str, Any], name: str = "amount") -> int:
    value = facts.get(name)
    if type(value) is not int or not 0 < value <= 10**10:
        raise bad(name)
    return value


def moment(facts: Mapping[str, Any], name: str) -> datetime:
    try:
        found = datetime.fromisoformat(text(facts, name, 32))
    except ValueError:
        raise bad(name) from None
    if found.tzinfo is None:
        raise bad(name)
    return found


async def send(sim: Simulator, request: web.Request, answer: Answer) -> web.Response:
    """Turn an answer into a response; a lost one holds the connection, a dropped one resets it."""
    if answer.fault.endswith("_lost"):
        await hang(sim)
        return reset(request)
    if answer.fault in ("answer_dropped", "create_reset"):
        return reset(request)
    if answer.fault == "bad_gateway":
        return web.Response(status=502, text="<html>502 Bad Gateway</html>", content_type="text/html")
    body = json.dumps(dict(answer.facts), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json"}
    if answer.status != 401 and answer.fault != "answer_unsigned":
        key = sim.stranger() if answer.fault == "answer_forged" else sim.key
        at = sim.clock.now() - timedelta(minutes=10 if answer.fault == "answer_stale" else 0)
        asked = "0" * 32 if answer.fault == "answer_replayed" else request.headers.get("Scenepay-Nonce", "")
        headers |= sim.headers(key, at, body, "ANSWER", str(answer.status), asked)
    return web.Response(status=answer.status, body=body, headers=headers)


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
