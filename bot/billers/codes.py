"""The tokens behind our codes: which store or order each one stands for, and whether it still does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bot.billers.catalogue import Store
from bot.billers.items import BillItem, Flow
from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import BadRequest, NotFound
from bot.storage.port import Reader, Row, Tx
from bot.trail.audit import record
from qrcodes.tokens import new_token

_ADD = """
INSERT INTO code_tokens (token, kind, merchant_id, store_id, item_id, order_id, label, state, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $8, $8)
"""
_GET = """
SELECT token, kind, merchant_id, store_id, item_id, order_id, label, state FROM code_tokens WHERE token = $1
"""
_OF_STORE = """
SELECT token, kind, merchant_id, store_id, item_id, order_id, label, state FROM code_tokens
WHERE merchant_id = $1 AND store_id = $2 AND kind = 'static' ORDER BY created_at, token LIMIT $3
"""
_BIND = """
UPDATE code_tokens SET kind = 'static', store_id = $2, item_id = $3, label = $4, changed_at = $5
WHERE token = $1 AND kind = 'blank' AND state = 'active' AND merchant_id = $6
"""
_SET = "UPDATE code_tokens SET state = $2, changed_at = $3 WHERE token = $1 AND state <> 'revoked'"


CodeState = Literal["active", "paused", "revoked"]


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
    state: CodeState


async def add_code(
    tx: Tx,
    clock: Clock,
    *,
    kind: Literal["static", "order", "blank"],
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


async def codes_of_store(reader: Reader, merchant_id: str, store_id: str, limit: int = 200) -> Sequence[CodeToken]:
    """Return a store's printed codes whatever their state, the oldest first."""
    return [_code(row) for row in await reader.rows(_OF_STORE, merchant_id, store_id, limit)]


async def set_code_state(tx: Tx, clock: Clock, token: str, state: CodeState, *, actor: str) -> bool:
    """Pause, resume or revoke a code; False when it is unknown or was revoked."""
    changed = await tx.execute(_SET, token, state, to_micros(clock.now())) == 1
    if changed:
        await _audit(tx, clock, actor, f"code.{state}", token, {})
    return changed


async def bind_code(tx: Tx, clock: Clock, token: str, store: Store, item: BillItem, *, actor: str) -> bool:
    """Give a blank code to a store of its merchant; False when there is no blank one of this token.

    Raises BadRequest for an item of another merchant and for one that is not paid at a store.
    """
    check_payable(store, item)
    label, at = label_of(store, item), to_micros(clock.now())
    bound = await tx.execute(_BIND, token, store.id, item.id, label, at, store.merchant_id) == 1
    if bound:
        await _audit(tx, clock, actor, "code.bound", token, {"store": store.id, "item": item.id})
    return bound


async def replace_code(tx: Tx, clock: Clock, token: str, *, actor: str) -> str:
    """Revoke a lost or damaged print and make a new code for the same; raises NotFound for none that could be."""
    old = await read_code(tx, token)
    if old.kind != "static" or not await set_code_state(tx, clock, token, "revoked", actor=actor):
        raise NotFound("code_unknown", "only a store's code that is not revoked can be replaced")
    made = await add_code(
        tx,
        clock,
        kind="static",
        merchant_id=old.merchant_id,
        store_id=old.store_id,
        item_id=old.item_id,
        label=old.label,
    )
    await _audit(tx, clock, actor, "code.replaced", token, {"by": made})
    return made


def check_payable(store: Store, item: BillItem) -> None:
    """Raise BadRequest unless a code at this store can take money for this item."""
    if item.merchant_id != store.merchant_id:
        raise BadRequest("code_other_merchant", "the store and the item belong to different merchants")
    if item.definition.flow is not Flow.DIRECT:
        raise BadRequest("code_flow", "a store's code takes money for an item without account and bills")


def label_of(store: Store, item: BillItem) -> str:
    """Return what a store's code is called where nobody says otherwise."""
    return f"{item.merchant_short_name} {store.name}"


async def _audit(tx: Tx, clock: Clock, actor: str, action: str, token: str, detail: Mapping[str, object]) -> None:
    await record(tx, actor=actor, action=action, subject=token, detail=detail, trace_id=token, now=clock.now())


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
