"""The demonstration's own routes: the way to the phone, and the feed of the developer's strip."""

import asyncio
from contextlib import suppress
from typing import Final

from aiohttp import web

from bot.demo.feed import Feed
from bot.kernel.errors import Forbidden

_BEAT: Final = 15.0
_LOCAL: Final = frozenset({"127.0.0.1", "::1"})


def add_demo_routes(app: web.Application, feed: Feed, phone_url: str) -> None:
    """Add ``/``, ``/demo/`` and ``/demo/trail``; the feed is for this machine only."""

    async def phone(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(phone_url)

    async def trail(request: web.Request) -> web.StreamResponse:
        if request.remote not in _LOCAL:
            raise Forbidden("local_only")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        with suppress(ConnectionResetError):
            await _stream(response, feed)
        return response

    async def end(_: web.Application) -> None:
        feed.close()

    app.middlewares.append(feed.requests)
    app.on_shutdown.append(end)
    app.router.add_get("/", phone)
    app.router.add_get("/demo", phone)
    app.router.add_get("/demo/", phone)
    app.router.add_get("/demo/trail", trail)


async def _stream(response: web.StreamResponse, feed: Feed) -> None:
    """Write what happens until the reader or the demonstration goes; a beat now and then finds out about the former."""
    async with feed.watch() as events:
        await response.write(b": welcome\n\n")
        while True:
            try:
                event = await asyncio.wait_for(events.get(), _BEAT)
            except TimeoutError:
                await response.write(b": beat\n\n")
                continue
            if event is None:
                return
            await response.write(event)
