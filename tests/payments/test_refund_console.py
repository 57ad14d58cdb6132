"""Refunds that a merchant made in its gateway's console are adopted, whatever ours are doing meanwhile."""

from bot.billers.port import Refusal
from bot.payments.facts import Declined, RefundState
from bot.payments.refunds import RefundAsk
from tests.payments.scripted_gateway import LOST_BEFORE
from tests.payments.world import DUE, PAYERS, REFUNDING, World


async def test_a_refund_made_in_the_console_is_adopted(world: World) -> None:
    order = await world.settled()
    charge = (await world.charges(order))[0]

    result = await world.tell(world.gateway.console_refund(charge.out_trade_no, "C1", 3_500), id_="c1")

    assert (result.outcome, result.order_id) == ("refund", order.id)
    refund = await world.row("SELECT * FROM refunds")
    assert (refund["source"], refund["state"], refund["out_refund_no"]) == ("console", "succeeded", "C1")
    assert (await world.payments.orders.get(order.id)).refunded == 3_500
    assert (await world.balance(DUE), await world.balance(PAYERS)) == (0, 0)
    # The biller still has the payment, which only a person can mend.
    assert await world.cases() == ["console_refund"]
    assert await world.payments.refunds.request(RefundAsk(order.id, "k", "张三", "r")) == Refusal(
        "nothing_left", {"refunded": 3_500}
    )
    assert await world.audit() == []


async def test_a_console_refund_takes_the_place_of_ours_that_was_not_sent(world: World) -> None:
    order = await world.paid()
    refund = await world.refund(order)
    charge = (await world.charges(order))[0]

    await world.tell(world.gateway.console_refund(charge.out_trade_no, "C1", 3_500), id_="c1")
    await world.work_off()

    ours = await world.payments.refunds.get(refund.id)
    assert (ours.state, ours.failure) == ("rejected", "refunded_in_console")
    assert (await world.balance(DUE), await world.balance(PAYERS)) == (0, 0)
    assert world.gateway.count("refund") == 0
    assert await world.audit() == []


async def test_a_console_refund_that_meets_ours_under_way_leaves_the_books_right(world: World) -> None:
    order = await world.paid()
    refund = await world.refund(order)
    world.gateway.script("refund", LOST_BEFORE)
    await world.work_off("refund_submit")
    charge = (await world.charges(order))[0]
    await world.tell(world.gateway.console_refund(charge.out_trade_no, "C1", 3_500), id_="c1")
    assert (await world.payments.orders.get(order.id)).refunded == 3_500
    assert [finding.check for finding in await world.audit()] == []

    # The gateway has nothing left to give and says so.
    world.gateway.script("refund", Declined("over_refund", "INVALID_REQUEST"))
    world.clock.advance(6)
    await world.sweep()

    assert (await world.payments.refunds.get(refund.id)).state == "failed"
    assert (await world.payments.orders.get(order.id)).refunded == 3_500
    assert await world.balance(PAYERS) == 0
    assert await world.audit() == []


async def test_a_part_given_back_in_the_console_leaves_the_rest_to_a_person(world: World) -> None:
    order = await world.settled()
    charge = (await world.charges(order))[0]
    await world.tell(world.gateway.console_refund(charge.out_trade_no, "C1", 1_000), id_="c1")

    assert (await world.payments.orders.get(order.id)).refunded == 1_000
    assert await world.payments.refunds.request(RefundAsk(order.id, "k", "张三", "r")) == Refusal(
        "partial_refund", {"left": 2_500}
    )
    assert await world.audit() == []


async def test_a_part_given_back_in_the_console_keeps_no_line_from_its_biller(world: World) -> None:
    bill = await world.bill()
    order = await world.paid(world.rent(bill))
    charge = (await world.charges(order))[0]
    await world.tell(world.gateway.console_refund(charge.out_trade_no, "C1", 1_000), id_="c1")

    await world.work_off()

    assert (await world.line_states(order), await world.bill_state(bill)) == (["settled"], "settled")
    assert await world.cases() == ["console_refund"]
    assert await world.audit() == []


async def test_a_console_refund_of_money_in_suspense_empties_it(world: World) -> None:
    order = await world.order()
    ready = await world.open(order)
    await world.tell(world.gateway.fact(ready.out_trade_no, 1))

    await world.tell(world.gateway.console_refund(ready.out_trade_no, "C1", 1), id_="c1")

    assert await world.suspense() == [("amount", "refunded", 1)]
    assert await world.balance(PAYERS) == 0
    assert await world.audit() == []


async def test_a_refund_of_money_that_we_never_saw_is_a_case_and_no_posting(world: World) -> None:
    order = await world.order()
    ready = await world.open(order)

    result = await world.tell(world.gateway.console_refund(ready.out_trade_no, "C1", 3_500), id_="c1")

    assert result.outcome == "recorded"
    assert (await world.cases(), await world.rows("SELECT seq FROM postings")) == (["refund_unknown"], [])
    assert await world.audit() == []


async def test_a_console_refund_under_way_is_followed_to_its_end(world: World) -> None:
    order = await world.settled()
    charge = (await world.charges(order))[0]
    world.gateway.console_refund(charge.out_trade_no, "C1", 3_500)
    pending = world.gateway.settle_refund("C1", RefundState.PENDING)
    await world.tell(pending, id_="c1")
    assert (await world.balance(REFUNDING), await world.balance(DUE)) == (3_500, 0)

    world.gateway.settle_refund("C1", RefundState.SUCCEEDED)
    world.clock.advance(61)
    await world.sweep()

    assert (await world.row("SELECT state FROM refunds"))["state"] == "succeeded"
    assert (await world.balance(REFUNDING), await world.balance(PAYERS)) == (0, 0)
    assert await world.audit() == []
