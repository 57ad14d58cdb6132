"""Money is credited once, to the right order, and never lost; whatever cannot be applied waits in suspense."""

import asyncio
import dataclasses
from typing import Any

import pytest

from bot.payments.credit_item import Outcome, Reason
from bot.payments.facts import Closed, Declined, PaidFact
from tests.payments.world import DUE, OTHER_PAYER, PAYERS, REFUNDING, SUSPENSE, World


async def test_a_paid_notice_credits_order_merchant_and_outbox(world: World) -> None:
    bill = await world.bill(10_000, late_fee=50)
    order = await world.order(world.rent(bill), world.meal(3_500))
    ready = await world.open(order)

    result = await world.tell(world.gateway.pay(ready.out_trade_no))

    assert (result.outcome, result.order_id, result.repeated) == (Outcome.APPLIED, order.id, False)
    paid = await world.payments.orders.get(order.id)
    assert (paid.state, paid.paid_charge_id) == ("paid", ready.charge_id)
    charge = await world.row("SELECT * FROM charges WHERE id = $1", ready.charge_id)
    assert (charge["state"], charge["next_query_at"], charge["payer_amount"]) == ("paid", None, 13_550)
    assert await world.bill_state(bill) == "paid"
    assert (await world.balance(DUE), await world.balance(PAYERS)) == (13_550, -13_550)
    assert sorted(await world.jobs("fulfil")) == sorted(line.id for line in paid.lines)
    traces = await world.rows("SELECT trace_id FROM postings UNION SELECT trace_id FROM inbox")
    assert [row["trace_id"] for row in traces] == [order.trace_id]
    assert await world.audit() == []


async def test_repeats_of_every_kind_answer_the_first_outcome_and_add_nothing(world: World) -> None:
    order = await world.order()
    ready = await world.open(order)
    fact = world.gateway.pay(ready.out_trade_no)
    first = await world.tell(fact)

    again = [
        await world.tell(fact),
        await world.tell(fact, id_="another notice"),
        await world.payments.credits.of_answer(await world.charge(ready.charge_id), fact),
        await world.payments.credits.of_answer(await world.charge(ready.charge_id), fact),
    ]

    assert all(dataclasses.replace(result, repeated=False) == first for result in again)
    assert all(result.repeated for result in again)
    assert len(await world.rows("SELECT seq FROM postings")) == 2
    assert len(await world.jobs("fulfil")) == 1
    assert await world.audit() == []


async def test_a_hundred_notices_and_answers_at_once_credit_once(world: World) -> None:
    """Ten orders, each told of ten times at the same moment, by notices and by answers to queries."""
    orders = [await world.order() for _ in range(10)]
    readies = [await world.open(order) for order in orders]
    facts = [world.gateway.pay(ready.out_trade_no) for ready in readies]
    charges = [await world.charge(ready.charge_id) for ready in readies]

    told = [world.tell(fact, id_=f"evt-{number % 3}-{fact.out_trade_no}") for fact in facts for number in range(6)]
    asked = [world.payments.credits.of_answer(*pair) for pair in zip(charges, facts, strict=True) for _ in range(4)]
    results = await asyncio.gather(*told, *asked)

    assert {result.outcome for result in results} == {Outcome.APPLIED}
    assert sum(not result.repeated for result in results) == 10
    assert await world.balance(DUE) == 10 * 3_500
    assert await world.audit() == []


def changed(fact: PaidFact, **changes: Any) -> PaidFact:
    return dataclasses.replace(fact, **changes)


MISMATCHES = [
    ({"amount": 1}, "main", Reason.AMOUNT, 1),
    ({"amount": 3_501}, "main", Reason.AMOUNT, 3_501),
    ({"currency": "USD"}, "main", Reason.MISMATCH, 3_500),
    ({"merchant_id": "1900000099"}, "main", Reason.MISMATCH, 3_500),
    ({"app_id": "wxother"}, "main", Reason.MISMATCH, 3_500),
    ({}, "second", Reason.MISMATCH, 3_500),
    ({"out_trade_no": "P00000000000000000000000000x"}, "main", Reason.UNKNOWN_ORDER, 3_500),
]


@pytest.mark.parametrize(("changes", "account", "reason", "amount"), MISMATCHES)
async def test_a_genuine_notice_that_does_not_fit_is_kept_in_suspense_for_a_person(
    world: World, changes: dict[str, Any], account: str, reason: Reason, amount: int
) -> None:
    """Real one-yuan notices that name a two-thousand-yuan order exist (reliability.md §5): nothing is paid by them."""
    order = await world.order()
    ready = await world.open(order)
    fact = changed(world.gateway.fact(ready.out_trade_no, 3_500), **changes)

    result = await world.tell(fact, account=account)
    again = await world.tell(fact, account=account)

    assert (result.outcome, result.reason) == (Outcome.SUSPENDED, reason)
    assert dataclasses.replace(again, repeated=False) == result
    assert await world.state(order) == "created"
    assert (await world.charge(ready.charge_id)).state == "pending"
    assert await world.suspense() == [(reason, "held", amount)]
    currency = fact.currency
    assert await world.balance(f"suspense:scripted:{account}", currency) == amount
    assert await world.balance(DUE) == 0
    assert (await world.cases(), await world.jobs("refund_surplus"), await world.jobs("fulfil")) == (
        ["suspense"],
        [],
        [],
    )
    assert await world.audit() == []


