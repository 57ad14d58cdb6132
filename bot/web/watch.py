"""Lets any number of pages wait for their orders at the cost of one query for all of them."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal, LiteralString

from bot.kernel.clock import Clock
from bot.kernel.errors import Limited, NotFound
from bot.outside.logging import get_logger
from bot.payments import work
from bot.storage.port import Database

log = get_logger(__name__)

PAGES_MAX: Final = 5_000
# A commit wakes us; behind a lost signal we look this often, in seconds.
_LOOK_EVERY: Final = 2.0
# Many commits that follow each other closely are looked at once.
_PAUSE: Final = 0.1

# One statement for both engines, but for the way in which they unpack a list.
_STATES: Final[Mapping[Literal["sqlite", "postgresql"], LiteralString]] = {
    "sqlite": """
SELECT o.token, o.state, EXISTS (SELECT 1 FROM order_lines l WHERE l.order_id = o.id AND l.state <> 'settled') AS open
FROM orders o WHERE o.token IN (SELECT value FROM json_each($1))
""",
    "postgresql": """
SELECT o.token, o.state, EXISTS (SELECT 1 FROM order_lines l WHERE l.order_id = o.id AND l.state <> 'settled') AS open
FROM orders o WHERE o.token = ANY($1::text[])
""",
}


@dataclass(frozen=True, slots=True, eq=False)
class _Page:
    """A page that waits until its order is no longer ``since``."""

    token: str
    since: str
    answer: asyncio.Future[str]

    def told(self, states: Mapping[str, str]) -> None:
        state = states.get(self.token, self.since)
        if state != self.since and not self.answer.done():
            self.answer.set_result(state)


class OrderWatch:
    """Tells a page when its order is no longer as the page shows it.

    What it tells: ``created``, ``closing``, ``closed``, ``paid`` (a late payment too, for to the one who made it, it
    is one) and ``settled``, when every biller has booked its line besides.
    """

    def __init__(self, database: Database, clock: Clock, *, pages_max: int = PAGES_MAX) -> None:
        self._database = database
        self._clock = clock
        self._pages_max = pages_max
        self._pages: set[_Page] = set()
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    async def state(self, token: str) -> str:
        """Return the state as a page needs it. Raises NotFound(``order_unknown``)."""
        states = await self._states([token])
        if token not in states:
            raise NotFound("order_unknown")
        return states[token]

    async def changed(self, token: str, since: str, within: float) -> str:
        """Return the state as soon as it differs from ``since``, or ``since`` itself after so many seconds.

        Raises NotFound(``order_unknown``), and Limited while too many pages wait already.
        """
        found = await self.state(token)
        if found != since or self._closed:
            return found
        if len(self._pages) >= self._pages_max:
            raise Limited("pages_waiting", "ask again in a few seconds")
        page = _Page(token, since, asyncio.get_running_loop().create_future())
        self._pages.add(page)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="order watch")
        try:
            await asyncio.wait((page.answer,), timeout=within)
            return page.answer.result() if page.answer.done() else since
        finally:
            self._pages.discard(page)

    async def close(self) -> None:
        """Send all pages home, so that a server that ends need not wait for them."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
        for page in self._pages:
            if not page.answer.done():
                page.answer.set_result(page.since)

    async def _look(self) -> None:
        """Look as long as somebody waits; the task ends with the last page."""
        while self._pages:
            try:
                await self._database.heard(work.ORDER_CHANNEL, _LOOK_EVERY)
                states = await self._states(sorted({page.token for page in self._pages}))
                for page in self._pages:
                    page.told(states)
            except Exception:
                # The edge: while the store is away pages wait on, and each of them gives up in its own time.
                log.warning("watch.failed", exc_info=True)
                await self._clock.sleep(_LOOK_EVERY)
            await self._clock.sleep(_PAUSE)

    async def _states(self, tokens: Sequence[str]) -> Mapping[str, str]:
        rows = await self._database.rows(_STATES[self._database.engine], tokens)
        return {row["token"]: told(row["state"], open_=bool(row["open"])) for row in rows}


def told(state: str, *, open_: bool) -> str:
    """Return the state that is told; ``open_``: some line of the order is not booked at its biller."""
    if state in ("paid", "paid_late"):
        return "paid" if open_ or state == "paid_late" else "settled"
    return state
