"""The set-based and the portable form of credit leave the same rows; what a paid notice costs on each engine."""

import asyncio
import dataclasses

from bot.billers.port import Line
from bot.payments import credit_many, credit_one
from bot.payments.credit import CREDIT
from bot.payments.credit_item import Credit, Credited, credit_item
from bot.payments.facts import PaidFact
from bot.payments.values import Order
from bot.storage.port import Row, Tx, Value
from tests.payments.forms import snapshot, tried
from tests.payments.scripted_gateway import APP, MCHID
from tests.payments.world import World


def item_for(world: World, fact: PaidFact, *, account: str = "main", notice: str = "") -> Credit:
    return credit_item(
        fact,
        gateway="scripted",
        account=account,
        owner=(MCHID, frozenset({APP})),
        notice_id=notice or f"evt-{fact.transaction_id}",
        kind="TRANSACTION.SUCCESS",
        digest="digest",
        trace_id="trace-notice",
        now=world.clock.now(),
    )


async def opened(world: World, *lines: Line) -> tuple[Order, Credit]:
    order = await world.order(*lines)
    ready = await world.open(order)
    return order, item_for(world, world.gateway.pay(ready.out_trade_no))


async def test_both_forms_leave_the_same_rows_for_everything_ordinary(pg_world: World) -> None:
    world = pg_world
    whole, part, early = await world.bill(10_000, late_fee=50), await world.bill(9_000), await world.bill(10_000)
    closing, closing_item = await opened(world, world.meal(1_000))
    await world.payments.closing.begin(closing.id)
    items = [
        (await opened(world, world.rent(whole), world.meal(3_500), world.power("E1")))[1],
        (await opened(world, world.rent(part, 4_000)))[1],
        (await opened(world, world.power("E2")))[1],
        (await opened(world, world.let_off(early, 200)))[1],
        closing_item,
    ]

    async def one_by_one(tx: Tx) -> list[Credited | None]:
        return [await credit_one.credit(tx, item) for item in items]

    portable, rows_of_portable, _ = await tried(world.database, one_by_one)
    together, rows_of_together, statements = await tried(world.database, lambda tx: credit_many.credit_many(tx, items))

    assert list(together) == portable
    assert None not in together
    assert rows_of_together == rows_of_portable
    assert statements == 1


async def test_whatever_is_not_ordinary_is_left_alone_by_the_set_based_form(pg_world: World) -> None:
    world = pg_world
    bill = await world.bill()
    _, good = await opened(world, world.rent(bill))
    _, twin = await opened(world, world.power("E1"))
    await world.paid(world.power("E1"))
    paid_order, paid_item = await opened(world, world.meal())
    await world.payments.credits.credit(paid_item)
    failed_order, failed_item = await opened(world, world.meal())
    await world.execute("UPDATE charges SET state = 'failed' WHERE order_id = $1", failed_order.id)
    doubted_order, doubted_item = await opened(world, world.meal())
    await world.execute("UPDATE charges SET failure = 'amount' WHERE order_id = $1", doubted_order.id)
    _, suspended = await opened(world, world.meal())
    await world.payments.credits.credit(dataclasses.replace(suspended, amount=1, notice_id="wrong"))
    await world.execute("UPDATE charges SET failure = NULL WHERE out_trade_no = $1", suspended.out_trade_no)
    let_go_bill = await world.bill()
    let_go, let_go_item = await opened(world, world.rent(let_go_bill))
    await world.execute("UPDATE bills SET state = 'open', held_by = NULL WHERE id = $1", let_go_bill.bill_id)
    odd = {
        "foreign": dataclasses.replace(good, foreign="merchant"),
        "amount": dataclasses.replace(good, amount=good.amount - 1),
        "currency": dataclasses.replace(good, currency="USD"),
        "account": dataclasses.replace(good, account="second"),
        "gateway": dataclasses.replace(good, gateway="other"),
        "unknown": dataclasses.replace(good, out_trade_no="P0"),
        "claimed": twin,
        "paid": dataclasses.replace(paid_item, notice_id="other notice"),
        "repeat": paid_item,
        "failed": failed_item,
        "doubted": doubted_item,
        "suspended": suspended,
        "let go": let_go_item,
    }
    before = (await tried(world.database, snapshot))[1]

    results, after, statements = await tried(world.database, lambda tx: credit_many.credit_many(tx, [*odd.values()]))

    assert dict(zip(odd, results, strict=True)) == dict.fromkeys(odd)
    assert after == before
    assert statements == 1
    assert paid_order.state == let_go.state == "created"
    mixed, _, _ = await tried(world.database, lambda tx: credit_many.credit_many(tx, [*odd.values(), good]))
    assert [result is not None for result in mixed] == [False] * len(odd) + [True]


