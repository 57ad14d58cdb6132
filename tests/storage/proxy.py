"""A TCP proxy that can lose a request, lose its answer, or fall silent, at the moment a test chooses."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit


class Proxy:
    """Passes bytes on until ``word`` is seen in what a client sends; then it cuts both sides, ``times`` times.

    ``forward`` says whether the request that held the word still reaches the server before the cut.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self.word: bytes | None = None
        self.forward = False
        self.times = 0
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            there_reader, there_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.close()
            return
        back = asyncio.create_task(self._pump(there_reader, writer))
        self._tasks.add(back)
        try:
            while data := await reader.read(65536):
                if self.word is not None and self.times > 0 and self.word in data:
                    self.times -= 1
                    if self.forward:
                        there_writer.write(data)
                        await there_writer.drain()
                        # Long enough for the server to act; its answer is thrown away.
                        back.cancel()
                        await asyncio.sleep(0.05)
                    break
                there_writer.write(data)
        except ConnectionError:
            pass
        finally:
            back.cancel()
            for side in (writer, there_writer):
                side.close()
            self._tasks.discard(back)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
            writer.close()


@contextlib.asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """Put a proxy before the server of a URL; gives the proxy and the URL that leads through it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    proxy = Proxy(parts.hostname, parts.port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    credentials, at, _ = parts.netloc.rpartition("@")
    try:
        yield proxy, urlunsplit(parts._replace(netloc=f"{credentials}{at}127.0.0.1:{proxy.port}"))
    finally:
        server.close()
        await server.wait_closed()
