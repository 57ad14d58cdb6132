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
from bot.kernel.text import shorten, without_control
from bot.outside.logging import get_logger
from bot.outside.redaction import redact, redact_text
from bot.storage.port import Database, Tx

log = get_logger(__name__)

_KEPT: Final = 10_000
_BATCH: Final = 500
_STORY_MAX: Final = 500

_JSON: Final = json.JSONEncoder(ensure_ascii=False, default=str, separators=(",", ":"))

_INSERT: Final = "INSERT INTO traces (trace_id, kind, title, detail, at) VALUES ($1, $2, $3, $4, $5)"
_INSERT_MANY: Final = """
INSERT INTO traces (trace_id, kind, title, detail, at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
"""

# Every room that carries a trace id. A notice is found by its charge, or by its own trace where it had none.
_STORY: Final = """
SELECT at, 'note' AS room, kind AS what, title AS text, detail FROM traces WHERE trace_id = $1
UNION ALL
SELECT created_at, 'order', id, state, '{}' FROM orders WHERE trace_id = $1
UNION ALL
SELECT created_at, 'charge', id, state, '{}' FROM charges WHERE trace_id = $1
UNION ALL
SELECT received_at, 'notice', kind, outcome, '{}' FROM inbox
WHERE charge_id IN (SELECT id FROM charges WHERE trace_id = $1)
UNION ALL
SELECT received_at, 'notice', kind, outcome, '{}' FROM inbox WHERE charge_id IS NULL AND trace_id = $1
UNION ALL
SELECT at, 'posting', source, destination, CAST(amount AS TEXT) FROM postings WHERE trace_id = $1
UNION ALL
SELECT at, 'suspense', id, state, reason FROM suspense WHERE trace_id = $1
UNION ALL
SELECT created_at, 'refund', id, state, '{}' FROM refunds WHERE trace_id = $1
UNION ALL
SELECT created_at, 'share', id, state, '{}' FROM shares WHERE trace_id = $1
UNION ALL
SELECT created_at, 'share back', id, state, '{}' FROM share_returns WHERE trace_id = $1
UNION ALL
SELECT created_at, 'contract', id, state, '{}' FROM contracts WHERE trace_id = $1
UNION ALL
SELECT created_at, 'deduction', id, state, day FROM deductions WHERE trace_id = $1
UNION ALL
SELECT created_at, 'job', kind, state, dest FROM outbox WHERE trace_id = $1
UNION ALL
SELECT opened_at, 'case', kind, state, id FROM cases WHERE trace_id = $1
UNION ALL
SELECT at, 'audit', action, actor, detail FROM audit WHERE trace_id = $1
ORDER BY 1 LIMIT $2
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
    """The trail of one process.

    Notes wait in memory for ``pause`` seconds, longer while the store is away; when there are too many, the oldest
    are dropped. Callers write masked values; what looks like a secret or a personal number all the same is masked
    here once more.
    """

    def __init__(self, database: Database, clock: Clock, *, pause: float = 0.25) -> None:
        self._database = database
        self._clock = clock
        self._pause = pause
        self._waiting: deque[Note] = deque()
        self._dropped = 0
        self._listeners: set[asyncio.Queue[Note]] = set()

    def note(self, trace_id: str, kind: str, title: str, detail: Mapping[str, object] | None = None) -> None:
        words = shorten(redact_text(without_control(title)), 200)
        facts = _JSON.encode(redact(detail)) if detail else "{}"
        note = Note(self._clock.now(), trace_id, kind, words, without_control(facts))
        self._waiting.append(note)
        self._make_room()
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
        """Write all that waits now; what could not be written waits on."""
        # Counted first: notes that come while these are written are the next flush's.
        left = len(self._waiting)
        while left > 0 and self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, left, len(self._waiting)))]
            left -= len(batch)
            await self._write(batch)

    async def _write(self, batch: Sequence[Note]) -> None:
        writing = asyncio.ensure_future(self._database.effect(partial(_insert, notes=batch)))
        try:
            await asyncio.shield(writing)
        except BaseException:
            # Who is cancelled is not told whether the commit went through, so it comes to its end before we leave.
            await asyncio.wait((writing,))
            if writing.cancelled() or writing.exception() is not None:
                self._waiting.extendleft(reversed(batch))
                self._make_room()
            raise

    async def _flush_quietly(self) -> None:
        if self._dropped:
            log.warning("traces.dropped", notes=self._dropped)
            self._dropped = 0
        try:
            await self.flush()
        except (BotError, OSError) as fault:
            log.warning("traces.waiting", notes=len(self._waiting), fault=type(fault).__name__)
            if isinstance(fault, BotError) and not fault.retryable:
                # It would fail for ever, and all behind it with it.
                self._drop(_BATCH)

    def _make_room(self) -> None:
        self._drop(len(self._waiting) - _KEPT)

    def _drop(self, many: int) -> None:
        for _ in range(min(many, len(self._waiting))):
            self._waiting.popleft()
            self._dropped += 1

    async def story(self, trace_id: str) -> Sequence[tuple[datetime, str, str, str, str]]:
        """Return (moment, room, what, text, detail) of everything that carries the trace id, in order."""
        rows = await self._database.rows(_STORY, trace_id, _STORY_MAX)
        return [(from_micros(row["at"]), row["room"], row["what"], row["text"], row["detail"]) for row in rows]


async def _insert(tx: Tx, notes: Sequence[Note]) -> None:
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
