"""Writes the notes of a trace in batches, shows them live, and tells the whole story of one trace id."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from bot.kernel.clock import Clock, from_micros, to_micros
from bot.kernel.errors import BotError
from bot.kernel.text import shorten
from bot.outside.logging import get_logger
from bot.storage.port import Database, Tx

log = get_logger(__name__)

_KEPT: Final = 10_000
_BATCH: Final = 500

_INSERT = "INSERT INTO traces (trace_id, kind, title, detail, at) VALUES ($1, $2, $3, $4, $5)"
_INSERT_MANY = """
INSERT INTO traces (trace_id, kind, title, detail, at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
"""

_STORY = """
SELECT at, 'note' AS room, kind AS what, title AS text, detail FROM traces WHERE trace_id = $1
UNION ALL
SELECT created_at, 'order', id, state, '{}' FROM orders WHERE trace_id = $1
UNION ALL
SELECT created_at, 'charge', id, state, '{}' FROM charges WHERE trace_id = $1
UNION ALL
SELECT created_at, 'refund', id, state, '{}' FROM refunds WHERE trace_id = $1
UNION ALL
SELECT received_at, 'notice', kind, outcome, '{}' FROM inbox WHERE trace_id = $1
UNION ALL
SELECT at, 'posting', source, destination, CAST(amount AS TEXT) FROM postings WHERE trace_id = $1
UNION ALL
SELECT created_at, 'job', kind, state, '{}' FROM outbox WHERE trace_id = $1
UNION ALL
SELECT opened_at, 'case', kind, state, '{}' FROM cases WHERE trace_id = $1
UNION ALL
SELECT at, 'audit', action, actor, detail FROM audit WHERE trace_id = $1
ORDER BY 1
LIMIT 500
"""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that happened under a trace id; ``detail`` is JSON text with masked values."""

    at: datetime
    trace_id: str
    kind: str
    title: str
    detail: str


class Traces:
    """The trail of one process. Notes wait in memory for at most ``pause`` seconds; a full queue drops the oldest."""

    def __init__(self, database: Database, clock: Clock, *, pause: float = 0.25) -> None:
        self._database = database
        self._clock = clock
        self._pause = pause
        self._waiting: deque[Note] = deque(maxlen=_KEPT)
        self._listeners: set[asyncio.Queue[Note]] = set()

    def note(self, trace_id: str, kind: str, title: str, detail: Mapping[str, object] | None = None) -> None:
        facts = json.dumps(detail or {}, ensure_ascii=False, default=str, separators=(",", ":"))
        note = Note(self._clock.now(), trace_id, kind, shorten(title, 200), facts)
        self._waiting.append(note)
        for listener in self._listeners:
            if not listener.full():
                listener.put_nowait(note)

    @asynccontextmanager
    async def listen(self, room: int = 200) -> AsyncIterator[asyncio.Queue[Note]]:
        """Yield a queue of this process's notes as they happen; a slow reader misses notes, the house never waits."""
        queue: asyncio.Queue[Note] = asyncio.Queue(room)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    async def run(self) -> None:
        """Write what waits until cancelled, then write the rest."""
        try:
            while True:
                await self._clock.sleep(self._pause)
                await self._flush_quietly()
        finally:
            await self._flush_quietly()

    async def flush(self) -> None:
        """Write all that waits now."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            await self._database.effect(partial(_write, notes=batch))

    async def _flush_quietly(self) -> None:
        try:
            await self.flush()
        except (BotError, OSError) as fault:
            log.warning("traces.lost", fault=type(fault).__name__)

    async def story(self, trace_id: str) -> Sequence[tuple[datetime, str, str, str, str]]:
        """Return (moment, room, what, text, detail) of everything that carries the trace id, in order."""
        rows = await self._database.rows(_STORY, trace_id)
        return [(from_micros(row["at"]), row["room"], row["what"], row["text"], row["detail"]) for row in rows]


async def _write(tx: Tx, notes: Sequence[Note]) -> None:
    if tx.engine == "postgresql":
        await tx.execute(
            _INSERT_MANY,
            [note.trace_id for note in notes],
            [note.kind for note in notes],
            [note.title for note in notes],
            [note.detail for note in notes],
            [to_micros(note.at) for note in notes],
        )
        return
    for note in notes:
        await tx.execute(_INSERT, note.trace_id, note.kind, note.title, note.detail, to_micros(note.at))
