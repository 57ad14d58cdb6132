"""Lets any number of pages wait for their orders at the cost of one query for all of them."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
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
SELECT o.token, o.state, EXISTS (SELECT 1 FROM order_lines l WHERE l.order_id = o.id AND l.state <> 'settled') AS busy
FROM orders o WHERE o.token IN (SELECT value FROM json_each($1))
""",
    "postgresql": """
SELECT o.token, o.state, EXISTS (SELECT 1 FROM order_lines l WHERE l.order_id = o.id AND l.state <> 'settled') AS busy
FROM orders o WHERE o.token = ANY($1::text[])
""",
}


class OrderWatch:
    """Tells a page when its order is no longer as the page shows it.

    What it tells: ``created``, ``closing``, ``closed``, ``paid`` (a late payment too, for to the one who made it, it
    is one) and ``settled``, when every biller has booked its line besides.
    """

    def __init__(self, database: Database, clock: Clock, *, pages_max: int = PAGES_MAX) -> None:
        self._database = database
        self._clock = clock
        self._pages_max = pages_max
        self._waiting: dict[str, set[asyncio.Future[str]]] = {}
        self._pages = 0
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    async def state(self, token: str) -> str:
        """Return the state as a page needs it. Raises NotFound(``order_unknown``)."""
        states = await self._read([token])
        if token not in states:
            raise NotFound("order_unknown")
        return states[token]

    async def changed(self, token: str, since: str, within: float) -> str:
        """Return the state as soon as it differs from ``since``, or as it is after so many seconds.

        Raises NotFound(``order_unknown``), and Limited while too many pages wait already.
        """
        found = await self.state(token)
        if found != since or self._closed:
            return found
        if self._pages >= self._pages_max:
            raise Limited("pages_waiting", "ask again in a few seconds")
        page: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(token, set()).add(page)
        self._pages += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_on(), name="order watch")
        try:
            return await self._answer(page, since, within)
        finally:
            self._pages -= 1
            pages = self._waiting[token]
            pages.discard(page)
            if not pages:
                del self._waiting[token]

    async def close(self) -> None:
        """Send all pages home, so that the server need not wait for them."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
        for pages in self._waiting.values():
            for page in pages:
                if not page.done():
                    page.cancel()

    async def _answer(self, page: asyncio.Future[str], since: str, within: float) -> str:
        """Wait for the answer to one page; ``asyncio.wait`` so that our own cancellation stays ours."""
        await asyncio.wait((page,), timeout=within)
        return page.result() if page.done() and not page.cancelled() else since

    async def _look_on(self) -> None:
        while self._waiting:
            try:
                await self._database.heard(work.ORDER_CHANNEL, _LOOK_EVERY)
                await self._tell(await self._read(list(self._waiting)))
            except Exception:
                # The edge: while the store is away pages wait on, and each of them gives up in its own time.
                log.warning("watch.failed", exc_info=True)
                await self._clock.sleep(_LOOK_EVERY)
            await self._clock.sleep(_PAUSE)

    async def _read(self, tokens: Sequence[str]) -> Mapping[str, str]:
        rows = await self._database.rows(_STATES[self._database.engine], tokens)
        return {row["token"]: _told(row["state"], busy=bool(row["busy"])) for row in rows}
