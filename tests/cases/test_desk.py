"""One proposes, another agrees, everything is audited, and no race or disguise makes one person two."""

import asyncio
import json
from typing import Any

import pytest

from bot.cases import desk as desk_module
from bot.cases.book import SAID, Case, seal_words, show
from bot.cases.desk import Desk, name_of, note_of
from bot.kernel.errors import BadRequest, Conflict, Forbidden, NotFound
from bot.storage.port import Tx
from tests.cases.office import Office


async def test_two_names_and_an_audit_of_both(office: Office) -> None:
    case = await office.open()
    proposed = await office.desk.propose(case.id, "close", actor="Ann", note="the bank confirmed by letter")
    assert (proposed.state, proposed.action, proposed.proposed_by) == ("proposed", "close", "ann")
    resolved = await office.desk.approve(case.id, actor="Bob", note="seen the letter")

    assert (resolved.state, resolved.decided_by) == ("resolved", "bob")
    rows = await office.world.rows("SELECT actor, action, subject, detail, trace_id FROM audit ORDER BY seq")
    assert [(row["actor"], row["action"], row["subject"], row["trace_id"]) for row in rows] == [
        ("ann", "case.proposed", case.id, "trc_1"),
        ("bob", "case.approved", case.id, "trc_1"),
    ]
    assert [json.loads(row["detail"])["note"] for row in rows] == ["the bank confirmed by letter", "seen the letter"]


DISGUISES = ("ann", "ANN", " Ann ", "Ａｎｎ", "A\u200bnn", "ann\u00ad", "\u202eann", "ann\t", "Ann\u00a0")


async def test_one_person_is_not_two(lone: Office) -> None:
    case = await lone.open()
    await lone.desk.propose(case.id, "close", actor="Ann", note="x")

    for disguise in DISGUISES:
        with pytest.raises(Forbidden, match="case_same_person"):
            await lone.desk.approve(case.id, actor=disguise)

    assert (await show(lone.world.database, case.id)).state == "proposed"
    assert await lone.audited(case) == [("ann", "case.proposed")]


@pytest.mark.parametrize(("given", "name"), [("张三", "张三"), ("Zhang San", "zhang san"), ("STRASSE", "strasse")])
def test_names_are_folded(given: str, name: str) -> None:
    assert name_of(given) == name


NOBODY = ("", " ", "a", "\u200b\u200b", "x" * 65, "system", "System", "policy", "system:surplus", "--note", "a;b")


@pytest.mark.parametrize("given", NOBODY)
def test_what_is_no_name(given: str) -> None:
    with pytest.raises(BadRequest, match="actor_missing"):
        name_of(given)


async def test_who_gives_no_name_may_do_nothing(lone: Office) -> None:
    case = await lone.open()
    steps = (
        lone.desk.propose(case.id, "close", actor="", note="x"),
        lone.desk.approve(case.id, actor=""),
        lone.desk.reject(case.id, actor=""),
        lone.desk.look(case.id, actor=""),
    )
    for step in steps:
        with pytest.raises(BadRequest, match="actor_missing"):
            await step

    assert await lone.world.rows("SELECT seq FROM audit") == []


def test_notes_hold_no_numbers_of_people() -> None:
    assert note_of(" 已电话 13812345678\n核对 ") == "已电话 138****5678 核对"
    assert len(note_of("很" * 900)) == 500


class TestPropose:
    async def test_only_what_the_kind_offers(self, lone: Office) -> None:
        case = await lone.open("suspense", "sus_1")

        with pytest.raises(BadRequest, match=r"refund, close"):
            await lone.desk.propose(case.id, "retry", actor="ann")

    async def test_closing_says_why(self, lone: Office) -> None:
        case = await lone.open()

        with pytest.raises(BadRequest, match="case_note_missing"):
            await lone.desk.propose(case.id, "close", actor="ann", note="  ")

    async def test_the_second_of_two_comes_too_late(self, office: Office) -> None:
        case = await office.open()
        results = await asyncio.gather(
            *(office.desk.propose(case.id, "close", actor=f"ann {n}", note="x") for n in range(4)),
            return_exceptions=True,
        )

        assert sum(isinstance(result, Case) for result in results) == 1
        assert sum(isinstance(result, Conflict) for result in results) == 3

    async def test_an_unknown_case(self, lone: Office) -> None:
        with pytest.raises(NotFound):
            await lone.desk.propose("cas_x", "close", actor="ann", note="x")


