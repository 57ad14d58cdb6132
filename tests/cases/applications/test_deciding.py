"""What two people at the desk decide about an application happens, once, is audited, and the customer is told."""

import pytest

from bot.kernel.errors import BadRequest, Conflict, Forbidden
from tests.cases.bureau import OPENING, Bureau


async def test_two_names_approve_and_the_bank_carries_it_out(bureau: Bureau) -> None:
    found = await bureau.handed_in("account_opening", OPENING)
    case = await bureau.case(found)
    assert bureau.desk.choices(case) == ("approve", "check", "documents", "reject", "close")

    await bureau.desk.propose(case.id, "approve", actor="Ann")
    assert await bureau.state(found) == "first_approval"
    await bureau.desk.approve(case.id, actor="Bob")
    assert await bureau.state(found) == "approved"
    assert bureau.desk.choices(await bureau.case(found)) == ("done", "failed", "close")
    await bureau.decide(found, "done", note="KH-17")

    [row] = await bureau.rows("SELECT state, first_by, second_by, reference, version FROM applications")
    assert row == {"state": "done", "first_by": "ann", "second_by": "bob", "reference": "KH-17", "version": 5}
    assert await bureau.notices() == ["first_approval", "approved", "done"]
    audited = await bureau.rows("SELECT actor, action FROM audit WHERE subject = $1 ORDER BY seq", found.id)
    assert [(each["actor"], each["action"].partition(".")[2]) for each in audited] == [
        ("cus_1", "submitted"),
        ("ann", "first_approval"),
        ("bob", "approved"),
        ("bob", "done"),
    ]
    assert await bureau.audit() == []


async def test_one_name_cannot_approve_twice(bureau: Bureau) -> None:
    found = await bureau.handed_in("account_opening", OPENING)
    case = await bureau.case(found)
    await bureau.desk.propose(case.id, "approve", actor="Ann")

    for name in ("Ann", " ann ", "Ａnn"):
        with pytest.raises(Forbidden):
            await bureau.desk.approve(case.id, actor=name)
    assert await bureau.state(found) == "first_approval"


async def test_the_room_itself_compares_the_names(bureau: Bureau) -> None:
    """Whoever forgets to, at a desk of another kind, is stopped by the statement that approves."""
    found = await bureau.handed_in("account_opening", OPENING)
    moving, now = bureau.applications.moving, bureau.clock.now()
    await bureau.database.effect(lambda tx: moving.first_approve_in(tx, found.id, now, actor="ann"))

    with pytest.raises(Forbidden, match="same_person"):
        await bureau.database.effect(lambda tx: moving.approve_in(tx, found.id, now, first="ann", actor="ann"))
    with pytest.raises(Forbidden, match="same_person"):
        await bureau.database.effect(lambda tx: moving.approve_in(tx, found.id, now, first="", actor="ann"))
    # Another name is claimed to have been the first.
    with pytest.raises(Conflict, match="elsewhere"):
        await bureau.database.effect(lambda tx: moving.approve_in(tx, found.id, now, first="cid", actor="ann"))
    assert await bureau.state(found) == "first_approval"


async def test_nothing_is_approved_without_a_first_approval(bureau: Bureau) -> None:
    found = await bureau.handed_in("account_opening", OPENING)
    moving, now = bureau.applications.moving, bureau.clock.now()
    with pytest.raises(Conflict, match="elsewhere"):
        await bureau.database.effect(lambda tx: moving.approve_in(tx, found.id, now, first="ann", actor="bob"))


async def test_a_first_approval_that_is_not_shared_goes_back(bureau: Bureau) -> None:
    found = await bureau.handed_in("account_opening", OPENING)
    case = await bureau.case(found)
    await bureau.desk.propose(case.id, "approve", actor="Ann")
    await bureau.desk.reject(case.id, actor="Bob", note="章程不清楚")
    assert await bureau.state(found) == "checking"

    await bureau.decide(found, "approve")
    assert await bureau.state(found) == "approved"


async def test_a_refusal_tells_the_customer_why(bureau: Bureau) -> None:
    found = await bureau.handed_in("account_opening", OPENING)
    await bureau.decide(found, "reject", note="经营地址无法核实")

    [shown] = await bureau.applications.of("cus_1")
    assert (shown.state, shown.note) == ("rejected", "经营地址无法核实")
    assert await bureau.notices() == ["rejected"]
    assert await bureau.audit() == []


@pytest.mark.parametrize("action", ["documents", "reject"])
async def test_what_the_customer_reads_is_not_left_out(lone: Bureau, action: str) -> None:
    found = await lone.handed_in("account_opening", OPENING)
    case = await lone.case(found)
    await lone.desk.propose(case.id, action, actor="Ann")
    with pytest.raises(BadRequest, match="note_missing"):
        await lone.desk.approve(case.id, actor="Bob")
    assert await lone.state(found) == "submitted"


async def test_nothing_is_done_without_the_banks_own_reference(lone: Bureau) -> None:
    found = await lone.handed_in("account_opening", OPENING)
    await lone.decide(found, "approve")
    case = await lone.case(found)
    await lone.desk.propose(case.id, "done", actor="Ann")
    with pytest.raises(BadRequest, match="reference_missing"):
        await lone.desk.approve(case.id, actor="Bob")
    assert await lone.state(found) == "approved"


async def test_what_is_taken_up_stays_on_the_desk(lone: Bureau) -> None:
    found = await lone.handed_in("account_opening", OPENING)
    await lone.decide(found, "check")

    case = await lone.case(found)
    assert (await lone.state(found), case.state) == ("checking", "open")
    await lone.decide(found, "approve")
    assert await lone.notices() == ["checking", "first_approval", "approved"]


async def test_a_case_is_closed_only_once_nobody_waits(lone: Bureau) -> None:
    found = await lone.handed_in("account_opening", OPENING)
    with pytest.raises(Conflict, match="application_waits"):
        await lone.decide(found, "close")
    case = await lone.case(found)
    await lone.desk.reject(case.id, actor="Cid", note="no")

    await lone.applications.withdraw(found.id, "cus_1")
    assert (await lone.decide(found, "close")).state == "resolved"


async def test_the_audit_finds_what_must_not_be(lone: Bureau) -> None:
    found = await lone.handed_in("account_opening", OPENING)
    await lone.case(found)
    await lone.execute("UPDATE applications SET state = 'done', first_by = 'ann', second_by = 'ann'")
    await lone.execute("DELETE FROM application_documents WHERE kind = 'letter'")

    assert await lone.audit() == ["application_one_name", "application_without_authority", "application_unreferenced"]
    await lone.execute("UPDATE applications SET state = 'submitted'")
    await lone.execute("DELETE FROM cases")
    lone.clock.advance(2 * 86_400)
    assert "application_forgotten" in await lone.audit()
