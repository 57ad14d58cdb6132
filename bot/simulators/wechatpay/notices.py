"""Encrypted, signed notices with the real retry schedule, each delivery logged."""

import asyncio
import json
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp

from bot.simulators.background import Background
from bot.simulators.clock import Clock
from bot.simulators.wechatpay import crypto
from bot.simulators.wechatpay.book import wire_time
from bot.simulators.wechatpay.keys import KeyRing

ACCEPTED = (200, 204)
KEPT_NOTICES = 100_000
ANSWER_LIMIT = 4096
SUMMARIES = {
    "TRANSACTION.SUCCESS": "支付成功",
    "REFUND.SUCCESS": "退款成功",
    "REFUND.ABNORMAL": "退款异常",
    "REFUND.CLOSED": "退款关闭",
    "ENTRUST.SIGN": "委托代扣签约通知",
    "ENTRUST.TERMINATE": "委托代扣解约通知",
}


@dataclass(frozen=True, slots=True)
class Wire:
    """The bytes and headers of one delivery."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery and what came back; `status` is 0 when nothing did, `error` then names why."""

    at: datetime
    status: int
    answer: str
    error: str


@dataclass(slots=True)
class Notice:
    """One notice with its log. `kind` is "genuine" or the way in which it was forged."""

    notice_id: str
    kind: str
    event_type: str
    subject: str
    url: str
    body: bytes
    created_at: datetime
    delivered: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    first_wire: Wire | None = None
    first_done: asyncio.Event = field(default_factory=asyncio.Event)

    def describe(self) -> dict[str, Any]:
        """The log for the control interface."""
        return {
            "notice_id": self.notice_id,
            "kind": self.kind,
            "event_type": self.event_type,
            "subject": self.subject,
            "url": self.url,
            "created_at": self.created_at.isoformat(),
            "delivered": self.delivered,
            "attempts": [
                {"at": a.at.isoformat(), "status": a.status, "answer": a.answer, "error": a.error}
                for a in self.attempts
            ],
        }


@dataclass(frozen=True, slots=True)
class Manner:
    """How a notice is sent: after a pause, behind forgeries, in several copies, or never."""

    delay: float = 0.0
    copies: int = 1
    before: Sequence[Callable[[], Awaitable[object]]] = ()
    never: bool = False


class Notifier:
    """Delivers notices in the background."""

    def __init__(
        self,
        clock: Clock,
        keys: KeyRing,
        background: Background,
        *,
        schedule: Sequence[float],
        timeout: float,
        connections: int,
    ) -> None:
        self._clock = clock
        self._keys = keys
        self._background = background
        self._schedule = tuple(schedule)
        self._timeout = timeout
        self._slots = asyncio.Semaphore(connections)
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._notices: OrderedDict[str, Notice] = OrderedDict()

    async def open(self) -> None:
        """Start the client that carries notices."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            connector=aiohttp.TCPConnector(limit=self._connections),
            headers={"User-Agent": "Mozilla/4.0", "Accept": "*/*"},
        )

    async def close(self) -> None:
        """Close the client."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def write(
        self, *, event_type: str, original_type: str, facts: Mapping[str, Any], key: str, url: str, subject: str
    ) -> Notice:
        """Compose and register a notice; the resource is encrypted with the merchant's APIv3 key."""
        now = self._clock.now()
        nonce = secrets.token_hex(6)
        plain = json.dumps(facts, ensure_ascii=False).encode()
        notice_id = secrets.token_hex(16)
        envelope = {
            "id": notice_id,
            "create_time": wire_time(now),
            "resource_type": "encrypt-resource",
            "event_type": event_type,
            "summary": SUMMARIES.get(event_type, ""),
            "resource": {
                "original_type": original_type,
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": crypto.encrypt(key, nonce=nonce, associated_data=original_type, plain=plain),
                "associated_data": original_type,
                "nonce": nonce,
            },
        }
        body = json.dumps(envelope, ensure_ascii=False).encode()
        return self._register(Notice(notice_id, "genuine", event_type, subject, url, body, now))

    def forge(self, origin: Notice, kind: str, body: bytes) -> Notice:
        """Register a forged notice in the place of a genuine one."""
        notice_id = f"{kind}-{secrets.token_hex(8)}"
        return self._register(
            Notice(notice_id, kind, origin.event_type, origin.subject, origin.url, body, self._clock.now())
        )

    def discard(self, notice: Notice) -> None:
        """Forget a notice that served only as a pattern."""
        self._notices.pop(notice.notice_id, None)

    def find(self, notice_id: str) -> Notice | None:
        """The notice with this id."""
        return self._notices.get(notice_id)

    def log(self) -> list[Notice]:
        """All notices kept, oldest first."""
        return list(self._notices.values())

    def dispatch(self, notice: Notice, manner: Manner) -> None:
        """Send in the background until it is accepted or the schedule ends."""
        if not manner.never:
            self._background.start(self._run(notice, manner))

    async def attempt(self, notice: Notice, wire: Wire | None = None) -> Attempt:
        """One delivery now, freshly signed unless the bytes are given."""
        if wire is None:
            wire = Wire(self._keys.notice_signer().headers(notice.body, self._clock.now()), notice.body)
        async with self._slots:
            result = await self._post(notice.url, wire)
        notice.attempts.append(result)
        notice.first_wire = notice.first_wire or wire
        notice.delivered = notice.delivered or result.status in ACCEPTED
        notice.first_done.set()
        return result

    def _register(self, notice: Notice) -> Notice:
        self._notices[notice.notice_id] = notice
        if len(self._notices) > KEPT_NOTICES:
            self._notices.popitem(last=False)
        return notice

    async def _run(self, notice: Notice, manner: Manner) -> None:
        await self._clock.sleep(manner.delay)
        for forgery in manner.before:
            await forgery()
        await asyncio.gather(*(self._deliver(notice) for _ in range(min(manner.copies, 2))))
        for _ in range(manner.copies - 2):
            await self.attempt(notice)

    async def _deliver(self, notice: Notice) -> None:
        for gap in (0, *self._schedule):
            if gap:
                await self._clock.sleep(gap)
            if (await self.attempt(notice)).status in ACCEPTED:
                return

    async def _post(self, url: str, wire: Wire) -> Attempt:
        if self._session is None:
            raise RuntimeError("the notifier is not open")
        at = self._clock.now()
        headers = {"Content-Type": "application/json", **wire.headers}
        try:
            async with self._session.post(url, data=wire.body, headers=headers, allow_redirects=False) as response:
                answer = await response.content.read(ANSWER_LIMIT)
                return Attempt(at, response.status, answer.decode("utf-8", "replace"), "")
        except (aiohttp.ClientError, TimeoutError, OSError) as trouble:
            return Attempt(at, 0, "", type(trouble).__name__)
