"""Speaks the biller connector of docs/connector.md with a remote billing system."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from bot.kernel.clock import Clock
from bot.kernel.errors import BotError, Busy
from bot.kernel.ids import random_text
from bot.kernel.masking import Secret
from bot.outside.http import HttpClient
from bot.outside.logging import get_logger

log = get_logger(__name__)

SECRET_MIN: Final = 32
_WINDOW_SECONDS: Final = 300
_ANSWER_BYTES_MAX: Final = 1 << 20
_NONCE_CHARACTERS: Final = 24
_STAMP_DIGITS_MAX: Final = 12
# With less time than this, in seconds, a second try would only add load.
_WORTH_TRYING: Final = 0.2


class NoUsableAnswer(BotError):
    """The biller was silent, late, broken, unsigned or wrongly signed: nothing is known about the effect.

    ``again`` tells whether the same question may fare better at once: not while a breaker is open, and not after an
    answer that came and was wrong.
    """

    http_status = 502
    retryable = True

    def __init__(self, code: str, reason: str = "", *, again: bool = False) -> None:
        super().__init__(code, reason)
        self.again = again


class Connector:
    """One remote billing system. ``timeout`` is in seconds for a whole call."""

    def __init__(
        self, key: str, base_url: str, secret: Secret, http: HttpClient, clock: Clock, *, timeout: float = 3.0
    ) -> None:
        """Raises ValueError for a short secret and for a URL with anything but scheme, host and path."""
        if len(secret.reveal()) < SECRET_MIN:
            raise ValueError(f"a connector's secret has at least {SECRET_MIN} characters")
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or parts.query or parts.fragment or parts.username is not None:
            raise ValueError("a connector's base URL has a scheme, a host and perhaps a path")
        self.key = key
        self.timeout = timeout
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._path = f"{parts.path.rstrip('/')}/v1/"
        self._secret = secret.reveal().encode()
        self._http = http
        self._clock = clock

    async def call(
        self, operation: str, request: Mapping[str, Any], *, within: float | None = None
    ) -> Mapping[str, Any]:
        """Send one operation and return its verified answer; raises NoUsableAnswer for everything else.

        ``within`` (seconds) replaces the timeout where a caller has less time.
        """
        try:
            return await self._call(operation, request, self.timeout if within is None else within)
        except NoUsableAnswer as fault:
            log.warning("biller.no_answer", biller=self.key, operation=operation, code=fault.code, reason=fault.remedy)
            raise

    async def ask(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Call an operation that has no effect, once more where it failed early; both tries share the timeout."""
        began = self._clock.monotonic()
        try:
            return await self.call(operation, request)
        except NoUsableAnswer as fault:
            left = self.timeout - (self._clock.monotonic() - began)
            if not fault.again or left < _WORTH_TRYING:
                raise
        return await self.call(operation, request, within=left)

    async def _call(self, operation: str, request: Mapping[str, Any], within: float) -> Mapping[str, Any]:
        # ASCII escapes, so that no text of a customer's can fail to be encoded.
        body = json.dumps(request, separators=(",", ":")).encode()
        path = self._path + operation
        stamp, nonce = str(int(self._clock.now().timestamp())), random_text(_NONCE_CHARACTERS)
        headers = {
            "Content-Type": "application/json",
            "Scenepay-Biller": self.key,
            "Scenepay-Timestamp": stamp,
            "Scenepay-Nonce": nonce,
            "Scenepay-Signature": request_signature(self._secret, path, stamp, nonce, body),
        }
        try:
            answer = await self._http.request(
                "POST",
                self._origin + path,
                headers=headers,
                body=body,
                within=within,
                limit=_ANSWER_BYTES_MAX,
                dest=f"biller:{self.key}",
            )
        except BotError as fault:
            raise NoUsableAnswer("biller_silent", fault.code, again=not isinstance(fault, Busy)) from fault
        if answer.status != 200:
            raise NoUsableAnswer("biller_status", str(answer.status), again=answer.status >= 500)
        self._verify(answer.headers, nonce, answer.body)
        return _parsed(answer.body)

    def _verify(self, headers: Mapping[str, str], nonce: str, body: bytes) -> None:
        """Check signature, nonce and freshness of an answer over its raw bytes."""
        stamp = headers.get("scenepay-timestamp", "")
        # First of all, so that a replayed answer is told from a forged one; the signature covers our nonce anyway.
        if not _equal(nonce, headers.get("scenepay-nonce", "")):
            raise NoUsableAnswer("biller_nonce")
        expected = answer_signature(self._secret, stamp, nonce, 200, body)
        if not _equal(expected, headers.get("scenepay-signature", "")):
            raise NoUsableAnswer("biller_signature")
        readable = stamp.isascii() and stamp.isdecimal() and len(stamp) <= _STAMP_DIGITS_MAX
        if not readable or abs(self._clock.now().timestamp() - int(stamp)) > _WINDOW_SECONDS:
            raise NoUsableAnswer("biller_timestamp")


def request_signature(secret: bytes, path: str, stamp: str, nonce: str, body: bytes) -> str:
    """Return ``Scenepay-Signature`` of a request (docs/connector.md, Signing)."""
    return _mac(secret, f"POST\n{path}\n{stamp}\n{nonce}\n".encode() + body)


def answer_signature(secret: bytes, stamp: str, nonce: str, status: int, body: bytes) -> str:
    """Return ``Scenepay-Signature`` of an answer (docs/connector.md, Signing)."""
    return _mac(secret, f"{stamp}\n{nonce}\n{status}\n".encode() + body)


def _mac(secret: bytes, message: bytes) -> str:
    return "v1=" + hmac.new(secret, message, hashlib.sha256).hexdigest()


def _equal(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode(errors="replace"))


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as fault:
        raise NoUsableAnswer("biller_json") from fault
    if not isinstance(answer, dict) or not isinstance(answer.get("result"), str):
        raise NoUsableAnswer("biller_shape")
    return answer


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")
