"""Notes in custody: taken in once, divided to the fen, discounted, pledged, presented, and nobody else's."""

import asyncio

import pytest

from bot.cases.applications.values import Progress
from bot.cases.trade import notes
from bot.kernel.errors import Conflict
from tests.cases.bureau import CREDITOR, NOTE, Bureau

WHOLE = {"uscc": CREDITOR, "note": NOTE, "range": "1-50000000", "amount": "50000000", "due_on": "2027-03-15"}
DAY = 86_400


def part(units: str) -> dict[str, str]:
    return {"uscc": CREDITOR, "note": NOTE, "range": units}


async def in_custody(bureau: Bureau, **changes: str) -> Progress:
    return await bureau.carried_out("note_custody", {**WHOLE, **changes})


async def held(bureau: Bureau, customer: str = "cus_1") -> list[tuple[str, int, str]]:
    return sorted((each.range, each.face, each.state) for each in await notes.held(bureau.database, customer))


async def test_a_note_is_taken_into_custody_once(bureau: Bureau) -> None:
    found = await bureau.handed_in("note_custody", WHOLE)
    assert await held(bureau) == [("1-50000000", 50_000_000, "pre_custody")]
    await bureau.decide(found, "approve")
    await bureau.decide(found, "done", note="TG-1")

    assert await held(bureau) == [("1-50000000", 50_000_000, "custody")]
    for units, fen in (("1-50000000", "50000000"), ("50000000-50000001", "2"), ("0", "50000000")):
        assert await bureau.refused("note_custody", {**WHOLE, "range": units, "amount": fen}, "cus_2") == "note_taken"
    behind = await bureau.hand_in("note_custody", {**WHOLE, "range": "50000001-50000002", "amount": "2"}, "cus_2")
    assert isinstance(behind, Progress)
    assert await bureau.audit() == []


async def test_two_who_bring_the_same_units_at_once(bureau: Bureau) -> None:
    news = [bureau.new("note_custody", WHOLE, f"cus_{each}") for each in range(4)]
    found = await asyncio.gather(*(bureau.applications.submit(new) for new in news))

    assert sum(isinstance(each, Progress) for each in found) == 1
    assert await bureau.audit() == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": "49999999"}, "note_range_amount"),
        ({"due_on": "2026-11-24"}, "note_due"),
        # Registered on 2026-10-10, so that six months end on 2027-04-10.
        ({"due_on": "2027-04-11"}, "note_tenor"),
        ({"range": "0", "amount": "10000000001"}, "note_too_large"),
    ],
)
async def test_a_note_outside_the_terms_is_not_taken(lone: Bureau, changes: dict[str, str], code: str) -> None:
    assert await lone.refused("note_custody", {**WHOLE, **changes}) == code
    assert await held(lone) == []


async def test_a_note_at_the_end_of_its_tenor_is_taken(lone: Bureau) -> None:
    assert isinstance(await lone.hand_in("note_custody", {**WHOLE, "due_on": "2027-04-10"}), Progress)


async def test_a_note_that_was_refused_may_come_again(bureau: Bureau) -> None:
    found = await bureau.handed_in("note_custody", WHOLE)
    await bureau.decide(found, "reject", note="背书不连续")
    assert await held(bureau) == []

    await in_custody(bureau)
    assert await held(bureau) == [("1-50000000", 50_000_000, "custody")]


async def test_a_part_is_cut_out_and_discounted(bureau: Bureau) -> None:
    await in_custody(bureau)
    estimate = await bureau.applications.estimate("note_discount", "cus_1", part("20000001-30000000"))
    assert isinstance(estimate, dict)
    assert (estimate["face"], estimate["days"], estimate["interest"]) == (10_000_000, 111, 69_375)

    found = await bureau.handed_in("note_discount", part("20000001-30000000"))
    await bureau.decide(found, "approve")
    await bureau.decide(found, "done", note="TX-1")

    assert await held(bureau) == [
        ("1-20000000", 20_000_000, "custody"),
        ("20000001-30000000", 10_000_000, "discounted"),
        ("30000001-50000000", 20_000_000, "custody"),
    ]
    assert await bureau.audit() == []


