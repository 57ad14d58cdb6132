"""What a lost notice or a dead process left open is found, asked about and brought to its end; never by silence."""

import asyncio
import dataclasses
from datetime import timedelta

import pytest

from bot.payments import upstream
from bot.payments.facts import ChargeFact, Closed, Declined, Missing, Paid, PaidFact, Unknown, Waiting, Way
from bot.payments.policy import Policy
from bot.payments.upstream import Next
from bot.payments.values import Charge
from tests.payments.scripted_gateway import LOST_AFTER, LOST_BEFORE
from tests.payments.world import START, World, build

CHARGE = Charge(
    id="chg_1",
    order_id="ord_1",
    gateway="scripted",
    gateway_account="main",
    way=Way.JSAPI,
    out_trade_no="P1",
    amount=1,
    currency="CNY",
    state="unknown",
    payer_hash=None,
    transaction_id=None,
    failure=None,
    trace_id="t",
    created_at=START,
    expires_at=START,
    paid_at=None,
    next_query_at=None,
    queries=0,
    request_sealed=b"",
)
ANSWERED = dataclasses.replace(CHARGE, state="pending", handover_sealed=b"sealed")
CODE = dataclasses.replace(CHARGE, way=Way.CODE)
WAITING, MISSING, UNKNOWN, CLOSED = Waiting("NOTPAY"), Missing(), Unknown("timeout"), Closed("CLOSED")

QUERIES = [
    (CHARGE, MISSING, False, Next.CREATE_AGAIN),
    (CHARGE, WAITING, False, Next.CREATE_AGAIN),
    (CHARGE, UNKNOWN, False, Next.LATER),
    (ANSWERED, MISSING, False, Next.LATER),
    (ANSWERED, WAITING, False, Next.LATER),
    # A scanned payment code is never sent twice: the first may have been charged.
    (CODE, MISSING, False, Next.LATER),
    (CODE, WAITING, False, Next.LATER),
    *((charge, fact, True, Next.CLOSE) for charge in (CHARGE, ANSWERED, CODE) for fact in (WAITING, MISSING, UNKNOWN)),
    *((charge, CLOSED, late, Next.END) for charge in (CHARGE, ANSWERED) for late in (True, False)),
    *((charge, Declined("no"), late, Next.FAIL) for charge in (CHARGE, ANSWERED) for late in (True, False)),
]
CLOSES = [
    (CHARGE, CLOSED, False, Next.END),
    (CHARGE, CLOSED, True, Next.END),
    (CHARGE, MISSING, False, Next.CREATE_AGAIN),
    (CODE, MISSING, False, Next.LATER),
    (ANSWERED, MISSING, False, Next.LATER),
    *((charge, MISSING, True, Next.END) for charge in (CHARGE, ANSWERED, CODE)),
    *((ANSWERED, fact, late, Next.LATER) for fact in (WAITING, UNKNOWN, Declined("no")) for late in (True, False)),
]


@pytest.mark.parametrize(("charge", "fact", "late", "expected"), QUERIES)
def test_decisions_after_a_query(charge: Charge, fact: ChargeFact, late: bool, expected: Next) -> None:
    assert upstream.after_query(charge, fact, late=late) is expected


@pytest.mark.parametrize(("charge", "fact", "late", "expected"), CLOSES)
def test_decisions_after_a_close(charge: Charge, fact: ChargeFact, late: bool, expected: Next) -> None:
    assert upstream.after_close(charge, fact, late=late) is expected


async def test_a_lost_notice_is_found_by_asking_at_5_10_30_and_60_seconds(world: World) -> None:
    order = await world.order()
    ready = await world.open(order)
    asked = []
    for second in range(1, 131):
        world.clock.advance(1)
        if second == 125:
            world.gateway.pay(ready.out_trade_no)
        before = world.gateway.count("query")
        await world.sweep()
        if world.gateway.count("query") > before:
            asked.append(second)

    assert asked == pytest.approx([5, 10, 30, 60, 120], abs=2)
    world.clock.advance(200)
    await world.sweep()
    assert await world.state(order) == "paid"
    assert await world.audit() == []


async def test_an_unpaid_order_is_closed_upstream_and_then_here(world: World) -> None:
    bill = await world.bill()
    order = await world.order(world.rent(bill))
    ready = await world.open(order)

    world.clock.advance(901)
    await world.sweep()

    assert (await world.state(order), await world.bill_state(bill)) == ("closed", "open")
    assert (await world.charge(ready.charge_id)).state == "closed"
    assert world.gateway.charges[ready.out_trade_no].state == "closed"
    assert await world.audit() == []


async def test_a_hold_ends_only_when_the_charge_is_closed_upstream(world: World) -> None:
    bill = await world.bill()
    order = await world.order(world.rent(bill))
    await world.open(order)
    world.gateway.script("close", Unknown("timeout"), Waiting("USERPAYING"))

    world.clock.advance(901)
    for _ in range(2):
        await world.sweep()
        assert (await world.state(order), await world.bill_state(bill)) == ("closing", "held")
        world.clock.advance(10)
    await world.sweep()

    assert (await world.state(order), await world.bill_state(bill)) == ("closed", "open")


