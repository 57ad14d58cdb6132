"""Opens the ephemeral store that ``REDIS_URL`` names."""

from typing import Final

from redis.exceptions import RedisClusterException

from bot.kernel.clock import Clock
from bot.kernel.errors import Misconfigured
from bot.storage.ephemeral_port import Ephemeral
from bot.storage.memory_store import MemoryStore
from bot.storage.redis_ears import Ears
from bot.storage.redis_store import RedisStore
from bot.storage.redis_wire import ClusterWire, SharedWire, Wire

_CLUSTER: Final = {"redis+cluster://": "redis://", "rediss+cluster://": "rediss://"}
_REMEDY: Final = "set REDIS_URL to memory://, redis://host, rediss://host or redis+cluster://host"


async def connect(url: str, clock: Clock) -> Ephemeral:
    """Open ``memory://``, ``redis://…`` (``rediss://`` with TLS) or ``redis+cluster://…`` (``rediss+cluster://``).

    Redis is connected by the first call; ``ping`` tells whether it answers. Raises Misconfigured for other URLs.
    """
    if url == "memory://":
        return MemoryStore(clock)
    wire: Wire
    try:
        for scheme, plain in _CLUSTER.items():
            if url.startswith(scheme):
                node = plain + url.removeprefix(scheme)
                ears, wire = Ears(node, clock), ClusterWire(node)
                return RedisStore(wire, ears)
        if url.startswith(("redis://", "rediss://")):
            ears, wire = Ears(url, clock), SharedWire(url)
            return RedisStore(wire, ears)
    except (ValueError, RedisClusterException):
        raise Misconfigured("redis_url", _REMEDY) from None
    raise Misconfigured("redis_url", _REMEDY)
