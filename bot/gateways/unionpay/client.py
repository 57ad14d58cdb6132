"""Sends signed forms to UnionPay and believes no answer whose certificate and signature do not hold."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from bot.gateways.unionpay.account import UnionPayAccount
from bot.gateways.unionpay.certificates import Trust, load_key
from bot.gateways.unionpay.crypto import Pairs, encode_form, read_plain, sign
from bot.kernel.clock import Clock
from bot.kernel.errors import Busy
from bot.outside.http import Answer, NoAnswer

_HEADERS: Final[Mapping[str, str]] = {
    "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
    "User-Agent": "scenepay",
}
_ANSWER_MAX: Final = 256 << 10
# What an answer repeats of its request. One that does not is about something else, however well it is signed: all
# merchants' messages are signed by the same certificate.
_ECHOED: Final = ("merId", "orderId", "txnTime")


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
    """A verified answer to this very request, whatever its respCode says."""

    data: Pairs

    @property
    def code(self) -> str:
        return self.data.get("respCode", "")


@dataclass(frozen=True, slots=True)
class Silent:
    """No answer that may be believed; ``sent`` is False only where surely nothing left us."""

    reason: str
    sent: bool = True


Reply = Good | Silent


class Client:
    """Calls in the name of one merchant account."""

    def __init__(self, account: UnionPayAccount, trust: Trust, http: Http, clock: Clock) -> None:
        """Load the signing key; raises Misconfigured for one that is unusable."""
        self._account = account
        self._trust = trust
        self._http = http
        self._clock = clock
        self._key = load_key(account)

    async def post(self, path: str, fields: Pairs) -> Reply:
        """Send one form to a path of the gateway; equal fields give the identical request."""
        url = self._account.base_url + path
        answer = await self._send(url, fields, self._account.within, _ANSWER_MAX, "")
        return answer if isinstance(answer, Silent) else self._judged(answer, fields)

    async def fetch(self, fields: Pairs, limit: int) -> Reply:
        """Ask for a file, which comes within the answer of at most ``limit`` bytes."""
        within = self._account.download_within
        answer = await self._send(self._account.files_url, fields, within, limit, ".files")
        if isinstance(answer, Silent):
            return answer
        # Reading and hashing a large answer takes longer than the event loop can do without.
        return await asyncio.to_thread(self._judged, answer, fields)

    async def _send(self, url: str, fields: Pairs, within: float, limit: int, suffix: str) -> Answer | Silent:
        pairs = {**fields, "certId": self._account.cert_id}
        body = encode_form({**pairs, "signature": sign(self._key, pairs)})
        dest = f"unionpay.{self._account.key}{suffix}"
        try:
            return await self._http.request(
                "POST", url, dest=dest, within=within, headers=_HEADERS, body=body, limit=limit
            )
        except NoAnswer as fault:
            return Silent(fault.code, sent=fault.sent)
        except Busy as fault:
            return Silent(fault.code, sent=False)

    def _judged(self, answer: Answer, fields: Pairs) -> Reply:
        if answer.status != 200:
            return Silent(f"status_{answer.status}")
        data = read_plain(answer.body)
        fault = self._trust.fault(data, self._clock.now())
        if fault or data is None:
            return Silent(f"answer_{fault}")
        if any(data.get(name) != fields[name] for name in _ECHOED if name in fields):
            return Silent("answer_about_another")
        return Good(data)
