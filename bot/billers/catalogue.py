"""Reads merchants, stores and bill items, and remembers them for a few seconds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from bot.billers.items import BillItem, ItemDefinition
from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import NotFound
from bot.storage.port import Database, Row, Tx

# A paused item or merchant stops taking orders within this many seconds in every process.
KEEP_SECONDS: Final = 5.0

T = TypeVar("T")

_ITEMS = """
SELECT i.id, i.merchant_id, m.name AS merchant_name, m.short_name AS merchant_short_name, i.scene, i.name, i.biller,
  i.definition, CASE WHEN m.state = 'active' THEN i.state ELSE m.state END AS state
FROM bill_items i JOIN merchants m ON m.id = i.merchant_id
ORDER BY i.id
"""
_MERCHANTS = "SELECT id, name, short_name, state, gateways FROM merchants ORDER BY id"
_STORES = "SELECT id, merchant_id, name, address, state FROM stores ORDER BY id"


@dataclass(frozen=True, slots=True)
class Merchant:
    """Who is paid. ``gateways`` says which of the operator's accounts takes the money: gateway → account key."""

    id: str
    name: str
    short_name: str
    state: Literal["active", "paused"]
    gateways: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Store:
    id: str
    merchant_id: str
    name: str
    address: str
    state: Literal["active", "paused"]


@dataclass(frozen=True, slots=True)
class _Shelf:
    items: Mapping[str, BillItem]
    merchants: Mapping[str, Merchant]
    stores: Mapping[str, Store]
    read_at: float


class Catalogue:
    """The operator's merchants, stores and items. Small (thousands), read whole, never on the path of money."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._shelf: _Shelf | None = None

    async def item(self, item_id: str) -> BillItem:
        """Return one item; raises NotFound."""
        return _known((await self._read()).items.get(item_id), "item_unknown")

    async def items(self, scene: str, merchants: Sequence[str] = ()) -> tuple[BillItem, ...]:
        """Return the active items of a scene, of some merchants only where they are named."""
        found = (await self._read()).items.values()
        return tuple(
            item
            for item in found
            if item.scene == scene and item.state == "active" and (not merchants or item.merchant_id in merchants)
        )

    async def merchant(self, merchant_id: str) -> Merchant:
        """Return one merchant; raises NotFound."""
        return _known((await self._read()).merchants.get(merchant_id), "merchant_unknown")

    async def store(self, store_id: str) -> Store:
        """Return one store; raises NotFound."""
        return _known((await self._read()).stores.get(store_id), "store_unknown")

    async def stores(self, merchant_id: str) -> tuple[Store, ...]:
        return tuple(s for s in (await self._read()).stores.values() if s.merchant_id == merchant_id)

    def forget(self) -> None:
        """Read again at the next question; for whoever has just changed the catalogue."""
        self._shelf = None

    async def _read(self) -> _Shelf:
        now = self._clock.monotonic()
        if self._shelf is not None and now - self._shelf.read_at < KEEP_SECONDS:
            return self._shelf
        items = {row["id"]: _item(row) for row in await self._database.rows(_ITEMS)}
        merchants = {row["id"]: _merchant(row) for row in await self._database.rows(_MERCHANTS)}
        stores = {row["id"]: _store(row) for row in await self._database.rows(_STORES)}
        self._shelf = _Shelf(items, merchants, stores, now)
        return self._shelf


def _known(found: T | None, code: str) -> T:
    if found is None:
        raise NotFound(code)
    return found


def _item(row: Row) -> BillItem:
    return BillItem(
        id=row["id"],
        merchant_id=row["merchant_id"],
        merchant_name=row["merchant_name"],
        merchant_short_name=row["merchant_short_name"],
        scene=row["scene"],
        name=row["name"],
        biller=row["biller"],
        definition=ItemDefinition.model_validate_json(row["definition"]),
        state=row["state"],
    )


def _merchant(row: Row) -> Merchant:
    gateways: dict[str, Any] = json.loads(row["gateways"])
    return Merchant(row["id"], row["name"], row["short_name"], row["state"], gateways)


def _store(row: Row) -> Store:
    return Store(row["id"], row["merchant_id"], row["name"], row["address"], row["state"])


_PUT_MERCHANT = """
INSERT INTO merchants (id, name, short_name, state, gateways, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, short_name = excluded.short_name, state = excluded.state,
  gateways = excluded.gateways
"""
_PUT_STORE = """
INSERT INTO stores (id, merchant_id, name, address, state, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, address = excluded.address, state = excluded.state
"""
_PUT_ITEM = """
INSERT INTO bill_items (id, merchant_id, scene, name, biller, definition, state, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (id) DO UPDATE SET scene = excluded.scene, name = excluded.name, biller = excluded.biller,
  definition = excluded.definition, state = excluded.state
"""


async def put_merchant(tx: Tx, merchant: Merchant, clock: Clock) -> None:
    """Add a merchant, or bring the one with this id up to date."""
    gateways = json.dumps(dict(merchant.gateways), sort_keys=True)
    now = to_micros(clock.now())
    await tx.execute(_PUT_MERCHANT, merchant.id, merchant.name, merchant.short_name, merchant.state, gateways, now)


async def put_store(tx: Tx, store: Store, clock: Clock) -> None:
    """Add a store, or bring the one with this id up to date."""
    now = to_micros(clock.now())
    await tx.execute(_PUT_STORE, store.id, store.merchant_id, store.name, store.address, store.state, now)


async def put_item(tx: Tx, item: BillItem, clock: Clock) -> None:
    """Add a bill item, or bring the one with this id up to date."""
    await tx.execute(
        _PUT_ITEM,
        item.id,
        item.merchant_id,
        item.scene,
        item.name,
        item.biller,
        item.definition.model_dump_json(exclude_defaults=True),
        item.state,
        to_micros(clock.now()),
    )