class TestApprove:
    async def test_nothing_proposed(self, lone: Office) -> None:
        case = await lone.open()

        with pytest.raises(Conflict, match="case_not_proposed"):
            await lone.desk.approve(case.id, actor="bob")

    async def test_two_approvers_at_once_carry_it_out_once(self, office: Office) -> None:
        desk = _counting(office)
        case = await office.open()
        await desk.propose(case.id, "count", actor="ann")
        results = await asyncio.gather(
            *(desk.approve(case.id, actor=f"bob {n}") for n in range(6)), return_exceptions=True
        )

        winners = [result for result in results if isinstance(result, Case)]
        assert len(winners) == 1 and all(isinstance(r, Case | Conflict) for r in results)
        assert await office.audited(case) == [("ann", "case.proposed"), (winners[0].decided_by, "case.approved")]
        rows = await office.world.rows("SELECT seq FROM traces WHERE kind = 'counted'")
        assert len(rows) == 1

    async def test_an_action_that_fails_leaves_the_proposal(self, office: Office) -> None:
        desk = _counting(office)
        case = await office.open()
        await desk.propose(case.id, "fail", actor="ann")
        with pytest.raises(Conflict, match="cannot"):
            await desk.approve(case.id, actor="bob")

        assert (await show(office.world.database, case.id)).state == "proposed"
        assert await office.world.rows("SELECT seq FROM traces") == []
        assert await office.audited(case) == [("ann", "case.proposed")]

    async def test_another_proposal_than_the_one_that_was_read_is_not_carried_out(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the approver's read and write the proposal was taken back and another one made."""
        desk = _counting(office)
        case = await office.open()
        stale = await desk.propose(case.id, "fail", actor="ann")
        await desk.reject(case.id, actor="ann")
        await desk.propose(case.id, "count", actor="eve")

        async def read_before(_tx: Tx, _case_id: str) -> Case:
            return stale

        monkeypatch.setattr(desk_module, "show", read_before)
        with pytest.raises(Conflict, match="case_not_proposed"):
            await desk.approve(case.id, actor="bob")

    async def test_a_resolved_case_is_not_resolved_again(self, lone: Office) -> None:
        case = await lone.open()
        await lone.decide(case, "close")

        for step in (
            lone.desk.approve(case.id, actor="cid"),
            lone.desk.reject(case.id, actor="cid"),
            lone.desk.propose(case.id, "close", actor="cid", note="x"),
        ):
            with pytest.raises(Conflict):
                await step


class TestReject:
    async def test_a_refused_proposal_leaves_the_case_open(self, office: Office) -> None:
        case = await office.open()
        await office.desk.propose(case.id, "close", actor="ann", note="paid back by hand")
        rejected = await office.desk.reject(case.id, actor="bob", note="no proof of it")

        assert (rejected.state, rejected.action, rejected.proposed_by) == ("open", None, None)
        assert rejected.note == "no proof of it"
        assert await office.audited(case) == [("ann", "case.proposed"), ("bob", "case.rejected")]
        assert (await office.decide(case, "close")).state == "resolved"

    async def test_one_may_take_ones_own_back(self, lone: Office) -> None:
        case = await lone.open()
        await lone.desk.propose(case.id, "close", actor="ann", note="x")

        assert (await lone.desk.reject(case.id, actor="ann")).state == "open"


class TestLook:
    async def test_reading_a_customers_words_is_audited(self, lone: Office) -> None:
        case = await lone.open("customer", **{SAID: seal_words(lone.world.vault, ["x"])})
        await lone.desk.look(case.id, actor="ann")

        assert await lone.audited(case) == [("ann", "case.read")]

    async def test_reading_what_is_masked_is_not(self, lone: Office) -> None:
        case = await lone.open()
        await lone.desk.look(case.id, actor="ann")

        assert await lone.audited(case) == []


def _counting(office: Office) -> Desk:
    """A desk whose actions leave a row behind, or leave one and fail."""

    async def count(tx: Tx, case: Case, actor: str, now: Any) -> None:
        await tx.execute("INSERT INTO traces (trace_id, kind, title, at) VALUES ('t', 'counted', $1, 1)", actor)

    async def fail(tx: Tx, case: Case, actor: str, now: Any) -> None:
        await count(tx, case, actor, now)
        raise Conflict("cannot")

    return Desk(office.world.database, lambda _: {"count": count, "fail": fail}, office.world.clock)
