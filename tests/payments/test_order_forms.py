"""The set-based and the portable form of placing an order leave the same rows and answer the same orders."""

import asyncio
import dataclasses

from bot.billers.port import Quote, Refusal
from bot.payments import orders_many
from bot.payments.draft import Draft
from bot.payments.gatekeeper import Placing
from bot.payments.orders import PLACE, load
from bot.payments.values import Order
from bot.storage.port import Tx
from tests.payments.forms import snapshot, tried
from tests.payments.world import CHAT, World


async def test_both_forms_place_the_same_orders(pg_world: World) -> None:
    world = pg_world
    bill, part, early = await world.bill(10_000, late_fee=50), await world.bill(9_000), await world.bill(10_000)
    quotes = [
        world.quote(world.rent(bill), world.meal(), world.power("E1")),
        world.quote(world.rent(part, 4_000)),
        world.quote(world.meal(77)),
        world.quote(world.let_off(early, 200)),
    ]
    drafts = [world.payments.orders.draft(quote, CHAT) for quote in quotes]
    drafts.append(world.payments.orders.draft(world.quote(world.meal(5)), Placing("static_code", "trace-2")))

    async def one_by_one(tx: Tx) -> list[Order | Refusal]:
        return [await PLACE.one(tx, draft) for draft in drafts]

    async def together(tx: Tx) -> tuple[list[Order | None], list[Order]]:
        placed = list(await orders_many.place_many(tx, drafts))
        return placed, [await load(tx, draft.order_id) for draft in drafts]

    portable, rows_of_portable, _ = await tried(world.database, one_by_one)
    (placed, loaded), rows_of_together, statements = await tried(world.database, together)

    assert placed == loaded == portable
    assert rows_of_together == rows_of_portable
    # One to place them all; the others are this test's own reading.
    assert statements == 1 + 2 * len(drafts)


async def test_whatever_is_not_ordinary_is_left_to_the_portable_form(pg_world: World) -> None:
    world = pg_world
    held, changed, free = await world.bill(), await world.bill(), await world.bill()
    await world.order(world.rent(held))
    await world.paid(world.power("E1"))
    placed_before = world.quote(world.meal())
    await world.payments.orders.place(placed_before, CHAT)
    power = world.power("E2")
    quotes = {
        "held": world.quote(world.rent(held)),
        "changed": world.quote(world.rent(dataclasses.replace(changed, amount=9_999))),
        "claimed": world.quote(world.power("E1")),
        "placed before": placed_before,
        "unknown item": world.quote(dataclasses.replace(world.meal(), item_id="none")),
        "expired": world.quote(world.meal(), seconds=-1),
        "bill twice": world.quote(power, power),
        "above the limit": world.quote(world.meal(5_000_001)),
        "one of two held": world.quote(world.rent(free), world.rent(held)),
    }
    drafts = [world.payments.orders.draft(quote, CHAT) for quote in quotes.values()]
    before = (await tried(world.database, snapshot))[1]

    results, after, statements = await tried(world.database, lambda tx: orders_many.place_many(tx, drafts))

    assert dict(zip(quotes, results, strict=True)) == dict.fromkeys(quotes)
    assert after == before
    assert statements == 1


async def test_twins_and_rivals_within_one_group(pg_world: World) -> None:
    """The same quote twice gives one order; of two quotes for one bill the first holds it."""
    world = pg_world
    twin, bill = world.quote(world.meal()), await world.bill()
    rivals = [world.quote(world.rent(bill)) for _ in range(2)]
    drafts = [world.payments.orders.draft(quote, CHAT) for quote in (twin, twin, *rivals)]

    results, _, _ = await tried(world.database, lambda tx: orders_many.place_many(tx, drafts))
    assert [result is not None for result in results] == [True, False, True, False]
    placed = await asyncio.gather(*(world.payments.orders.place(quote, CHAT) for quote in (twin, twin, *rivals)))

    assert isinstance(placed[0], Order)
    assert placed[0] == placed[1]
    assert sorted(type(answer).__name__ for answer in placed[2:]) == ["Order", "Refusal"]
    assert await world.audit() == []


async def test_a_gatekeeper_that_needs_the_database_judges_in_the_portable_form(pg_world: World) -> None:
    class Reader:
        async def verdict(self, tx: Tx, quote: Quote, placing: Placing) -> Refusal | None:
            row = await tx.row("SELECT COUNT(*) AS placed FROM orders")
            return Refusal("enough") if row is not None and row["placed"] else None

    def reading(draft: Draft) -> Draft:
        return dataclasses.replace(draft, gatekeeper=Reader())

    world = pg_world
    drafts = [reading(world.payments.orders.draft(world.quote(world.meal()), CHAT)) for _ in range(2)]

    results, _, statements = await tried(world.database, lambda tx: orders_many.place_many(tx, drafts))
    assert (list(results), statements) == ([None, None], 0)
    placed = await asyncio.gather(*(world.database.batch(PLACE, draft) for draft in drafts))

    assert sorted(type(answer).__name__ for answer in placed) == ["Order", "Refusal"]
