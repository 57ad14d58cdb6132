"""Billers are told of paid lines once, whatever gets lost on the way, and the customer hears how it ended."""

import asyncio

import pytest

from bot.billers.port import Pending, Refused, Settled, Silent
from bot.kernel.errors import NotFound
from bot.payments.fulfilment import Ended, Wait
from bot.payments.gatekeeper import Placing
from bot.payments.policy import Policy
from bot.payments.values import Order
from tests.payments.scripted_biller import LOST_AFTER
from tests.payments.world import DUE, World, build


async def tell(world: World, order: Order, position: int = 0) -> Ended | Wait:
    return await world.payments.fulfilment.fulfil_line(order.lines[position].id)


async def test_a_paid_line_is_told_with_its_account_and_the_receipt_follows_the_last_line(world: World) -> None:
    bill = await world.bill(10_000, late_fee=50)
    order = await world.paid(world.rent(bill), world.meal())

    assert await tell(world, order) == Ended("settled")
    assert await world.jobs("receipt") == []
    assert await tell(world, order, 1) == Ended("settled")
    assert await tell(world, order) == Ended("settled")

    rent, meal = world.biller.told
    assert (rent.account, rent.bill_no, rent.amount, rent.late_fee) == ("1-101", bill.bill_no, 10_050, 50)
    assert (rent.paid_at, rent.trace_id) == (order.paid_at, order.trace_id)
    assert (meal.account, meal.bill_id) == ("", None)
    assert await world.line_states(order) == ["settled", "settled"]
    assert [line.biller_ref for line in (await world.payments.orders.get(order.id)).lines] == [
        order.lines[0].id,
        f"ref-{order.lines[1].id}",
    ]
    assert await world.jobs("receipt") == [order.id]
    receipt = await world.row("SELECT dest, payload FROM outbox WHERE kind = 'receipt'")
    assert (receipt["dest"], receipt["payload"]) == ("official:main", f'{{"order_id":"{order.id}"}}')


async def test_an_order_that_nobody_can_be_told_about_has_no_receipt_message(world: World) -> None:
    order = await world.order(world.meal(), placing=Placing("static_code", "trace-2"))
    await world.pay(order)

    await world.work_off("fulfil")

    assert await world.line_states(order) == ["settled"]
    assert await world.jobs("receipt") == []


async def test_silence_is_unknown_and_the_status_is_asked_before_anything_is_repeated(world: World) -> None:
    order = await world.paid()
    world.biller.script("settle", LOST_AFTER)

    assert await tell(world, order) == Wait("timeout")
    assert await world.line_states(order) == ["unknown"]
    assert await tell(world, order) == Ended("settled")

    assert [call for call, _ in world.biller.calls] == ["settle", "settle_status"]


async def test_a_biller_that_never_heard_of_a_line_is_told_again(world: World) -> None:
    order = await world.paid()
    world.biller.script("settle", Silent("refused connection"))
    world.biller.script("settle_status", Silent("timeout"))

    answers = [await tell(world, order) for _ in range(3)]

    assert answers == [Wait("refused connection"), Wait("timeout"), Ended("settled")]
    assert [call for call, _ in world.biller.calls] == ["settle", "settle_status", "settle_status", "settle"]


async def test_pending_waits_as_long_as_the_biller_says_within_reason(world: World) -> None:
    order = await world.paid()
    world.biller.script("settle", Pending(7))
    world.biller.script("settle_status", Pending(0), Pending(999_999), Settled("R1"))

    answers = [await tell(world, order) for _ in range(4)]

    assert answers == [Wait("pending", 7), Wait("pending", 1.0), Wait("pending", 3600.0), Ended("settled")]
    assert await world.line_states(order) == ["settled"]


async def test_a_dead_worker_leaves_a_sent_line_that_the_next_one_asks_about(world: World) -> None:
    """The intent is committed before the call, so nobody ever tells a biller as if for the first time again."""
    order = await world.paid()
    line = order.lines[0]
    await world.execute("UPDATE order_lines SET state = 'sent' WHERE id = $1", line.id)
    world.biller.booked.add(line.id)

    assert await tell(world, order) == Ended("settled")
    assert [call for call, _ in world.biller.calls] == ["settle_status"]


async def test_many_workers_on_one_line_settle_it_once(world: World) -> None:
    order = await world.paid()

    await asyncio.gather(*(tell(world, order) for _ in range(8)))

    assert await world.line_states(order) == ["settled"]
    assert len(await world.jobs("receipt")) == 1


