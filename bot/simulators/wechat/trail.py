"""The developer's strip: the product's demo feed merged with what the platform saw."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import aiohttp
from aiohttp import web

from bot.simulators.wechat.hub import Event, offer, stream
from bot.simulators.wechat.world import WORLD, World

RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)
LINE_BYTES = 256 * 1024
TEXTS = ("at", "trace_id", "kind", "title", "detail")


def product_event(line: bytes) -> Event | None:
    """One line of the feed as a strip event: `data: {json}` of SSE, or a bare JSON object."""
    text = line.strip().removeprefix(b"data:").strip()
    if not text.startswith(b"{"):
        return None
    try:
        given = json.loads(text)
    except ValueError:
        return None
    return {"type": "trail", "side": "product", "ref": "", **{key: _text(given.get(key)) for key in TEXTS}}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


async def _feed(world: World, queue: asyncio.Queue[Event | None]) -> None:
    """Follow the product's feed for as long as one page looks at it; every wait is bounded."""
    failures = 0
    while not world.hub.closed:
        url = world.plan.trail_url
        if url:
            with suppress(aiohttp.ClientError, OSError, ValueError):
                failures = await _read_feed(world, url, queue, failures)
            offer(queue, {"type": "trail_status", "product": False})
        await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
        failures += 1


async def _read_feed(world: World, url: str, queue: asyncio.Queue[Event | None], failures: int) -> int:
    headers = {"Accept": "text/event-stream"}
    async with world.session.get(url, headers=headers, max_line_size=LINE_BYTES) as response:
        if response.status != 200:
            return failures
        offer(queue, {"type": "trail_status", "product": True})
        async for line in response.content:
            event = product_event(line)
            if event:
                offer(queue, event)
    return 0


async def trail(request: web.Request) -> web.StreamResponse:
    """GET /phone/trail: SSE of both sides' events; works without a product feed too."""
    world = request.app[WORLD]
    with world.hub.reader() as queue:
        feed = asyncio.create_task(_feed(world, queue))
        try:
            first = [{"type": "trail_status", "product": False}, *world.hub.history]
            return await stream(request, queue, lambda event: event["type"].startswith("trail"), first)
        finally:
            feed.cancel()
            await asyncio.gather(feed, return_exceptions=True)
