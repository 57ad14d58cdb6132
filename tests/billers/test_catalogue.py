"""The catalogue: fresh within seconds, read once for many, and never brought down by one item."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bot.billers.catalogue import KEEP_SECONDS, Catalogue, put_item, put_merchant, put_store
from bot.billers.directory import Billers
from bot.billers.hosted import HostedBiller
from bot.billers.port import SceneBiller
from bot.kernel.clock import ManualClock
from bot.kernel.errors import BotError, Conflict, Misconfigured, NotFound
from bot.storage.port import Database, Row, Value
from bot.storage.vault import Vault
from tests.billers import samples
from tests.billers.samples import MERCHANT, RIVAL, RIVAL_STORE, STORE, definition, item, property_definition


class Counting:
    """A database that counts readings, and can be held up in one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.readings = 0
        self.came = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def rows(self, sql: Any, *values: Value) -> Sequence[Row]:
        self.readings += 1
        rows = await self._database.rows(sql, *values)
        self.came.set()
        await self.gate.wait()
        return rows


READINGS = 3  # Items, merchants, stores.


async def test_items_merchants_and_stores(database: Database, catalogue: Catalogue, clock: ManualClock) -> None:
    fee, rival = item(property_definition()), item(id_="itm_rival", merchant=RIVAL)
    await samples.put(database, clock, fee, rival)

    assert await catalogue.item("itm_fee") == fee
    assert await catalogue.merchant(MERCHANT.id) == MERCHANT
    assert await catalogue.store(STORE.id) == STORE
    assert await catalogue.stores(MERCHANT.id) == (STORE,)
    assert await catalogue.stores(RIVAL.id) == (RIVAL_STORE,)
    assert await catalogue.stores("mer_none") == ()


async def test_the_items_of_a_scene(database: Database, catalogue: Catalogue, clock: ManualClock) -> None:
    await samples.put(
        database,
        clock,
        item(id_="itm_1"),
        item(id_="itm_2", merchant=RIVAL),
        item(id_="itm_3", state="paused"),
        item(id_="itm_4", scene="water"),
    )

    async def ids(scene: str, *merchants: str) -> list[str]:
        return [each.id for each in await catalogue.items(scene, merchants)]

    assert await ids("property") == ["itm_1", "itm_2"]
    assert await ids("property", RIVAL.id) == ["itm_2"]
    assert await ids("property", RIVAL.id, MERCHANT.id) == ["itm_1", "itm_2"]
    assert await ids("property", "mer_none") == []
    assert await ids("water") == ["itm_4"]
    assert await ids("donation") == []


async def test_a_paused_merchants_items_are_paused(
    database: Database, catalogue: Catalogue, clock: ManualClock
) -> None:
    await samples.put(database, clock, item(), merchants=[replace(MERCHANT, state="paused"), RIVAL])

    assert (await catalogue.item("itm_fee")).state == "paused"
    assert await catalogue.items("property") == ()


@pytest.mark.parametrize("what", ["item", "merchant", "store"])
async def test_what_is_not_there(catalogue: Catalogue, what: str) -> None:
    with pytest.raises(NotFound, match=f"{what}_unknown"):
        await getattr(catalogue, what)("none")


async def test_a_change_shows_within_seconds_in_every_process(sqlite: Database, clock: ManualClock) -> None:
    here, there = Catalogue(sqlite, clock), Catalogue(sqlite, clock)
    await samples.put(sqlite, clock, item())
    assert await here.items("property")
    assert await there.items("property")

    await samples.put(sqlite, clock, item(state="paused"))
    here.forget()

    assert await here.items("property") == (), "whoever changed it says so"
    clock.advance(KEEP_SECONDS - 0.001)
    assert await there.items("property"), "another process may be this late"
    clock.advance(0.001)
    assert await there.items("property") == ()


async def test_many_who_ask_at_once_read_once(sqlite: Database, clock: ManualClock) -> None:
    await samples.put(sqlite, clock, item())
    counting = Counting(sqlite)
    catalogue = Catalogue(counting, clock)  # type: ignore[arg-type]  # It only reads.

    await asyncio.gather(*(catalogue.item("itm_fee") for _ in range(50)))
    assert counting.readings == READINGS
    clock.advance(KEEP_SECONDS)
    await asyncio.gather(*(catalogue.items("property") for _ in range(50)))
    assert counting.readings == 2 * READINGS


async def test_a_reading_that_was_overtaken_by_a_change_is_not_kept(sqlite: Database, clock: ManualClock) -> None:
    await samples.put(sqlite, clock, item())
    counting = Counting(sqlite)
    counting.gate.clear()
    catalogue = Catalogue(counting, clock)  # type: ignore[arg-type]
    reading = asyncio.create_task(catalogue.items("property"))
    await counting.came.wait()

    await samples.put(sqlite, clock, item(state="paused"))
    catalogue.forget()
    counting.gate.set()
    await reading

    assert await catalogue.items("property") == ()