async def test_one_order_twice_in_a_group_is_credited_once(pg_world: World) -> None:
    _, item = await opened(pg_world, pg_world.meal())
    query = dataclasses.replace(item, notice_id="query:1", kind="query")

    results, rows, _ = await tried(pg_world.database, lambda tx: credit_many.credit_many(tx, [item, query, item]))

    assert [result is not None for result in results] == [True, False, False]
    assert len(rows["postings"]) == 2


async def test_two_orders_of_one_bill_in_a_group_are_told_apart(pg_world: World) -> None:
    """Nothing locks them against each other: the unique claim breaks the group, and each is credited on its own."""
    items = [(await opened(pg_world, pg_world.power("E1")))[1] for _ in range(2)]
    items.append((await opened(pg_world, pg_world.meal()))[1])

    results = await asyncio.gather(*(pg_world.payments.credits.credit(item) for item in items))

    assert sorted(str(result.outcome) for result in results) == ["applied", "applied", "suspended"]
    assert await pg_world.audit() == []


async def test_an_ordinary_notice_costs_one_round_trip_on_postgresql(pg_world: World) -> None:
    """One statement that is its own transaction: neither BEGIN nor COMMIT, however many notices share it."""
    assert CREDIT.single_statement
    assert CREDIT.many is credit_many.credit_many
    items = [(await opened(pg_world, pg_world.meal()))[1] for _ in range(20)]

    results, _, statements = await tried(pg_world.database, lambda tx: credit_many.credit_many(tx, items))

    assert (len(results), statements) == (20, 1)


async def test_an_ordinary_notice_costs_few_statements_in_its_portable_form(world: World) -> None:
    """On SQLite they run inside the writer's thread; the figure is kept so that nobody adds to it unawares."""
    _, meal = await opened(world, world.meal())
    _, rent = await opened(world, world.rent(await world.bill()))
    lock = 1 if world.database.engine == "postgresql" else 0

    _, _, for_meal = await tried(world.database, lambda tx: credit_one.credit(tx, meal))
    _, _, for_rent = await tried(world.database, lambda tx: credit_one.credit(tx, rent))

    assert (for_meal, for_rent) == (7 + lock, 8 + lock)


async def test_rows_are_reached_by_their_keys_whatever_the_statistics_say(pg_world: World) -> None:
    """With statistics of a quiet hour the planner must not go through all open orders of a busy one."""
    world = pg_world
    await world.execute(
        "INSERT INTO orders (id, quote_id, token, merchant_id, scene, origin, title, amount, state, trace_id, "
        "created_at, expires_at) SELECT n, n, n, 'mer', 's', 'chat', 't', 5, 'closed', 't', 1, 1 "
        "FROM (SELECT 'o' || generate_series(1, 20000) AS n) AS x"
    )
    await world.execute(
        "INSERT INTO charges (id, order_id, gateway, gateway_account, way, out_trade_no, amount, state, "
        "request_sealed, trace_id, created_at, expires_at, changed_at) "
        "SELECT id, id, 'scripted', 'main', 'jsapi', id, 5, 'closed', '', 't', 1, 1, 1 FROM orders"
    )
    await world.execute("ANALYZE orders, charges")
    _, item = await opened(world, world.meal())
    seen: list[str] = []

    class Explaining:
        engine = "postgresql"

        def __init__(self, tx: Tx) -> None:
            self._tx = tx

        async def rows(self, sql: str, *values: Value) -> list[Row]:
            seen.extend(row["QUERY PLAN"] for row in await self._tx.rows(f"EXPLAIN {sql}", *values))
            return []

    await world.database.effect(lambda tx: credit_many.credit_many(Explaining(tx), [item]))  # type: ignore[arg-type]
    plan = "\n".join(seen)

    assert "uq_charges_out_trade_no" in plan
    assert "pk_orders" in plan
    assert "Seq Scan on orders" not in plan
    assert "Seq Scan on charges" not in plan
    for index in ("ix_orders_state_expires_at", "uq_charges_live"):
        assert index not in plan
