"""What two people decide about a refund that its gateway could not carry out ends it, once, with clean books."""

import pytest

from bot.cases.book import Case, show
from bot.kernel.errors import Conflict
from bot.payments.facts import RefundState
from bot.payments.refunds import RefundAsk
from bot.payments.values import Refund
from tests.cases.office import Office
from tests.payments.world import DUE, PAYERS, REFUNDING


async def abnormal(office: Office) -> tuple[Refund, Case]:
    world = office.world
    order = await world.paid()
    refund = await world.refund(order)
    world.gateway.refund_outcome = RefundState.ABNORMAL
    await world.work_off("refund_submit")
    return await world.payments.refunds.get(refund.id), await office.only("refund_abnormal")


async def test_the_payer_has_the_money_by_another_way(office: Office) -> None:
    world = office.world
    refund, case = await abnormal(office)
    assert office.desk.choices(case) == ("ask", "returned", "kept", "close")
    assert (refund.state, await world.balance(REFUNDING)) == ("abnormal", 3_500)

    await office.decide(case, "returned")

    ended = await world.payments.refunds.get(refund.id)
    assert (ended.state, ended.refund_id, ended.succeeded_at is not None) == ("succeeded", refund.refund_id, True)
    assert (await world.balance(DUE), await world.balance(REFUNDING), await world.balance(PAYERS)) == (0, 0, 0)
    assert await world.audit() == []


async def test_the_money_stays_and_can_be_asked_back_again(office: Office) -> None:
    world = office.world
    refund, case = await abnormal(office)

    await office.decide(case, "kept")

    assert (await world.payments.refunds.get(refund.id)).state == "failed"
    assert (await world.balance(DUE), await world.balance(REFUNDING)) == (3_500, 0)
    again = await office.only("refund_failed")
    world.gateway.refund_outcome = RefundState.SUCCEEDED
    world.gateway.settle_refund(refund.out_refund_no, RefundState.FAILED)
    await office.decide(again, "again")
    await world.work_off()
    assert (await world.balance(DUE), await world.balance(PAYERS)) == (0, 0)
    assert await world.audit() == []


async def test_the_gateway_is_asked_at_once(office: Office) -> None:
    world = office.world
    refund, case = await abnormal(office)
    await world.sweep()
    assert world.gateway.count("refund_query") == 0

    await office.decide(case, "ask")
    world.gateway.settle_refund(refund.out_refund_no, RefundState.SUCCEEDED)
    await world.sweep()

    assert (await world.payments.refunds.get(refund.id)).state == "succeeded"
    assert await world.audit() == []


async def test_no_decision_about_what_has_ended_and_no_end_of_the_case_before(office: Office) -> None:
    world = office.world
    refund, case = await abnormal(office)
    await office.desk.propose(case.id, "close", actor="ann", note="tired")
    with pytest.raises(Conflict, match="refund_abnormal"):
        await office.desk.approve(case.id, actor="bob")
    await office.desk.reject(case.id, actor="bob", note="no")

    await world.tell(world.gateway.settle_refund(refund.out_refund_no, RefundState.SUCCEEDED))
    for action in ("kept", "returned", "ask"):
        await office.desk.propose(case.id, action, actor="ann")
        with pytest.raises(Conflict, match="refund_not_abnormal"):
            await office.desk.approve(case.id, actor="bob")
        await office.desk.reject(case.id, actor="bob", note="no")
    await office.decide(case, "close")
    assert (await show(world.database, case.id)).state == "resolved"
    assert (await world.payments.refunds.get(refund.id)).state == "succeeded"


async def test_a_gateway_that_contradicts_the_desk_is_heard(office: Office) -> None:
    world = office.world
    refund, case = await abnormal(office)
    await office.decide(case, "returned")

    await world.tell(world.gateway.settle_refund(refund.out_refund_no, RefundState.FAILED), id_="late")

    assert (await office.only("refund_contradiction")).key == refund.id
    assert (await world.payments.refunds.get(refund.id)).state == "succeeded"


async def test_a_part_that_failed_is_made_again_as_a_part(office: Office) -> None:
    world = office.world
    order = await world.settled()
    world.gateway.refund_outcome = RefundState.FAILED
    first = await world.payments.refunds.request(RefundAsk(order.id, "k", "cid", "cold", amount=700))
    assert isinstance(first, Refund)
    await world.work_off("refund_submit")
    world.gateway.refund_outcome = RefundState.SUCCEEDED

    await office.decide(await office.only("refund_failed"), "again")
    await world.work_off()

    rows = await world.rows("SELECT amount, line_id, state FROM refunds ORDER BY created_at")
    assert [tuple(row) for row in rows] == [(700, "part", "failed"), (700, "part", "succeeded")]
    assert await world.audit() == []
