"""Handing an application in: whole, once, sealed, and for a company only by who may."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.billers.port import Refusal
from bot.cases.applications.values import Document, Progress
from bot.cases.book import words_of
from bot.kernel.errors import NotFound
from tests.cases.bureau import CREDITOR, OPENING, Bureau


async def test_an_application_is_handed_in_and_lies_on_the_desk(bureau: Bureau) -> None:
    found = await bureau.handed_in("account_opening", OPENING)

    assert (found.state, found.title, found.note) == ("submitted", "企业开户", "")
    assert found.number.startswith("SQ20261124")
    case = await bureau.case(found)
    assert (case.kind, case.state, case.facts["documents"]) == ("application", "open", ["letter", "license"])
    assert words_of(bureau.vault, case)[1] == f"统一社会信用代码: {CREDITOR}"
    assert await bureau.audit() == []


async def test_what_was_given_lies_nowhere_in_clear(bureau: Bureau) -> None:
    found = await bureau.handed_in("account_opening", OPENING)
    await bureau.case(found)

    for table in ("applications", "application_documents", "cases", "outbox", "audit"):
        for row in await bureau.rows(f"SELECT * FROM {table}"):  # noqa: S608 - Our own names.
            told = json.dumps(row, default=repr, ensure_ascii=False)
            for secret in (CREDITOR, "周明远", "示范云帆科技有限公司", "media-letter"):
                assert secret not in told, table


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"authority": ""}, "authority_missing"),
        ({"authority": "friend"}, "authority_missing"),
        ({"documents": [Document("license", "m")]}, "authority_missing"),
        ({"authority": "legal_person"}, "authority_missing"),
        ({"documents": [Document("letter", "m")]}, "paper_missing"),
        ({"facts": {**OPENING, "uscc": "91440300MA5FDEM095"}}, "blank_wrong"),
        ({"facts": {**OPENING, "account_type": "golden"}}, "blank_wrong"),
        ({"facts": {name: OPENING[name] for name in ("company", "uscc")}}, "blank_wrong"),
    ],
)
async def test_what_is_not_whole_is_not_taken(lone: Bureau, changes: dict[str, Any], code: str) -> None:
    refused = await lone.applications.submit(lone.new("account_opening", OPENING, **changes))

    assert isinstance(refused, Refusal)
    assert refused.code == code
    assert await lone.rows("SELECT id FROM applications") == []


async def test_the_legal_person_herself_applies_with_her_card(lone: Bureau) -> None:
    papers = [Document("license", "m1"), Document("legal_person", "m2")]
    new = lone.new("account_opening", OPENING, authority="legal_person", documents=papers)

    assert isinstance(await lone.applications.submit(new), Progress)
    assert await lone.audit() == []


async def test_a_person_needs_no_authority(lone: Bureau) -> None:
    found = await lone.handed_in("account_visit", {"company": "示范云帆科技有限公司", "day": "2026-12-01"})
    await lone.decide(found, "approve")

    assert await lone.state(found) == "approved"
    assert await lone.audit() == []


async def test_the_same_agreement_twice_is_one_application(bureau: Bureau) -> None:
    new = bureau.new("account_opening", OPENING)
    first = await bureau.applications.submit(new)
    again = await bureau.applications.submit(replace(new, trace_id="trc_other"))

    assert first == again
    assert len(await bureau.rows("SELECT id FROM applications")) == 1
    assert len(await bureau.rows("SELECT id FROM application_documents")) == 2


async def test_a_customer_sees_her_own_only(bureau: Bureau) -> None:
    mine = await bureau.handed_in("account_opening", OPENING)
    await bureau.handed_in("account_opening", OPENING, "cus_2")

    assert [each.id for each in await bureau.applications.of("cus_1")] == [mine.id]
    assert [each.id for each in await bureau.applications.of("cus_1", "account_opening")] == [mine.id]
    assert await bureau.applications.of("cus_1", "bills") == []


async def test_papers_that_were_asked_for_bring_it_back_to_the_desk(bureau: Bureau) -> None:
    found = await bureau.handed_in("account_opening", OPENING)
    await bureau.decide(found, "documents", note="公司章程")
    [shown] = await bureau.applications.of("cus_1")
    assert (shown.state, shown.note) == ("needs_documents", "公司章程")
    assert not await bureau.applications.supplement(found.id, "cus_2", "media-9", "trc_9"), "another's application"

    assert await bureau.applications.supplement(found.id, "cus_1", "media-9", "trc_9")
    assert not await bureau.applications.supplement(found.id, "cus_1", "media-9", "trc_9"), "nothing is asked for now"
    case = await bureau.case(found)
    assert case.facts["documents"] == ["letter", "license", "more"]
    await bureau.decide(found, "approve")
    assert await bureau.state(found) == "approved"


async def test_it_can_be_taken_back_until_the_first_approval(bureau: Bureau) -> None:
    found = await bureau.handed_in("account_opening", OPENING)
    assert not await bureau.applications.withdraw(found.id, "cus_2")
    assert not await bureau.applications.withdraw("app_none", "cus_1")
    assert await bureau.applications.withdraw(found.id, "cus_1")
    assert not await bureau.applications.withdraw(found.id, "cus_1")

    late = await bureau.handed_in("account_opening", OPENING)
    case = await bureau.case(late)
    await bureau.desk.propose(case.id, "approve", actor="Ann")
    assert not await bureau.applications.withdraw(late.id, "cus_1")


async def test_a_kind_that_is_not_here_is_not_found(lone: Bureau) -> None:
    new = replace(lone.new("account_opening", OPENING), kind="moon_landing")
    with pytest.raises(NotFound, match="kind_unknown"):
        await lone.applications.submit(new)
    assert lone.applications.title("moon_landing") == "moon_landing"
