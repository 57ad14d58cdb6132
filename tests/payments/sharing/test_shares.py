"""A payment of a merchant who shares stays frozen, is shared once its biller has it, and ends whatever is lost."""

import asyncio
from datetime import timedelta

import pytest

from bot.billers.port import Refused
from bot.kernel.clock import to_micros
from bot.kernel.masking import Secret
from bot.payments.facts import Declined, Unknown, Way
from bot.payments.faculties import PartState, ShareFact
from bot.payments.refunds import Over, Waiting
from bot.payments.scanned import CodeAsk
from bot.payments.sharing.split import Term
from tests.payments.scripted_codes import PAYS, ScriptedCodes
from tests.payments.scripted_gateway import LOST_AFTER, LOST_BEFORE
from tests.payments.sharing.rig import AGENT, OWNERS, SHARING, TERMS, ShareWorld, equip
from tests.payments.world import DUE, PAYERS, World


async def test_a_payment_is_frozen_and_shared_after_its_biller_has_it(sharing: ShareWorld) -> None:
    world = sharing.world
    order = await world.paid(world.meal(10_000))
    share = await sharing.share_of(order)
    assert (world.gateway.requests[0].share, share.state, share.rest) == (True, "planned", None)
    assert await world.payments.shares.submit(share.id) == Waiting("biller_first", 60.0)
    assert await world.jobs("share") == []

    await sharing.work_off("fulfil")
    [due] = await world.rows("SELECT due_at FROM outbox WHERE kind = 'share'")
    # WeChat Pay takes no request to share within half a minute of the payment.
    assert due["due_at"] >= to_micros(world.clock.now() + timedelta(seconds=59))
    await sharing.work_off()

    share = await sharing.share_of(order)
    assert (share.state, share.rest, share.paid) == ("done", 8_950, 10_000)
    assert await sharing.parts(share) == {"owners": (1_000, "succeeded"), "agent": (50, "succeeded")}
    [sent] = sharing.faculty.requests
    assert (sent.finish, sent.out_trade_no, sent.transaction_id) == (True, share.out_trade_no, share.transaction_id)
    assert (sharing.faculty.held(OWNERS), sharing.faculty.held(AGENT)) == (1_000, 50)
    assert [await world.balance(f"shared:mer:{key}") for key in ("owners", "agent")] == [1_000, 50]
    assert (await world.balance(DUE), await world.balance(SHARING), await world.balance(PAYERS)) == (8_950, 0, -10_000)
    assert await sharing.audit() == []


async def test_a_merchant_without_a_rule_is_not_frozen(plain: ShareWorld) -> None:
    await plain.world.settled()

    assert plain.world.gateway.requests[0].share is False
    assert await plain.world.rows("SELECT id FROM shares") == []


async def test_a_gateway_that_cannot_share_freezes_nothing(sharing: ShareWorld) -> None:
    sharing.world.gateway.can -= {Way.SHARE}
    await sharing.world.settled()

    assert sharing.world.gateway.requests[0].share is False


async def test_a_scanned_code_is_frozen_too(sharing: ShareWorld) -> None:
    world = sharing.world
    world.gateway.codes = ScriptedCodes(world.gateway)
    order = await world.order()

    await world.payments.scanned.pay(CodeAsk(order.id, "scripted", "main"), Secret(PAYS))
    await sharing.work_off()

    assert world.gateway.requests[0].share is True
    assert (await sharing.share_of(order)).state == "done"
    assert await sharing.audit() == []


async def test_a_rule_of_an_item_goes_before_the_merchant_s(sharing: ShareWorld) -> None:
    await sharing.rule(Term("owners", ratio=500), item="power")
    _, share = await sharing.shared(sharing.world.meal(10_000), sharing.world.power("E1", 20_000))

    assert await sharing.parts(share) == {"owners": (2_000, "succeeded"), "agent": (50, "succeeded")}
    assert await sharing.audit() == []


