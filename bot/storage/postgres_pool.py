"""A bounded set of PostgreSQL connections that are given back clean or not at all."""

import asyncio
import contextlib
from typing import Final

from bot.storage.errors import Contended, StoreAway
from bot.storage.postgres_link import VENDOR_ERRORS, Connection, open_connection

_PLACE_SECONDS: Final = 10.0
_MEND_SECONDS: Final = 5.0
# Connections are renewed now and then, so that a moved or grown server gets its share.
_LIFE_SECONDS: Final = 1800.0


class Pool:
    """Lends connections. It is smaller and cheaper than the driver's, whose every loan costs a task and a reset.

    Nobody here changes the state of a session outside a transaction, so a rollback is all that a reset has to do.
    """

    def __init__(self, dsn: str, size: int) -> None:
        self._dsn = dsn
        self._size = size
        self._places = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._born: dict[Connection, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def take(self) -> Connection:
        """Lend a connection. Raises Contended when none comes free in time, StoreAway, Misconfigured."""
        if self._closed:
            raise StoreAway("store_closed")
        await self._place()
        try:
            while self._idle:
                connection = self._idle.pop()
                if self._is_fit(connection):
                    return connection
                self._drop(connection)
            connection = await open_connection(self._dsn)
            self._born[connection] = asyncio.get_running_loop().time()
            return connection
        except BaseException:
            self._places.release()
            raise

    def give(self, connection: Connection) -> None:
        """Take back a connection that is outside any transaction and waits for nothing."""
        if self._closed or connection.is_closed():
            self._drop(connection)
        else:
            self._idle.append(connection)
        self._places.release()

    async def give_unclean(self, connection: Connection) -> None:
        """Take back a connection in whatever state an error or a cancellation left it.

        The mending goes on in its own task even if the caller is cancelled once more.
        """
        task = asyncio.create_task(self._mend(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    def expire(self) -> None:
        """Drop idle connections: one of their kind was just found dead."""
        while self._idle:
            self._drop(self._idle.pop())

    async def close(self) -> None:
        """Wait, for a while, for what is lent, then close everything."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PLACE_SECONDS):
                for _ in range(self._size):
                    await self._places.acquire()
        self._idle.clear()
        connections = list(self._born)
        self._born.clear()
        await asyncio.gather(*(_farewell(connection) for connection in connections))
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _place(self) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(_PLACE_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise Contended("pool_exhausted") from None

    async def _mend(self, connection: Connection) -> None:
        try:
            if not connection.is_closed():
                async with asyncio.timeout(_MEND_SECONDS):
                    # The driver lets this wait for a cancelled statement; outside a transaction it does nothing.
                    await connection.execute("ROLLBACK")
        except VENDOR_ERRORS:
            connection.terminate()
        self.give(connection)

    def _is_fit(self, connection: Connection) -> bool:
        age = asyncio.get_running_loop().time() - self._born[connection]
        return age < _LIFE_SECONDS and not connection.is_closed()

    def _drop(self, connection: Connection) -> None:
        self._born.pop(connection, None)
        connection.terminate()


async def _farewell(connection: Connection) -> None:
    try:
        async with asyncio.timeout(_MEND_SECONDS):
            await connection.close()
    except VENDOR_ERRORS:
        connection.terminate()
