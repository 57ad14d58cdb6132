"""The tokens behind our codes: which store or order each one stands for, and whether it still does."""

from dataclasses import dataclass
from typing import Literal

from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import NotFound
from bot.storage.port import Reader, Row, Tx
from qrcodes.tokens import new_token

_ADD = """
INSERT INTO code_tokens (token, kind, merchant_id, store_id, item_id, order_id, label, state, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $8, $8)
"""
_GET = """
SELECT token, kind, merchant_id, store_id, item_id, order_id, label, state FROM code_tokens WHERE token = $1
"""
_SET = "UPDATE code_tokens SET state = $2, changed_at = $3 WHERE token = $1 AND state <> 'revoked'"


@dataclass(frozen=True, slots=True)
class CodeToken:
    """What a printed or shown code stands for. A revoked one never comes back."""

    token: str
    kind: Literal["static", "order", "blank"]
    merchant_id: str
    store_id: str | None
    item_id: str | None
    order_id: str | None
    label: str
    state: Literal["active", "paused", "revoked"]


async def add_code(
    tx: Tx,
    clock: Clock,
    *,
    kind: Literal["static", "order"],
    merchant_id: str,
    store_id: str | None = None,
    item_id: str | None = None,
    order_id: str | None = None,
    label: str = "",
    token: str | None = None,
) -> str:
    """Store a new token and return it."""
    made = token or new_token()
    await tx.execute(_ADD, made, kind, merchant_id, store_id, item_id, order_id, label, to_micros(clock.now()))
    return made


async def read_code(reader: Reader, token: str) -> CodeToken:
    """Return what a token stands for, whatever its state; raises NotFound."""
    row = await reader.row(_GET, token)
    if row is None:
        raise NotFound("code_unknown")
    return _code(row)


async def set_code_state(tx: Tx, clock: Clock, token: str, state: Literal["active", "paused", "revoked"]) -> bool:
    """Pause, resume or revoke a code; False when it is unknown or was revoked."""
    return await tx.execute(_SET, token, state, to_micros(clock.now())) == 1


def _code(row: Row) -> CodeToken:
    return CodeToken(
        token=row["token"],
        kind=row["kind"],
        merchant_id=row["merchant_id"],
        store_id=row["store_id"],
        item_id=row["item_id"],
        order_id=row["order_id"],
        label=row["label"],
        state=row["state"],
    )
