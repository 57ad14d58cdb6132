"""A contract is what its vendor says it is, learned from notices or by asking, and over at anybody's word."""

import dataclasses
from datetime import timedelta

import pytest

from bot.billers.port import Refusal
from bot.kernel.errors import NotFound
from bot.payments.contracts.contracts import SIGN_WITHIN
from bot.payments.contracts.port import Later, Signing
from bot.payments.facts import ContractFact, ContractState, Declined, Unknown
from bot.payments.faculties import NewContract
from tests.payments.contracts.rig import ASK, PLAN, ContractWorld
from tests.payments.scripted_gateway import LOST_AFTER, LOST_BEFORE


async def test_what_is_offered_is_what_was_agreed(autopay: ContractWorld) -> None:
    port = autopay.world.payments.autopay

    assert list(await port.offer("power")) == [PLAN]
    assert list(await port.offer("meal")) == []
    assert list(await port.offer("nothing")) == []
    autopay.faculty.notice_days = 3
    assert [plan.notice_days for plan in await port.offer("power")] == [3]
    autopay.world.gateway.contracts = None
    assert list(await port.offer("power")) == []
    assert await port.sign(ASK) == Refusal("autopay_unsupported")


async def test_a_contract_is_signed_by_a_notice(autopay: ContractWorld) -> None:
    contract = await autopay.signing()
    assert (contract.state, contract.maximum, contract.contract_id) == ("signing", 20_000, None)
    [sent] = autopay.faculty.requests
    assert isinstance(sent, NewContract)
    assert (sent.plan, sent.maximum, sent.period_days, sent.shown) == ("plan-1", 20_000, 30, "阳光电费")

    fact = autopay.faculty.sign_as_payer(contract.out_contract_no)
    first = await autopay.tell(fact, id_="n1")
    again = await autopay.tell(fact, id_="n1")

    signed = await autopay.get(contract.id)
    assert (first.repeated, again.repeated) == (False, True)
    assert (signed.state, signed.contract_id, signed.signed_at) == ("active", fact.contract_id, fact.at)
    trail = await autopay.world.rows("SELECT action FROM audit WHERE subject = $1 ORDER BY seq", contract.id)
    assert [row["action"] for row in trail] == ["contract.asked", "contract.signed"]
    [view] = await autopay.world.payments.autopay.state("cus-1")
    assert (view.state, view.account_mask, view.maximum) == ("active", "****5678", 20_000)
    assert await autopay.audit() == []


async def test_a_lost_notice_is_made_up_for_by_asking(autopay: ContractWorld) -> None:
    contract = await autopay.signing()
    autopay.faculty.sign_as_payer(contract.out_contract_no)
    autopay.world.clock.advance(20)

    await autopay.sweep()

    assert (await autopay.get(contract.id)).state == "active"
    assert await autopay.audit() == []


async def test_asking_again_goes_on_with_the_same_contract(autopay: ContractWorld) -> None:
    first, again = await autopay.signing(), await autopay.signing()
    assert first.id == again.id
    assert len(autopay.faculty.requests) == 1

    await autopay.tell(autopay.faculty.sign_as_payer(first.out_contract_no), id_="n1")
    assert await autopay.world.payments.autopay.sign(ASK) == Refusal("autopay_signed", {"contract_id": first.id})
    assert (await autopay.signing(account="0519999999")).id != first.id


@pytest.mark.parametrize("lost", [LOST_BEFORE, LOST_AFTER])
async def test_a_missing_answer_repeats_the_identical_request(autopay: ContractWorld, lost: str) -> None:
    autopay.world.gateway.scripts["sign"].append(lost)
    told = await autopay.world.payments.autopay.sign(ASK)
    assert isinstance(told, Later)

    again = await autopay.world.payments.autopay.sign(ASK)

    assert isinstance(again, Signing)
    assert (again.contract_id, autopay.faculty.requests[0]) == (told.contract_id, autopay.faculty.requests[1])