async def test_the_right_word_after_a_wrong_one_is_credited_and_the_wrong_one_corrected(world: World) -> None:
    """A falsified notice is contradicted by the gateway's own answer about the same transaction."""
    order = await world.order()
    ready = await world.open(order)
    fact = world.gateway.pay(ready.out_trade_no)
    await world.tell(changed(fact, amount=1))
    assert (await world.charge(ready.charge_id)).next_query_at is not None

    await world.sweep()

    assert await world.state(order) == "paid"
    assert await world.suspense() == [("amount", "applied", 1)]
    assert (await world.balance(SUSPENSE), await world.balance(DUE), await world.balance(PAYERS)) == (0, 3_500, -3_500)
    assert await world.audit() == []


async def test_a_wrong_amount_that_the_gateway_stands_by_ends_the_charge(world: World) -> None:
    order = await world.order()
    ready = await world.open(order)
    world.gateway.pay(ready.out_trade_no, amount=1)

    world.clock.advance(6)
    await world.sweep()

    assert (await world.charge(ready.charge_id)).state == "failed"
    assert await world.suspense() == [("amount", "held", 1)]
    world.clock.advance(1_000)
    await world.sweep()
    assert await world.state(order) == "closed"
    assert await world.audit() == []


async def test_a_wrong_word_after_the_right_one_changes_nothing_and_calls_a_person(world: World) -> None:
    order = await world.order()
    ready = await world.pay(order)
    fact = world.gateway.pay(ready.out_trade_no)

    wrong = [
        await world.tell(changed(fact, amount=1), id_="wrong amount"),
        await world.tell(changed(fact, out_trade_no="P0000000000000000000000000x"), id_="wrong number"),
    ]

    assert [(result.outcome, result.repeated) for result in wrong] == [(Outcome.APPLIED, True)] * 2
    assert await world.suspense() == []
    assert await world.cases() == ["contradiction", "contradiction"]
    assert await world.balance(DUE) == 3_500
    assert await world.audit() == []


async def test_two_transactions_for_one_number_are_both_kept(world: World) -> None:
    order = await world.order()
    ready = await world.pay(order)
    second = world.gateway.fact(ready.out_trade_no, 3_500, transaction_id="another transaction")

    result = await world.tell(second)

    assert (result.outcome, result.reason) == (Outcome.SUSPENDED, Reason.SECOND_PAYMENT)
    assert (await world.balance(DUE), await world.balance(SUSPENSE)) == (3_500, 3_500)
    assert await world.cases() == ["suspense"]
    assert await world.audit() == []


async def test_a_second_paid_charge_of_an_order_is_surplus_and_goes_back(world: World) -> None:
    order = await world.order()
    first = await world.open(order)
    # The gateway says that the first charge is closed, and lets it be paid all the same.
    world.gateway.script("close", Closed("CLOSED"))
    await world.pay_as(order, OTHER_PAYER)

    result = await world.tell(world.gateway.pay(first.out_trade_no))

    assert (result.outcome, result.reason) == (Outcome.SUSPENDED, Reason.SECOND_PAYMENT)
    assert [charge.state for charge in await world.charges(order)] == ["paid", "paid"]
    assert (await world.balance(DUE), await world.balance(SUSPENSE)) == (3_500, 3_500)
    await world.work_off()
    assert await world.suspense() == [("second_payment", "refunded", 3_500)]
    assert (await world.balance(SUSPENSE), await world.balance(REFUNDING), await world.balance(PAYERS)) == (
        0,
        0,
        -3_500,
    )
    assert [refund.request.out_trade_no for refund in world.gateway.refunds.values()] == [first.out_trade_no]
    assert await world.audit() == []


async def test_a_second_paid_order_on_one_bill_is_surplus_and_goes_back(world: World) -> None:
    """Both orders of a remote bill were opened before either was paid; the second finds its claim taken."""
    orders = [await world.order(world.power("E1")) for _ in range(2)]
    readies = [await world.open(order) for order in orders]

    results = await asyncio.gather(*(world.tell(world.gateway.pay(ready.out_trade_no)) for ready in readies))

    assert sorted(str(result.outcome) for result in results) == ["applied", "suspended"]
    assert {result.reason for result in results} == {None, Reason.CLAIMED}
    assert sorted([await world.state(order) for order in orders]) == ["created", "paid"]
    await world.work_off()
    assert (await world.balance(DUE), await world.balance(PAYERS)) == (12_850, -12_850)
    assert await world.audit() == []