async def test_an_item_may_be_left_out(sharing: ShareWorld) -> None:
    await sharing.rule(item="power")
    world = sharing.world
    await world.settled(world.power("E1"))

    assert world.gateway.requests[0].share is False


async def test_a_later_rule_does_not_touch_an_earlier_payment(sharing: ShareWorld) -> None:
    world = sharing.world
    before = await world.order(world.meal(10_000))
    ready = await world.open(before)
    await sharing.rule(Term("owners", ratio=2_000))
    await world.tell(world.gateway.pay(ready.out_trade_no))
    await sharing.work_off()
    after, share = await sharing.shared(world.meal(10_000))

    assert (await sharing.parts(await sharing.share_of(before)))["owners"] == (1_000, "succeeded")
    assert await sharing.parts(share) == {"owners": (2_000, "succeeded")}
    assert after.id != before.id
    assert await sharing.audit() == []


async def test_the_cap_and_the_fee_are_kept(world: World) -> None:
    sharing = equip(world)
    await sharing.rule(Term("owners", ratio=9_000), Term("agent", fixed=5_000), cap=10_000)
    _, share = await sharing.shared(sharing.world.meal(10_000))

    assert await sharing.parts(share) == {"owners": (9_000, "succeeded"), "agent": (940, "succeeded")}
    assert share.rest == 60
    assert await sharing.audit() == []


@pytest.mark.parametrize("lost", [LOST_BEFORE, LOST_AFTER])
async def test_a_missing_answer_is_asked_about_and_repeated_identically(sharing: ShareWorld, lost: str) -> None:
    world = sharing.world
    world.gateway.scripts["share"].append(lost)
    world.gateway.scripts["share_query"].append(Unknown("timeout"))
    order, share = await sharing.shared()
    assert (share.state, await world.balance(SHARING)) == ("unknown", 400)

    for pause in (6, 16, 61):
        world.clock.advance(pause)
        await sharing.sweep()

    assert (await sharing.share_of(order)).state == "done"
    # One number and identical inputs; and no second request where the first had arrived.
    assert len({request.out_order_no for request in sharing.faculty.requests}) == 1
    assert len(sharing.faculty.requests) == (2 if lost == LOST_BEFORE else 1)
    inputs = {str((request.parts[0].amount, request.parts[1].amount)) for request in sharing.faculty.requests}
    assert inputs == {"(350, 50)"}
    assert await sharing.audit() == []


async def test_a_receiver_that_no_gateway_knows_is_introduced_once(sharing: ShareWorld) -> None:
    world = sharing.world
    world.gateway.scripts["add_receiver"].append(Unknown("timeout"))
    _, share = await sharing.shared()
    assert (share.state, sharing.faculty.requests) == ("unknown", [])

    world.clock.advance(6)
    await sharing.sweep()
    await sharing.shared()

    added = [number for call, number in world.gateway.calls if str(call) == "add_receiver"]
    assert added == [OWNERS, OWNERS, AGENT]
    assert await sharing.audit() == []


async def test_parts_under_way_are_followed_to_their_end(sharing: ShareWorld) -> None:
    world = sharing.world
    sharing.faculty.outcomes = {AGENT: PartState.PENDING}
    order, share = await sharing.shared()
    assert share.state == "sent"
    assert await sharing.parts(share) == {"owners": (350, "succeeded"), "agent": (50, "pending")}
    assert await world.balance(SHARING) == 50

    sharing.faculty.settle(AGENT, PartState.SUCCEEDED)
    world.clock.advance(6)
    await sharing.sweep()

    assert (await sharing.share_of(order)).state == "done"
    assert (await world.balance(SHARING), await world.balance("shared:mer:agent")) == (0, 50)
    assert await sharing.audit() == []