async def test_who_gives_up_waiting_holds_up_nobody(sqlite: Database, clock: ManualClock) -> None:
    await samples.put(sqlite, clock, item())
    counting = Counting(sqlite)
    counting.gate.clear()
    catalogue = Catalogue(counting, clock)  # type: ignore[arg-type]
    impatient = asyncio.create_task(catalogue.item("itm_fee"))
    patient = asyncio.create_task(catalogue.item("itm_fee"))
    await counting.came.wait()
    impatient.cancel()
    counting.gate.set()

    assert (await patient).id == "itm_fee"


async def test_an_item_that_this_release_cannot_read_is_left_out_and_the_others_stay(
    database: Database, catalogue: Catalogue, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await samples.put(database, clock, item(), item(id_="itm_new"))
    newer = '{"flow": "fetch", "amount": {"kind": "exact"}, "account": null, "loyalty": {}}'
    await database.effect(lambda tx: tx.execute("UPDATE bill_items SET definition = $1 WHERE id = 'itm_new'", newer))

    assert [each.id for each in await catalogue.items("property")] == ["itm_fee"]
    with pytest.raises(NotFound):
        await catalogue.item("itm_new")


async def test_a_definition_is_parsed_once(sqlite: Database, clock: ManualClock) -> None:
    catalogue = Catalogue(sqlite, clock)
    await samples.put(sqlite, clock, item(), item(id_="itm_twin"))
    first = (await catalogue.item("itm_fee")).definition
    clock.advance(KEEP_SECONDS)

    assert (await catalogue.item("itm_fee")).definition is first
    assert (await catalogue.item("itm_twin")).definition is first
    await samples.put(sqlite, clock, item(definition(notes="新")))
    catalogue.forget()
    assert (await catalogue.item("itm_fee")).definition.notes == "新"


async def test_putting_again_brings_up_to_date(database: Database, catalogue: Catalogue, clock: ManualClock) -> None:
    await samples.put(database, clock, item())
    renamed, moved = replace(MERCHANT, name="新名", gateways={"alipay": "a"}), replace(STORE, address="新址 1 号")
    await samples.put(database, clock, item(name="物业管理费", biller="power"), merchants=[renamed], stores=[moved])

    assert await catalogue.merchant(MERCHANT.id) == renamed
    assert await catalogue.store(STORE.id) == moved
    changed = await catalogue.item("itm_fee")
    assert (changed.name, changed.biller, changed.merchant_name) == ("物业管理费", "power", "新名")


async def test_nothing_changes_hands(database: Database, clock: ManualClock) -> None:
    """An id that is given to another merchant is a mistake that would send money astray."""
    await samples.put(database, clock, item())

    with pytest.raises(Conflict, match="item_of_another"):
        await database.effect(lambda tx: put_item(tx, item(merchant=RIVAL), clock))
    with pytest.raises(Conflict, match="store_of_another"):
        await database.effect(lambda tx: put_store(tx, replace(STORE, merchant_id=RIVAL.id), clock))


async def test_an_item_of_nobody(database: Database, clock: ManualClock) -> None:
    await database.effect(lambda tx: put_merchant(tx, MERCHANT, clock))

    with pytest.raises(BotError):
        await database.effect(lambda tx: put_item(tx, item(merchant=RIVAL), clock))


async def test_defaults_are_written_out(sqlite: Database, clock: ManualClock) -> None:
    """So that a later release with other defaults does not change what an operator agreed to."""
    await samples.put(sqlite, clock, item())
    row = await sqlite.row("SELECT definition FROM bill_items")

    assert row is not None
    assert '"quote_seconds":900' in row["definition"]


# --- the directory ---------------------------------------------------------------------------------------------------


async def test_each_item_leads_to_its_biller(sqlite: Database, clock: ManualClock, keys: Vault) -> None:
    catalogue = Catalogue(sqlite, clock)
    await samples.put(sqlite, clock, item(), item(id_="itm_power", biller="power"), item(id_="itm_gas", biller="gas"))
    hosted, power = HostedBiller(sqlite, catalogue, keys, clock), HostedBiller(sqlite, catalogue, keys, clock)
    remote: dict[str, SceneBiller] = {"power": power}
    billers = Billers(catalogue, hosted, remote)

    assert await billers.biller("itm_fee") is hosted
    assert await billers.biller("itm_power") is power
    with pytest.raises(Misconfigured, match=r"connectors\.gas"):
        await billers.biller("itm_gas")
    with pytest.raises(NotFound, match="item_unknown"):
        await billers.biller("itm_none")
