"""Runs an operation: who calls, how often, what they send, once or again, and every fault in one form."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from pydantic import ValidationError

from bot.kernel.errors import BadRequest, BotError, Limited
from bot.outside.logging import get_logger
from bot.storage.ephemeral_port import Ephemeral
from bot.storage.vault import Vault
from bot.web.answers import page
from bot.web.bodies import read_body
from bot.web.middlewares import TRACE
from bot.web.mini.call import Call, Declined
from bot.web.mini.document import document
from bot.web.mini.models import Answer, Ask, Problem
from bot.web.mini.operations import BASE, OPERATIONS, Operation
from bot.web.mini.repeats import Given, Repeats
from bot.web.mini.sessions import Session, Sessions
from bot.web.peers import Peers
from bot.web.watch import OrderWatch

log = get_logger(__name__)

Handling = Callable[[Call], Awaitable[Answer]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BODY_BYTES: Final = 16 * 1024
_BODY_WITHIN: Final = 5.0
_CONTEXT: Final = "web.mini.rate"


@dataclass(frozen=True, slots=True)
class Rates:
    """How many calls are answered in a minute: of one session, its writes among them, and logins of one address."""

    calls: int = 240
    writes: int = 60
    logins: int = 60
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class DoorParts:
    handlers: Mapping[str, Handling]
    sessions: Sessions
    repeats: Repeats
    store: Ephemeral
    vault: Vault
    peers: Peers
    watch: OrderWatch
    rates: Rates = field(default_factory=Rates)


class MiniDoor:
    """``/api/mini/v1``. Every handler comes out of the table, so nothing is served that the document does not name."""

    def __init__(self, parts: DoorParts) -> None:
        """Raise KeyError for an operation of the table without a handler."""
        self._p = parts
        self._handlers = {operation: parts.handlers[operation.name] for operation in OPERATIONS}
        self._document = document()

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Return (method, path, handler) of every address."""
        served = [(each.method, BASE + each.path, self._handler(each)) for each in OPERATIONS]
        return [*served, ("GET", f"{BASE}/openapi.json", self.openapi), ("GET", f"{BASE}/docs", self.docs)]

    async def close(self) -> None:
        """Let those who wait for an order go, so that the server can end."""
        await self._p.watch.close()

    async def openapi(self, _: web.Request) -> web.Response:
        """GET: the document."""
        return web.json_response(self._document)

    async def docs(self, _: web.Request) -> web.Response:
        """GET: the document as a page, which needs no network."""
        return page("api/mini.html", document=self._document)

    def _handler(self, operation: Operation) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            try:
                given = await self._run(operation, request)
            except BotError as fault:
                given = _fault(fault, request[TRACE])
            return web.Response(status=given.status, text=given.body, content_type="application/json")

        return handle

    async def _run(self, operation: Operation, request: web.Request) -> Given:
        address = self._p.peers.address(request) or ""
        session = await self._admitted(operation, request, address)
        body = await read_body(request, limit=BODY_BYTES, within=_BODY_WITHIN)
        asked = _asked(operation, request, body)
        call = Call(asked, request.match_info.get("id", ""), request[TRACE], address, session)

        async def work() -> Given:
            try:
                answer = await self._handlers[operation](call)
            except BotError as fault:
                return _fault(fault, call.trace_id)
            final = getattr(answer, "retry_after", None) is None
            return Given(200, answer.model_dump_json(), final)

        if not operation.write or session is None:
            return await work()
        key = request.headers.get("Idempotency-Key", "")
        return await self._p.repeats.once(session.customer_id, key, (request.method, request.path, body), work)

    async def _admitted(self, operation: Operation, request: web.Request, address: str) -> Session | None:
        """Return who calls, within their rate; nothing of the body is read before that."""
        rates = self._p.rates
        if not operation.signed_in:
            who = self._p.vault.blind(address, _CONTEXT)
            await self._count(f"mini:rate:l:{who}", rates.logins)
            return None
        session = await self._p.sessions.find(request.headers.get("Authorization", ""))
        await self._count(f"mini:rate:c:{session.name}", rates.calls)
        if operation.write:
            await self._count(f"mini:rate:w:{session.name}", rates.writes)
        return session

    async def _count(self, key: str, most: int) -> None:
        if not await self._p.store.allow(key, most, self._p.rates.seconds):
            raise Limited("rate", "call less often")


def _asked(operation: Operation, request: web.Request, body: bytes) -> Ask:
    """Return the checked request; raises BadRequest(``request``) that names every faulty field and no value."""
    try:
        if operation.body is not None:
            return operation.body.model_validate_json(body or b"{}")
        if operation.query is None:
            return Ask()
        query: dict[str, Any] = dict(request.query)
        if len(query) != len(request.query):
            raise BadRequest("request", "send each parameter once")
        return operation.query.model_validate(query)
    except ValidationError as fault:
        places = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in fault.errors())
        raise BadRequest("request", places) from None


def _fault(fault: BotError, trace_id: str) -> Given:
    """Return a fault in the one form; a refusal of the business and a bad request stand, all else may pass."""
    if fault.http_status >= 500:
        log.warning("mini.refused", code=fault.code, status=fault.http_status)
    message = fault.message if isinstance(fault, Declined) else fault.remedy or fault.code
    problem = Problem(code=fault.code, message=message, remedy=fault.remedy, trace_id=trace_id)
    return Given(fault.http_status, problem.model_dump_json(), final=isinstance(fault, Declined | BadRequest))
