"""Carries commands to Redis: all that concurrent tasks ask for goes out in one write and is read in one loop."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable
from contextvars import Context
from typing import Any, Final, Protocol

from hiredis import pack_command
from redis.asyncio import ConnectionPool
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    MovedError,
    NoScriptError,
    RedisClusterException,
    RedisError,
    ResponseError,
)

from bot.kernel.errors import BotError, Busy, Misconfigured
from bot.storage.errors import StoreFault
from bot.storage.redis_scripts import Script

LANES: Final = 2
ROUND_MAX: Final = 256
_PENDING_MAX: Final = 8192
_ANSWER_SECONDS: Final = 2.0
_CONNECT_SECONDS: Final = 2.0
_FRESH_SECONDS: Final = 0.02
_PAUSE_FIRST: Final = 0.05
_PAUSE_MAX: Final = 2.0

Argument = str | bytes | int
Entry = tuple[bytes, "asyncio.Future[Any]"]

# What a server says while it cannot serve, though it may in a moment.
_PASSING: Final = ("LOADING", "BUSY", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "OOM", "NOREPLICAS")
# The cluster client's own errors are no RedisError.
_REFUSALS: Final = (RedisError, RedisClusterException)


class Wire(Protocol):
    """A way to a Redis server or cluster. The answers are bytes, integers, None and lists of them."""

    def call(self, *arguments: Argument) -> Awaitable[Any]:
        """Send one command. The answer raises RedisError when the server refuses and Busy when none came."""
        ...

    async def close(self) -> None: ...


async def run(wire: Wire, script: Script, keys: tuple[str, ...], *arguments: Argument) -> Any:
    """Run a script by its hash, or in full where the server has not seen it: refused by hash, it did not run."""
    try:
        return await ask(wire, "EVALSHA", script.sha, len(keys), *keys, *arguments)
    except NoScriptError:
        return await ask(wire, "EVAL", script.source, len(keys), *keys, *arguments)


async def ask(wire: Wire, *arguments: Argument) -> Any:
    """Send one command and put a refusal into our terms; a script that is not there raises NoScriptError."""
    try:
        return await wire.call(*arguments)
    except NoScriptError:
        raise
    except _REFUSALS as error:
        raise translated(error) from None


def translated(error: Exception) -> BotError:
    """Return our error for the vendor's, without its text."""
    words = str(error).split(maxsplit=1)
    code = words[0] if words and words[0].isupper() else type(error).__name__
    if isinstance(error, MovedError):
        return Misconfigured("ephemeral_cluster", "write redis+cluster:// in REDIS_URL")
    if isinstance(error, AuthenticationError) or code in ("NOAUTH", "WRONGPASS", "NOPERM"):
        return Misconfigured("ephemeral_refused", "check user and password in REDIS_URL", engine_code=code)
    if isinstance(error, ResponseError) and code not in _PASSING:
        return StoreFault("ephemeral_fault", engine_code=code)
    return Busy("ephemeral_away", engine_code=code)


class SharedWire:
    """A few connections to one server. While one waits for its answers, the next round gathers.

    redis-py connects, authenticates, encrypts and parses; its per-call machinery (a pool, a connection, a retry and
    a timeout for every command) is left aside, because it costs four times the whole of aiohttp (reliability.md §4).
    """

    def __init__(self, url: str, lanes: int = LANES) -> None:
        self._pool = ConnectionPool.from_url(
            url,
            protocol=2,
            socket_timeout=None,
            socket_connect_timeout=_CONNECT_SECONDS,
            driver_info=None,
            retry=Retry(NoBackoff(), 0),
        )
        self._loop = asyncio.get_running_loop()
        self._pending: deque[Entry] = deque()
        self._idle: list[asyncio.Future[None]] = []
        self._closed = False
        self._lanes = [asyncio.create_task(self._run(), name="redis", context=Context()) for _ in range(lanes)]

    def call(self, *arguments: Argument) -> Awaitable[Any]:
        if self._closed or len(self._pending) >= _PENDING_MAX:
            raise Busy("ephemeral_closed" if self._closed else "ephemeral_crowded")
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._pending.append((pack_command(arguments), answer))  # type: ignore[arg-type]
        if self._idle:
            # The lane runs after the tasks that are ready now, so that their commands travel along.
            self._idle.pop().set_result(None)
        return answer

    async def close(self) -> None:
        """Close the connections; answers that have not come are lost."""
        self._closed = True
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)
        fail(self._pending, "ephemeral_closed")
        await self._pool.aclose()

    async def _run(self) -> None:
        lane = _Lane(self._pool)
        try:
            while True:
                if not self._pending:
                    idle: asyncio.Future[None] = self._loop.create_future()
                    self._idle.append(idle)
                    await idle
                await lane.exchange(self._round())
        finally:
            await lane.drop()

    def _round(self) -> deque[Entry]:
        """Take what is pending; a command whose caller has gone away stays unsent."""
        entries: deque[Entry] = deque()
        while self._pending and len(entries) < ROUND_MAX:
            entry = self._pending.popleft()
            if not entry[1].done():
                entries.append(entry)
        return entries


