"""Money goes back once, never more than was paid, after its biller let go of it, and with two names if it is much."""

import asyncio

import pytest

from bot.billers.port import Refusal, Refused, Silent
from bot.kernel.clock import to_micros
from bot.kernel.errors import Conflict, Forbidden, NotFound
from bot.payments import refund_rows
from bot.payments.facts import Unknown
from bot.payments.policy import Policy
from bot.payments.refunds import Over, RefundAsk, Waiting
from bot.payments.values import Refund
from tests.payments.scripted_gateway import LOST_AFTER, LOST_BEFORE
from tests.payments.world import DUE, PAYERS, REFUNDING, World, build


async def test_a_settled_order_is_undone_at_its_biller_and_then_refunded(world: World) -> None:
    bill = await world.bill()
    order = await world.settled(world.rent(bill))
    refund = await world.refund(order)
    assert (refund.state, refund.approved_by, refund.amount) == ("approved", "policy", 10_000)
    assert (await world.balance(DUE), await world.balance(REFUNDING)) == (0, 10_000)

    assert await world.payments.refunds.submit(refund.id) == Waiting("biller_first")
    assert (await world.line_states(order), world.gateway.refunds) == (["reversing"], {})
    assert await world.payments.refunds.submit(refund.id) == Waiting("biller_first")
    await world.work_off()

    assert await world.line_states(order) == ["reversed"]
    done = await world.payments.refunds.get(refund.id)
    assert (done.state, done.succeeded_at is not None, done.next_query_at) == ("succeeded", True, None)
    assert (await world.balance(DUE), await world.balance(REFUNDING), await world.balance(PAYERS)) == (0, 0, 0)
    [sent] = [refund.request for refund in world.gateway.refunds.values()]
    assert (sent.amount, sent.total, sent.out_refund_no) == (10_000, 10_000, refund.out_refund_no)
    assert await world.jobs("receipt") == [order.id, refund.id]
    assert world.gateway.count("refund") == 1
    assert await world.audit() == []


async def test_a_bill_that_no_biller_booked_is_open_again_after_its_refund(world: World) -> None:
    bill = await world.bill(10_000)
    order = await world.paid(world.rent(bill))
    await world.refund(order)

    await world.work_off()

    assert (await world.bill_state(bill), (await world.row("SELECT paid FROM bills"))["paid"]) == ("reopened", 0)
    again = await world.paid(world.rent(bill))
    assert (again.state, await world.bill_state(bill)) == ("paid", "paid")
    assert await world.audit() == []


async def test_no_refund_call_while_a_line_is_at_its_biller(world: World) -> None:
    """DESIGN §4: no refund call while a line is sent, unknown or reversing."""
    order = await world.paid()
    refund = await world.refund(order)
    for state in ("sent", "unknown", "reversing"):
        await world.execute("UPDATE order_lines SET state = $1", state)
        assert await world.payments.refunds.submit(refund.id) == Waiting("biller_first")
    assert world.gateway.count("refund") == 0

    await world.execute("UPDATE order_lines SET state = 'refused'")
    assert await world.payments.refunds.submit(refund.id) == Over("succeeded")


async def test_a_biller_that_keeps_the_payment_ends_the_refund_on_a_desk(world: World) -> None:
    order = await world.settled()
    refund = await world.refund(order)
    world.biller.script("undo", Refused("used"))

    await world.work_off()

    rejected = await world.payments.refunds.get(refund.id)
    assert (rejected.state, rejected.failure) == ("rejected", "reversal_refused")
    assert await world.line_states(order) == ["reversal_refused"]
    assert (await world.balance(DUE), await world.balance(REFUNDING)) == (3_500, 0)
    assert (await world.payments.orders.get(order.id)).refunded == 0
    assert (await world.cases(), world.gateway.count("refund")) == (["reversal_refused"], 0)
    assert await world.audit() == []