async def test_a_refusal_is_a_case_and_the_customer_is_told(world: World) -> None:
    order = await world.paid()
    world.biller.script("settle", Refused("amount", "50.00 expected"))

    assert await tell(world, order) == Ended("refused")

    assert (await world.payments.orders.get(order.id)).lines[0].refusal == "amount"
    assert (await world.cases(), await world.jobs("receipt")) == (["settle_refused"], [order.id])
    assert await world.jobs("refund_submit") == []
    assert await world.audit() == []


@pytest.mark.parametrize("code", ["paid_elsewhere", "sold_out"])
async def test_a_biller_that_has_nothing_to_give_gives_that_line_back_and_keeps_the_others(
    world: World, code: str
) -> None:
    order = await world.paid(world.power("E1"), world.meal(3_500))
    world.biller.script("settle", Refused(code))

    await tell(world, order)
    await world.work_off()

    assert await world.line_states(order) == ["refused", "settled"]
    refund = await world.row("SELECT * FROM refunds")
    assert (refund["state"], refund["amount"], refund["line_id"]) == ("succeeded", 12_850, order.lines[0].id)
    assert refund["requested_by"] == f"system:{code}"
    assert await world.balance(DUE) == 3_500
    # The bill can be paid again: the claim went with the money.
    assert [row["line_id"] for row in await world.rows("SELECT line_id FROM paid_claims")] == []
    assert await world.audit() == []


async def test_much_money_paid_elsewhere_waits_for_a_second_name(world: World) -> None:
    world = build(world.database, world.clock, Policy(refund_alone_max=100))
    order = await world.paid(world.power("E1"))
    world.biller.script("settle", Refused("paid_elsewhere"))

    await world.work_off()
    refund = await world.row("SELECT * FROM refunds")
    assert refund["state"] == "requested"
    await world.payments.refunds.approve(refund["id"], "李四")
    await world.work_off()

    assert (await world.row("SELECT state FROM refunds"))["state"] == "succeeded"
    assert (await world.payments.orders.get(order.id)).refunded == 12_850
    assert await world.audit() == []


async def test_an_unpaid_order_is_told_to_nobody(world: World) -> None:
    order = await world.order()

    assert await tell(world, order) == Wait("order_unpaid", 5.0)
    assert world.biller.calls == []
    with pytest.raises(NotFound, match="line_unknown"):
        await world.payments.fulfilment.fulfil_line("oln_none")


async def test_a_line_whose_money_is_on_its_way_back_is_not_told(world: World) -> None:
    order = await world.paid()
    await world.refund(order)

    await world.work_off()

    assert world.biller.calls == []
    assert await world.line_states(order) == ["none"]
    assert (await world.payments.orders.get(order.id)).refunded == 3_500
    assert await world.audit() == []


async def test_a_line_is_told_after_all_when_its_refund_comes_to_nothing(world: World) -> None:
    world = build(world.database, world.clock, Policy(refund_alone_max=100))
    order = await world.paid()
    refund = await world.refund(order)
    await world.work_off("fulfil")
    assert await world.line_states(order) == ["none"]

    await world.payments.refunds.reject(refund.id, "李四", "no reason")
    await world.work_off("fulfil")

    assert await world.line_states(order) == ["settled"]
    assert await world.audit() == []


async def test_undoing_asks_for_the_status_before_it_is_repeated(world: World) -> None:
    order = await world.settled()
    await world.refund(order)
    world.biller.script("undo", Silent("timeout"), LOST_AFTER)
    undo = world.payments.fulfilment.undo_line
    line_id = order.lines[0].id

    await world.work_off("refund_submit")
    assert await world.line_states(order) == ["reversing"]
    answers = [await undo(line_id) for _ in range(4)]

    assert answers == [Wait("timeout"), Wait("timeout"), Ended("reversed"), Ended("reversed")]
    calls = [call for call, _ in world.biller.calls if call.startswith("undo")]
    assert calls == ["undo", "undo_status", "undo", "undo_status"]
    world.biller.script("undo_status", Pending(3))
    assert await world.line_states(order) == ["reversed"]


async def test_undo_may_be_pending(world: World) -> None:
    order = await world.settled()
    await world.refund(order)
    await world.work_off("refund_submit")
    world.biller.script("undo", Pending(30))

    assert await world.payments.fulfilment.undo_line(order.lines[0].id) == Wait("pending", 30)
    assert await world.line_states(order) == ["reversing"]