async def test_a_contract_may_be_lower_than_the_plan_and_never_higher(autopay: ContractWorld) -> None:
    sign = autopay.world.payments.autopay.sign
    for wrong in (20_001, 0, -1):
        assert await sign(dataclasses.replace(ASK, maximum=wrong)) == Refusal("over_limit", {"maximum": 20_000})

    assert (await autopay.signing(maximum=15_000)).maximum == 15_000
    assert autopay.faculty.requests[0].maximum == 15_000


async def test_a_vendor_that_says_no(autopay: ContractWorld) -> None:
    autopay.world.gateway.scripts["sign"].append(Declined("period_too_short"))

    assert await autopay.world.payments.autopay.sign(ASK) == Refusal("declined", {"code": "period_too_short"})
    assert isinstance(await autopay.world.payments.autopay.sign(ASK), Signing)


async def test_who_does_not_sign_lapses_and_a_late_signature_counts(autopay: ContractWorld) -> None:
    contract = await autopay.signing()
    await autopay.days(1)
    autopay.world.clock.advance(SIGN_WITHIN.total_seconds())
    await autopay.sweep()
    assert (await autopay.get(contract.id)).state == "lapsed"

    await autopay.tell(autopay.faculty.sign_as_payer(contract.out_contract_no), id_="late")

    assert (await autopay.get(contract.id)).state == "active"
    assert await autopay.audit() == []


async def test_a_late_signature_beside_another_contract_is_for_a_person(autopay: ContractWorld) -> None:
    first = await autopay.signing()
    await autopay.days(2)
    second = await autopay.active()

    await autopay.tell(autopay.faculty.sign_as_payer(first.out_contract_no), id_="late")

    states = [(await autopay.get(contract.id)).state for contract in (first, second)]
    assert (states, await autopay.world.cases()) == (["lapsed", "active"], ["contract_twice"])


FOREIGN = {
    "another_plan": {"plan": "plan-2"},
    "another_number": {"out_contract_no": "C0"},
}


@pytest.mark.parametrize("changes", FOREIGN.values(), ids=FOREIGN)
async def test_a_notice_about_something_else_signs_nothing(autopay: ContractWorld, changes: dict[str, str]) -> None:
    contract = await autopay.signing()
    fact = autopay.faculty.sign_as_payer(contract.out_contract_no)
    wrong: ContractFact = dataclasses.replace(fact, **changes)  # type: ignore[arg-type]

    await autopay.tell(wrong, id_="wrong")

    assert (await autopay.get(contract.id)).state == "signing"
    assert await autopay.world.cases() == ["contract_foreign"]


async def test_a_notice_to_another_account_signs_nothing(autopay: ContractWorld) -> None:
    contract = await autopay.signing()

    await autopay.tell(autopay.faculty.sign_as_payer(contract.out_contract_no), id_="n", account="second")

    assert (await autopay.get(contract.id)).state == "signing"
    assert await autopay.world.cases() == ["contract_foreign"]


async def test_an_end_of_another_contract_ends_nothing(autopay: ContractWorld) -> None:
    contract = await autopay.active()
    fact = autopay.faculty.end_as_payer(contract.out_contract_no)

    await autopay.tell(dataclasses.replace(fact, contract_id="2026other"), id_="wrong")

    assert (await autopay.get(contract.id)).state == "active"
    assert await autopay.world.cases() == ["contract_foreign"]


async def test_the_payer_ends_it_in_the_wallet(autopay: ContractWorld) -> None:
    contract = await autopay.active()
    planned = await autopay.due(contract)

    await autopay.tell(autopay.faculty.end_as_payer(contract.out_contract_no), id_="end")

    ended = await autopay.get(contract.id)
    assert (ended.state, ended.ended_by) == ("ended", "payer")
    assert (await autopay.deduction(planned.id)).state == "cancelled"
    assert await autopay.audit() == []


