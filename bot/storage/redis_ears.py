"""Hears what is published through Redis, on a connection of its own that begins with the first listener."""

import asyncio
import contextlib
import math
from contextvars import Context
from typing import Any, Final

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from bot.kernel.clock import Clock
from bot.kernel.errors import Busy

_CONNECT_SECONDS: Final = 2.0
_PAUSE_FIRST: Final = 0.05
_PAUSE_MAX: Final = 2.0
# A channel is kept for those who come back for the next message.
_LINGER_SECONDS: Final = 30.0
_CHANNELS_MAX: Final = 4096


class Ears:
    """Subscribes to channels as long as somebody waits on them, and a little longer."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._pool = ConnectionPool.from_url(
            url,
            protocol=2,
            socket_timeout=None,
            socket_connect_timeout=_CONNECT_SECONDS,
            driver_info=None,
            retry=Retry(NoBackoff(), 0),
        )
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[str, set[asyncio.Future[bytes]]] = {}
        self._last_heard: dict[str, float] = {}
        self._connection: AbstractConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def hear(self, channel: str, within: float) -> bytes | None:
        """Wait for the next message, at most ``within`` seconds."""
        if self._closed:
            raise Busy("ephemeral_closed")
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="redis ears", context=Context())
        await self._subscribe(channel)
        message: asyncio.Future[bytes] = self._loop.create_future()
        waiting = self._waiting.setdefault(channel, set())
        waiting.add(message)
        timer = asyncio.ensure_future(self._clock.sleep(within))
        try:
            await asyncio.wait((message, timer), return_when=asyncio.FIRST_COMPLETED)
            return message.result() if message.done() else None
        finally:
            timer.cancel()
            waiting.discard(message)
            if not waiting:
                self._waiting.pop(channel, None)
            self._last_heard[channel] = self._loop.time()

    async def close(self) -> None:
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._pool.aclose()

    async def _subscribe(self, channel: str) -> None:
        await self._forget()
        known = channel in self._last_heard
        if not known and len(self._last_heard) >= _CHANNELS_MAX:
            raise Busy("ephemeral_crowded")
        self._last_heard[channel] = self._loop.time()
        if not known:
            await self._say("SUBSCRIBE", channel)

    async def _forget(self) -> None:
        """Leave channels that nobody has waited on for a while."""
        before = self._loop.time() - _LINGER_SECONDS
        old = [name for name, last in self._last_heard.items() if last < before and name not in self._waiting]
        for name in old:
            del self._last_heard[name]
        if old:
            await self._say("UNSUBSCRIBE", *old)

    async def _say(self, *words: str) -> None:
        # Without a connection there is nothing to say: whoever makes one subscribes to all that is wanted.
        if self._connection is not None:
            with contextlib.suppress(RedisError, OSError):
                await self._connection.send_command(*words, check_health=False)

    async def _run(self) -> None:
        pause = _PAUSE_FIRST
        while True:
            connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await connection.connect()  # type: ignore[no-untyped-call]
                self._connection = connection
                if self._last_heard:
                    await connection.send_command("SUBSCRIBE", *self._last_heard, check_health=False)
                pause = _PAUSE_FIRST
                while True:
                    self._pass_on(await connection.read_response(timeout=math.inf))
            except (RedisError, OSError):
                pause = min(pause * 2, _PAUSE_MAX)
            finally:
                self._connection = None
                with contextlib.suppress(RedisError, OSError):
                    await connection.disconnect(nowait=True)
            await asyncio.sleep(pause)

    def _pass_on(self, response: Any) -> None:
        kind, channel, body = response[0], response[1], response[2]
        if kind == b"message":
            for waiter in self._waiting.get(channel.decode(), ()):
                if not waiter.done():
                    waiter.set_result(body)
