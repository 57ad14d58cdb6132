"""Live events of the simulator for its pages: bounded fan-out and Server-Sent Events."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from aiohttp import web

Event = dict[str, Any]

QUEUE_EVENTS = 500
HISTORY_EVENTS = 200
# A comment line this often tells a server that its reader has gone.
HEARTBEAT_SECONDS = 10.0


class Hub:
    """Hands every event to all readers; a reader that does not keep up loses the oldest ones."""

    def __init__(self) -> None:
        self._readers: set[asyncio.Queue[Event | None]] = set()
        self.history: deque[Event] = deque(maxlen=HISTORY_EVENTS)
        self.closed = False

    def publish(self, event: Event, *, keep: bool = False) -> None:
        """Send an event to all readers; with `keep` later readers may ask for it as history."""
        if keep:
            self.history.append(event)
        for queue in self._readers:
            offer(queue, event)

    @contextmanager
    def reader(self) -> Iterator[asyncio.Queue[Event | None]]:
        """A queue of the events from now on; None in it means that the simulator stops."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue(QUEUE_EVENTS)
        self._readers.add(queue)
        try:
            yield queue
        finally:
            self._readers.discard(queue)

    def close(self) -> None:
        """Let every open stream end."""
        self.closed = True
        for queue in self._readers:
            offer(queue, None)


def offer(queue: asyncio.Queue[Event | None], event: Event | None) -> None:
    """Put without waiting, dropping the oldest event of a full queue."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(event)


async def _events(queue: asyncio.Queue[Event | None]) -> AsyncIterator[Event | None]:
    while True:
        try:
            event = await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
        except TimeoutError:
            yield None
            continue
        if event is None:
            return
        yield event


async def stream(
    request: web.Request,
    queue: asyncio.Queue[Event | None],
    wanted: Callable[[Event], bool],
    first: list[Event],
) -> web.StreamResponse:
    """Answer a request with `first` and then every wanted event until the reader or the simulator goes."""
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        }
    )
    await response.prepare(request)
    with suppress(ConnectionResetError):
        for event in first:
            await _write(response, event)
        await response.write(b": ready\n\n")
        async for item in _events(queue):
            if item is None:
                await response.write(b": still here\n\n")
            elif wanted(item):
                await _write(response, item)
    return response


async def _write(response: web.StreamResponse, event: Event) -> None:
    await response.write(b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n")
