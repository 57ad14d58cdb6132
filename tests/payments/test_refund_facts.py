"""What gateways say about refunds and about money that no order could take ends in the books once, and truly."""

import asyncio
from typing import Any

import pytest

from bot.kernel.errors import Conflict, NotFound
from bot.payments.facts import Declined, RefundState
from tests.payments.world import DUE, PAYERS, REFUNDING, World


async def test_a_refund_that_the_gateway_takes_its_time_for_ends_by_its_notice(world: World) -> None:
    order = await world.paid()
    refund = await world.refund(order)
    world.gateway.refund_outcome = RefundState.PENDING
    await world.work_off()
    assert (await world.payments.refunds.get(refund.id)).state == "pending"

    fact = world.gateway.settle_refund(refund.out_refund_no, RefundState.SUCCEEDED)
    first, again = await world.tell(fact, id_="r1"), await world.tell(fact, id_="r1")
    await world.tell(fact, id_="r2")

    assert (first.outcome, first.repeated, again.repeated) == ("refund", False, True)
    assert (await world.payments.refunds.get(refund.id)).state == "succeeded"
    assert await world.balance(PAYERS) == 0
    assert await world.audit() == []


async def test_notices_and_answers_about_one_refund_at_once_pay_it_out_once(world: World) -> None:
    order = await world.paid()
    refund = await world.refund(order)
    world.gateway.refund_outcome = RefundState.PENDING
    await world.work_off()
    fact = world.gateway.settle_refund(refund.out_refund_no, RefundState.SUCCEEDED)

    await asyncio.gather(
        *(world.tell(fact, id_=f"r{n % 3}") for n in range(9)),
        *(world.payments.refunds.ask(refund.id) for _ in range(5)),
    )

    assert (await world.balance(REFUNDING), await world.balance(PAYERS)) == (0, 0)
    assert await world.jobs("receipt") == [refund.id]
    assert await world.audit() == []


async def test_abnormal_is_for_a_person_and_may_still_end_either_way(world: World) -> None:
    for end in (RefundState.SUCCEEDED, RefundState.FAILED):
        order = await world.paid()
        refund = await world.refund(order)
        world.gateway.refund_outcome = RefundState.ABNORMAL
        await world.work_off("refund_submit")
        assert (await world.payments.refunds.get(refund.id)).state == "abnormal"
        assert await world.payments.refunds.ask(refund.id) == "abnormal"

        await world.tell(world.gateway.settle_refund(refund.out_refund_no, end), id_=f"r-{end}")

        assert (await world.payments.refunds.get(refund.id)).state == end
        assert await world.audit() == []
    assert (await world.cases()).count("refund_abnormal") == 2
    assert await world.balance(PAYERS) == -3_500


@pytest.mark.parametrize("how", ["declined", "failed"])
async def test_a_refund_that_failed_for_good_frees_its_amount_and_is_a_case(world: World, how: str) -> None:
    order = await world.paid()
    refund = await world.refund(order)
    if how == "declined":
        world.gateway.script("refund", Declined("not_enough", "NOT_ENOUGH"))
    else:
        world.gateway.refund_outcome = RefundState.FAILED

    await world.work_off("refund_submit")

    assert (await world.payments.refunds.get(refund.id)).state == "failed"
    assert (await world.payments.orders.get(order.id)).refunded == 0
    assert (await world.balance(DUE), await world.balance(REFUNDING)) == (3_500, 0)
    assert await world.cases() == ["refund_failed"]
    # Its line, kept from the biller meanwhile, is told now; and the money can be asked back again.
    await world.work_off("fulfil")
    assert await world.line_states(order) == ["settled"]
    assert (await world.refund(order)).out_refund_no != refund.out_refund_no
    assert await world.audit() == []


async def test_contradicting_words_about_a_refund_change_nothing_and_call_a_person(world: World) -> None:
    order = await world.paid()
    refund = await world.refund(order)
    await world.work_off()
    fact = world.gateway.refunds[refund.out_refund_no].fact

    async def tell(**changes: Any) -> None:
        await world.tell(type(fact)(**{**_fields(fact), **changes}), id_=str(changes))

    await tell(state=RefundState.FAILED)
    await tell(amount=1)
    await tell(merchant_id="1900000099")
    await world.tell(fact, id_="foreign account", account="second")

    assert (await world.payments.refunds.get(refund.id)).state == "succeeded"
    assert sorted(await world.cases()) == [
        "refund_contradiction",
        "refund_foreign",
        "refund_foreign",
        "refund_mismatch",
    ]
    assert await world.audit() == []


def _fields(fact: Any) -> dict[str, Any]:
    return {name: getattr(fact, name) for name in fact.__slots__}


async def test_surplus_is_given_back_once_and_stays_when_that_fails(world: World) -> None:
    order = await world.order()
    ready = await world.open(order)
    await world.tell(world.gateway.fact(ready.out_trade_no, 77))
    suspense_id = (await world.row("SELECT id FROM suspense"))["id"]
    surplus = world.payments.refunds.surplus
    world.gateway.script("refund", Declined("not_enough"))

    first, twin = await asyncio.gather(surplus(suspense_id, "张三"), surplus(suspense_id, "李四"))
    assert first.id == twin.id
    assert (first.amount, first.total, first.source) == (77, 77, "surplus")
    await world.work_off("refund_submit")
    assert await world.suspense() == [("amount", "held", 77)]
    assert await world.audit() == []

    again = await surplus(suspense_id, "张三")
    await world.work_off("refund_submit")
    assert again.id != first.id
    assert await world.suspense() == [("amount", "refunded", 77)]
    assert await world.balance(PAYERS) == 0
    with pytest.raises(NotFound, match="suspense_unknown"):
        await surplus("sus_none")
    assert await world.audit() == []


async def test_money_that_was_applied_after_all_is_no_surplus(world: World) -> None:
    order = await world.order()
    ready = await world.open(order)
    fact = world.gateway.pay(ready.out_trade_no)
    await world.tell(type(fact)(**{**_fields(fact), "amount": 1}))
    await world.tell(fact, id_="right")
    suspense_id = (await world.row("SELECT id FROM suspense"))["id"]

    with pytest.raises(Conflict, match="suspense_state"):
        await world.payments.refunds.surplus(suspense_id)