async def test_a_failed_part_is_the_merchant_s_and_a_person_is_told(sharing: ShareWorld) -> None:
    world = sharing.world
    sharing.faculty.outcomes = {AGENT: PartState.FAILED}
    order, share = await sharing.shared()

    assert await sharing.parts(share) == {"owners": (350, "succeeded"), "agent": (50, "failed")}
    assert (share.state, await sharing.cases()) == ("done", ["share_part_failed"])
    assert [ref.out_order_no for ref in sharing.faculty.freed.values()] == [share.out_finish_no]
    assert (await world.balance(DUE), await world.balance(SHARING)) == (3_150, 0)
    assert (await sharing.share_of(order)).rest == 3_100
    assert await sharing.audit() == []


async def test_a_refusal_is_repeated_with_the_same_number_and_then_believed(sharing: ShareWorld) -> None:
    world = sharing.world
    world.gateway.scripts["share"].extend([Declined("frequency")] * 5)
    order, share = await sharing.shared()
    assert (share.state, await world.balance(SHARING)) == ("sent", 400)

    for pause in (61, 301, 1_801, 3_601):
        world.clock.advance(pause)
        await sharing.sweep()

    share = await sharing.share_of(order)
    assert len(sharing.faculty.requests) == 5
    assert len({request.out_order_no for request in sharing.faculty.requests}) == 1
    assert (share.state, await sharing.cases()) == ("done", ["share_refused"])
    assert set(await sharing.parts(share)) == {"owners", "agent"}
    assert {state for _, state in (await sharing.parts(share)).values()} == {"failed"}
    assert (await world.balance(DUE), await world.balance(SHARING)) == (3_500, 0)
    assert share.out_finish_no in sharing.faculty.freed
    assert await sharing.audit() == []


async def test_what_cannot_be_given_free_is_on_a_desk(sharing: ShareWorld) -> None:
    world = sharing.world
    world.gateway.scripts["share"].extend([Declined("no")] * 5)
    world.gateway.scripts["unfreeze"].extend([Declined("no")] * 5)
    order, _ = await sharing.shared()
    for _ in range(12):
        world.clock.advance(7_200)
        await sharing.sweep()

    assert (await sharing.share_of(order)).state == "stuck"
    assert await sharing.cases() == ["share_refused", "share_stuck"]
    assert await sharing.audit() == []


async def test_a_fact_about_other_amounts_changes_nothing_and_is_a_case(sharing: ShareWorld) -> None:
    world = sharing.world
    order = await world.settled()
    share = await sharing.share_of(order)

    def told() -> ShareFact:
        _, fact = sharing.faculty.shares[share.out_order_no]
        part = fact.parts[0]
        return ShareFact(fact.out_order_no, fact.share_id, True, (type(part)(part.receiver, 1), *fact.parts[1:]))

    sharing.faculty.outcomes = dict.fromkeys((OWNERS, AGENT), PartState.PENDING)
    await world.payments.shares.submit(share.id)
    world.gateway.scripts["share_query"].append(told)
    world.clock.advance(6)
    await sharing.sweep()

    assert {state for _, state in (await sharing.parts(share)).values()} == {"pending"}
    assert await sharing.cases() == ["share_mismatch"]
    assert await sharing.audit() == []


async def test_many_workers_send_one_share(sharing: ShareWorld) -> None:
    world = sharing.world
    order = await world.settled()
    share = await sharing.share_of(order)

    await asyncio.gather(*(world.payments.shares.submit(share.id) for _ in range(5)), sharing.sweep())
    await asyncio.gather(*(world.payments.shares.ask(share.id) for _ in range(5)))

    assert len(sharing.faculty.requests) == 1
    assert (await sharing.share_of(order)).state == "done"
    assert await sharing.audit() == []


