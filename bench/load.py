"""Sends prepared HTTP requests over kept connections as fast as they are answered, and times each."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast


@dataclass
class Result:
    """What came back; latencies in seconds."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: int = 0
    sample: bytes = b""

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def quantile(self, share: float) -> float:
        """Return a latency in milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


class _Connection(asyncio.Protocol):
    """One kept connection that sends the next request as soon as an answer is whole."""

    def __init__(self, queue: list[bytes], result: Result, expected: bytes) -> None:
        self._queue = queue
        self._result = result
        self._expected = expected
        self._buffer = b""
        self._sent = 0.0
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no asyncio.Transport by class, though they are by shape.
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = 0
        for line in head.split(b"\r\n")[1:]:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if len(rest) < length:
            return
        self._result.latencies.append(self._loop.time() - self._sent)
        if not head.startswith(b"HTTP/1.1 20") or self._expected not in rest:
            self._result.failures += 1
            self._result.sample = self._result.sample or head + b"\n\n" + rest[:300]
        self._buffer = b""
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _next(self) -> None:
        if not self._queue:
            self._transport.close()
            return
        self._sent = self._loop.time()
        self._transport.write(self._queue.pop())


async def send(port: int, requests: Sequence[bytes], connections: int, expected: bytes = b"") -> Result:
    """Send all requests over so many connections; an answer without ``expected`` in its body is a failure."""
    result, queue, loop = Result(), list(reversed(requests)), asyncio.get_running_loop()
    begun = loop.time()
    made = [
        await loop.create_connection(lambda: _Connection(queue, result, expected), "127.0.0.1", port)
        for _ in range(min(connections, len(requests)))
    ]
    await asyncio.gather(*(protocol.done for _, protocol in made))
    result.seconds = loop.time() - begun
    return result


def post(path: str, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """Return the bytes of a POST request."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{key}: {value}" for key, value in headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
