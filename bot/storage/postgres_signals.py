"""Carries signals between processes by LISTEN and NOTIFY, on a connection of its own."""

import asyncio
import secrets
from collections.abc import Iterable
from contextvars import Context
from typing import Final

from bot.kernel.errors import BotError
from bot.storage.bell import Bell
from bot.storage.postgres_link import VENDOR_ERRORS, Connection, open_connection

_CHANNEL: Final = "scenepay"
_PENDING_MAX: Final = 4096
_PAUSE_FIRST: Final = 0.1
_PAUSE_MAX: Final = 5.0
_ALIVE_EVERY: Final = 30.0
# Signals of this many seconds go out together.
_TOGETHER: Final = 0.005
# A signal is worth no wait for the disk: after a crash nobody listens any more, and every listener polls besides.
_RELAXED: Final = "SET synchronous_commit = off"
_NOTIFY: Final = "SELECT pg_notify('scenepay', signal) FROM unnest($1::text[]) AS signal"


class Signals:
    """Sends what this process signalled and rings what others did.

    A signal is sent right after its commit and not inside the transaction: NOTIFY takes a lock that lets commits pass
    one by one through the whole server. A process that dies in between leaves its listeners to their poll.
    """

    def __init__(self, dsn: str, bell: Bell) -> None:
        self._dsn = dsn
        self._bell = bell
        self._me = secrets.token_hex(4)
        self._pending: set[str] = set()
        self._stir = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, if nobody has yet."""
        if self._task is None and not self._closing:
            self._task = asyncio.create_task(self._run(), name="signals", context=Context())

    def send(self, channels: Iterable[str]) -> None:
        """Ring here at once, and elsewhere in a moment."""
        for channel in channels:
            self._bell.ring(channel)
            if len(self._pending) < _PENDING_MAX:
                self._pending.add(channel)
        if self._pending:
            self.start()
            self._stir.set()

    async def close(self) -> None:
        """Send what is pending, if the connection is there, and end."""
        self._closing = True
        self._stir.set()
        if self._task is None:
            return
        try:
            async with asyncio.timeout(1.0):
                await asyncio.shield(self._task)
        except TimeoutError:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause = _PAUSE_FIRST
        while True:
            try:
                connection = await open_connection(self._dsn)
            except BotError:
                if self._closing:
                    return
                await asyncio.sleep(pause)
                pause = min(pause * 2, _PAUSE_MAX)
                continue
            try:
                await self._listen(connection)
                pause = _PAUSE_FIRST
                await self._serve(connection)
                return
            except VENDOR_ERRORS:
                await asyncio.sleep(pause)
            finally:
                connection.terminate()

    async def _listen(self, connection: Connection) -> None:
        connection.add_termination_listener(lambda _: self._stir.set())
        await connection.execute(_RELAXED)
        await connection.add_listener(_CHANNEL, self._received)
        # Whatever was signalled while nobody listened is unknown; everybody looks once.
        self._bell.ring_all()

    async def _serve(self, connection: Connection) -> None:
        """Send what is signalled until the end has come; raises a vendor's error when the connection breaks."""
        while True:
            if self._pending:
                await asyncio.sleep(0 if self._closing else _TOGETHER)
                await self._notify(connection)
            elif self._closing:
                return
            elif connection.is_closed():
                raise ConnectionResetError
            else:
                await self._quiet(connection)

    async def _quiet(self, connection: Connection) -> None:
        """Wait for something to do; look now and then whether the other side is still there."""
        self._stir.clear()
        try:
            async with asyncio.timeout(_ALIVE_EVERY):
                await self._stir.wait()
        except TimeoutError:
            await connection.execute("SELECT 1")

    async def _notify(self, connection: Connection) -> None:
        going, self._pending = self._pending, set()
        try:
            await connection.execute(_NOTIFY, [f"{self._me} {channel}" for channel in going])
        except VENDOR_ERRORS:
            # Rung twice does no harm; not at all would cost the listeners a poll.
            self._pending |= going
            raise

    def _received(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        sender, _, channel = str(payload).partition(" ")
        if sender != self._me:
            self._bell.ring(channel)
