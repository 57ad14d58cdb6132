"""The connector's signatures on the biller's side, written from docs/connector.md."""

import hashlib
import hmac
import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

FRESH_SECONDS = 300
NONCE_SECONDS = 600
KEPT_NONCES = 200_000
NONCE = re.compile(r"[0-9A-Za-z]{16,64}")


class NoAnswer(Exception):
    """A request that gets no signed answer, only a status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class Doorkeeper:
    """Checks requests and signs answers for one biller code and secret."""

    def __init__(self, code: str, secret: str) -> None:
        self._code = code
        self._secret = secret.encode()
        self._seen: OrderedDict[str, datetime] = OrderedDict()

    async def admit(self, request: web.Request, now: datetime) -> tuple[str, dict[str, Any]]:
        """The request's nonce and JSON body, or NoAnswer."""
        body = await request.read()
        stamp = request.headers.get("Scenepay-Timestamp", "")
        nonce = request.headers.get("Scenepay-Nonce", "")
        given = request.headers.get("Scenepay-Signature", "")
        path = request.raw_path.partition("?")[0]
        if not all(value.isascii() for value in (path, stamp, nonce, given)):
            raise NoAnswer(401, "signature")
        message = f"{request.method}\n{path}\n{stamp}\n{nonce}\n".encode() + body
        if not hmac.compare_digest(self._mac(message).encode(), given.encode()):
            raise NoAnswer(401, "signature")
        if request.headers.get("Scenepay-Biller") != self._code:
            raise NoAnswer(401, "biller")
        if not (stamp.isascii() and stamp.isdigit()) or abs(now.timestamp() - int(stamp)) > FRESH_SECONDS:
            raise NoAnswer(401, "timestamp")
        self._once(nonce, now)
        return nonce, _object(body)

    def headers(self, nonce: str, body: bytes, now: datetime) -> dict[str, str]:
        """The three headers of an answer with status 200."""
        stamp = str(int(now.timestamp()))
        message = f"{stamp}\n{nonce}\n200\n".encode() + body
        return {
            "Scenepay-Timestamp": stamp,
            "Scenepay-Nonce": nonce,
            "Scenepay-Signature": self._mac(message),
        }

    def _mac(self, message: bytes) -> str:
        return "v1=" + hmac.new(self._secret, message, hashlib.sha256).hexdigest()

    def _once(self, nonce: str, now: datetime) -> None:
        if not NONCE.fullmatch(nonce):
            raise NoAnswer(401, "nonce")
        edge = now - timedelta(seconds=NONCE_SECONDS)
        while self._seen and (len(self._seen) >= KEPT_NONCES or next(iter(self._seen.values())) < edge):
            self._seen.popitem(last=False)
        if nonce in self._seen:
            raise NoAnswer(401, "nonce")
        self._seen[nonce] = now


def text(facts: Mapping[str, Any], name: str, *, optional: bool = False) -> str:
    """A string field; NoAnswer(400) where it is missing or of another type, "" for an optional null."""
    value = facts.get(name)
    if value is None and optional:
        return ""
    if not isinstance(value, str) or not value:
        raise NoAnswer(400, name)
    return value


def fen(facts: Mapping[str, Any], name: str) -> int:
    """A positive amount in fen; NoAnswer(400) for anything else."""
    value = facts.get(name)
    if type(value) is not int or value <= 0:
        raise NoAnswer(400, name)
    return value


def _object(body: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(body)
    except (UnicodeDecodeError, ValueError):
        raise NoAnswer(400, "json") from None
    if not isinstance(facts, dict):
        raise NoAnswer(400, "json")
    return facts
