"""Signed form notices with the real retry schedule, each delivery logged; only the word success ends them."""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

import aiohttp

from bot.simulators.alipay import crypto
from bot.simulators.alipay.book import wire_time
from bot.simulators.alipay.keys import KeyRing
from bot.simulators.background import Background
from bot.simulators.clock import Clock

KEPT_NOTICES = 100_000
ANSWER_LIMIT = 4096
ACCEPTED = "success"


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
    subject: str
    url: str
    fields: Mapping[str, str]
    created_at: datetime
    delivered: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    first_body: bytes = b""
    first_done: asyncio.Event = field(default_factory=asyncio.Event)

    def describe(self) -> dict[str, Any]:
        """The log for the control interface."""
        return {
            "notice_id": self.notice_id,
            "kind": self.kind,
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

    def write(self, fields: Mapping[str, str], *, url: str, subject: str, kind: str = "genuine") -> Notice:
        """Compose and register a notice; its number stays the same in every repetition."""
        now = self._clock.now()
        number = wire_time(now)[:10].replace("-", "") + secrets.token_hex(13)
        whole = {
            "notify_time": wire_time(now),
            "notify_id": number,
            "charset": "utf-8",
            "version": "1.0",
            "sign_type": "RSA2",
            **fields,
        }
        notice = Notice(number, kind, subject, url, whole, now)
        self._notices[number] = notice
        if len(self._notices) > KEPT_NOTICES:
            self._notices.popitem(last=False)
        return notice

    def find(self, notice_id: str) -> Notice | None:
        """The notice with this id."""
        return self._notices.get(notice_id)

    def log(self) -> list[Notice]:
        """All notices kept, oldest first."""
        return list(self._notices.values())

    def signed(self, notice: Notice) -> bytes:
        """The bytes of a delivery with the signature of the key in force."""
        text = crypto.text({name: value for name, value in notice.fields.items() if name != "sign_type"})
        return encoded(notice.fields, self._keys.sign(text))

    def dispatch(self, notice: Notice, manner: Manner) -> None:
        """Send in the background until it is accepted or the schedule ends."""
        if notice.url and not manner.never:
            self._background.start(self._run(notice, manner))

    async def attempt(self, notice: Notice, body: bytes | None = None) -> Attempt:
        """One delivery now, freshly signed unless the bytes are given."""
        body = self.signed(notice) if body is None else body
        async with self._slots:
            result = await self._post(notice.url, body)
        notice.attempts.append(result)
        notice.first_body = notice.first_body or body
        notice.delivered = notice.delivered or result.answer == ACCEPTED
        notice.first_done.set()
        return result

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
            if (await self.attempt(notice)).answer == ACCEPTED:
                return

    async def _post(self, url: str, body: bytes) -> Attempt:
        if self._session is None:
            raise RuntimeError("the notifier is not open")
        at = self._clock.now()
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                answer = await response.content.read(ANSWER_LIMIT)
                return Attempt(at, response.status, answer.decode("utf-8", "replace"), "")
        except (aiohttp.ClientError, TimeoutError, OSError) as trouble:
            return Attempt(at, 0, "", type(trouble).__name__)


def encoded(fields: Mapping[str, str], signature: str) -> bytes:
    """A form with its signature."""
    whole = {**fields, "sign": signature} if signature else fields
    return "&".join(f"{name}={quote_plus(value)}" for name, value in whole.items()).encode()
