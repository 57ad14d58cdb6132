"""Lets a caller repeat a request safely: same key and same inputs give the first result, other inputs a conflict."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final

from bot.kernel.clock import to_micros
from bot.kernel.errors import Conflict
from bot.storage.port import Tx

Input = str | int | None

_CLAIM: Final = """
INSERT INTO idempotency (scope, key, input_hash, result, at) VALUES ($1, $2, $3, '', $4)
ON CONFLICT (scope, key) DO NOTHING
"""
_FIRST: Final = "SELECT input_hash, result FROM idempotency WHERE scope = $1 AND key = $2"
_FINISH: Final = "UPDATE idempotency SET result = $3 WHERE scope = $1 AND key = $2 AND result = ''"
_FORGET: Final = "DELETE FROM idempotency WHERE scope = $1 AND key = $2 AND result = ''"


def input_hash(inputs: Mapping[str, Input]) -> str:
    """Return the fingerprint of a request's inputs, the same whatever their order."""
    canonical = json.dumps(inputs, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


async def once(
    tx: Tx,
    *,
    scope: str,
    key: str,
    inputs: Mapping[str, Input],
    now: datetime,
    work: Callable[[], Awaitable[str | None]],
) -> str | None:
    """Do ``work`` for the first request of a key, inside its transaction, and remember the result.

    Any repeat returns the first result without doing anything. Work that answers None (it declined) or raises leaves
    no trace, so that its key can be used again. Raises Conflict(``idempotency_conflict``) when the key came with
    other inputs.
    """
    digest = input_hash(inputs)
    if await tx.execute(_CLAIM, scope, key, digest, to_micros(now)) == 1:
        result = await work()
        if result is None:
            await tx.execute(_FORGET, scope, key)
        else:
            await tx.execute(_FINISH, scope, key, result)
        return result
    first = await tx.row(_FIRST, scope, key)
    assert first is not None
    if first["input_hash"] != digest:
        raise Conflict("idempotency_conflict", "use a new key for a new request", scope=scope)
    return str(first["result"])