async def test_a_late_payment_of_a_closed_order_is_applied_while_its_bill_is_still_open(world: World) -> None:
    bill = await world.bill()
    order = await world.order(world.rent(bill))
    ready = await world.open(order)
    world.gateway.script("close", Closed("CLOSED"))
    assert await world.payments.sweeper.close_order(order.id) == "closed"
    assert await world.bill_state(bill) == "open"

    result = await world.tell(world.gateway.pay(ready.out_trade_no))

    assert result.outcome is Outcome.APPLIED
    assert (await world.state(order), await world.bill_state(bill)) == ("paid", "paid")
    assert await world.suspense() == [("closed", "applied", 10_000)]
    assert (await world.balance(SUSPENSE), await world.balance(DUE)) == (0, 10_000)
    assert len(await world.jobs("fulfil")) == 1
    assert await world.audit() == []


async def test_a_late_payment_whose_bill_is_held_or_paid_by_another_goes_back(world: World) -> None:
    bill = await world.bill()
    order = await world.order(world.rent(bill))
    ready = await world.open(order)
    world.gateway.script("close", Closed("CLOSED"))
    await world.payments.sweeper.close_order(order.id)
    other = await world.order(world.rent(bill))

    result = await world.tell(world.gateway.pay(ready.out_trade_no))

    assert (result.outcome, result.reason) == (Outcome.SUSPENDED, Reason.CLAIMED)
    assert await world.state(order) == "paid_late"
    assert (await world.row("SELECT held_by FROM bills"))["held_by"] == other.id
    await world.work_off()
    assert await world.suspense() == [("claimed", "refunded", 10_000)]
    assert await world.jobs("fulfil") == []
    assert await world.audit() == []


async def test_a_failed_charge_that_was_paid_after_all_goes_through_suspense_to_its_order(world: World) -> None:
    order = await world.order()
    ready = await world.open(order)
    world.gateway.script("query", Declined("expired"))
    world.clock.advance(6)
    await world.sweep()
    assert (await world.charge(ready.charge_id)).state == "failed"
    second = await world.open(order)

    result = await world.tell(world.gateway.pay(ready.out_trade_no))

    assert result.outcome is Outcome.APPLIED
    assert await world.state(order) == "paid"
    assert await world.suspense() == [("closed", "applied", 3_500)]
    # The attempt that was under way is closed upstream, so that it cannot be paid as well.
    await world.sweep()
    assert world.gateway.charges[second.out_trade_no].state == "closed"
    assert await world.audit() == []


async def test_success_seen_while_closing_is_paid(world: World) -> None:
    bill = await world.bill()
    order = await world.order(world.rent(bill))
    ready = await world.open(order)
    await world.payments.closing.begin(order.id)
    assert (await world.state(order), (await world.charge(ready.charge_id)).state) == ("closing", "closing")

    await world.tell(world.gateway.pay(ready.out_trade_no))

    assert (await world.state(order), await world.bill_state(bill)) == ("paid", "paid")
    assert await world.audit() == []


async def test_success_seen_while_reversing_never_fulfils(world: World) -> None:
    order = await world.order()
    ready = await world.open(order)
    await world.execute("UPDATE charges SET state = 'reversing' WHERE id = $1", ready.charge_id)

    result = await world.tell(world.gateway.pay(ready.out_trade_no))

    assert (result.outcome, result.reason) == (Outcome.RECORDED, None)
    assert (await world.state(order), await world.jobs("fulfil"), await world.cases()) == ("created", [], [])
    assert (await world.suspense(), (await world.charge(ready.charge_id)).state) == ([], "reversing")
    assert await world.audit() == []


async def test_a_bill_paid_in_parts_owes_the_rest(world: World) -> None:
    bill = await world.bill(10_000)
    await world.paid(world.rent(bill, 4_000))
    assert await world.bill_state(bill) == "partly_paid"

    rest = dataclasses.replace(bill, amount=6_000)
    await world.paid(world.rent(rest))

    assert await world.bill_state(bill) == "paid"
    assert await world.balance(DUE) == 10_000
    assert await world.audit() == []


async def test_a_genuine_notice_of_another_kind_is_recorded(world: World) -> None:
    first, second = await world.tell(None), await world.tell(None)

    assert (first.outcome, first.repeated, second.repeated) == (Outcome.RECORDED, False, True)
    assert len(await world.rows("SELECT notice_id FROM inbox")) == 1


async def test_paying_races_closing_and_one_of_them_wins_whole(world: World) -> None:
    """Notices and closes of the same orders at once: each order ends paid, or closed with its money given back."""
    bills = [await world.bill() for _ in range(12)]
    orders = [await world.order(world.rent(bill)) for bill in bills]
    readies = [await world.open(order) for order in orders]
    facts = [world.gateway.pay(ready.out_trade_no) for ready in readies]

    await asyncio.gather(
        *(world.tell(fact) for fact in facts),
        *(world.payments.sweeper.close_order(order.id) for order in orders),
        *(world.payments.charges.open(world.ask(order, payer=OTHER_PAYER)) for order in orders),
    )

    assert [await world.state(order) for order in orders] == ["paid"] * 12
    assert [await world.bill_state(bill) for bill in bills] == ["paid"] * 12
    assert await world.balance(DUE) == 120_000
    assert await world.audit() == []