async def test_a_refused_line_holds_the_share_until_somebody_decides(sharing: ShareWorld) -> None:
    world = sharing.world
    order = await world.paid(world.meal(1_000), world.power("E1", 2_000))
    await world.payments.fulfilment.fulfil_line(order.lines[0].id)
    world.biller.script("settle", Refused("closed"))
    await world.payments.fulfilment.fulfil_line(order.lines[1].id)
    share = await sharing.share_of(order)
    assert await world.payments.shares.submit(share.id) == Waiting("line_refused", 3_600.0)

    refund = await world.refund(order, line_id=order.lines[1].id)
    await world.payments.refunds.submit(refund.id)
    assert await world.payments.shares.submit(share.id) == Over("done")

    # A tenth of what is left, and the fixed sum within the cap.
    assert await sharing.parts(share) == {"owners": (100, "succeeded"), "agent": (50, "succeeded")}
    assert await sharing.audit() == []


async def test_after_a_week_the_other_lines_are_shared(sharing: ShareWorld) -> None:
    world = sharing.world
    order = await world.paid(world.meal(1_000), world.power("E1", 2_000))
    world.biller.script("settle", Refused("closed"))
    await world.payments.fulfilment.fulfil_line(order.lines[1].id)
    await world.payments.fulfilment.fulfil_line(order.lines[0].id)
    share = await sharing.share_of(order)
    world.clock.advance(8 * 86_400)

    await sharing.sweep()

    assert await sharing.parts(share) == {"owners": (100, "succeeded"), "agent": (50, "succeeded")}


async def test_all_refunded_before_sharing_is_given_free(sharing: ShareWorld) -> None:
    """No line was told, so no job of fulfilment comes along: the round finds it."""
    world = sharing.world
    order = await world.paid()
    await world.refund(order)
    await sharing.work_off()
    assert len(world.gateway.refunds) == 1
    world.gateway.scripts["unfreeze"].append(Declined("nothing_frozen"))

    world.clock.advance(3_700)
    await sharing.sweep()

    share = await sharing.share_of(order)
    assert (share.state, share.rest, await sharing.parts(share)) == ("done", 3_500, {})
    assert (sharing.faculty.requests, await sharing.cases()) == ([], [])
    assert await sharing.audit() == []


async def test_a_lost_job_is_made_up_for_by_the_round(sharing: ShareWorld) -> None:
    world = sharing.world
    order = await world.settled()
    await world.execute("DELETE FROM outbox WHERE kind = 'share'")

    world.clock.advance(3_700)
    await sharing.sweep()

    assert (await sharing.share_of(order)).state == "done"


async def test_a_charge_that_nobody_paid_is_looked_at_for_some_days_and_then_left_alone(sharing: ShareWorld) -> None:
    world = sharing.world
    order = await world.order()
    await world.open(order)
    await world.payments.sweeper.close_order(order.id)
    for _ in range(4):
        world.clock.advance(86_400)
        await sharing.sweep()

    [row] = await world.rows("SELECT state, next_query_at FROM shares")
    assert (row["state"], row["next_query_at"]) == ("planned", None)
    assert sharing.faculty.requests == []
    assert await sharing.audit() == []


async def test_money_that_comes_late_is_shared_all_the_same(sharing: ShareWorld) -> None:
    world = sharing.world
    order = await world.order()
    ready = await world.open(order)
    await world.payments.sweeper.close_order(order.id)
    fact = world.gateway.fact(ready.out_trade_no, 3_500)
    world.gateway.charges[ready.out_trade_no].fact = fact
    await world.tell(fact)
    await sharing.work_off()

    assert (await sharing.share_of(order)).state == "done"
    assert await sharing.audit() == []


async def test_the_order_of_receivers_is_the_rule_s(sharing: ShareWorld) -> None:
    _, share = await sharing.shared()
    [sent] = sharing.faculty.requests

    assert [part.receiver.number for part in sent.parts] == [OWNERS, AGENT]
    assert sent.parts[1].receiver.name is not None
    assert sent.parts[1].receiver.name.reveal() == "李四"
    assert list(await sharing.parts(share)) == [term.receiver for term in TERMS]
