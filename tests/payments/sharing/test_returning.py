"""Shares come back before their payment goes back: asked for once, waited for, and decided by people when refused."""

import asyncio
from typing import Any

import pytest

from bot.kernel.errors import Conflict, NotFound
from bot.payments.facts import Declined, RefundState, Unknown
from bot.payments.faculties import PartState
from bot.payments.refunds import Over, RefundAsk, Waiting
from bot.payments.sharing import returning
from bot.payments.values import Refund
from tests.payments.scripted_gateway import LOST_AFTER, LOST_BEFORE
from tests.payments.sharing.rig import AGENT, OWNERS, ShareWorld
from tests.payments.world import DUE, PAYERS, REFUNDING


async def test_a_refund_waits_until_its_shares_are_back(sharing: ShareWorld) -> None:
    world = sharing.world
    order, share = await sharing.shared(world.meal(10_000))
    refund = await world.refund(order)
    await world.payments.refunds.submit(refund.id)
    await sharing.work_off("undo")
    assert await world.payments.refunds.submit(refund.id) == Waiting("shares_first", 30.0)
    assert (world.gateway.count("refund"), await sharing.back(share)) == (0, [(1_000, "planned"), (50, "planned")])
    assert await world.payments.refunds.submit(refund.id) == Waiting("shares_first", 30.0)

    await sharing.work_off()

    assert await sharing.back(share) == [(1_000, "succeeded"), (50, "succeeded")]
    assert (await world.payments.refunds.get(refund.id)).state == "succeeded"
    calls = [str(call) for call, _ in world.gateway.calls if str(call) in ("take_back", "refund")]
    assert calls == ["take_back", "take_back", "refund"]
    assert (sharing.faculty.held(OWNERS), sharing.faculty.held(AGENT)) == (0, 0)
    assert (await world.balance(DUE), await world.balance(PAYERS), await world.balance(REFUNDING)) == (0, 0, 0)
    assert await world.balance("shared:mer:owners") == 0
    assert await sharing.audit() == []


async def test_a_part_of_a_payment_takes_a_part_of_the_shares(sharing: ShareWorld) -> None:
    world = sharing.world
    order, share = await sharing.shared(world.meal(10_000), world.meal(20_000))
    await world.refund(order, line_id=order.lines[1].id)
    await sharing.work_off()

    # Of 10,000 that are left the owners have a tenth, and the agent's sum is fixed.
    assert await sharing.back(share) == [(2_000, "succeeded")]
    assert (sharing.faculty.held(OWNERS), sharing.faculty.held(AGENT)) == (1_000, 50)
    asked = await world.payments.refunds.request(RefundAsk(order.id, "k", "张三", "cold", amount=5_005))
    assert isinstance(asked, Refund)
    await sharing.work_off()
    # A tenth of 4,995 is 499.5, half up.
    assert sharing.faculty.held(OWNERS) == 500
    assert await sharing.audit() == []


@pytest.mark.parametrize("lost", [LOST_BEFORE, LOST_AFTER])
async def test_a_return_without_an_answer_is_asked_about_and_never_made_twice(sharing: ShareWorld, lost: str) -> None:
    world = sharing.world
    order, share = await sharing.shared()
    refund = await world.refund(order)
    world.gateway.scripts["take_back"].append(lost)
    world.gateway.scripts["take_back_query"].append(Unknown("timeout"))
    await sharing.work_off()
    assert [state for _, state in await sharing.back(share)] == ["unknown", "succeeded"]
    assert world.gateway.count("refund") == 0

    for pause in (6, 16, 61):
        world.clock.advance(pause)
        await sharing.sweep()
        await sharing.work_off()

    assert (await world.payments.refunds.get(refund.id)).state == "succeeded"
    assert (sharing.faculty.held(OWNERS), len(sharing.faculty.returns)) == (0, 2)
    # The same number and the same sum, however often.
    numbers = [asked.out_return_no for asked in sharing.faculty.asked_back if asked.receiver.number == OWNERS]
    assert numbers == [numbers[0]] * (2 if lost == LOST_BEFORE else 1)
    assert await sharing.audit() == []


async def test_a_return_under_way_keeps_the_refund(sharing: ShareWorld) -> None:
    world = sharing.world
    sharing.faculty.back_outcome = PartState.PENDING
    order, share = await sharing.shared()
    refund = await world.refund(order)
    await sharing.work_off()
    assert await sharing.back(share) == [(350, "sent"), (50, "sent")]
    assert await world.payments.refunds.submit(refund.id) == Waiting("shares_first", 30.0)

    for number, (asked, fact) in sharing.faculty.returns.items():
        sharing.faculty.returns[number] = (asked, type(fact)(number, PartState.SUCCEEDED, fact.amount))
    world.clock.advance(6)
    await sharing.sweep()
    await sharing.work_off()

    assert (await world.payments.refunds.get(refund.id)).state == "succeeded"
    assert await sharing.audit() == []


async def refused(sharing: ShareWorld) -> tuple[Refund, Any]:
    """A refund whose first receiver does not give its part back."""
    order, share = await sharing.shared()
    refund = await sharing.world.refund(order)
    sharing.world.gateway.scripts["take_back"].append(Declined("not_enough"))
    await sharing.work_off()
    assert [state for _, state in await sharing.back(share)] == ["failed", "succeeded"]
    assert await sharing.cases() == ["share_return_failed"]
    assert await sharing.world.payments.refunds.submit(refund.id) == Waiting("share_kept", 30.0)
    [failed] = await sharing.world.rows("SELECT id FROM share_returns WHERE state = 'failed'")
    return refund, failed["id"]


