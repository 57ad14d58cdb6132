"""A deduction is told beforehand, made once in a period and once a bill, never above its cap, and never twice."""

import asyncio
import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.billers.port import Later, Refusal
from bot.kernel.clock import SHANGHAI
from bot.payments.charges import Confirming
from bot.payments.contracts.rows import Contract
from bot.payments.facts import Declined, Missing, Unknown, Waiting, Way
from tests.payments.contracts.rig import ContractWorld, equip
from tests.payments.scripted_gateway import LOST_AFTER, LOST_BEFORE
from tests.payments.sharing.rig import TERMS
from tests.payments.sharing.rig import equip as equip_sharing
from tests.payments.world import DUE, PAYERS, START, World


async def test_a_bill_is_announced_deducted_and_booked(autopay: ContractWorld) -> None:
    world = autopay.world
    contract = await autopay.active()
    planned = await autopay.due(contract)
    assert (planned.state, planned.day) == ("planned", autopay.today + timedelta(days=1))

    await autopay.sweep()
    [told] = autopay.faculty.told
    assert (told.amount, told.day, told.contract.contract_id) == (12_850, planned.day, contract.contract_id)
    assert (await autopay.deduction(planned.id)).state == "announced"
    assert await world.jobs("deduction_notice") == [planned.id]
    assert autopay.faculty.asked == []
    await autopay.days(2)

    paid = await autopay.deduction(planned.id)
    assert paid.state == "paid"
    order = await world.payments.orders.get(paid.order_id or "")
    [charge] = await world.charges(order)
    assert (order.state, order.amount, order.customer_id) == ("paid", 12_850, "cus-1")
    assert (charge.way, charge.id, charge.state) == (Way.CONTRACT, paid.charge_id, "paid")
    # In the morning of the day that was told, and not before.
    assert charge.created_at.astimezone(SHANGHAI).date() == planned.day
    assert charge.created_at.astimezone(SHANGHAI).hour >= 9
    await world.work_off()
    assert await world.line_states(await world.payments.orders.get(order.id)) == ["settled"]
    assert (await world.balance(DUE), await world.balance(PAYERS)) == (12_850, -12_850)
    assert await autopay.audit() == []


async def test_it_is_refunded_like_any_payment(autopay: ContractWorld) -> None:
    world = autopay.world
    paid = await autopay.deducted(await autopay.active())
    order = await world.payments.orders.get(paid.order_id or "")

    await world.refund(order)
    await world.work_off()

    assert await world.balance(PAYERS) == 0
    assert await autopay.audit() == []


async def test_what_no_contract_allows_is_not_planned(autopay: ContractWorld) -> None:
    contract = await autopay.active()
    due = autopay.world.payments.autopay.due

    assert await due("ctr_none", autopay.line(), autopay.today) == Refusal("contract_inactive")
    over = await due(contract.id, autopay.line(amount=20_001), autopay.today)
    assert over == Refusal("over_contract", {"maximum": 20_000})
    other = dataclasses.replace(autopay.line(), account="0519999999")
    assert await due(contract.id, other, autopay.today) == Refusal("other_account")
    assert await due(contract.id, autopay.world.meal(), autopay.today) == Refusal("other_account")
    unsigned = await autopay.signing(account="0519999999")
    assert await due(unsigned.id, other, autopay.today) == Refusal("contract_inactive")


async def test_once_in_a_period_and_once_a_bill(autopay: ContractWorld) -> None:
    contract = await autopay.active()
    due = autopay.world.payments.autopay.due
    answers = await asyncio.gather(
        *(due(contract.id, autopay.line(f"E{number % 3}"), autopay.today) for number in range(9))
    )
    assert sum(answer != Refusal("deducted") for answer in answers) == 1
    await autopay.sweep()
    await autopay.days(2)
    [first] = await autopay.world.rows("SELECT bill_key, state FROM deductions")
    assert first["state"] == "paid"

    # The same period, whatever the bill; and in the next one, a bill that was paid is paid.
    assert await due(contract.id, autopay.line("E9"), autopay.today) == Refusal("deducted")
    next_period = autopay.today + timedelta(days=31)
    keys = {autopay.world.payments.deductions._bill_key(autopay.line(f"E{n}"), 0): f"E{n}" for n in range(3)}
    paid_bill = keys[first["bill_key"]]
    assert await due(contract.id, autopay.line(paid_bill), next_period) == Refusal("deducted")
    assert await due(contract.id, autopay.line("E9"), next_period) != Refusal("deducted")
    assert autopay.faculty.taken == 12_850
    assert await autopay.audit() == []


