"""Takes the gateways' notices: raw bytes in, verified, applied in one transaction, then acknowledged."""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from bot.kernel.clock import Clock
from bot.kernel.errors import BotError, NotFound
from bot.outside.logging import get_logger
from bot.outside.metrics import Metrics
from bot.payments.facts import Notice, RawNotice, Unverified
from bot.payments.ports import Gateway
from bot.payments.registry import Gateways
from bot.web.bodies import read_body
from bot.web.middlewares import TRACE

log = get_logger(__name__)

NOTICE_BYTES: Final = 64 * 1024
# A gateway hangs up after five seconds (payments.md, trap 19); a body that takes longer is nobody's.
_BODY_WITHIN: Final = 3.0
# What goes as it should stands in the inbox and is counted; a written line would cost more than all the verification.
_ORDINARY: Final = "applied"

# Applies a verified notice; returns what became of it, for the log.
Apply = Callable[[str, Notice, str], Awaitable[str]]


class NotifyDoor:
    """``POST /notify/{gateway}/{account}``. Success is said only after the commit; a repeat is success again.

    What is refused leaves no row: an outsider must not be able to fill our tables.
    """

    def __init__(self, gateways: Gateways, apply: Apply, clock: Clock, metrics: Metrics) -> None:
        self._gateways = gateways
        self._apply = apply
        self._clock = clock
        self._metrics = metrics

    async def handle(self, request: web.Request) -> web.Response:
        name, account = request.match_info["gateway"], request.match_info["account"]
        gateway = self._gateways.get(name)
        body = await read_body(request, limit=NOTICE_BYTES, within=_BODY_WITHIN)
        headers = {key.lower(): value for key, value in request.headers.items()}
        try:
            read = gateway.read_notice(RawNotice(account, headers, body, request.query_string), self._clock.now())
        except NotFound:
            read = Unverified("unknown_account", 404)
        if isinstance(read, Unverified):
            return self._refused(gateway, read)
        return await self._applied(gateway, read, request[TRACE])

    def _refused(self, gateway: Gateway, read: Unverified) -> web.Response:
        log.warning("notice.unverified", gateway=gateway.name, reason=read.reason)
        self._metrics.count("notices_total", gateway=gateway.name, outcome="unverified")
        _, kind, text = gateway.acknowledge(False)
        return web.Response(status=read.status, body=text, content_type=kind)

    async def _applied(self, gateway: Gateway, notice: Notice, trace_id: str) -> web.Response:
        try:
            outcome = await self._apply(gateway.name, notice, trace_id)
        except BotError as fault:
            # Nothing was committed: the gateway asks again, by its own schedule.
            log.error("notice.not_applied", gateway=gateway.name, code=fault.code)
            self._metrics.count("notices_total", gateway=gateway.name, outcome="not_applied")
            status, kind, text = gateway.acknowledge(False)
            return web.Response(status=status, body=text, content_type=kind)
        tell = log.debug if outcome == _ORDINARY else log.info
        tell("notice.applied", gateway=gateway.name, kind=notice.kind, outcome=outcome)
        self._metrics.count("notices_total", gateway=gateway.name, outcome=outcome)
        status, kind, text = gateway.acknowledge(True)
        return web.Response(status=status, body=text, content_type=kind)