async def test_a_hundred_requests_at_once_never_exceed_what_was_paid(world: World) -> None:
    lines = [world.meal(1_000 + number) for number in range(5)]
    order = await world.paid(*lines)
    whole = [RefundAsk(order.id, f"w{n}", "张三", "r") for n in range(20)]
    single = [RefundAsk(order.id, f"l{n}", "张三", "r", order.lines[n % 5].id) for n in range(80)]

    results = await asyncio.gather(*(world.payments.refunds.request(ask) for ask in [*single, *whole]))

    refunds = [result for result in results if isinstance(result, Refund)]
    assert sum(refund.amount for refund in refunds) <= order.amount
    assert len({(refund.line_id) for refund in refunds}) == len(refunds)
    assert {result.code for result in results if isinstance(result, Refusal)} <= {"nothing_left", "partial_refund"}
    standing = await world.payments.orders.get(order.id)
    assert standing.refunded == sum(refund.amount for refund in refunds) == order.amount
    await world.work_off()
    assert sum(refund.request.amount for refund in world.gateway.refunds.values()) == order.amount
    assert await world.balance(PAYERS) == 0
    assert await world.audit() == []


async def test_the_database_itself_refuses_a_sum_above_the_order(world: World) -> None:
    order = await world.paid()

    with pytest.raises(Conflict, match="constraint_violated"):
        await world.execute("UPDATE orders SET refunded = amount + 1 WHERE id = $1", order.id)


async def test_each_guard_holds_on_its_own(world: World) -> None:
    """Behind the rules for people stand conditions in the statements: the sum, and the second name."""
    world = build(world.database, world.clock, Policy(refund_alone_max=0))
    order = await world.paid()
    asked = await world.refund(order)
    await world.execute("UPDATE orders SET refunded = 0")
    at = to_micros(world.clock.now())

    async def reserved(amount: int) -> bool:
        return await world.database.effect(lambda tx: refund_rows.reserve(tx, order.id, amount))

    async def approved(by: str) -> bool:
        return await world.database.effect(lambda tx: refund_rows.APPROVED(tx, asked.id, at, by))

    assert [await reserved(amount) for amount in (3_501, 3_000, 501, 500, 1)] == [False, True, False, True, False]
    assert [await approved(by) for by in (asked.requested_by, "李四", "王五")] == [False, True, False]


async def test_a_key_gives_its_first_refund_and_a_conflict_for_other_inputs(world: World) -> None:
    order = await world.paid(world.meal(1_000), world.meal(2_000))
    first = await world.refund(order, key="k", line_id=order.lines[0].id)

    assert await world.refund(order, key="k", line_id=order.lines[0].id) == first
    with pytest.raises(Conflict, match="idempotency_conflict"):
        await world.refund(order, key="k", line_id=order.lines[1].id)
    assert len(await world.rows("SELECT id FROM refunds")) == 1


async def test_what_cannot_be_refunded(world: World) -> None:
    request = world.payments.refunds.request
    unpaid = await world.order()
    order = await world.paid(world.meal(1_000), world.meal(2_000))

    assert await request(RefundAsk("ord_none", "a", "张三", "r")) == Refusal("order_unknown")
    assert await request(RefundAsk(unpaid.id, "a", "张三", "r")) == Refusal("order_unpaid")
    assert await request(RefundAsk(order.id, "a", "张三", "r", "oln_none")) == Refusal("line_unknown")
    await world.refund(order, line_id=order.lines[0].id)
    assert await request(RefundAsk(order.id, "a", "张三", "r", order.lines[0].id)) == Refusal(
        "nothing_left", {"refunded": 1_000}
    )
    # A refusal uses up no key, and the rest is the line that is left.
    rest = await request(RefundAsk(order.id, "a", "张三", "r"))
    assert isinstance(rest, Refund)
    assert rest.amount == 2_000
    assert await request(RefundAsk(order.id, "b", "张三", "r")) == Refusal("nothing_left", {"refunded": 3_000})
    with pytest.raises(NotFound, match="refund_unknown"):
        await world.payments.refunds.get("rfd_none")


