"""Tells a load balancer and a monitor how we are."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from bot.outside.metrics import Metrics
from bot.web.answers import answer_json

Ping = Callable[[], Awaitable[None]]

_PATIENCE: Final = 2.0
_ICON: Final = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#018040"/>'
    b'<path d="M10 9l6 7 6-7M11 17h10M11 21h10M16 16v8" stroke="#fff" stroke-width="2.2" fill="none"/></svg>'
)


class HealthDoor:
    """Alive is not ready: a process whose database is away must get no requests, yet must not be killed for it."""

    def __init__(self, pings: Mapping[str, Ping], metrics: Metrics) -> None:
        self._pings = pings
        self._metrics = metrics

    async def alive(self, _: web.Request) -> web.Response:
        return answer_json({"alive": True})

    async def ready(self, _: web.Request) -> web.Response:
        """Ask each part whether it can answer; 503 names those that cannot."""
        answers = dict(zip(self._pings, await asyncio.gather(*map(_asked, self._pings.values())), strict=True))
        return answer_json({"ready": all(answers.values()), "parts": answers}, 200 if all(answers.values()) else 503)

    async def metrics(self, _: web.Request) -> web.Response:
        body, kind = self._metrics.render()
        return web.Response(body=body, headers={"Content-Type": kind})

    async def icon(self, _: web.Request) -> web.Response:
        """Browsers ask for it with every first page; without one their consoles show an error."""
        return web.Response(
            body=_ICON, content_type="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"}
        )


async def _asked(ping: Ping) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE):
            await ping()
    except Exception:
        # The edge: whatever a part raises when asked, the answer is that it is not ready.
        return False
    return True
