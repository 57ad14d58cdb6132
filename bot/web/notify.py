"""Takes the gateways' notices: raw bytes in, verified, applied in one transaction, then acknowledged."""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from bot.kernel.clock import Clock
from bot.kernel.errors import BotError, NotFound
from bot.outside.logging import get_logger
from bot.payments.ports import Notice, RawNotice, Unverified
from bot.payments.registry import Gateways
from bot.trail.port import Trail
from bot.web.middlewares import TRACE

log = get_logger(__name__)

NOTICE_BYTES: Final = 64 * 1024

# Applies a verified notice; returns what became of it, for the trail.
Apply = Callable[[str, Notice, str], Awaitable[str]]


class NotifyDoor:
    """``POST /notify/{gateway}/{account}``. Success is said only after the commit; a repeat is success again."""

    def __init__(self, gateways: Gateways, apply: Apply, clock: Clock, trail: Trail) -> None:
        self._gateways = gateways
        self._apply = apply
        self._clock = clock
        self._trail = trail

    async def handle(self, request: web.Request) -> web.Response:
        name, account = request.match_info["gateway"], request.match_info["account"]
        gateway = self._gateways.get(name)
        if request.content_length is not None and request.content_length > NOTICE_BYTES:
            raise web.HTTPRequestEntityTooLarge(NOTICE_BYTES, request.content_length)
        body = await request.content.read(NOTICE_BYTES + 1)
        while len(body) <= NOTICE_BYTES and not request.content.at_eof():
            body += await request.content.read(NOTICE_BYTES + 1 - len(body))
        if len(body) > NOTICE_BYTES:
            raise web.HTTPRequestEntityTooLarge(NOTICE_BYTES, len(body))
        headers = {key.lower(): value for key, value in request.headers.items()}
        try:
            read = gateway.read_notice(RawNotice(account, headers, body, request.query_string), self._clock.now())
        except NotFound:
            read = Unverified("unknown account", 404)
        if isinstance(read, Unverified):
            log.warning("notice.unverified", gateway=name, reason=read.reason, trace_id=request[TRACE])
            self._trail.note(request[TRACE], "notice", f"{name} refused", {"reason": read.reason})
            _, kind, text = gateway.acknowledge(False)
            return web.Response(status=read.status, body=text, content_type=kind)
        return await self._applied(name, read, request[TRACE])

    async def _applied(self, name: str, notice: Notice, trace_id: str) -> web.Response:
        gateway = self._gateways.get(name)
        try:
            outcome = await self._apply(name, notice, trace_id)
        except BotError as fault:
            # Nothing was committed: the gateway asks again, by its own schedule.
            log.error("notice.not_applied", gateway=name, code=fault.code, trace_id=trace_id)
            status, kind, text = gateway.acknowledge(False)
            return web.Response(status=status, body=text, content_type=kind)
        log.info("notice.applied", gateway=name, kind=notice.kind, outcome=outcome, trace_id=trace_id)
        status, kind, text = gateway.acknowledge(True)
        return web.Response(status=status, body=text, content_type=kind)