async def test_much_money_needs_a_second_name(world: World) -> None:
    world = build(world.database, world.clock, Policy(refund_alone_max=3_499))
    refunds = world.payments.refunds
    order = await world.paid()
    asked = await world.refund(order, by="张三")
    assert (asked.state, await world.balance(REFUNDING), await world.jobs("refund_submit")) == ("requested", 0, [])
    assert await refunds.submit(asked.id) == Waiting("awaiting_approval", 60.0)

    with pytest.raises(Forbidden, match="same_person"):
        await refunds.approve(asked.id, "张三")
    answers = await asyncio.gather(*(refunds.approve(asked.id, f"李四{n}") for n in range(4)), return_exceptions=True)

    assert sum(isinstance(answer, Refund) for answer in answers) == 1
    assert sum(isinstance(answer, Conflict) for answer in answers) == 3
    with pytest.raises(Conflict, match="refund_state"):
        await refunds.reject(asked.id, "王五", "too late")
    await world.work_off()
    assert (await refunds.get(asked.id)).state == "succeeded"
    trail = await world.rows("SELECT actor, action FROM audit ORDER BY seq")
    assert [(row["actor"][:2], row["action"]) for row in trail] == [
        ("张三", "refund.requested"),
        ("李四", "refund.approved"),
    ]
    assert await world.audit() == []


async def test_a_rejected_refund_frees_its_amount(world: World) -> None:
    world = build(world.database, world.clock, Policy(refund_alone_max=0))
    order = await world.paid()
    asked = await world.refund(order)
    assert (await world.payments.orders.get(order.id)).refunded == 3_500

    rejected = await world.payments.refunds.reject(asked.id, "李四", "not ours to give")

    assert (rejected.state, rejected.failure) == ("rejected", "not ours to give")
    assert (await world.payments.orders.get(order.id)).refunded == 0
    assert isinstance(await world.refund(order), Refund)
    assert await world.audit() == []


@pytest.mark.parametrize("lost", [LOST_BEFORE, LOST_AFTER])
async def test_a_missing_answer_is_unknown_and_asked_about_until_it_is_known(world: World, lost: str) -> None:
    order = await world.paid()
    refund = await world.refund(order)
    world.gateway.script("refund", lost)
    world.gateway.script("refund_query", Unknown("timeout"))

    assert await world.payments.refunds.submit(refund.id) == Over("unknown")
    assert (await world.balance(REFUNDING), (await world.payments.orders.get(order.id)).refunded) == (3_500, 3_500)
    for pause in (6, 16, 61):
        world.clock.advance(pause)
        await world.sweep()

    assert (await world.payments.refunds.get(refund.id)).state == "succeeded"
    # The same number, however often: the gateway makes one refund of it.
    assert [number for call, number in world.gateway.calls if call == "refund"] == [refund.out_refund_no] * (
        2 if lost == LOST_BEFORE else 1
    )
    assert await world.audit() == []


async def test_refunding_races_fulfilling_and_the_biller_is_never_left_with_money_that_went_back(world: World) -> None:
    """A line is either told (then undone before its money moves) or never told; all of them at once."""
    orders = [await world.paid(world.power(f"E{number}")) for number in range(10)]
    world.biller.script("settle", Silent("timeout"))

    await asyncio.gather(
        *(world.payments.fulfilment.fulfil_line(order.lines[0].id) for order in orders),
        *(world.refund(order) for order in orders),
        *(world.payments.fulfilment.fulfil_line(order.lines[0].id) for order in orders),
    )
    await world.work_off()
    await world.work_off()

    assert world.biller.booked == set()
    assert {state for order in orders for state in await world.line_states(order)} <= {"none", "reversed"}
    assert await world.balance(PAYERS) == 0
    assert await world.rows("SELECT claim FROM paid_claims") == []
    assert await world.audit() == []