class _Lane:
    """One connection and its way back after a fault."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._connection: AbstractConnection | None = None
        self._pause = _PAUSE_FIRST
        self._not_before = 0.0
        self._used_at = 0.0

    async def exchange(self, entries: deque[Entry]) -> None:
        """Send a round and give every caller the answer to its own command, or Busy."""
        if not entries:
            return
        try:
            connection = await self._connected()
            async with asyncio.timeout(_ANSWER_SECONDS):
                await connection.send_packed_command([b"".join([packed for packed, _ in entries])], check_health=False)
                while entries:
                    await _read(connection, entries)
            self._used_at = self._loop.time()
        except Exception as error:
            # Sent commands may have been carried out, so none is sent again. Whatever it was, the lane lives on.
            code = "ephemeral_away" if self._connection is None else "ephemeral_answer_lost"
            for _, answer in entries:
                if not answer.done():
                    answer.set_exception(_reason(code, error))
            await self.drop()
        except BaseException:
            fail(entries, "ephemeral_answer_lost")
            raise

    async def _connected(self) -> AbstractConnection:
        if self._connection is not None:
            # End of stream, or an answer that nobody asked for: found before anything is sent, it costs nobody a
            # command. A connection that answered a moment ago is not looked at, since the look costs a read.
            if self._loop.time() - self._used_at < _FRESH_SECONDS or not await self._connection.can_read():
                return self._connection
            await self.drop()
        if self._loop.time() < self._not_before:
            raise ConnectionRefusedError("a moment ago the server was away")
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            self._not_before = self._loop.time() + self._pause
            self._pause = min(self._pause * 2, _PAUSE_MAX)
            await _close(connection)
            raise
        self._pause = _PAUSE_FIRST
        self._connection = connection
        return connection

    async def drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await _close(connection)


async def _read(connection: AbstractConnection, entries: deque[Entry]) -> None:
    """Read the next answer and hand it to the first in the row."""
    try:
        answer = await connection.read_response()
    except ResponseError as refusal:
        _, future = entries.popleft()
        if not future.done():
            future.set_exception(refusal)
    else:
        _, future = entries.popleft()
        if not future.done():
            future.set_result(answer)


def fail(entries: deque[Entry], code: str) -> None:
    """Tell all who wait that no answer will come."""
    while entries:
        _, answer = entries.popleft()
        if not answer.done():
            answer.set_exception(Busy(code))


def _reason(code: str, error: Exception) -> BotError:
    if isinstance(error, AuthenticationError | ResponseError):
        return translated(error)
    return Busy(code, engine_code=type(error).__name__)


async def _close(connection: AbstractConnection) -> None:
    with contextlib.suppress(RedisError, OSError):
        await connection.disconnect(nowait=True)


class ClusterWire:
    """Redis Cluster by redis-py's own client: one call at a time, correct rather than fast."""

    def __init__(self, url: str) -> None:
        self._client: RedisCluster = RedisCluster.from_url(
            url,
            protocol=2,
            socket_timeout=_ANSWER_SECONDS,
            socket_connect_timeout=_CONNECT_SECONDS,
            # A redirection is followed, for the first node did nothing; a lost answer is not asked for again.
            retry=Retry(NoBackoff(), 0),
        )

    async def call(self, *arguments: Argument) -> Any:
        try:
            return await self._client.execute_command(*arguments)
        except OSError as error:
            raise Busy("ephemeral_answer_lost", engine_code=type(error).__name__) from None

    async def close(self) -> None:
        await self._client.aclose()