async def test_many_workers_deduct_once(autopay: ContractWorld) -> None:
    contract = await autopay.active()
    planned = await autopay.due(contract)
    await autopay.sweep()
    autopay.world.clock.advance(2 * 86_400)

    carry = autopay.world.payments.deductions.carry
    await asyncio.gather(*(carry(planned.id) for _ in range(6)), return_exceptions=True)
    await autopay.sweep()

    assert len({charge.out_trade_no for charge in autopay.faculty.asked}) == 1
    assert (autopay.faculty.taken, (await autopay.deduction(planned.id)).state) == (12_850, "paid")
    assert len(await autopay.world.rows("SELECT id FROM orders")) == 1
    assert await autopay.audit() == []


@pytest.mark.parametrize("lost", [LOST_BEFORE, LOST_AFTER])
async def test_a_missing_answer_is_asked_about_and_never_a_second_deduction(autopay: ContractWorld, lost: str) -> None:
    contract = await autopay.active()
    planned = await autopay.due(contract)
    autopay.world.gateway.scripts["deduct"].append(lost)
    autopay.world.gateway.scripts["query"].append(Unknown("timeout"))
    await autopay.sweep()
    await autopay.days(3)

    assert (await autopay.deduction(planned.id)).state == "paid"
    assert autopay.faculty.taken == 12_850
    # The identical request, and only where the vendor had never heard of the first.
    assert len(autopay.faculty.asked) == (2 if lost == LOST_BEFORE else 1)
    assert autopay.faculty.asked == [autopay.faculty.asked[0]] * len(autopay.faculty.asked)
    assert await autopay.audit() == []


async def test_what_the_vendor_takes_its_time_for_is_paid_by_its_notice(autopay: ContractWorld) -> None:
    autopay.faculty.pays = False
    contract = await autopay.active()
    planned = await autopay.deducted(contract)
    assert planned.state == "charging"
    [charge] = autopay.faculty.asked

    await autopay.world.tell(autopay.world.gateway.pay(charge.out_trade_no))
    autopay.world.clock.advance(3_600)
    await autopay.sweep()

    assert (await autopay.deduction(planned.id)).state == "paid"
    assert await autopay.audit() == []


async def test_a_refused_deduction_frees_its_bill_and_its_period(autopay: ContractWorld) -> None:
    world = autopay.world
    contract = await autopay.active()
    world.gateway.scripts["deduct"].append(Declined("balance_too_low"))
    failed = await autopay.deducted(contract)

    assert (failed.state, failed.failure) == ("failed", "balance_too_low")
    order = await world.payments.orders.get(failed.order_id or "")
    assert order.state == "closed"
    again = await autopay.deducted(contract)
    assert (again.state, again.charge_id != failed.charge_id) == ("paid", True)
    assert autopay.faculty.taken == 12_850
    assert await autopay.audit() == []


async def test_a_bill_that_costs_more_than_was_told_is_not_deducted(autopay: ContractWorld) -> None:
    contract = await autopay.active()
    planned = await autopay.due(contract)
    await autopay.sweep()
    autopay.biller.prices["E1"] = 12_851
    await autopay.days(2)

    off = await autopay.deduction(planned.id)
    assert (off.state, off.failure, autopay.faculty.asked) == ("cancelled", "bill_changed", [])
    assert await autopay.world.cases() == ["deduction_cancelled"]
    assert await autopay.audit() == []


async def test_a_bill_that_costs_less_is(autopay: ContractWorld) -> None:
    contract = await autopay.active()
    autopay.biller.prices["E1"] = 9_000

    paid = await autopay.deducted(contract)

    assert (paid.state, autopay.faculty.taken) == ("paid", 9_000)
    assert await autopay.audit() == []


async def test_a_biller_that_does_not_answer_is_asked_for_some_days(autopay: ContractWorld) -> None:
    contract = await autopay.active()
    autopay.biller.scripts["quote"].extend([Later(60.0)] * 3)
    assert (await autopay.deducted(contract)).state == "paid"

    other = await autopay.active(account="0519999999")
    line = dataclasses.replace(autopay.line("E2"), account="0519999999")
    autopay.biller.scripts["quote"].extend([Later(60.0)] * 1_000)
    planned = await autopay.due(other, line)
    await autopay.days(6)
    assert (await autopay.deduction(planned.id)).failure == "biller_silent"


async def test_the_end_of_the_contract_meets_the_debit(autopay: ContractWorld) -> None:
    """Whoever comes first: either the deduction was asked for while the contract stood, or it never is."""
    contract = await autopay.active()
    planned = await autopay.due(contract)
    await autopay.sweep()
    autopay.world.clock.advance(2 * 86_400)

    await asyncio.gather(
        autopay.world.payments.deductions.carry(planned.id),
        autopay.world.payments.autopay.revoke("cus-1", contract.id),
    )
    await autopay.days(1)

    ended = await autopay.deduction(planned.id)
    assert ended.state in ("cancelled", "paid", "failed")
    assert autopay.faculty.taken == (12_850 if ended.state == "paid" else 0)
    assert (await autopay.get(contract.id)).state == "ended"
    assert await autopay.audit() == []


