"""Reads merchants, stores and bill items, and remembers them for a few seconds."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from pydantic import ValidationError

from bot.billers.items import BillItem, ItemDefinition
from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import Conflict, NotFound
from bot.outside.logging import get_logger
from bot.storage.port import Database, Row, Tx

log = get_logger(__name__)

# A paused item or merchant stops taking orders within this many seconds in every process.
KEEP_SECONDS: Final = 5.0

T = TypeVar("T")

_ITEMS: Final = """
SELECT i.id, i.merchant_id, m.name AS merchant_name, m.short_name AS merchant_short_name, i.scene, i.name, i.biller,
  i.definition, CASE WHEN m.state = 'active' THEN i.state ELSE m.state END AS state
FROM bill_items i JOIN merchants m ON m.id = i.merchant_id
ORDER BY i.id
"""
_MERCHANTS: Final = "SELECT id, name, short_name, state, gateways FROM merchants ORDER BY id"
_STORES: Final = "SELECT id, merchant_id, name, address, state FROM stores ORDER BY id"


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
    """One reading of the catalogue, arranged as it is asked for."""

    items: Mapping[str, BillItem]
    by_scene: Mapping[str, Sequence[BillItem]]
    merchants: Mapping[str, Merchant]
    stores: Mapping[str, Store]
    by_merchant: Mapping[str, Sequence[Store]]
    read_at: float


class Catalogue:
    """The operator's merchants, stores and items. Small (thousands), read whole, never on the path of money."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._shelf: _Shelf | None = None
        self._reading = asyncio.Lock()
        self._forgotten = 0
        # Definitions by their text: a reading parses only what has changed since the one before.
        self._definitions: Mapping[str, ItemDefinition] = {}

    async def item(self, item_id: str) -> BillItem:
        """Return one item, paused or not; raises NotFound."""
        return _known((await self._read()).items.get(item_id), "item_unknown")

    async def items(self, scene: str, merchants: Sequence[str] = ()) -> tuple[BillItem, ...]:
        """Return the active items of a scene, of some merchants only where they are named."""
        found = (await self._read()).by_scene.get(scene, ())
        return tuple(
            item for item in found if item.state == "active" and (not merchants or item.merchant_id in merchants)
        )

    async def merchant(self, merchant_id: str) -> Merchant:
        """Return one merchant; raises NotFound."""
        return _known((await self._read()).merchants.get(merchant_id), "merchant_unknown")

    async def store(self, store_id: str) -> Store:
        """Return one store; raises NotFound."""
        return _known((await self._read()).stores.get(store_id), "store_unknown")

    async def stores(self, merchant_id: str) -> tuple[Store, ...]:
        """Return all stores of a merchant, paused ones too."""
        return tuple((await self._read()).by_merchant.get(merchant_id, ()))

    def forget(self) -> None:
        """Read again at the next question; for whoever has just changed the catalogue."""
        self._forgotten += 1
        self._shelf = None

    async def _read(self) -> _Shelf:
        """Return what was read at most ``KEEP_SECONDS`` ago; many who ask at once share one reading."""
        shelf = self._fresh()
        if shelf is not None:
            return shelf
        async with self._reading:
            return self._fresh() or await self._read_anew()

    def _fresh(self) -> _Shelf | None:
        if self._shelf is not None and self._clock.monotonic() - self._shelf.read_at < KEEP_SECONDS:
            return self._shelf
        return None

    async def _read_anew(self) -> _Shelf:
        began, forgotten = self._clock.monotonic(), self._forgotten
        items = self._items(await self._database.rows(_ITEMS))
        merchants = [_merchant(row) for row in await self._database.rows(_MERCHANTS)]
        stores = [_store(row) for row in await self._database.rows(_STORES)]
        shelf = _arranged(items, merchants, stores, began)
        if forgotten == self._forgotten:
            # Else somebody has changed the catalogue meanwhile, and this reading may be of before.
            self._shelf = shelf
        return shelf

    def _items(self, rows: Sequence[Row]) -> list[BillItem]:
        """Return the items that this release understands; one that it does not is left out and told to the log."""
        items: list[BillItem] = []
        definitions: dict[str, ItemDefinition] = {}
        for row in rows:
            text = row["definition"]
            try:
                known = self._definitions.get(text) or definitions.get(text)
                definitions[text] = known or ItemDefinition.model_validate_json(text)
                items.append(_item(row, definitions[text]))
            except ValidationError as fault:
                log.error("catalogue.item_unreadable", item_id=row["id"], faults=fault.error_count())
        self._definitions = definitions
        return items


