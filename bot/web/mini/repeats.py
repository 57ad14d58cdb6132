"""Idempotency-Key: the same key with the same request gives the same answer, with another one a conflict."""

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from bot.kernel.errors import BadRequest, Conflict
from bot.kernel.ids import random_text
from bot.storage.ephemeral_port import Ephemeral
from bot.storage.vault import Vault

REMEMBERED: Final = 86_400.0
# Longer than a payment's call upstream may take.
_LEASE: Final = 60.0
_KEY: Final = re.compile(r"[0-9A-Za-z_-]{8,64}", re.ASCII)
_CONTEXT: Final = "web.mini.repeat"


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as it goes out. ``final``: the same request would get it again for good."""

    status: int
    body: str
    final: bool


class Repeats:
    """Remembers answers for a day. What must happen once is guarded by its own room besides (a quote's one order)."""

    def __init__(self, store: Ephemeral, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def once(
        self, customer_id: str, key: str, request: tuple[str, str, bytes], work: Callable[[], Awaitable[Given]]
    ) -> Given:
        """Do the work for the first request of a key, else return its answer; ``request`` is method, path and body.

        Raises BadRequest(``idempotency_key``), Conflict(``idempotency_conflict``, ``request_running``).
        """
        if not _KEY.fullmatch(key):
            raise BadRequest("idempotency_key", "send an Idempotency-Key of 8 to 64 letters, digits, - and _")
        name = self._vault.blind(f"{customer_id}:{key}", _CONTEXT)
        lock, state, owner = f"{{mini:once:{name}}}:lock", f"{{mini:once:{name}}}:state", random_text(16)
        method, path, body = request
        digest = hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).hexdigest()
        opened = await self._store.open(lock, state, owner, _LEASE)
        if opened is None:
            raise Conflict("request_running", "the first request of this key has no answer yet; send it again soon")
        try:
            if opened.value is not None:
                return self._known(opened.value, digest)
            given = await work()
            if given.final:
                kept = self._vault.seal(json.dumps([digest, given.status, given.body]), _CONTEXT)
                await self._store.shut(lock, owner, state, kept, opened.version, REMEMBERED)
            return given
        finally:
            await asyncio.shield(self._store.release(lock, owner))

    def _known(self, stored: bytes, digest: str) -> Given:
        first, status, body = json.loads(self._vault.open(stored, _CONTEXT))
        if first != digest:
            raise Conflict("idempotency_conflict", "use a new key for a new request")
        return Given(status, body, final=True)