async def test_what_is_under_way_is_not_used_twice(bureau: Bureau) -> None:
    await in_custody(bureau)
    found = await bureau.handed_in("note_discount", part("1-10000000"))

    assert await bureau.refused("note_pledge", part("1-10000000")) == "note_under_way"
    assert await bureau.refused("note_pledge", part("5000000-20000000")) == "note_not_in_custody"
    assert await bureau.applications.withdraw(found.id, "cus_1")
    await bureau.carried_out("note_pledge", part("1-10000000"))
    assert ("1-10000000", 10_000_000, "pledged") in await held(bureau)
    assert await bureau.audit() == []


async def test_a_strangers_note_is_not_there(lone: Bureau) -> None:
    await in_custody(lone)

    assert await lone.refused("note_discount", part("1-100"), "cus_2") == "note_not_in_custody"
    unknown = {**part("1-100"), "note": f"6{NOTE[1:]}"}
    assert await lone.refused("note_discount", unknown) == "note_not_in_custody"
    assert await lone.refused("note_discount", part("1-50000001")) == "note_not_in_custody"


async def test_the_whole_of_a_divided_note_must_be_named(lone: Bureau) -> None:
    await in_custody(lone)
    found = await lone.handed_in("note_discount", part("1-10000000"))
    await lone.applications.withdraw(found.id, "cus_1")

    assert await lone.refused("note_pledge", part("0")) == "note_range_needed"


async def test_what_cannot_be_divided_goes_whole(lone: Bureau) -> None:
    await in_custody(lone, range="0")

    assert await lone.refused("note_discount", part("1-100")) == "note_not_in_custody"
    await lone.carried_out("note_discount", part("0"))
    assert await held(lone) == [("0", 50_000_000, "discounted")]


@pytest.mark.parametrize(("action", "state"), [("done", "settled"), ("failed", "refused")])
async def test_a_note_is_presented_in_its_time(bureau: Bureau, action: str, state: str) -> None:
    await in_custody(bureau)
    assert await bureau.refused("note_presentation", part("0")) == "note_not_presentable"
    bureau.clock.advance(111 * DAY)
    assert await bureau.refused("note_discount", part("0")) == "note_due"

    found = await bureau.handed_in("note_presentation", part("0"))
    await bureau.decide(found, "approve")
    assert await held(bureau) == [("1-50000000", 50_000_000, "presented")]
    await bureau.decide(found, action, note="承兑行 T-9")

    assert await held(bureau) == [("1-50000000", 50_000_000, state)]
    assert await bureau.audit() == []


async def test_a_presentation_refused_at_the_desk_leaves_the_note_in_custody(lone: Bureau) -> None:
    await in_custody(lone)
    lone.clock.advance(111 * DAY)
    found = await lone.handed_in("note_presentation", part("0"))
    await lone.decide(found, "reject", note="资料不全")

    assert await held(lone) == [("1-50000000", 50_000_000, "custody")]


async def test_recourse_ends_with_the_money(bureau: Bureau) -> None:
    await in_custody(bureau)
    bureau.clock.advance(111 * DAY)
    found = await bureau.handed_in("note_presentation", part("0"))
    await bureau.decide(found, "approve")
    await bureau.decide(found, "failed", note="拒付")
    [note] = await notes.held(bureau.database, "cus_1")
    matter = bureau.matter({})

    assert not await bureau.database.effect(lambda tx: notes.recover_in(tx, note.id, matter))
    assert await bureau.database.effect(lambda tx: notes.recourse_in(tx, note.id, matter))
    assert await bureau.database.effect(lambda tx: notes.recover_in(tx, note.id, matter))
    assert [each[2] for each in await held(bureau)] == ["settled"]


async def test_the_desk_cannot_carry_out_what_lies_elsewhere(lone: Bureau) -> None:
    await in_custody(lone)
    found = await lone.handed_in("note_discount", part("0"))
    await lone.decide(found, "approve")
    await lone.execute("UPDATE notes SET state = 'pledged'")
    case = await lone.case(found)
    await lone.desk.propose(case.id, "done", actor="Ann", note="TX-2")
    with pytest.raises(Conflict, match="note_not_in_hand"):
        await lone.desk.approve(case.id, actor="Bob")
    assert await lone.state(found) == "approved"
