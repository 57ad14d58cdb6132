"""Keeps what WeChat lends for two hours (access token, JS-SDK ticket): asked for once, by one process, in good time."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from bot.kernel.clock import Clock, business_day
from bot.kernel.errors import BotError
from bot.kernel.ids import random_text
from bot.outside.logging import get_logger
from bot.storage.ephemeral_port import Ephemeral

log = get_logger(__name__)

# stable_token hands out a new token only in the last five minutes of the old one, and both then work (wechat.md §2.2).
EARLY: Final = 300.0
# A loan this short is no longer used: the call that carries it must still arrive.
_LEAST: Final = 10.0
_RETRY: Final = 30.0
# Longer than a fetch may take, so that no second process asks while the first still waits.
_LOCK: Final = 12.0
_POLL: Final = 0.2
_PATIENCE: Final = 5.0
# The vendor allows 20 forced refreshes a day and one in 30 s; some are left to the operator.
_FORCED_A_DAY: Final = 15
_FORCED_APART: Final = 30.0
_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Loan:
    """Something lent until ``until``, in seconds since 1970."""

    value: str
    until: float


# Asks WeChat; the argument says whether to force a new one. Returns the value and its life in seconds.
Fetch = Callable[[bool], Awaitable[tuple[str, float]]]


class Keeper:
    """Keeps one loan. In a process, all who need it wait for one fetch; of all processes, one fetches.

    The store only spares calls: when it is empty or away for a moment, a loan is fetched again, which WeChat's
    interfaces answer with the same one.
    """

    def __init__(self, name: str, fetch: Fetch, store: Ephemeral, clock: Clock) -> None:
        self._stored, self._lock = f"wechat:loan:{name}", f"wechat:lending:{name}"
        self._forced = f"wechat:forced:{name}"
        self._fetch = fetch
        self._store = store
        self._clock = clock
        self._loan = Loan("", 0.0)
        self._flight: asyncio.Task[None] | None = None
        self._next_try = 0.0

    async def value(self) -> str:
        """Return the loan, fetching it where needed; in its last minutes it is returned and renewed meanwhile.

        Raises WeChatError or GatewayTrouble when there is none and none can be had.
        """
        left = self._left(self._loan)
        if left > EARLY:
            return self._loan.value
        if left > _LEAST:
            if self._flight is None and self._clock.monotonic() >= self._next_try:
                self._start("").add_done_callback(_report)
            return self._loan.value
        await self._fly("")
        return self._loan.value

    async def replace(self, refused: str) -> str | None:
        """Return another loan than the one that WeChat refused, None when only that one is to be had.

        Raises WeChatError or GatewayTrouble when WeChat cannot be asked.
        """
        await self._settle()
        if self._loan.value == refused:
            await self._fly(refused)
        return None if self._loan.value == refused else self._loan.value

    async def close(self) -> None:
        """Give up a fetch under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)

    def _left(self, loan: Loan) -> float:
        return loan.until - self._clock.now().timestamp()

    def _start(self, refused: str) -> asyncio.Task[None]:
        self._next_try = self._clock.monotonic() + _RETRY
        self._flight = asyncio.create_task(self._renew(refused))
        self._flight.add_done_callback(self._landed)
        return self._flight

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flight = None
        if not flight.cancelled():
            flight.exception()  # Seen by those who wait; when all of them were cancelled, by nobody.

    async def _fly(self, refused: str) -> None:
        # Shielded: whoever started the fetch may be cancelled while others still wait for it.
        await asyncio.shield(self._flight or self._start(refused))

    async def _settle(self) -> None:
        if self._flight is not None:
            await asyncio.gather(asyncio.shield(self._flight), return_exceptions=True)

    async def _renew(self, refused: str) -> None:
        owner = random_text(16)
        give_up = self._clock.monotonic() + _PATIENCE
        while self._clock.monotonic() < give_up:
            stored = await self._read()
            if stored.value != refused and self._left(stored) > EARLY:
                self._loan = stored
                return
            if await self._store.claim(self._lock, owner, _LOCK) is None:
                try:
                    await self._ask(refused, stored)
                    return
                finally:
                    await self._store.release(self._lock, owner)
            await self._clock.sleep(_POLL)
        # The process that took the lock died or hangs; a second question does no harm.
        await self._ask(refused, await self._read())

    async def _ask(self, refused: str, stored: Loan) -> None:
        loan = await self._fetched(force=False)
        if refused and loan.value == refused and await self._may_force():
            loan = await self._fetched(force=True)
        self._loan = loan
        if loan != stored:
            text = json.dumps([loan.value, loan.until]).encode()
            await self._store.put(self._stored, text, max(self._left(loan), 1.0))

    async def _fetched(self, *, force: bool) -> Loan:
        asked_at = self._clock.now().timestamp()
        value, life = await self._fetch(force)
        return Loan(value, asked_at + life)

    async def _may_force(self) -> bool:
        if await self._store.claim(self._forced, "forced", _FORCED_APART) is not None:
            return False
        day = business_day(self._clock.now()).isoformat()
        return await self._store.allow(f"{self._forced}:{day}", _FORCED_A_DAY, _DAY)

    async def _read(self) -> Loan:
        text = await self._store.get(self._stored)
        if text is None:
            return Loan("", 0.0)
        value, until = json.loads(text)
        return Loan(str(value), float(until))


def _report(flight: asyncio.Task[None]) -> None:
    """Log what nobody waited for: the old loan still serves, and the next call tries again."""
    if flight.cancelled():
        return
    fault = flight.exception()
    if fault is not None:
        log.warning("wechat.renewal_failed", error=fault.code if isinstance(fault, BotError) else type(fault).__name__)
