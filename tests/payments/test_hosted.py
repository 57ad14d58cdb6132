"""The payments and the operator's own biller move the same bills, and agree at every step."""

import dataclasses

from tests.payments.world import PAYERS, World


async def test_a_bill_is_paid_settled_undone_refunded_and_paid_again(world: World) -> None:
    bill = await world.bill(10_000, late_fee=50)
    order = await world.settled(world.rent(bill))
    assert (await world.line_states(order), await world.bill_state(bill)) == (["settled"], "settled")
    assert await world.audit() == []

    await world.refund(order)
    await world.work_off()

    assert (await world.line_states(order), await world.bill_state(bill)) == (["reversed"], "reopened")
    assert (await world.row("SELECT paid FROM bills"))["paid"] == 0
    assert await world.balance(PAYERS) == 0
    again = await world.settled(world.rent(bill))
    assert (again.state, await world.bill_state(bill)) == ("paid", "settled")
    assert await world.audit() == []


async def test_parts_of_a_bill_are_settled_while_another_part_is_being_paid(world: World) -> None:
    bill = await world.bill(10_000)
    first = await world.paid(world.rent(bill, 4_000))
    second = await world.order(world.rent(dataclasses.replace(bill, amount=6_000)))
    assert await world.bill_state(bill) == "held"

    await world.work_off("fulfil")
    await world.pay(second)
    await world.work_off("fulfil")

    assert await world.line_states(first) == await world.line_states(second) == ["settled"]
    assert await world.bill_state(bill) == "settled"
    await world.refund(first)
    await world.work_off()
    assert (await world.row("SELECT paid FROM bills"))["paid"] == 6_000
    assert await world.bill_state(bill) == "reopened"
    assert await world.audit() == []


async def test_a_late_payment_is_settled_like_any_other(world: World) -> None:
    bill = await world.bill()
    order = await world.order(world.rent(bill))
    ready = await world.open(order)
    world.gateway.charges[ready.out_trade_no].state = "closed"
    await world.payments.sweeper.close_order(order.id)
    world.gateway.charges[ready.out_trade_no].state = "waiting"

    await world.tell(world.gateway.pay(ready.out_trade_no))
    await world.work_off()

    assert (await world.state(order), await world.bill_state(bill)) == ("paid", "settled")
    assert await world.audit() == []


async def test_what_was_let_off_pays_its_bill_and_only_the_money_goes_back(world: World) -> None:
    """A bill of 100 that is paid early by 98 owes nothing more; its refund is 98 and opens all 100 again."""
    bill = await world.bill(10_000)
    order = await world.settled(world.let_off(bill, 200))
    assert (order.amount, order.lines[0].discount, order.lines[0].principal) == (9_800, 200, 10_000)
    assert await world.bill_state(bill) == "settled"
    assert await world.audit() == []

    await world.refund(order)
    await world.work_off()
    assert (await world.row("SELECT paid FROM bills"))["paid"] == 0
    assert (await world.row("SELECT refunded FROM orders"))["refunded"] == 9_800
    assert await world.balance(PAYERS) == 0
    assert await world.audit() == []


async def test_a_late_payment_of_a_discounted_bill_still_fits_only_the_whole_of_it(world: World) -> None:
    bill = await world.bill(10_000)
    order = await world.order(world.let_off(bill, 200))
    ready = await world.open(order)
    world.gateway.charges[ready.out_trade_no].state = "closed"
    await world.payments.sweeper.close_order(order.id)
    part = await world.paid(world.rent(bill, 150))
    world.gateway.charges[ready.out_trade_no].state = "waiting"
    await world.tell(world.gateway.pay(ready.out_trade_no))

    assert await world.state(part) == "paid"
    assert await world.state(order) == "paid_late", "9,850 remain, and it was worth 10,000"