async def test_a_receiver_that_refuses_stops_the_refund_until_the_merchant_bears_it(sharing: ShareWorld) -> None:
    world = sharing.world
    refund, failed = await refused(sharing)
    assert await sharing.audit() == []

    await world.database.effect(lambda tx: returning.waive_in(tx, failed, world.clock.now()))
    await sharing.work_off()

    assert (await world.payments.refunds.get(refund.id)).state == "succeeded"
    # The merchant gave back what the receiver kept.
    assert (await world.balance(DUE), await world.balance("shared:mer:owners")) == (-350, 350)
    with pytest.raises(Conflict, match="share_return_state"):
        await world.database.effect(lambda tx: returning.waive_in(tx, failed, world.clock.now()))
    assert await sharing.audit() == []


async def test_a_second_attempt_has_its_own_number(sharing: ShareWorld) -> None:
    world = sharing.world
    refund, failed = await refused(sharing)

    await world.database.effect(lambda tx: returning.again_in(tx, failed, world.clock.now()))
    await sharing.work_off()

    assert (await world.payments.refunds.get(refund.id)).state == "succeeded"
    numbers = [asked.out_return_no for asked in sharing.faculty.asked_back if asked.receiver.number == OWNERS]
    assert len(set(numbers)) == 2
    assert await world.balance(DUE) == 0
    with pytest.raises(NotFound, match="share_return_unknown"):
        await world.database.effect(lambda tx: returning.again_in(tx, "srt_none", world.clock.now()))
    assert await sharing.audit() == []


async def test_a_refund_waits_while_the_receivers_are_being_given_their_parts(sharing: ShareWorld) -> None:
    world = sharing.world
    sharing.faculty.outcomes = {AGENT: PartState.PENDING}
    order, share = await sharing.shared()
    refund = await world.refund(order)
    await sharing.work_off()
    assert await world.payments.refunds.submit(refund.id) == Waiting("share_under_way", 30.0)
    assert sharing.faculty.asked_back == []

    sharing.faculty.settle(AGENT, PartState.SUCCEEDED)
    world.clock.advance(6)
    await sharing.sweep()
    await sharing.work_off()

    assert (await sharing.share_of(order)).state == "done"
    assert (await world.payments.refunds.get(refund.id)).state == "succeeded"
    assert [state for _, state in await sharing.back(share)] == ["succeeded", "succeeded"]
    assert await sharing.audit() == []


async def test_a_refund_before_sharing_needs_nothing_back_and_leaves_less_to_share(sharing: ShareWorld) -> None:
    world = sharing.world
    order = await world.settled(world.meal(10_000))
    asked = await world.payments.refunds.request(RefundAsk(order.id, "k", "张三", "cold", amount=4_000))
    assert isinstance(asked, Refund)
    assert await world.payments.refunds.submit(asked.id) == Over("succeeded")
    await sharing.work_off()

    share = await sharing.share_of(order)
    assert await sharing.parts(share) == {"owners": (600, "succeeded"), "agent": (50, "succeeded")}
    assert (share.rest, await sharing.back(share)) == (9_350, [])
    assert await world.balance(DUE) == 10_000 - 4_000 - 650
    assert await sharing.audit() == []


async def test_a_console_refund_takes_its_shares_back_afterwards(sharing: ShareWorld) -> None:
    world = sharing.world
    order, share = await sharing.shared(world.meal(10_000))

    await world.tell(world.gateway.console_refund(share.out_trade_no, "C1", 5_000), id_="c1")
    await sharing.work_off()

    assert (sharing.faculty.held(OWNERS), sharing.faculty.held(AGENT)) == (500, 50)
    assert await sharing.back(share) == [(500, "succeeded")]
    assert (await world.payments.orders.get(order.id)).refunded == 5_000
    assert await sharing.audit() == []


async def test_a_refund_that_failed_leaves_the_shares_with_the_merchant(sharing: ShareWorld) -> None:
    world = sharing.world
    world.gateway.refund_outcome = RefundState.FAILED
    order, _ = await sharing.shared(world.meal(10_000))
    await world.refund(order)
    await sharing.work_off()

    assert await sharing.cases() == ["refund_failed"]
    assert (await world.balance(DUE), sharing.faculty.held(OWNERS)) == (10_000, 0)
    assert await sharing.audit() == []


async def test_refunds_at_once_take_no_share_back_twice(sharing: ShareWorld) -> None:
    world = sharing.world
    order, _ = await sharing.shared(*(world.meal(1_000 + number) for number in range(5)))
    refunds = [await world.refund(order, line_id=line.id) for line in order.lines]
    await asyncio.gather(*(world.payments.refunds.submit(refund.id) for refund in refunds))
    await asyncio.gather(sharing.work_off("undo"), sharing.work_off("share_return"))
    await sharing.work_off()

    assert {(await world.payments.refunds.get(refund.id)).state for refund in refunds} == {"succeeded"}
    assert (sharing.faculty.held(OWNERS), sharing.faculty.held(AGENT)) == (0, 0)
    assert (await world.balance(DUE), await world.balance(PAYERS)) == (0, 0)
    assert await sharing.audit() == []


async def test_surplus_of_a_frozen_charge_goes_back_without_any_share(sharing: ShareWorld) -> None:
    world = sharing.world
    order = await world.order()
    ready = await world.open(order)
    await world.tell(world.gateway.fact(ready.out_trade_no, 77))
    suspense_id = (await world.row("SELECT id FROM suspense"))["id"]
    refund = await world.payments.refunds.surplus(suspense_id, "张三")

    await sharing.work_off()

    assert (await world.payments.refunds.get(refund.id)).state == "succeeded"
    assert sharing.faculty.asked_back == []
    assert await sharing.audit() == []
