"""A scanned code is sent once; whatever stays uncertain is asked about at the vendor's pace and then reversed."""

import dataclasses

import pytest

from bot.billers.port import Refusal
from bot.kernel.masking import Secret
from bot.payments.charges import Confirming
from bot.payments.facts import ChargeFact, Closed, Declined, Missing, Unknown, Waiting, Way
from bot.payments.gatekeeper import Placing
from bot.payments.scanned import MISSING_SECONDS, REVERSE_PAUSES, CodeAsk, Step, after_query, after_reverse
from bot.payments.values import Charge, Order
from tests.payments.scripted_codes import BROKE, PACE, PAYS, TYPES, ScriptedCodes
from tests.payments.scripted_gateway import LOST_AFTER, LOST_BEFORE
from tests.payments.world import DUE, PAYERS, SUSPENSE, World

TILL = Placing("device", "trace-1")


@pytest.fixture
def codes(world: World) -> ScriptedCodes:
    codes = world.gateway.codes = ScriptedCodes(world.gateway)
    return codes


async def scan(world: World, code: str = PAYS, order: Order | None = None) -> Charge:
    order = order or await world.order(world.meal(), placing=TILL)
    charge = await world.payments.scanned.pay(CodeAsk(order.id, "scripted", "main", "store-1"), Secret(code))
    assert isinstance(charge, Charge)
    return charge


async def pass_time(world: World, seconds: float, step: float = 1.0) -> None:
    for _ in range(round(seconds / step)):
        world.clock.advance(step)
        await world.sweep()


async def order_state(world: World, charge: Charge) -> str:
    return str((await world.payments.orders.get(charge.order_id)).state)


async def test_a_code_that_pays_credits_the_order_at_once(world: World, codes: ScriptedCodes) -> None:
    charge = await scan(world)

    assert (charge.state, charge.way, await order_state(world, charge)) == ("paid", Way.CODE, "paid")
    assert codes.seen == [PAYS]
    assert await world.balance(DUE) == 3_500
    assert await world.audit() == []


async def test_the_code_is_kept_nowhere(world: World, codes: ScriptedCodes) -> None:
    charge = await scan(world, TYPES)
    row = await world.row("SELECT * FROM charges WHERE id = $1", charge.id)
    opened = world.vault.open(charge.request_sealed, "charges.request_sealed")

    assert TYPES not in opened
    assert all(TYPES not in str(value) for value in dict(row).values())
    assert TYPES not in repr(world.gateway.requests)


async def test_a_refused_code_fails_its_charge_and_another_may_be_scanned(world: World, codes: ScriptedCodes) -> None:
    order = await world.order(world.meal(), placing=TILL)
    first = await scan(world, BROKE, order)
    second = await scan(world, PAYS, order)

    assert (first.state, first.failure) == ("failed", "balance_too_low")
    assert second.state == "paid"
    assert first.out_trade_no != second.out_trade_no