async def test_an_order_without_a_charge_is_closed_at_once(world: World) -> None:
    bill = await world.bill(10_000)
    await world.paid(world.rent(bill, 4_000))
    order = await world.order(world.rent(dataclasses.replace(bill, amount=6_000)))

    world.clock.advance(901)
    await world.sweep()

    assert (await world.state(order), await world.bill_state(bill)) == ("closed", "partly_paid")


async def test_paid_at_the_last_moment_wins_over_closing(world: World) -> None:
    order = await world.order()
    ready = await world.open(order)
    world.gateway.pay(ready.out_trade_no)

    world.clock.advance(901)
    await world.sweep()

    assert await world.state(order) == "paid"
    assert await world.audit() == []


@pytest.mark.parametrize("lost", [LOST_BEFORE, LOST_AFTER])
async def test_a_charge_without_any_answer_is_made_known_and_paid_or_closed(world: World, lost: str) -> None:
    """The process died after it had committed the intent: the sweeper repeats the identical request."""
    order = await world.order()
    world.gateway.script("create", lost, lost)
    await world.payments.charges.open(world.ask(order))

    world.clock.advance(6)
    await world.sweep()

    [charge] = await world.charges(order)
    assert charge.state == "pending"
    assert len(set(world.gateway.requests)) == 1
    world.clock.advance(1_000)
    await world.sweep()
    assert [entry.state for entry in await world.charges(order)] == ["closed"]
    assert await world.state(order) == "closed"


async def test_a_gateway_that_never_heard_of_a_charge_is_believed_only_after_its_expiry(world: World) -> None:
    order = await world.order()
    world.gateway.script("create", *[LOST_BEFORE] * 99)
    await world.payments.charges.open(world.ask(order))

    for _ in range(5):
        world.clock.advance(170)
        await world.sweep()
        assert [charge.state for charge in await world.charges(order)] == ["unknown"]
    world.clock.advance(100)
    await world.sweep()

    assert [charge.state for charge in await world.charges(order)] == ["closed"]
    assert await world.state(order) == "closed"
    assert await world.audit() == []


async def test_a_charge_that_cannot_be_closed_reaches_a_desk_and_is_tried_on(world: World) -> None:
    world = build(world.database, world.clock, Policy(close_tries_before_case=3))
    order = await world.order()
    await world.open(order)
    world.gateway.script("close", *[Unknown("timeout")] * 5)

    for _ in range(6):
        world.clock.advance(4_000)
        await world.sweep()

    assert await world.cases() == ["charge_stuck"]
    assert await world.state(order) == "closed"


async def test_money_that_came_and_went_without_us_is_for_a_person(world: World) -> None:
    order = await world.order()
    await world.open(order)
    world.gateway.script("query", Closed("REFUND", was_paid=True))

    world.clock.advance(6)
    await world.sweep()

    assert [charge.state for charge in await world.charges(order)] == ["closed"]
    assert await world.cases() == ["paid_and_returned"]
    # The order itself can still be paid by another charge.
    await world.pay(order)
    assert await world.state(order) == "paid"


async def test_create_may_answer_paid_and_a_lost_pay_answer_is_credited(world: World) -> None:
    order = await world.order()
    fact: list[PaidFact] = []

    def paid_at_once() -> Paid:
        fact.append(world.gateway.fact(world.gateway.requests[-1].out_trade_no, 3_500))
        return Paid(fact[0])

    world.gateway.script("create", paid_at_once)

    opened = await world.payments.charges.open(world.ask(order))

    assert type(opened).__name__ == "AlreadyPaid"
    assert await world.state(order) == "paid"
    assert await world.audit() == []


async def test_many_sweepers_share_the_work_and_none_does_it_twice(world: World) -> None:
    for _ in range(12):
        await world.open(await world.order())
    world.clock.advance(6)

    taken = await asyncio.gather(*(world.payments.sweeper.due_charges(5) for _ in range(6)))

    ids = [charge_id for some in taken for charge_id in some]
    assert len(ids) == len(set(ids)) == 12
    assert await world.payments.sweeper.due_charges(50) == []
    # What a dead sweeper had taken comes back when its lease is over.
    world.clock.advance(31)
    assert len(await world.payments.sweeper.due_charges(50)) == 12


async def test_sweeping_a_charge_at_its_end_only_puts_it_to_rest(world: World) -> None:
    order = await world.order()
    ready = await world.pay(order)
    await world.execute("UPDATE charges SET next_query_at = 1")

    await world.sweep()

    charge = await world.charge(ready.charge_id)
    assert (charge.state, charge.next_query_at, world.gateway.count("query")) == ("paid", None, 0)


async def test_a_closing_order_that_was_forgotten_is_finished(world: World) -> None:
    order = await world.order()
    await world.execute("UPDATE orders SET state = 'closing' WHERE id = $1", order.id)

    assert await world.payments.sweeper.expire_orders() == 1
    assert await world.state(order) == "closed"
    assert await world.payments.closing.begin(order.id) is False
    assert await world.payments.sweeper.close_order("ord_none") == ""


async def test_expiry_is_bounded_and_many_workers_expire_each_order_once(world: World) -> None:
    for _ in range(7):
        await world.order()
    world.clock.advance(timedelta(minutes=16).total_seconds())

    assert await world.payments.sweeper.expire_orders(3) == 3
    done = await asyncio.gather(*(world.payments.sweeper.expire_orders() for _ in range(3)))

    assert sum(done) == 4
    assert {row["state"] for row in await world.rows("SELECT state FROM orders")} == {"closed"}