async def test_what_was_lost_before_the_end_is_not_asked_for_after_it(autopay: ContractWorld) -> None:
    world = autopay.world
    contract = await autopay.active()
    planned = await autopay.due(contract)
    await autopay.sweep()
    world.gateway.scripts["deduct"].append(LOST_BEFORE)
    world.clock.advance(2 * 86_400)
    await world.payments.deductions.carry(planned.id)
    await world.payments.autopay.revoke("cus-1", contract.id)

    await autopay.days(5)

    assert len(autopay.faculty.asked) == 1
    ended = await autopay.deduction(planned.id)
    assert (ended.state, autopay.faculty.taken) == ("failed", 0)
    assert await autopay.audit() == []


async def test_nobody_pays_beside_a_deduction_under_way(autopay: ContractWorld) -> None:
    world = autopay.world
    autopay.faculty.pays = False
    planned = await autopay.deducted(await autopay.active())
    order = await world.payments.orders.get(planned.order_id or "")

    opened = await world.payments.charges.open(world.ask(order))

    assert isinstance(opened, Confirming)
    assert (world.gateway.count("close"), len(await world.charges(order))) == (0, 1)


async def test_at_its_end_a_waiting_deduction_is_closed_upstream(autopay: ContractWorld) -> None:
    autopay.faculty.pays = False
    planned = await autopay.deducted(await autopay.active())

    await autopay.days(5)

    ended = await autopay.deduction(planned.id)
    assert (ended.state, autopay.world.gateway.count("create")) == ("failed", 0)
    assert (await autopay.world.payments.orders.get(ended.order_id or "")).state == "closed"
    assert await autopay.audit() == []


@pytest.mark.parametrize("fact", [Missing(), Waiting("ACCEPTED"), Unknown("timeout")])
async def test_silence_never_ends_a_deduction_before_its_time(autopay: ContractWorld, fact: object) -> None:
    autopay.faculty.pays = False
    planned = await autopay.deducted(await autopay.active())
    autopay.world.gateway.scripts["query"].extend([fact] * 10)
    await autopay.days(1)

    assert (await autopay.deduction(planned.id)).state == "charging"


async def test_at_night_nobody_is_told(autopay: ContractWorld) -> None:
    contract = await autopay.active()
    autopay.world.clock.advance(14 * 3_600)  # Midnight in Shanghai.
    planned = await autopay.due(contract)
    await autopay.sweep()
    assert autopay.faculty.told == []

    await autopay.days(1)

    [told] = autopay.faculty.told
    assert told.day == (await autopay.deduction(planned.id)).day
    row = await autopay.world.row("SELECT announced_at FROM deductions")
    assert (row["announced_at"] // 3_600_000_000 + 8) % 24 >= 8


@pytest.mark.parametrize(("answer", "state"), [(Unknown("timeout"), "paid"), (Declined("not_allowed"), "cancelled")])
async def test_a_pre_notice_that_was_not_taken(autopay: ContractWorld, answer: object, state: str) -> None:
    autopay.world.gateway.scripts["announce"].append(answer)

    assert (await autopay.deducted(await autopay.active())).state == state
    assert len(autopay.faculty.asked) == (state == "paid")
    assert await autopay.audit() == []


async def test_a_deduction_of_a_merchant_who_shares_is_shared(world: World) -> None:
    autopay = equip(equip_sharing(world).world)
    sharing = equip_sharing(autopay.world)
    await sharing.rule(*TERMS)
    sharing.world.gateway.contracts = autopay.faculty
    paid = await autopay.deducted(await autopay.active())

    assert autopay.faculty.asked[0].share is True
    assert await autopay.world.row("SELECT state FROM shares WHERE charge_id = $1", paid.charge_id) is not None


@given(st.integers(1, 366), st.integers(0, 5_000), st.integers(0, 5_000))
def test_days_of_one_period_are_never_as_far_apart_as_a_period(length: int, one: int, other: int) -> None:
    contract = Contract(
        *("ctr", "C", "g", "a", "p", None, "mer", "power", "cus", "chat", None, None, "", ""),
        *(1, length, 1, "active", "", None, 0, "t", START, START, None),
        request_sealed=b"",
        handover_sealed=None,
    )
    first, second = START.date() + timedelta(days=one), START.date() + timedelta(days=other)

    if contract.period(first) == contract.period(second):
        assert abs((first - second).days) < length
    else:
        assert (contract.period(first) < contract.period(second)) == (first < second)
