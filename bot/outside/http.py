"""The one way by which the house calls others over HTTP: bounded in time, size and number, and never redirected."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from bot.kernel.clock import Clock
from bot.kernel.errors import BadRequest, Busy, GatewayTrouble
from bot.outside.breaker import Gate, Gates, Patience
from bot.outside.guard import Guard, GuardedResolver
from bot.outside.metrics import Metrics

ANSWER_BYTES_MAX: Final = 1 << 20
_CONNECTIONS_MAX: Final = 512


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are in lower case, and the body is exactly the bytes that a signature covers."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Called:
    """One call as whoever watches may see it: no query, no headers, no body; ``seconds`` is how long it took."""

    dest: str
    method: str
    path: str
    outcome: str
    seconds: float


Seen = Callable[[Called], None]


class NoAnswer(GatewayTrouble):
    """No usable answer came. ``sent`` is False only where surely not a byte of the request left us."""

    def __init__(self, code: str, *, dest: str, sent: bool) -> None:
        super().__init__(code, dest=dest, sent=int(sent))
        self.sent = sent


@dataclass(slots=True)
class _Call:
    """One request on its way."""

    session: aiohttp.ClientSession
    method: str
    target: URL
    headers: Mapping[str, str] | None
    body: bytes
    limit: int
    dest: str
    placed: bool = False
    sent: bool = False


class HttpClient:
    """Calls other systems. ``create`` makes one inside a running loop; whoever made it closes it."""

    def __init__(
        self,
        clock: Clock,
        metrics: Metrics,
        ordinary: aiohttp.ClientSession,
        guarded: aiohttp.ClientSession,
        guard: Guard,
        patience: Patience,
        seen: Seen | None = None,
    ) -> None:
        self._clock = clock
        self._metrics = metrics
        self._ordinary = ordinary
        self._guarded = guarded
        self._guard = guard
        self._gates = Gates(clock, patience)
        self._seen = seen

    @classmethod
    async def create(
        cls,
        clock: Clock,
        *,
        metrics: Metrics | None = None,
        patience: Patience | None = None,
        guard: Guard | None = None,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
        seen: Seen | None = None,
    ) -> "HttpClient":
        """Make a client; ``resolver`` looks up names for ``public_only``, ``tls`` replaces the system's roots.

        ``seen`` is told of each call when it is over, in the caller's own context.
        """
        guard = guard or Guard()
        trust: ssl.SSLContext | bool = tls or True
        checked = GuardedResolver(resolver or aiohttp.ThreadedResolver(), guard)
        return cls(
            clock,
            metrics or Metrics(),
            _session(aiohttp.TCPConnector(limit=_CONNECTIONS_MAX, ttl_dns_cache=60, ssl=trust)),
            # Without a cache every new connection is checked anew.
            _session(aiohttp.TCPConnector(limit=_CONNECTIONS_MAX, use_dns_cache=False, resolver=checked, ssl=trust)),
            guard,
            patience or Patience(),
            seen,
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        dest: str,
        within: float,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        limit: int = ANSWER_BYTES_MAX,
        public_only: bool = False,
    ) -> Answer:
        """Send one request and return its answer, whatever the status.

        ``within`` is in seconds and spans everything, waiting for a place included; ``limit`` is in bytes of answer.
        ``dest`` names the receiver for breaker, places and metrics. ``public_only`` is for URLs that outsiders gave.

        Raises NoAnswer (timeout, fault, oversized answer), Busy and BreakerOpen (nothing was sent), AddressRefused.
        """
        target = _parsed(url)
        if public_only:
            self._guard.check(target)
        session = self._guarded if public_only else self._ordinary
        call = _Call(session, method, target, headers, body, limit, dest)
        gate = self._gates.of(dest)
        probe = gate.admit()
        started = self._clock.monotonic()
        outcome = "given_up"
        gate.users += 1
        try:
            answer = await _bounded(call, gate, within)
            outcome = f"{answer.status // 100}xx"
            if answer.status >= 500:
                gate.failed(probe=probe)
            else:
                gate.succeeded()
            return answer
        except NoAnswer as fault:
            outcome = fault.code
            gate.failed(probe=probe)
            raise
        except Busy as fault:
            outcome = fault.code
            raise
        finally:
            gate.users -= 1
            gate.left(probe=probe)
            seconds = self._clock.monotonic() - started
            self._metrics.count("http_out_total", dest=dest, outcome=outcome)
            self._metrics.observe("http_out_seconds", seconds, dest=dest)
            if self._seen is not None:
                self._seen(Called(dest, method, target.raw_path, outcome, seconds))

    async def close(self) -> None:
        """Close all connections; answers under way are lost."""
        await self._ordinary.close()
        await self._guarded.close()


async def _bounded(call: _Call, gate: Gate, within: float) -> Answer:
    try:
        async with asyncio.timeout(within), gate.places:
            call.placed = True
            return await _exchange(call)
    except TimeoutError:
        if not call.placed:
            raise Busy("dest_crowded", dest=call.dest) from None
        raise NoAnswer("timeout", dest=call.dest, sent=call.sent) from None
    except aiohttp.ClientConnectorError:
        raise NoAnswer("no_connection", dest=call.dest, sent=False) from None
    except (aiohttp.ClientError, OSError):
        # The text of these errors can hold the URL with its query, so it goes no further.
        raise NoAnswer("connection_fault", dest=call.dest, sent=call.sent) from None


async def _exchange(call: _Call) -> Answer:
    async with call.session.request(
        call.method,
        call.target,
        headers=call.headers,
        data=call.body or None,
        allow_redirects=False,
        trace_request_ctx=call,
    ) as response:
        if (response.content_length or 0) > call.limit:
            raise NoAnswer("answer_too_large", dest=call.dest, sent=True)
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > call.limit:
                raise NoAnswer("answer_too_large", dest=call.dest, sent=True)
            parts.append(part)
        return Answer(response.status, _lower_case(response), b"".join(parts))


def _lower_case(response: aiohttp.ClientResponse) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def _parsed(url: str) -> URL:
    """Take the URL as it is: a signature may cover its path and query to the byte."""
    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        raise BadRequest("bad_url", "percent-encode the URL")
    try:
        target = URL(url, encoded=True)
        # yarl looks at host and port only when they are asked for.
        complete = target.scheme in ("http", "https") and target.host and target.port
    except ValueError:
        complete = False
    if not complete:
        raise BadRequest("bad_url", "give a full URL with a host")
    return target


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    watch = aiohttp.TraceConfig()
    watch.on_request_headers_sent.append(_note_sent)
    return aiohttp.ClientSession(
        connector=connector,
        # Deadlines are set around each request as a whole.
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        # A compressed answer would have to be inflated before its size and signature could be checked.
        headers={"Accept-Encoding": "identity", "User-Agent": "scenepay"},
        auto_decompress=False,
        trust_env=False,
        trace_configs=[watch],
    )


async def _note_sent(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:
    # aiohttp calls this right before the first byte is written.
    context.trace_request_ctx.sent = True