async def test_an_older_word_does_not_raise_the_dead(autopay: ContractWorld) -> None:
    contract = await autopay.active()
    signed = autopay.faculty.contracts[contract.out_contract_no]
    autopay.world.clock.advance(60)
    await autopay.tell(autopay.faculty.end_as_payer(contract.out_contract_no), id_="end")

    await autopay.tell(signed, id_="the notice of the signature, delayed")
    assert (await autopay.get(contract.id)).state == "ended"
    assert await autopay.world.cases() == []

    later = autopay.world.clock.now() + timedelta(hours=1)
    await autopay.tell(dataclasses.replace(signed, at=later), id_="odd")
    assert (await autopay.get(contract.id)).state == "ended"
    assert await autopay.world.cases() == ["contract_contradiction"]


async def test_an_end_that_no_notice_told_is_seen_within_a_day(autopay: ContractWorld) -> None:
    contract = await autopay.active()
    autopay.faculty.end_as_payer(contract.out_contract_no)

    await autopay.days(2)

    assert (await autopay.get(contract.id)).state == "ended"


async def test_a_vendor_that_has_forgotten_a_contract_ended_it(autopay: ContractWorld) -> None:
    contract = await autopay.active()
    autopay.faculty.contracts.clear()

    await autopay.days(2)

    ended = await autopay.get(contract.id)
    assert (ended.state, ended.ended_by) == ("ended", "vendor")


async def test_one_word_of_the_customer_ends_it(autopay: ContractWorld) -> None:
    contract = await autopay.active()
    planned = await autopay.due(contract)

    assert await autopay.world.payments.autopay.revoke("cus-1", contract.id) == "ended"

    ended = await autopay.get(contract.id)
    assert (ended.ended_by, ended.ended_at is not None) == ("payer", True)
    assert (await autopay.deduction(planned.id)).state == "cancelled"
    assert autopay.faculty.contracts[contract.out_contract_no].state is ContractState.ENDED
    assert await autopay.world.payments.autopay.revoke("cus-1", contract.id) == "ended"
    assert isinstance(await autopay.world.payments.autopay.sign(ASK), Signing)
    assert await autopay.audit() == []


async def test_nobody_ends_a_contract_of_another(autopay: ContractWorld) -> None:
    contract = await autopay.active()

    for customer, number in (("cus-2", contract.id), ("cus-1", "ctr_none")):
        with pytest.raises(NotFound, match="contract_unknown"):
            await autopay.world.payments.autopay.revoke(customer, number)
    assert (await autopay.get(contract.id)).state == "active"
    assert list(await autopay.world.payments.autopay.state("cus-2")) == []


@pytest.mark.parametrize("answer", [LOST_BEFORE, LOST_AFTER, Declined("no"), Unknown("timeout")])
async def test_an_end_without_an_answer_is_asked_about_and_nothing_is_deducted_meanwhile(
    autopay: ContractWorld, answer: object
) -> None:
    contract = await autopay.active()
    planned = await autopay.due(contract)
    autopay.world.gateway.scripts["terminate"].append(answer)

    assert await autopay.world.payments.contracts.end(contract.id, "ann") == "ending"
    assert (await autopay.deduction(planned.id)).state == "cancelled"
    assert await autopay.world.payments.autopay.due(contract.id, autopay.line(), autopay.today) == Refusal(
        "contract_inactive"
    )
    await autopay.days(1)

    ended = await autopay.get(contract.id)
    assert (ended.state, ended.ended_by) == ("ended", "merchant")
    assert ("contract_not_ended" in await autopay.world.cases()) is isinstance(answer, Declined)
    assert await autopay.audit() == []


async def test_nothing_about_the_account_lies_in_the_clear(autopay: ContractWorld) -> None:
    contract = await autopay.active()
    await autopay.due(contract)

    rows = [*await autopay.world.rows("SELECT * FROM contracts"), *await autopay.world.rows("SELECT * FROM deductions")]

    assert "0512345678" not in repr([tuple(row) for row in rows])
    assert "0512345678" not in repr(contract)
