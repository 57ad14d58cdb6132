"""Parts of an order go back as often as wanted, never more than was paid in all, and never behind a biller's back."""

import asyncio

import pytest

from bot.billers.port import Refusal
from bot.kernel.errors import Conflict
from bot.payments import refund_rows
from bot.payments.facts import Declined
from bot.payments.policy import Policy
from bot.payments.refunds import RefundAsk
from bot.payments.values import Order, Refund
from tests.payments.world import DUE, OTHER_PAYER, PAYERS, World, build


async def part(world: World, order: Order, amount: int, key: str, by: str = "张三") -> Refund | Refusal:
    return await world.payments.refunds.request(RefundAsk(order.id, key, by, "a dish was cold", amount=amount))


async def test_a_part_of_one_line_goes_back_and_its_line_stays_settled(world: World) -> None:
    order = await world.settled(world.meal(3_500))

    first = await part(world, order, 1_200, "a")
    await world.work_off()

    assert isinstance(first, Refund)
    assert (first.amount, first.total, first.line_id) == (1_200, 3_500, refund_rows.PART)
    assert (await world.payments.refunds.get(first.id)).state == "succeeded"
    assert await world.line_states(order) == ["settled"]
    assert (await world.balance(DUE), await world.balance(PAYERS)) == (2_300, -2_300)
    assert world.biller.count("undo") == 0
    assert await world.audit() == []


async def test_many_parts_never_exceed_what_was_paid(world: World) -> None:
    order = await world.settled(world.meal(3_500))

    made = [await part(world, order, 1_000, f"k{number}") for number in range(5)]
    last = await part(world, order, 500, "rest")
    await world.work_off()

    assert [made_one.amount for made_one in made if isinstance(made_one, Refund)] == [1_000] * 3
    assert made[3] == Refusal("partial_refund", {"left": 500})
    assert isinstance(last, Refund)
    assert await part(world, order, 1, "more") == Refusal("partial_refund", {"left": 0})
    assert sum(entry.request.amount for entry in world.gateway.refunds.values()) == 3_500
    assert (await world.balance(DUE), await world.balance(PAYERS)) == (0, 0)
    assert await world.audit() == []


async def test_parts_at_once_never_exceed_what_was_paid(world: World) -> None:
    order = await world.settled(world.meal(3_500))

    made = await asyncio.gather(*(part(world, order, 400, f"k{number}") for number in range(30)))

    assert sum(entry.amount for entry in made if isinstance(entry, Refund)) == 3_200
    assert (await world.payments.orders.get(order.id)).refunded == 3_200
    assert await world.audit() == []


async def test_a_line_of_several_goes_back_whole_and_a_part_of_the_others(world: World) -> None:
    order = await world.settled(world.meal(1_000), world.meal(2_000), world.meal(3_000))
    whole = await world.refund(order, line_id=order.lines[1].id)
    some = await part(world, order, 1_500, "some")
    await world.work_off()

    assert (whole.amount, isinstance(some, Refund)) == (2_000, True)
    assert await world.line_states(order) == ["settled", "reversed", "settled"]
    # 4000 are left of the two lines, less the part.
    assert await part(world, order, 2_501, "over") == Refusal("partial_refund", {"left": 2_500})
    request = world.payments.refunds.request
    assert await request(RefundAsk(order.id, "l", "张三", "r", order.lines[2].id)) == Refusal(
        "partial_refund", {"left": 2_500}
    )
    assert (await world.refund(order, line_id=order.lines[0].id)).amount == 1_000
    assert isinstance(await part(world, order, 1_500, "rest"), Refund)
    await world.work_off()
    assert (await world.balance(DUE), await world.balance(PAYERS)) == (0, 0)
    assert await world.audit() == []


async def test_no_part_of_a_bill_goes_back(world: World) -> None:
    """A bill is paid or it is not, and a remote biller would go on counting what it was told."""
    for line in (world.rent(await world.bill()), world.power("E7")):
        order = await world.settled(line)
        assert await part(world, order, 1, f"k-{order.id}") == Refusal("partial_refund", {"left": 0})
        assert isinstance(await world.refund(order), Refund)
    assert await world.audit() == []


async def test_small_parts_of_one_name_do_not_pass_the_second(world: World) -> None:
    world = build(world.database, world.clock, Policy(refund_alone_max=1_000))
    order = await world.settled(world.meal(3_500))

    states = [getattr(await part(world, order, 400, f"k{number}"), "state", "") for number in range(4)]

    assert states == ["approved", "approved", "requested", "requested"]
    assert (await world.cases()).count("refund_approval") == 2


async def test_a_part_is_above_zero_and_of_the_whole_order() -> None:
    for wrong in ({"amount": 0}, {"amount": -1}, {"amount": 5, "line_id": "oln_1"}):
        with pytest.raises(ValueError, match="a part of an order"):
            RefundAsk("ord", "k", "张三", "r", **wrong)


async def test_a_key_stands_for_its_amount(world: World) -> None:
    order = await world.settled(world.meal(3_500))
    first = await part(world, order, 700, "k")

    assert await part(world, order, 700, "k") == first
    with pytest.raises(Conflict, match="idempotency_conflict"):
        await part(world, order, 701, "k")


async def test_a_part_that_its_gateway_refused_is_free_again(world: World) -> None:
    order = await world.settled(world.meal(3_500))
    world.gateway.script("refund", Declined("not_enough", "NOT_ENOUGH"))
    await part(world, order, 3_000, "a")
    await world.work_off()

    assert (await world.payments.orders.get(order.id)).refunded == 0
    assert isinstance(await part(world, order, 3_500, "b"), Refund)
    assert await world.cases() == ["refund_failed"]


async def test_the_original_route_is_the_only_one(world: World) -> None:
    """What goes back goes to the charge that was paid, at its gateway, account and number."""
    order = await world.order(world.meal(3_500))
    first = await world.open(order)
    paid = await world.pay_as(order, OTHER_PAYER)
    await world.work_off("fulfil")
    await part(world, order, 100, "a")
    await world.work_off()

    [sent] = [refund.request for refund in world.gateway.refunds.values()]
    assert (sent.out_trade_no, sent.account, sent.total) == (paid.out_trade_no, "main", 3_500)
    assert sent.out_trade_no != first.out_trade_no
