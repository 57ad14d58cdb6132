"""The ephemeral port on Redis, one server or a cluster."""

import math
from typing import Any, Final

from bot.storage import redis_scripts as lua
from bot.storage.ephemeral_port import Versioned, check_key, check_pair, check_ttl
from bot.storage.redis_ears import Ears
from bot.storage.redis_wire import Wire, ask, run

PREFIX: Final = "scenepay:"


class RedisStore:
    """See the port for what the methods promise; ``connect`` in storage.ephemeral makes one."""

    def __init__(self, wire: Wire, ears: Ears, prefix: str = PREFIX) -> None:
        self._wire = wire
        self._ears = ears
        self._prefix = prefix

    async def claim(self, key: str, owner: str, ttl: float) -> str | None:
        holder: bytes | None = await run(self._wire, lua.CLAIM, self._keys(key), owner, _ms(ttl))
        return None if holder is None else holder.decode()

    async def release(self, key: str, owner: str) -> bool:
        return bool(await run(self._wire, lua.RELEASE, self._keys(key), owner))

    async def renew(self, key: str, owner: str, ttl: float) -> bool:
        return bool(await run(self._wire, lua.RENEW, self._keys(key), owner, _ms(ttl)))

    async def open(self, lock: str, state: str, owner: str, ttl: float) -> Versioned | None:
        check_pair(lock, state)
        answer = await run(self._wire, lua.OPEN, self._keys(lock, state), owner, _ms(ttl))
        return None if answer is None else _versioned(answer)

    async def load(self, state: str) -> Versioned:
        return _versioned(await ask(self._wire, "HMGET", *self._keys(state), "v", "n"))

    async def store(self, state: str, value: bytes | None, version: int, ttl: float) -> bool:
        arguments = (version, *_has(value), _ms(ttl))
        return bool(await run(self._wire, lua.STORE, self._keys(state), *arguments))

    async def shut(self, lock: str, owner: str, state: str, value: bytes | None, version: int, ttl: float) -> bool:
        check_pair(lock, state)
        arguments = (version, *_has(value), _ms(ttl), owner)
        return bool(await run(self._wire, lua.SHUT, self._keys(lock, state), *arguments))

    async def count(self, key: str, ttl: float, by: int = 1) -> int:
        return int(await run(self._wire, lua.COUNT, self._keys(key), by, _ms(ttl)))

    async def allow(self, key: str, limit: int, ttl: float, by: int = 1) -> bool:
        return bool(await run(self._wire, lua.ALLOW, self._keys(key), by, _ms(ttl), limit))

    async def get(self, key: str) -> bytes | None:
        value: bytes | None = await ask(self._wire, "GET", *self._keys(key))
        return value

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        await ask(self._wire, "SET", *self._keys(key), value, "PX", _ms(ttl))

    async def take(self, key: str) -> bytes | None:
        value: bytes | None = await run(self._wire, lua.TAKE, self._keys(key))
        return value

    async def drop(self, key: str) -> None:
        await ask(self._wire, "DEL", *self._keys(key))

    async def publish(self, channel: str, message: bytes) -> None:
        await ask(self._wire, "PUBLISH", *self._keys(channel), message)

    async def hear(self, channel: str, within: float) -> bytes | None:
        return await self._ears.hear(self._prefix + check_key(channel), within)

    async def ping(self) -> None:
        # A keyed read, because a cluster answers PING from any node.
        await ask(self._wire, "GET", f"{self._prefix}ping")

    async def close(self) -> None:
        await self._ears.close()
        await self._wire.close()

    def _keys(self, *keys: str) -> tuple[str, ...]:
        return tuple([self._prefix + check_key(key) for key in keys])


def _ms(ttl: float) -> int:
    return math.ceil(check_ttl(ttl) * 1000)


def _has(value: bytes | None) -> tuple[int, bytes]:
    return (0, b"") if value is None else (1, value)


def _versioned(answer: Any) -> Versioned:
    value, version = answer
    return Versioned(value, int(version or 0))