def _arranged(items: Sequence[BillItem], merchants: Sequence[Merchant], stores: Sequence[Store], at: float) -> _Shelf:
    by_scene: dict[str, list[BillItem]] = defaultdict(list)
    for item in items:
        by_scene[item.scene].append(item)
    by_merchant: dict[str, list[Store]] = defaultdict(list)
    for store in stores:
        by_merchant[store.merchant_id].append(store)
    return _Shelf(
        items={item.id: item for item in items},
        by_scene=dict(by_scene),
        merchants={merchant.id: merchant for merchant in merchants},
        stores={store.id: store for store in stores},
        by_merchant=dict(by_merchant),
        read_at=at,
    )


def _known(found: T | None, code: str) -> T:
    if found is None:
        raise NotFound(code)
    return found


def _item(row: Row, definition: ItemDefinition) -> BillItem:
    return BillItem(
        id=row["id"],
        merchant_id=row["merchant_id"],
        merchant_name=row["merchant_name"],
        merchant_short_name=row["merchant_short_name"],
        scene=row["scene"],
        name=row["name"],
        biller=row["biller"],
        definition=definition,
        state=row["state"],
    )


def _merchant(row: Row) -> Merchant:
    gateways: dict[str, Any] = json.loads(row["gateways"])
    return Merchant(row["id"], row["name"], row["short_name"], row["state"], gateways)


def _store(row: Row) -> Store:
    return Store(row["id"], row["merchant_id"], row["name"], row["address"], row["state"])


_PUT_MERCHANT: Final = """
INSERT INTO merchants (id, name, short_name, state, gateways, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, short_name = excluded.short_name, state = excluded.state,
  gateways = excluded.gateways
"""
_PUT_STORE: Final = """
INSERT INTO stores (id, merchant_id, name, address, state, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, address = excluded.address, state = excluded.state
WHERE stores.merchant_id = excluded.merchant_id
"""
_PUT_ITEM: Final = """
INSERT INTO bill_items (id, merchant_id, scene, name, biller, definition, state, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (id) DO UPDATE SET scene = excluded.scene, name = excluded.name, biller = excluded.biller,
  definition = excluded.definition, state = excluded.state
WHERE bill_items.merchant_id = excluded.merchant_id
"""


async def put_merchant(tx: Tx, merchant: Merchant, clock: Clock) -> None:
    """Add a merchant, or bring the one with this id up to date."""
    gateways = json.dumps(dict(merchant.gateways), sort_keys=True)
    now = to_micros(clock.now())
    await tx.execute(_PUT_MERCHANT, merchant.id, merchant.name, merchant.short_name, merchant.state, gateways, now)


async def put_store(tx: Tx, store: Store, clock: Clock) -> None:
    """Add a store, or bring the one with this id up to date. Raises Conflict where it is another merchant's."""
    values = (store.id, store.merchant_id, store.name, store.address, store.state, to_micros(clock.now()))
    if not await tx.execute(_PUT_STORE, *values):
        raise Conflict("store_of_another", "give the store an id of its own")


async def put_item(tx: Tx, item: BillItem, clock: Clock) -> None:
    """Add a bill item, or bring the one with this id up to date. Raises Conflict where it is another merchant's."""
    put = await tx.execute(
        _PUT_ITEM,
        item.id,
        item.merchant_id,
        item.scene,
        item.name,
        item.biller,
        # Defaults are written out: a later release may have others, and this item was made with these.
        item.definition.model_dump_json(),
        item.state,
        to_micros(clock.now()),
    )
    if not put:
        raise Conflict("item_of_another", "give the item an id of its own")
