"""Puts the sample merchants, items, bills and codes in, through the same doors that an operator uses."""

from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Final

from bot.billers.catalogue import Catalogue, put_item, put_merchant, put_store
from bot.billers.codes import add_code
from bot.billers.importing import BillImport
from bot.billers.items import BillItem
from bot.billers.stock import book
from bot.demo.samples import SAMPLES
from bot.kernel.clock import Clock, business_day
from bot.storage.port import Database, Row, Tx
from bot.storage.vault import Vault

ITEMS: Final[tuple[BillItem, ...]] = tuple(item for sample in SAMPLES for item in sample.items)

_CODES = "SELECT token, label FROM code_tokens WHERE kind = 'static' AND state = 'active' ORDER BY created_at, token"


@dataclass(frozen=True, slots=True)
class SampleCode:
    """A store's code to scan in the demonstration."""

    token: str
    label: str


async def put_sample(database: Database, vault: Vault, catalogue: Catalogue, clock: Clock) -> tuple[SampleCode, ...]:
    """Bring the sample into the database; a second time changes nothing. Returns the stores' codes."""

    async def work(tx: Tx) -> list[Row]:
        for sample in SAMPLES:
            for merchant in sample.merchants:
                await put_merchant(tx, merchant, clock)
            for store in sample.stores:
                await put_store(tx, store, clock)
            for item in sample.items:
                await put_item(tx, item, clock)
            for offer in sample.offers(business_day(clock.now())):
                await book.put(tx, offer, clock.now())
        codes = list(await tx.rows(_CODES))
        if not codes:
            await _add_codes(tx, clock)
            codes = list(await tx.rows(_CODES))
        return codes

    codes = await database.effect(work)
    catalogue.forget()
    importing = BillImport(database, vault, clock)
    for sample in SAMPLES:
        items = {item.id: item for item in sample.items}
        for item_id, asset in sample.bills.items():
            with as_file(files("bot.demo") / "assets" / asset) as path:
                await importing.run(path, items[item_id], actor="demo", dry_run=False)
    return tuple(SampleCode(row["token"], row["label"]) for row in codes)


async def _add_codes(tx: Tx, clock: Clock) -> None:
    for sample in SAMPLES:
        for store, item in sample.codes:
            await add_code(
                tx,
                clock,
                kind="static",
                merchant_id=store.merchant_id,
                store_id=store.id,
                item_id=item.id,
                label=f"{item.merchant_short_name} {store.name}",
            )
