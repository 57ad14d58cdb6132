"""Speaks the biller connector of docs/connector.md with a remote billing system."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from bot.kernel.clock import Clock
from bot.kernel.errors import BotError
from bot.kernel.ids import random_text
from bot.kernel.masking import Secret
from bot.outside.http import HttpClient

_WINDOW: Final = timedelta(seconds=300)
_ANSWER_LIMIT: Final = 1 << 20


class NoUsableAnswer(BotError):
    """The biller was silent, late, broken, unsigned or wrongly signed: nothing is known about the effect."""

    http_status = 502
    retryable = True


class Connector:
    """One remote billing system. ``timeout`` is in seconds for a whole call."""

    def __init__(
        self, key: str, base_url: str, secret: Secret, http: HttpClient, clock: Clock, *, timeout: float = 3.0
    ) -> None:
        if len(secret.reveal()) < 32:
            raise ValueError("a connector's secret has at least 32 characters")
        self.key = key
        self._base_url = base_url.rstrip("/")
        self._secret = secret.reveal().encode()
        self._http = http
        self._clock = clock
        self._timeout = timeout
        self._path_prefix = "/" + self._base_url.split("://", 1)[-1].partition("/")[2]

    async def call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send one operation and return its verified answer; raises NoUsableAnswer for everything else."""
        body = json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode()
        path = f"{self._path_prefix.rstrip('/')}/v1/{operation}"
        stamp, nonce = str(int(self._clock.now().timestamp())), random_text(24)
        try:
            answer = await self._http.request(
                "POST",
                f"{self._base_url}/v1/{operation}",
                headers={
                    "Content-Type": "application/json",
                    "Scenepay-Biller": self.key,
                    "Scenepay-Timestamp": stamp,
                    "Scenepay-Nonce": nonce,
                    "Scenepay-Signature": self._sign(f"POST\n{path}\n{stamp}\n{nonce}\n".encode() + body),
                },
                body=body,
                within=self._timeout,
                limit=_ANSWER_LIMIT,
                dest=f"biller:{self.key}",
            )
        except BotError as fault:
            raise NoUsableAnswer("biller_silent", fault.code) from fault
        if answer.status != 200:
            raise NoUsableAnswer("biller_status", str(answer.status))
        self._verify(answer.headers, nonce, answer.body)
        return _parsed(answer.body)

    def _sign(self, message: bytes) -> str:
        return "v1=" + hmac.new(self._secret, message, hashlib.sha256).hexdigest()

    def _verify(self, headers: Mapping[str, str], nonce: str, body: bytes) -> None:
        """Check signature, nonce and freshness of an answer over its raw bytes."""
        stamp = headers.get("scenepay-timestamp", "")
        expected = self._sign(f"{stamp}\n{nonce}\n200\n".encode() + body)
        if not hmac.compare_digest(expected.encode(), headers.get("scenepay-signature", "").encode()):
            raise NoUsableAnswer("biller_signature")
        if not hmac.compare_digest(nonce.encode(), headers.get("scenepay-nonce", "").encode()):
            raise NoUsableAnswer("biller_nonce")
        now = int(self._clock.now().timestamp())
        if not stamp.isdecimal() or abs(now - int(stamp)) > _WINDOW.total_seconds():
            raise NoUsableAnswer("biller_timestamp")


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError as fault:
        raise NoUsableAnswer("biller_json") from fault
    if not isinstance(answer, dict) or not isinstance(answer.get("result"), str):
        raise NoUsableAnswer("biller_shape")
    return answer
