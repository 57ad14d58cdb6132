"""Sends signed requests to a bank's cashier and believes no answer that is not signed to this very request."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

from bot.gateways.bankapp.account import BankAccount
from bot.gateways.bankapp.crypto import BankKeys, Signer, request_text
from bot.kernel.clock import Clock
from bot.kernel.errors import Busy
from bot.outside.http import Answer, NoAnswer

_MESSAGE_MAX: Final = 120
_ANSWER_MAX: Final = 64 << 10


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
    """A verified answer with status 200."""

    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Bad:
    """A verified refusal; what is not verified is Silent, whatever its status."""

    status: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Silent:
    """No answer that may be believed; ``sent`` is False only where surely nothing left us."""

    reason: str
    sent: bool = True


Reply = Good | Bad | Silent


class Client:
    """Calls in the name of one merchant account."""

    def __init__(self, account: BankAccount, keys: BankKeys, http: Http, clock: Clock) -> None:
        """Load our key; raises Misconfigured for one that is unusable."""
        self._account = account
        self._signer = Signer(account)
        self._keys = keys
        self._http = http
        self._clock = clock
        self._dest = f"bankapp.{account.key}"

    async def get(self, path: str) -> Reply:
        return await self._call("GET", path, b"")

    async def post(self, path: str, body: bytes) -> Reply:
        """Call with the bytes that ``serialise`` made; the same bytes may be sent again."""
        return await self._call("POST", path, body)

    async def download(self, path: str, limit: int) -> bytes | Silent:
        """Fetch a file of at most ``limit`` bytes, which bears no signature: the caller compares its hash."""
        nonce = new_nonce()
        answer = await self._send("GET", path, b"", nonce, self._account.download_within, limit, ".files")
        if isinstance(answer, Silent):
            return answer
        return answer.body if answer.status == 200 else Silent(f"download_status_{answer.status}")

    async def _call(self, method: str, path: str, body: bytes) -> Reply:
        nonce = new_nonce()
        answer = await self._send(method, path, body, nonce, self._account.within, _ANSWER_MAX, "")
        if isinstance(answer, Silent):
            return answer
        fault = self._keys.answer_fault(answer.headers, answer.status, nonce, answer.body, self._clock.now())
        data = read_object(answer.body)
        if fault or data is None:
            return Silent(f"answer_{fault or 'malformed'}")
        if answer.status == 200:
            return Good(data)
        code, message = data.get("code"), data.get("message")
        return Bad(
            answer.status,
            code if isinstance(code, str) else "",
            message[:_MESSAGE_MAX] if isinstance(message, str) else "",
        )

    async def _send(
        self, method: str, path: str, body: bytes, nonce: str, within: float, limit: int, suffix: str
    ) -> Answer | Silent:
        url = self._account.base_url + path
        timestamp = str(int(self._clock.now().timestamp()))
        target = urlsplit(self._account.base_url).path + path
        headers = {
            "Scenepay-Merchant": self._account.merchant,
            "Scenepay-Serial": self._signer.serial,
            "Scenepay-Timestamp": timestamp,
            "Scenepay-Nonce": nonce,
            "Scenepay-Signature": self._signer.sign(request_text(method, target, timestamp, nonce, body)),
            "Accept": "application/json",
        }
        if body:
            headers["Content-Type"] = "application/json"
        dest = self._dest + suffix
        try:
            return await self._http.request(
                method, url, dest=dest, within=within, headers=headers, body=body, limit=limit
            )
        except NoAnswer as fault:
            return Silent(fault.code, sent=fault.sent)
        except Busy as fault:
            return Silent(fault.code, sent=False)


def serialise(body: Mapping[str, object]) -> bytes:
    """Return the one form of a body: these bytes are signed and these bytes are sent."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def new_nonce() -> str:
    return secrets.token_hex(16)


def read_object(body: bytes) -> Mapping[str, object] | None:
    """Return a JSON object, None for anything else, for a name that comes twice too: readers differ on which counts."""
    try:
        # Decoded here, since json would guess UTF-16 and UTF-32 too.
        data = json.loads(body.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name that comes twice")
    return found
