"""WeChat's pushes over HTTP: ``GET|POST /wechat/official/{account}`` and ``/wechat/mini/{account}``."""

from collections.abc import Mapping
from typing import Protocol

from aiohttp import web

from bot.channels.reception import Response
from bot.channels.wire.fields import BYTES_MAX
from bot.kernel.clock import Clock
from bot.kernel.errors import BotError
from bot.outside.logging import get_logger
from bot.web.bodies import read_body

log = get_logger(__name__)


class Channel(Protocol):
    """What receives the pushes of one kind of app."""

    def verify(self, account: str, query: Mapping[str, str]) -> str: ...

    async def receive(self, account: str, query: Mapping[str, str], body: bytes, since: float) -> Response: ...


class Webhook:
    """The handlers of the URLs of one kind of app; they answer every fault with a status and one word of text."""

    def __init__(self, channel: Channel, clock: Clock, *, body_within: float = 3.0) -> None:
        """``body_within`` is how many seconds a body may take to arrive."""
        self._channel = channel
        self._clock = clock
        self._body_within = body_within

    async def verify(self, request: web.Request) -> web.Response:
        """GET: the console's verification of the URL."""
        try:
            echo = self._channel.verify(request.match_info["account"], request.query)
        except BotError as fault:
            return _refusal(fault)
        return web.Response(text=echo)

    async def receive(self, request: web.Request) -> web.Response:
        """POST: one delivery of a message or event."""
        since = self._clock.monotonic()
        try:
            body = await read_body(request, limit=BYTES_MAX, within=self._body_within)
            answer = await self._channel.receive(request.match_info["account"], request.query, body, since)
        except BotError as fault:
            return _refusal(fault)
        return web.Response(body=answer.body, headers={"Content-Type": f"{answer.content_type}; charset=utf-8"})


def _refusal(fault: BotError) -> web.Response:
    log.info("webhook.refused", code=fault.code, status=fault.http_status)
    return web.Response(status=fault.http_status, text=fault.code)
