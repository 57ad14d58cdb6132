"""The demonstration's own routes: the way to the phone, and the feed of the developer's strip."""

import asyncio
import json
from typing import Final

from aiohttp import web

from bot.kernel.errors import Forbidden
from bot.trail.traces import Note, Traces

_BEAT: Final = 15.0
_LOCAL: Final = frozenset({"127.0.0.1", "::1"})


def add_demo_routes(app: web.Application, traces: Traces, phone_url: str) -> None:
    """Add ``/``, ``/demo/`` and ``/demo/trail``; the feed is for this machine only."""

    async def phone(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(phone_url)

    async def trail(request: web.Request) -> web.StreamResponse:
        if request.remote not in _LOCAL:
            raise Forbidden("local_only")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        async with traces.listen() as notes:
            while True:
                try:
                    note = await asyncio.wait_for(notes.get(), _BEAT)
                except TimeoutError:
                    await response.write(b": beat\n\n")
                    continue
                await response.write(_event(note))

    app.router.add_get("/", phone)
    app.router.add_get("/demo/", phone)
    app.router.add_get("/demo/trail", trail)


def _event(note: Note) -> bytes:
    value = {
        "at": note.at.isoformat(),
        "trace_id": note.trace_id,
        "kind": note.kind,
        "title": note.title,
        "detail": json.loads(note.detail),
    }
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"
