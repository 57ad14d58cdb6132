"""A notice that tells only how much went back so far has the gateway asked, and never books a refund by itself."""

from dataclasses import replace
from typing import Any

import pytest

from bot.jobs.payload import unpack
from bot.payments.facts import Missing, Notice, RefundedSum, RefundFact, RefundState, Unknown
from bot.payments.refunds import Over, Waiting
from bot.payments.values import Order
from tests.payments.scripted_gateway import LOST_AFTER, MCHID
from tests.payments.world import DUE, PAYERS, World


async def tell(
    world: World, number: str, refund: str, so_far: int, *, id_: str = "sum-1", merchant: str = MCHID
) -> Any:
    notice = Notice(id_, "main", RefundedSum(number, refund, so_far, merchant), "trade_status_sync.REFUND", "digest")
    return await world.payments.notices.take("scripted", notice, "trace-notice")


async def settle(world: World) -> list[Waiting | Over]:
    """Do the jobs that such notices made, as the worker does."""
    answers = []
    for row in await world.rows("SELECT * FROM outbox WHERE kind = 'refund_sum' AND state = 'ready' ORDER BY id"):
        payload = unpack(row["payload"], None)
        told = RefundedSum(**payload["told"])
        answer = await world.payments.refund_sums.settle(payload["gateway"], payload["account"], told, "trace-notice")
        if isinstance(answer, Over):
            await world.execute("UPDATE outbox SET state = 'done', done_at = 0 WHERE id = $1", row["id"])
        answers.append(answer)
    return answers


async def number_of(world: World, order: Order) -> str:
    return (await world.charges(order))[0].out_trade_no


async def refunds(world: World) -> list[tuple[str, str, int]]:
    rows = await world.rows("SELECT source, state, amount FROM refunds ORDER BY created_at, id")
    return [(row["source"], row["state"], row["amount"]) for row in rows]


async def test_our_own_refund_is_asked_about_at_once(world: World) -> None:
    """Its answer was lost; the sweeper would have asked in some minutes."""
    order = await world.paid()
    await world.refund(order)
    world.gateway.script("refund", LOST_AFTER)
    await world.work_off("refund_submit")
    [(_, state, amount)] = await refunds(world)
    assert state == "unknown"

    number = await number_of(world, order)
    assert str((await tell(world, number, "R1", amount)).outcome) == "recorded"
    assert await refunds(world) == [("order", "unknown", amount)], "nothing is booked on a sum"
    assert await settle(world) == [Over("known")]
    assert await refunds(world) == [("order", "succeeded", amount)]
    assert await world.audit() == []


async def test_a_console_refund_is_adopted_for_what_the_query_says(world: World) -> None:
    order = await world.settled()
    number = await number_of(world, order)
    world.gateway.console_refund(number, "C1", 1_500)
    await tell(world, number, "C1", 1_500)
    assert await settle(world) == [Over("adopted")]

    assert await refunds(world) == [("console", "succeeded", 1_500)]
    assert (await world.payments.orders.get(order.id)).refunded == 1_500
    assert await world.cases() == ["console_refund"]
    assert await world.audit() == []


async def test_sums_of_several_refunds_are_never_counted_twice(world: World) -> None:
    """Two console refunds, the notices repeated and in the wrong order, and the same told by another door."""
    order = await world.settled()
    number = await number_of(world, order)
    first = world.gateway.console_refund(number, "C1", 1_500)
    world.gateway.console_refund(number, "C2", 500)
    await tell(world, number, "C2", 2_000, id_="sum-2")
    assert await settle(world) == [Over("unexplained")]
    assert await refunds(world) == [("console", "succeeded", 500)], "what the notice names, and no more"

    await tell(world, number, "C1", 1_500, id_="sum-1")
    repeated = await tell(world, number, "C2", 2_000, id_="sum-2")
    assert repeated.repeated
    assert isinstance(first, RefundFact)
    await world.tell(first, id_="other-door")
    assert [type(answer) for answer in await settle(world)] == [Over]
    assert sorted(await refunds(world)) == [("console", "succeeded", 500), ("console", "succeeded", 1_500)]
    assert (await world.payments.orders.get(order.id)).refunded == 2_000
    assert await world.audit() == []


async def test_silence_is_asked_again_and_a_no_is_a_persons(world: World) -> None:
    order = await world.settled()
    number = await number_of(world, order)
    await tell(world, number, "C1", 1_500)
    world.gateway.script("refund_query", Unknown("timeout"))
    assert await settle(world) == [Waiting("timeout")]
    world.gateway.script("refund_query", Missing())
    assert await settle(world) == [Over("unexplained")]

    assert await refunds(world) == []
    assert await world.cases() == ["refund_unknown"]
    assert (await world.balance(DUE), await world.balance(PAYERS)) == (order.amount, -order.amount)


async def test_what_is_under_way_at_the_gateway_is_followed(world: World) -> None:
    order = await world.settled()
    number = await number_of(world, order)
    fact = world.gateway.console_refund(number, "C1", 1_500)
    assert isinstance(fact, RefundFact)
    world.gateway.refunds["C1"].fact = pending(fact)
    await tell(world, number, "C1", 1_500)

    assert await settle(world) == [Over("under_way")]
    assert await refunds(world) == [("console", "pending", 1_500)]


def pending(fact: RefundFact) -> RefundFact:
    return replace(fact, state=RefundState.PENDING, succeeded_at=None)


@pytest.mark.parametrize("state", ["reversed", "closed", "failed"])
async def test_what_we_undid_ourselves_is_no_refund(world: World, state: str) -> None:
    """Alipay tells of a cancelled payment as of a refund; its money was never in the books."""
    order = await world.order()
    charge = await world.open(order)
    await world.execute("UPDATE charges SET state = $1 WHERE id = $2", state, charge.charge_id)
    await tell(world, charge.out_trade_no, "C1", 3_500)

    assert await settle(world) == [Over("not_counted")]
    assert world.gateway.count("refund_query") == 0
    assert (await refunds(world), await world.cases()) == ([], [])


async def test_a_payment_under_way_is_credited_first(world: World) -> None:
    order = await world.order()
    charge = await world.open(order)
    await tell(world, charge.out_trade_no, "C1", 1_500)

    assert await settle(world) == [Waiting("charge_open", 60.0)]
    assert world.gateway.count("refund_query") == 0


async def test_another_merchants_sum_is_a_case_and_asks_nothing(world: World) -> None:
    order = await world.settled()
    await tell(world, await number_of(world, order), "C1", 1_500, merchant="2088000000000999")

    assert (await settle(world), await world.cases()) == ([], ["refund_foreign"])
