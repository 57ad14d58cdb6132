"""What the developer's strip shows, as it happens: requests in, calls out, notes, and what the books then say."""

import asyncio
import json
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.demo.books import Books, Entry
from bot.kernel.clock import Clock
from bot.kernel.errors import BotError
from bot.kernel.text import shorten
from bot.outside.http import Called
from bot.outside.logging import current_trace, get_logger
from bot.outside.redaction import redact_text
from bot.payments.work import ORDER_CHANNEL
from bot.storage.port import Database
from bot.trail.traces import Note, Traces
from bot.web.middlewares import TRACE

log = get_logger(__name__)

# What a page that is loaded again gets to see.
_HISTORY: Final = 400
_ROOM: Final = 500
_LOOK_EVERY: Final = 0.5
_PAUSE: Final = 0.05
_TITLE_CHARS: Final = 160
# Notes of these kinds have no row anywhere else; all others are told from the books.
_NOTED: Final = frozenset({"webhook", "reply", "call", "notice", "message"})
# An id, a number or a token inside a path: recognisable by its end, useless to whoever sees the screen.
_LONG: Final = re.compile(r"(?=[\w-]*\d)[\w-]{16,}")
_QUIET: Final = re.compile(r"^/(?:demo/|healthz|readyz|metrics|favicon|q/[^/]+\.(?:svg|png)$|cashier/[^/]+/status$|$)")


class Feed:
    """Hands every event to all who watch; it costs next to nothing while nobody does."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watchers: set[asyncio.Queue[bytes | None]] = set()
        self._history: deque[bytes] = deque(maxlen=_HISTORY)
        self._closed = False

    def tell(self, trace_id: str, kind: str, title: str, detail: str = "", at: datetime | None = None) -> None:
        """Show one event; ids and whatever looks like a secret are shortened here, whoever wrote the words."""
        if not self._watchers:
            return
        moment = (at or self._clock.now()).isoformat(timespec="microseconds")
        words = {"title": brief(title), "detail": brief(detail)}
        value = {"at": moment, "trace_id": trace_id, "kind": kind, **words}
        event = b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"
        self._history.append(event)
        for watcher in self._watchers:
            if not watcher.full():
                watcher.put_nowait(event)

    @property
    def watched(self) -> bool:
        return bool(self._watchers)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[asyncio.Queue[bytes | None]]:
        """Yield a queue with what was told lately and then everything as it happens; None says that the show ends."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_ROOM)
        for event in self._history:
            queue.put_nowait(event)
        self._watchers.add(queue)
        if self._closed:
            queue.put_nowait(None)
        try:
            yield queue
        finally:
            self._watchers.discard(queue)

    def close(self) -> None:
        """Let every watcher go."""
        self._closed = True
        for watcher in self._watchers:
            with suppress(asyncio.QueueEmpty):
                if watcher.full():
                    watcher.get_nowait()
            watcher.put_nowait(None)

    def called(self, call: Called) -> None:
        """Show a call of ours to another system."""
        title = f"{call.method} {call.path} → {call.outcome} · {_milliseconds(call.seconds)}"
        self.tell(current_trace(), "call", title, call.dest)

    def noted(self, note: Note) -> None:
        """Show a note of the trail that no book tells."""
        if note.kind in _NOTED:
            facts = json.loads(note.detail) if note.kind != "webhook" else {}
            self.tell(note.trace_id, note.kind, note.title, " ".join(map(str, facts.values())), note.at)

    def entered(self, entry: Entry) -> None:
        """Show what the books say."""
        self.tell(entry.trace_id, entry.kind, entry.title, entry.detail, entry.at)

    @web.middleware
    async def requests(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Show each request that comes in, under the trace that its handler found it to belong to."""
        if not self._watchers or _QUIET.match(request.path):
            return await handler(request)
        at, since = self._clock.now(), self._clock.monotonic()
        status = 500
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as ended:
            status = ended.status
            raise
        except BotError as refused:
            status = refused.http_status
            raise
        finally:
            outcome = f"{status} · {_milliseconds(self._clock.monotonic() - since)}"
            kind = "notice" if request.path.startswith("/notify/") else "webhook"
            self.tell(request[TRACE], kind, f"{request.method} {request.path} → {outcome}", "", at)


async def follow(feed: Feed, database: Database, traces: Traces, clock: Clock) -> None:
    """Feed what the books and the trail tell, until cancelled."""
    books = Books(database, clock)
    async with traces.listen() as notes, asyncio.TaskGroup() as group:
        group.create_task(_follow_notes(feed, notes))
        group.create_task(_follow_books(feed, books, database, clock))


async def _follow_notes(feed: Feed, notes: asyncio.Queue[Note]) -> None:
    while True:
        feed.noted(await notes.get())


async def _follow_books(feed: Feed, books: Books, database: Database, clock: Clock) -> None:
    while True:
        await database.heard(ORDER_CHANNEL, _LOOK_EVERY)
        if not feed.watched:
            books.skip()
            continue
        await clock.sleep(_PAUSE)
        try:
            news = await books.news()
        except Exception:
            # The edge: the show goes on when the store is back.
            log.warning("feed.failed", exc_info=True)
            await clock.sleep(_LOOK_EVERY)
            continue
        for entry in news:
            feed.entered(entry)


def brief(text: str) -> str:
    """Return words fit for a screen that anybody may look at."""
    # Cut first: what a stranger wrote may be long.
    text = redact_text(text[: 2 * _TITLE_CHARS])
    return shorten(_LONG.sub(lambda found: f"…{found[0][-6:]}", text), _TITLE_CHARS)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
