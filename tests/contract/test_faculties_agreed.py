"""Shares and contracts of every registered gateway that declares them keep the promises of payments.faculties."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bot.payments.facts import (
    ContractFact,
    ContractState,
    Created,
    Declined,
    Missing,
    Notice,
    Paid,
    Unknown,
    Unverified,
    Waiting,
    Way,
)
from bot.payments.faculties import PartState, ShareFact, ShareReturnFact
from tests.contract.faculty_calls import CALLS, PAID_AT, SENDINGS_MAX, contracts, rig_for, sharing, with_
from tests.gateways.faculty_rig import FacultyRig, PayOutcome


@pytest.fixture(params=with_(Way.SHARE))
def sharer(request: pytest.FixtureRequest) -> FacultyRig:
    return rig_for(request.param, Way.SHARE)


@pytest.fixture(params=with_(Way.CONTRACT))
def contractor(request: pytest.FixtureRequest) -> FacultyRig:
    return rig_for(request.param, Way.CONTRACT)


# 分账


async def test_a_receiver_is_added_and_their_name_is_nowhere_to_be_seen(sharer: FacultyRig) -> None:
    person = sharer.person()
    assert person.name is not None
    sharer.will_add_receiver()
    with capture_logs() as lines:
        outcome = await sharing(sharer).add_receiver(sharer.account, person)

    assert isinstance(outcome, Created)
    name = person.name.reveal()
    told = [repr(outcome), repr(lines), *(part for s in sharer.http.sent for part in (s.url, repr(s.headers)))]
    assert not [text for text in told if name in text]


@pytest.mark.parametrize(
    "states",
    [
        (PartState.PENDING, PartState.PENDING),
        (PartState.SUCCEEDED, PartState.PENDING),
        (PartState.SUCCEEDED, PartState.FAILED),
        (PartState.SUCCEEDED, PartState.SUCCEEDED),
    ],
    ids="-".join,
)
async def test_a_share_is_told_part_by_part_and_alike_by_its_query(
    sharer: FacultyRig, states: tuple[PartState, ...]
) -> None:
    share = sharer.new_share()
    wanted = tuple(states) + (PartState.SUCCEEDED,) * (len(share.parts) - len(states))
    sharer.will_share(wanted)
    asked = await sharing(sharer).share(share)
    sharer.will_share(wanted)
    queried = await sharing(sharer).share_query(sharer.share_ref())

    assert isinstance(asked, ShareFact)
    assert isinstance(queried, ShareFact)
    assert (asked.out_order_no, bool(asked.share_id)) == (share.out_order_no, True)
    assert asked.done == (PartState.PENDING not in wanted)
    for fact in (asked, queried):
        assert [(part.receiver.kind, part.receiver.number, part.amount) for part in fact.parts] == [
            (part.receiver.kind, part.receiver.number, part.amount) for part in share.parts
        ]
        assert tuple(part.state for part in fact.parts) == wanted
        assert all(bool(part.reason) == (part.state is PartState.FAILED) for part in fact.parts)


async def test_a_repeated_share_says_the_same(sharer: FacultyRig) -> None:
    """Compared without the names, which are sealed anew each time."""
    bare = replace(
        sharer.new_share(),
        parts=tuple(replace(part, receiver=replace(part.receiver, name=None)) for part in sharer.new_share().parts),
    )
    for _ in range(2):
        sharer.will_be_silent(SENDINGS_MAX)
        await sharing(sharer).share(bare)
        sharer.http.script.clear()

    assert len({repr(sharer.same(sent)) for sent in sharer.http.sent}) == 1


@pytest.mark.parametrize("call", ["add_receiver", "share", "take_back", "unfreeze"])
async def test_a_refusal_of_a_share_is_a_no(sharer: FacultyRig, call: str) -> None:
    sharer.will_refuse_share()
    outcome = await CALLS[Way.SHARE][call](sharer)

    assert isinstance(outcome, Declined)
    assert outcome.code
    assert outcome.vendor_code


@pytest.mark.parametrize("call", ["share_query", "take_back_query"])
async def test_an_unheard_of_share_is_missing(sharer: FacultyRig, call: str) -> None:
    sharer.will_say_share_missing()

    assert isinstance(await CALLS[Way.SHARE][call](sharer), Missing)


async def test_what_is_left_is_given_to_the_merchant(sharer: FacultyRig) -> None:
    sharer.will_unfreeze()
    outcome = await sharing(sharer).unfreeze(sharer.share_ref(), "解冻")

    assert isinstance(outcome, ShareFact)
    assert outcome.out_order_no == sharer.share_ref().out_order_no


@pytest.mark.parametrize("state", list(PartState))
async def test_a_share_taken_back_is_told_alike_by_its_query(sharer: FacultyRig, state: PartState) -> None:
    back = sharer.new_return()
    sharer.will_take_back(state)
    asked = await sharing(sharer).take_back(back)
    sharer.will_take_back(state)
    queried = await sharing(sharer).take_back_query(back)

    assert isinstance(asked, ShareReturnFact)
    assert asked == queried
    assert (asked.out_return_no, asked.state, asked.amount) == (back.out_return_no, state, back.amount)
    assert bool(asked.reason) == (state is PartState.FAILED)


# 委托代扣


async def test_a_contract_is_handed_over_to_be_signed(contractor: FacultyRig) -> None:
    contractor.will_sign()
    outcome = await contracts(contractor).sign(contractor.new_contract())

    assert isinstance(outcome, Created)
    assert outcome.handover
    assert all(isinstance(value, str) and value for value in outcome.handover.values())


@pytest.mark.parametrize("state", [ContractState.ACTIVE, ContractState.ENDED])
async def test_a_contract_is_told_alike_by_query_and_notice(contractor: FacultyRig, state: ContractState) -> None:
    contractor.will_tell_contract(state)
    queried = await contracts(contractor).contract_query(contractor.contract_ref())
    notice = contractor.gateway.read_notice(contractor.contract_notice(state), contractor.clock.now())

    assert isinstance(queried, ContractFact)
    ref = contractor.contract_ref()
    assert (queried.out_contract_no, queried.plan, queried.state) == (ref.out_contract_no, ref.plan, state)
    assert queried.contract_id
    assert bool(queried.ended_by) == (state is ContractState.ENDED)
    assert queried.at is not None
    assert queried.at.tzinfo is not None
    assert isinstance(notice, Notice)
    assert notice.fact == queried


def test_forged_contract_notices_are_unverified(contractor: FacultyRig) -> None:
    for name, raw in contractor.spoiled(contractor.contract_notice(ContractState.ACTIVE)):
        assert isinstance(contractor.gateway.read_notice(raw, contractor.clock.now()), Unverified), name


async def test_an_unheard_of_contract_is_missing(contractor: FacultyRig) -> None:
    contractor.will_say_contract_missing()

    assert isinstance(await contracts(contractor).contract_query(contractor.contract_ref()), Missing)


async def test_the_payer_is_told_beforehand(contractor: FacultyRig) -> None:
    contractor.will_announce()
    outcome = await contracts(contractor).announce(contractor.pre_notice())

    assert not isinstance(outcome, Declined | Unknown)
    assert all(isinstance(value, str) for value in outcome.values())


MEANS = {
    PayOutcome.PAID: Paid,
    PayOutcome.WAITING: Waiting,
    PayOutcome.DECLINED: Declined,
    PayOutcome.TROUBLE: Unknown | Waiting,
}


@pytest.mark.parametrize("outcome", list(PayOutcome))
async def test_a_deduction_is_told_as_what_it_is(contractor: FacultyRig, outcome: PayOutcome) -> None:
    charge = contractor.charge(Way.CONTRACT)
    if outcome not in contractor.deduct_outcomes:
        assert outcome is PayOutcome.PAID, "only a payment may be told later than at once"
        return
    contractor.will_deduct(charge, outcome, PAID_AT)
    answer = await contracts(contractor).deduct(charge, contractor.contract_ref())

    assert isinstance(answer, MEANS[outcome])  # type: ignore[arg-type]
    if isinstance(answer, Paid):
        assert (answer.fact.out_trade_no, answer.fact.amount) == (charge.out_trade_no, charge.amount)


async def test_a_repeated_deduction_is_the_identical_request(contractor: FacultyRig) -> None:
    for _ in range(2):
        contractor.will_be_silent(SENDINGS_MAX)
        await contracts(contractor).deduct(contractor.charge(Way.CONTRACT), contractor.contract_ref())
        contractor.http.script.clear()
        contractor.clock.advance(5)

    first, second = ([contractor.same(sent) for sent in contractor.http.sent][i::2] for i in range(2))
    assert first == second


async def test_a_contract_is_ended_by_the_merchant(contractor: FacultyRig) -> None:
    contractor.will_terminate()
    outcome = await contracts(contractor).terminate(contractor.contract_ref(), "用户要求")

    assert isinstance(outcome, ContractFact)
    assert (outcome.state, outcome.ended_by) == (ContractState.ENDED, "merchant")


@pytest.mark.parametrize("call", ["sign", "deduct", "terminate"])
async def test_a_refusal_about_a_contract_is_a_no(contractor: FacultyRig, call: str) -> None:
    contractor.will_refuse_contract()
    outcome = await CALLS[Way.CONTRACT][call](contractor)

    assert isinstance(outcome, Declined)
    assert outcome.code
