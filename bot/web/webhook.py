"""WeChat's pushes over HTTP: ``GET|POST /wechat/official/{account}``."""

import asyncio
from collections.abc import Mapping
from functools import cache
from typing import Final

from aiohttp import web

from bot.channels.official.channel import OfficialChannel
from bot.channels.wire.fields import BYTES_MAX
from bot.kernel.clock import Clock
from bot.kernel.errors import BadRequest, BotError, TooLarge
from bot.outside.logging import get_logger

log = get_logger(__name__)

# The server's name is ours to give: aiohttp's own tells its version and Python's. A sniffed type could become a page.
_HEADERS: Final = {"Server": "scenepay", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class BodyTimeout(BotError):
    """The body did not arrive in time."""

    http_status = 408


class Webhook:
    """The handlers of the official accounts' URLs; they answer every fault with a status and one word of text."""

    def __init__(self, channel: OfficialChannel, clock: Clock, *, body_within: float = 3.0) -> None:
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
        return web.Response(text=echo, headers=_HEADERS)

    async def receive(self, request: web.Request) -> web.Response:
        """POST: one delivery of a message or event."""
        since = self._clock.monotonic()
        try:
            body = await self._body(request)
            answer = await self._channel.receive(request.match_info["account"], request.query, body, since)
        except BotError as fault:
            return _refusal(fault)
        return web.Response(body=answer.body, headers=_headers_of(answer.content_type))

    async def _body(self, request: web.Request) -> bytes:
        if request.headers.get("Content-Encoding", "identity") != "identity":
            # WeChat compresses nothing, and inflating would come before the size is known.
            raise BadRequest("content_encoding")
        if (request.content_length or 0) > BYTES_MAX:
            raise TooLarge("message_too_large")
        content = request.content
        if content.is_eof():
            # The usual case: the whole body came with the head, and no timer is needed.
            return content.read_nowait(-1)
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_within):
                while part := await content.readany():
                    body += part
                    if len(body) > BYTES_MAX:
                        raise TooLarge("message_too_large")
        except TimeoutError:
            raise BodyTimeout("body_timeout") from None
        return bytes(body)


@cache
def _headers_of(content_type: str) -> Mapping[str, str]:
    return {**_HEADERS, "Content-Type": f"{content_type}; charset=utf-8"}


def _refusal(fault: BotError) -> web.Response:
    log.info("webhook.refused", code=fault.code, status=fault.http_status)
    return web.Response(status=fault.http_status, text=fault.code, headers=_HEADERS)