async def test_routing_learns_of_a_gateway_that_does_not_answer_scans(
    world: World, codes: ScriptedCodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A code that is refused is the payer's matter; silence, of the pay call or of a query, is the gateway's."""
    seen: list[tuple[str, str, str, str]] = []
    monkeypatch.setattr(world.payments.gateways, "saw", lambda *told: seen.append((*told[:3], type(told[3]).__name__)))
    await scan(world)
    await scan(world, BROKE)
    world.gateway.script("pay", LOST_BEFORE)
    await scan(world)
    world.gateway.script("query", Unknown("timeout"))
    await pass_time(world, 6)

    assert seen == [
        ("scripted", "main", "create", "Paid"),
        ("scripted", "main", "create", "Declined"),
        ("scripted", "main", "create", "Unknown"),
        ("scripted", "main", "query", "Unknown"),
    ]


async def test_a_payer_who_types_a_password_is_asked_about_at_the_vendors_pace(
    world: World, codes: ScriptedCodes
) -> None:
    charge = await scan(world, TYPES)
    assert charge.state == "pending"
    await pass_time(world, 12)
    assert world.gateway.count("query") == 2
    world.gateway.pay(charge.out_trade_no)
    await pass_time(world, 4)

    assert (await world.charge(charge.id)).state == "paid"
    assert await order_state(world, charge) == "paid"
    assert len(codes.seen) == 1


async def test_a_payer_who_never_types_is_reversed(world: World, codes: ScriptedCodes) -> None:
    charge = await scan(world, TYPES)
    await pass_time(world, 34)

    assert (await world.charge(charge.id)).state == "reversed"
    assert world.gateway.charges[charge.out_trade_no].state == "closed"
    assert await order_state(world, charge) == "created"
    assert await world.balance(PAYERS) == 0


@pytest.mark.parametrize("lost", [LOST_BEFORE, LOST_AFTER])
async def test_a_pay_call_without_answer_is_never_sent_again(world: World, codes: ScriptedCodes, lost: str) -> None:
    world.gateway.script("pay", lost)
    charge = await scan(world)
    assert charge.state == "unknown"
    await pass_time(world, 200)

    assert len(codes.seen) == 1
    # What arrived was paid and is found by the first question; what did not is believed only after a while.
    assert (await world.charge(charge.id)).state == ("paid" if lost == LOST_AFTER else "reversed")
    assert await world.audit() == []


async def test_no_such_number_is_not_believed_while_the_call_may_be_on_its_way(
    world: World, codes: ScriptedCodes
) -> None:
    world.gateway.script("pay", LOST_BEFORE)
    charge = await scan(world)
    await pass_time(world, 100)

    assert (await world.charge(charge.id)).state == "reversing"


async def test_a_reversal_waits_for_the_vendors_pause(world: World, codes: ScriptedCodes) -> None:
    charge = await scan(world, TYPES)
    given_up = await world.payments.scanned.cancel(charge.id)
    assert given_up.state == "reversing"
    await pass_time(world, 13)
    assert world.gateway.count("reverse") == 0
    await pass_time(world, 4)

    assert (await world.charge(charge.id)).state == "reversed"


async def test_an_uncertain_reversal_is_repeated_until_it_is_certain(world: World, codes: ScriptedCodes) -> None:
    charge = await scan(world, TYPES)
    world.gateway.script("reverse", Waiting("USERPAYING"), LOST_AFTER, Unknown("SYSTEMERROR"), LOST_BEFORE)
    await pass_time(world, 31)
    assert (await world.charge(charge.id)).state == "reversing"
    await pass_time(world, 40)

    assert (await world.charge(charge.id)).state == "reversed"
    assert world.gateway.count("reverse") == 5


async def seen_while_reversing(world: World, *reversals: object) -> Charge:
    """A payer who pays while the cashier gives up: the notice comes after a reversal that was not answered."""
    charge = await scan(world, TYPES)
    fact = world.gateway.pay(charge.out_trade_no)
    world.gateway.script("reverse", Unknown("SYSTEMERROR"), *reversals)
    world.clock.advance(16)
    await world.payments.scanned.cancel(charge.id)
    for id_ in ("evt-1", "evt-1", "evt-2"):
        told = await world.tell(fact, id_=id_)
        assert (str(told.outcome), told.reason) == ("recorded", None)
    # The answer to a question that was under way when it was given up says no more than those.
    await world.payments.upstream.take_paid(charge, fact)
    assert (await world.charge(charge.id)).state == "reversing"
    return charge


async def test_money_seen_while_reversing_goes_back_with_the_reversal_and_is_nobodys_case(
    world: World, codes: ScriptedCodes
) -> None:
    charge = await seen_while_reversing(world)
    await pass_time(world, 3)

    assert (await world.charge(charge.id)).state == "reversed"
    await world.work_off()
    assert (world.gateway.count("refund"), await world.suspense(), await world.cases()) == (0, [], [])
    assert await order_state(world, charge) == "created"
    assert await world.audit() == []


@pytest.mark.parametrize("seen", [True, False])
async def test_what_can_be_reversed_no_more_goes_back_by_a_refund(
    world: World, codes: ScriptedCodes, seen: bool
) -> None:
    """Once, and to no order: who gave it up may have been paid by another code since."""
    refusal = Declined("reverse_expired")
    if seen:
        charge = await seen_while_reversing(world, refusal)
        await pass_time(world, 3)
    else:
        charge = await scan(world, TYPES)
        world.gateway.pay(charge.out_trade_no)
        world.gateway.script("reverse", refusal)
        world.clock.advance(16)
        await world.payments.scanned.cancel(charge.id)
    assert (await world.charge(charge.id)).state == "paid"
    assert await world.balance(SUSPENSE) == 3_500
    await world.work_off()

    assert await world.suspense() == [("closed", "refunded", 3_500)]
    assert (await world.balance(SUSPENSE), await world.balance(PAYERS), await world.balance(DUE)) == (0, 0, 0)
    assert (world.gateway.count("refund"), await world.jobs("fulfil"), await world.cases()) == (1, [], [])
    assert await order_state(world, charge) == "created"
    assert await world.audit() == []


async def test_no_such_number_is_no_end_of_what_was_paid(world: World, codes: ScriptedCodes) -> None:
    charge = await seen_while_reversing(world, *[Missing()] * 3)
    world.clock.advance(MISSING_SECONDS)
    for _ in range(3):
        world.clock.advance(10)
        await world.sweep()
    standing = await world.charge(charge.id)
    # Each is counted, so that one that never ends becomes a case.
    assert (standing.state, standing.queries) == ("reversing", 4)

    world.clock.advance(60)
    await world.sweep()
    assert (await world.charge(charge.id)).state == "reversed"


async def test_a_payment_told_at_the_moment_of_no_such_number_is_not_lost(world: World, codes: ScriptedCodes) -> None:
    """The answer was under way when the notice came."""
    charge = await scan(world, TYPES)
    fact = world.gateway.pay(charge.out_trade_no)
    world.gateway.script("reverse", Unknown("SYSTEMERROR"))
    world.clock.advance(MISSING_SECONDS)
    before = await world.payments.scanned.cancel(charge.id)
    await world.tell(fact)
    world.gateway.script("reverse", Missing())
    after = await world.payments.scanned.sweep(before)

    assert (before.failure, after.failure, after.state) == (None, "paid_seen", "reversing")


async def test_a_reversal_that_never_ends_becomes_a_case(world: World, codes: ScriptedCodes) -> None:
    charge = await scan(world, TYPES)
    world.gateway.script("reverse", *[Unknown("SYSTEMERROR")] * 40)
    await pass_time(world, 32)
    for pause in REVERSE_PAUSES:
        world.clock.advance(pause + 1)
        await world.sweep()
    await world.work_off()

    assert (await world.charge(charge.id)).state == "reversing"
    assert "charge_stuck" in " ".join(await world.jobs("case"))


async def test_one_code_at_a_time(world: World, codes: ScriptedCodes) -> None:
    charge = await scan(world, TYPES)
    order = await world.payments.orders.get(charge.order_id)
    second = await world.payments.scanned.pay(CodeAsk(order.id, "scripted", "main"), Secret(PAYS))
    third = await world.payments.charges.open(world.ask(order))

    assert second == Refusal("charge_in_flight")
    assert isinstance(third, Confirming)
    assert (await world.charge(charge.id)).state == "pending"


async def test_an_order_that_is_cancelled_has_its_code_reversed(world: World, codes: ScriptedCodes) -> None:
    charge = await scan(world, TYPES)
    await world.payments.sweeper.close_order(charge.order_id)
    await pass_time(world, 5)
    assert world.gateway.count("reverse") == 0
    await pass_time(world, 35)

    assert (await world.charge(charge.id)).state == "reversed"
    assert world.gateway.count("close") == 0
    assert await order_state(world, charge) == "closed"


async def test_paid_and_closed_orders_take_no_code(world: World, codes: ScriptedCodes) -> None:
    paid = await scan(world)
    closed = await world.order(world.meal(), placing=TILL)
    await world.payments.closing.begin(closed.id)

    for order_id, code in ((paid.order_id, "already_paid"), (closed.id, "order_closed"), ("ord_x", "order_unknown")):
        assert await world.payments.scanned.pay(CodeAsk(order_id, "scripted", "main"), Secret(PAYS)) == Refusal(code)
    assert len(codes.seen) == 1


async def test_a_gateway_without_the_faculty_says_so(world: World) -> None:
    world.gateway.codes = None
    order = await world.order(world.meal(), placing=TILL)

    answer = await world.payments.scanned.pay(CodeAsk(order.id, "scripted", "main"), Secret(PAYS))

    assert answer == Refusal("way_unsupported")


FACTS: list[tuple[ChargeFact, Step, Step]] = [
    (Declined("no"), Step.FAIL, Step.FAIL),
    (Closed("REVOKED"), Step.END, Step.END),
    (Waiting("USERPAYING"), Step.LATER, Step.REVERSE),
    (Missing(), Step.LATER, Step.REVERSE),
    (Unknown("timeout"), Step.LATER, Step.REVERSE),
]


@pytest.mark.parametrize(("fact", "patient", "impatient"), FACTS)
def test_every_answer_to_a_question_has_one_consequence(fact: ChargeFact, patient: Step, impatient: Step) -> None:
    assert after_query(fact, patient=True) is patient
    assert after_query(fact, patient=False) is impatient


@pytest.mark.parametrize(
    ("fact", "early", "late"),
    [
        (Declined("too_late"), Step.FAIL, Step.FAIL),
        (Closed("REVOKED", was_paid=True), Step.END, Step.END),
        (Missing(), Step.LATER, Step.END),
        (Waiting("USERPAYING"), Step.LATER, Step.LATER),
        (Unknown("timeout"), Step.LATER, Step.LATER),
    ],
)
def test_every_answer_to_a_reversal_has_one_consequence(fact: ChargeFact, early: Step, late: Step) -> None:
    assert after_reverse(fact, late=False) is early
    assert after_reverse(fact, late=True) is late


def test_the_pace_leaves_time_to_reverse() -> None:
    assert PACE.reverse_after < PACE.ask_for < PACE.reverse_within
    assert dataclasses.replace(PACE, ask_for=60).ask_for == 60
