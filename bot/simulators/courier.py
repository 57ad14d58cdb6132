"""Carries a simulator's notices to the merchant: in the background, with a retry schedule, each delivery logged."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp

from bot.simulators.background import Background
from bot.simulators.clock import Clock

KEPT_NOTICES = 100_000
ANSWER_LIMIT = 4096


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
    """One notice with its log. `write` makes the bytes of a delivery anew, as a vendor signs each one afresh."""

    notice_id: str
    kind: str
    subject: str
    url: str
    write: Callable[[], Wire]
    delivered: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    first_wire: Wire | None = None
    first_done: asyncio.Event = field(default_factory=asyncio.Event)

    def describe(self) -> dict[str, Any]:
        """The log for the control interface."""
        return {
            "notice_id": self.notice_id,
            "kind": self.kind,
            "subject": self.subject,
            "url": self.url,
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


class Courier:
    """Delivers notices until a status of `accepted` comes back or the schedule (pauses in seconds) ends."""

    def __init__(
        self,
        clock: Clock,
        background: Background,
        *,
        schedule: Sequence[float],
        timeout: float,
        accepted: Sequence[int],
    ) -> None:
        self._clock = clock
        self._background = background
        self._schedule = tuple(schedule)
        self._timeout = timeout
        self._accepted = frozenset(accepted)
        self._session: aiohttp.ClientSession | None = None
        self._notices: OrderedDict[str, Notice] = OrderedDict()

    async def open(self) -> None:
        """Start the client that carries notices."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout))

    async def close(self) -> None:
        """Close the client."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def find(self, notice_id: str) -> Notice | None:
        """The notice with this id."""
        return self._notices.get(notice_id)

    def log(self, subject: str | None) -> list[Notice]:
        """All notices kept, or those about one order or refund, oldest first."""
        return [each for each in self._notices.values() if not subject or each.subject == subject]

    def keep(self, notice: Notice) -> Notice:
        """Enter a notice into the log."""
        self._notices[notice.notice_id] = notice
        if len(self._notices) > KEPT_NOTICES:
            self._notices.popitem(last=False)
        return notice

    def dispatch(self, notice: Notice, manner: Manner) -> None:
        """Send in the background until it is accepted or the schedule ends."""
        if not manner.never:
            self._background.start(self._run(notice, manner))

    async def attempt(self, notice: Notice, wire: Wire | None = None) -> Attempt:
        """One delivery now, freshly signed unless the bytes are given."""
        wire = wire or notice.write()
        result = await self._post(notice.url, wire)
        notice.attempts.append(result)
        notice.first_wire = notice.first_wire or wire
        notice.delivered = notice.delivered or result.status in self._accepted
        notice.first_done.set()
        return result

    async def wait_for_first(self, notice: Notice) -> None:
        """Wait until the first delivery is over, whatever its result."""
        try:
            await asyncio.wait_for(notice.first_done.wait(), self._timeout + 1)
        except TimeoutError:
            return

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
            if (await self.attempt(notice)).status in self._accepted:
                return

    async def _post(self, url: str, wire: Wire) -> Attempt:
        if self._session is None:
            raise RuntimeError("the courier is not open")
        at = self._clock.now()
        try:
            async with self._session.post(url, data=wire.body, headers=wire.headers, allow_redirects=False) as response:
                answer = await response.content.read(ANSWER_LIMIT)
                return Attempt(at, response.status, answer.decode("utf-8", "replace"), "")
        except (aiohttp.ClientError, TimeoutError, OSError) as trouble:
            return Attempt(at, 0, "", type(trouble).__name__)
