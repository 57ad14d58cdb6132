"""Every faculty that a registered gateway declares keeps the promises of payments.faculties, whatever is answered."""

import logging

import pytest
from structlog.testing import capture_logs

from bot.gateways import GATEWAYS
from bot.kernel.clock import ManualClock
from bot.kernel.errors import GatewayTrouble
from bot.kernel.masking import Secret
from bot.payments.facts import Closed, Declined, Paid, Unknown, Waiting, Way
from bot.payments.ports import Gateway
from tests.contract.faculty_calls import (
    CALLS,
    DAY,
    OTHER,
    PAID_AT,
    SENDINGS_MAX,
    codes,
    every_call,
    flows,
    pay,
    rig_for,
    with_,
)
from tests.gateways.faculty_rig import NEEDS, FacultyRig, PayOutcome, ReverseOutcome, faculties_of, lacks
from tests.gateways.rig import ScriptedHttp


@pytest.fixture(params=with_(Way.CODE))
def coder(request: pytest.FixtureRequest) -> FacultyRig:
    return rig_for(request.param, Way.CODE)


@pytest.fixture(params=with_(Way.FLOW))
def flowing(request: pytest.FixtureRequest) -> FacultyRig:
    return rig_for(request.param, Way.FLOW)


@pytest.fixture(params=with_(Way.STATEMENT))
def stating(request: pytest.FixtureRequest) -> FacultyRig:
    return rig_for(request.param, Way.STATEMENT)


# What is declared


@pytest.mark.parametrize("name", sorted(GATEWAYS))
def test_a_gateway_can_what_it_has_a_faculty_for(name: str) -> None:
    gateway: Gateway = GATEWAYS[name]({}, ScriptedHttp(), ManualClock(PAID_AT))  # type: ignore[arg-type]
    faculties = {
        Way.CODE: gateway.codes,
        Way.FLOW: gateway.flows,
        Way.SHARE: gateway.sharing,
        Way.CONTRACT: gateway.contracts,
    }

    assert {way for way, faculty in faculties.items() if faculty is not None} == gateway.can & set(faculties)
    assert (Way.REVERSE in gateway.can) <= (Way.CODE in gateway.can)


@pytest.mark.parametrize("way", sorted(NEEDS))
def test_a_rig_that_lacks_a_function_is_named_with_it(way: Way) -> None:
    assert lacks(object(), way)
    with pytest.raises(AssertionError, match=r"needs tests/gateways/nobody/faculties\.py"):
        faculties_of("nobody")


# Nothing is concluded from silence, from the platform's own trouble, or from what is not proven


async def concluded(rig: FacultyRig, way: Way, call: str) -> bool:
    """Whether a call drew a conclusion; one that this gateway makes without its platform has nothing to conclude."""
    outcome = await CALLS[way][call](rig)
    return not isinstance(outcome, Unknown) and bool(rig.http.sent)


@every_call
async def test_no_faculty_raises_or_concludes_when_nobody_answers(name: str, way: Way, call: str) -> None:
    rig = rig_for(name, way)
    rig.will_be_silent(SENDINGS_MAX)

    assert not await concluded(rig, way, call)


@every_call
async def test_no_faculty_concludes_from_the_platforms_own_trouble(name: str, way: Way, call: str) -> None:
    rig = rig_for(name, way)
    rig.will_fail(SENDINGS_MAX)

    assert not await concluded(rig, way, call)


@every_call
async def test_no_faculty_believes_an_answer_that_is_not_proven(name: str, way: Way, call: str) -> None:
    rig = rig_for(name, way)
    for wrong, script in rig.wrong():
        rig.http.script.clear()
        script()

        assert not await concluded(rig, way, call), wrong


@every_call
async def test_every_call_of_a_faculty_has_a_deadline(name: str, way: Way, call: str) -> None:
    rig = rig_for(name, way)
    rig.will_be_silent(SENDINGS_MAX)
    await CALLS[way][call](rig)

    assert all(0 < sent.within <= 30 for sent in rig.http.sent)


# 付款码


@pytest.mark.parametrize("trouble", ["silence", "trouble", "waiting"])
async def test_a_code_is_sent_once_whatever_comes(coder: FacultyRig, trouble: str) -> None:
    """A code pays, so a repetition might pay again (payments.md, trap 4)."""
    if trouble == "waiting":
        coder.will_pay_code(coder.charge(Way.CODE), PayOutcome.WAITING, PAID_AT)
    (coder.will_be_silent if trouble == "silence" else coder.will_fail)(SENDINGS_MAX)
    await pay(coder)

    assert sum(coder.auth_code.encode() in sent.body for sent in coder.http.sent) == 1


@pytest.mark.parametrize("outcome", [*PayOutcome, "silence"])
async def test_a_code_reaches_no_address_log_or_repr(
    coder: FacultyRig, outcome: PayOutcome | str, caplog: pytest.LogCaptureFixture
) -> None:
    charge = coder.charge(Way.CODE)
    if isinstance(outcome, PayOutcome):
        coder.will_pay_code(charge, outcome, PAID_AT)
    else:
        coder.will_be_silent(SENDINGS_MAX)
    with capture_logs() as lines, caplog.at_level(logging.DEBUG):
        answer = await codes(coder).pay(charge, Secret(coder.auth_code))

    told = [repr(answer), str(answer), repr(lines), caplog.text, repr(vars(coder.gateway))]
    told += [part for sent in coder.http.sent for part in (sent.url, repr(sent.headers), sent.dest)]
    assert not [text for text in told if coder.auth_code in text]


async def test_a_paid_code_tells_all_that_credit_compares(coder: FacultyRig) -> None:
    charge = coder.charge(Way.CODE)
    coder.will_pay_code(charge, PayOutcome.PAID, PAID_AT)
    answer = await pay(coder)

    assert isinstance(answer, Paid)
    merchant, apps = coder.gateway.owner(coder.account)
    paid = answer.fact
    assert (paid.out_trade_no, paid.amount, paid.currency) == (charge.out_trade_no, charge.amount, charge.currency)
    assert (paid.merchant_id, paid.paid_at, paid.way) == (merchant, PAID_AT, Way.CODE.value)
    assert paid.app_id in apps
    assert paid.transaction_id


async def test_a_code_that_waits_for_a_password_is_waiting(coder: FacultyRig) -> None:
    coder.will_pay_code(coder.charge(Way.CODE), PayOutcome.WAITING, PAID_AT)
    answer = await pay(coder)

    assert isinstance(answer, Waiting)
    assert answer.vendor_state


async def test_a_refused_code_is_declined_in_our_words_and_theirs(coder: FacultyRig) -> None:
    coder.will_pay_code(coder.charge(Way.CODE), PayOutcome.DECLINED, PAID_AT)
    answer = await pay(coder)

    assert isinstance(answer, Declined)
    assert answer.code
    assert answer.vendor_code


async def test_the_platforms_trouble_with_a_code_is_neither_paid_nor_declined(coder: FacultyRig) -> None:
    coder.will_pay_code(coder.charge(Way.CODE), PayOutcome.TROUBLE, PAID_AT)

    assert isinstance(await pay(coder), Unknown | Waiting)


async def test_an_answer_about_another_code_says_nothing_about_this_one(coder: FacultyRig) -> None:
    coder.will_pay_code(coder.charge(Way.CODE, OTHER), PayOutcome.PAID, PAID_AT)

    assert isinstance(await pay(coder), Unknown)


async def test_a_code_that_cannot_be_one_is_declined_without_a_call(coder: FacultyRig) -> None:
    for wrong in ("", "1", "x" * len(coder.auth_code), coder.auth_code + "\n", "９" * len(coder.auth_code)):
        answer = await codes(coder).pay(coder.charge(Way.CODE), Secret(wrong))

        assert isinstance(answer, Declined)
        assert not wrong.strip() or wrong == "1" or wrong not in repr(answer)
    assert coder.http.sent == []


async def test_a_later_query_tells_what_became_of_a_code(coder: FacultyRig) -> None:
    charge = coder.charge(Way.CODE)
    coder.will_say_paid(charge, PAID_AT)

    assert isinstance(await coder.gateway.query(coder.ref(charge)), Paid)


def test_the_pace_of_codes_is_the_vendors(coder: FacultyRig) -> None:
    """Asked often enough for a payer at a till, and reversed within the vendor's time."""
    pace = codes(coder).pace

    assert 2 <= pace.ask_every <= pace.ask_for <= 120
    assert 0 <= pace.reverse_after <= pace.ask_for < pace.reverse_within


async def reversed_with(rig: FacultyRig, outcome: ReverseOutcome) -> object:
    charge = rig.charge(Way.CODE)
    rig.will_reverse(charge, outcome)
    fact = await codes(rig).reverse(rig.ref(charge))
    assert not rig.http.script, "the reversal made fewer requests than the rig scripted"
    return fact


async def test_a_reversal_ends_an_unpaid_charge(coder: FacultyRig) -> None:
    fact = await reversed_with(coder, ReverseOutcome.CLOSED)

    assert isinstance(fact, Closed)
    assert not fact.was_paid


async def test_a_reversal_of_a_paid_charge_says_that_the_money_went_back(coder: FacultyRig) -> None:
    fact = await reversed_with(coder, ReverseOutcome.WENT_BACK)

    assert isinstance(fact, Closed)
    assert fact.was_paid


@pytest.mark.parametrize("outcome", [ReverseOutcome.AGAIN, ReverseOutcome.PAYING, ReverseOutcome.TROUBLE])
async def test_a_reversal_that_is_not_done_is_asked_for_again(coder: FacultyRig, outcome: ReverseOutcome) -> None:
    assert isinstance(await reversed_with(coder, outcome), Waiting | Unknown)


async def test_a_reversal_past_its_time_is_declined(coder: FacultyRig) -> None:
    assert isinstance(await reversed_with(coder, ReverseOutcome.OVER), Declined)


async def test_a_reversal_of_another_charge_ends_nothing(coder: FacultyRig) -> None:
    coder.will_reverse(coder.charge(Way.CODE, OTHER), ReverseOutcome.CLOSED)

    assert isinstance(await codes(coder).reverse(coder.ref(coder.charge(Way.CODE))), Waiting | Unknown)


async def test_a_repeated_reversal_is_the_identical_request(coder: FacultyRig) -> None:
    for _ in range(2):
        coder.will_be_silent(SENDINGS_MAX)
        await codes(coder).reverse(coder.ref(coder.charge(Way.CODE)))
        coder.http.script.clear()
        coder.clock.advance(5)

    first, second = ([coder.same(sent) for sent in coder.http.sent][i::2] for i in range(2))
    assert first == second


# 资金账单 and 对账单


async def test_the_flow_bill_tells_every_movement_with_its_sign(flowing: FacultyRig) -> None:
    told = list(flowing.will_give_flows(DAY))
    lines = [line async for line in flows(flowing).lines(flowing.account, DAY)]

    assert [(line.kind, line.amount) for line in lines] == told
    assert {"payment", "refund"} <= {line.kind for line in lines}
    assert all(line.at.tzinfo is not None and line.vendor_kind and line.flow_no for line in lines)
    assert all((line.amount > 0) == (line.kind == "payment") for line in lines if line.kind in ("payment", "refund"))
    assert all(line.amount < 0 for line in lines if line.kind in ("fee", "withdrawal"))
    assert all(line.reference for line in lines if line.kind == "payment")


async def test_a_day_without_movements_has_no_lines(flowing: FacultyRig) -> None:
    flowing.will_say_no_flows()

    assert [line async for line in flows(flowing).lines(flowing.account, DAY)] == []


async def test_no_flow_bill_is_read_that_is_not_whole(flowing: FacultyRig) -> None:
    names = []
    for name, script in flowing.spoiled_flows(DAY):
        flowing.http.script.clear()
        script()
        names.append(name)

        with pytest.raises(GatewayTrouble):
            _ = [line async for line in flows(flowing).lines(flowing.account, DAY)]
    assert len(names) >= 2


async def test_flows_and_statements_raise_when_nobody_answers(flowing: FacultyRig) -> None:
    for lines in (flows(flowing).lines, flowing.gateway.statement):
        flowing.will_be_silent(SENDINGS_MAX)

        with pytest.raises(GatewayTrouble):
            _ = [line async for line in lines(flowing.account, DAY)]
        flowing.http.script.clear()


async def test_every_line_of_a_statement_can_be_matched(stating: FacultyRig) -> None:
    stating.will_give_statement(DAY)
    lines = [line async for line in stating.gateway.statement(stating.account, DAY)]

    assert all(line.vendor_state and line.amount >= 0 for line in lines)
    assert all(line.out_trade_no or (line.out_order_no and line.kind.startswith("share")) for line in lines)
    # By the gateway's own number a share that is listed twice is told from two.
    assert all(line.refund_id for line in lines if line.kind.startswith("share"))
    assert all(line.out_refund_no or line.refund_id for line in lines if line.kind == "refund")
    assert all(line.settlement_amount is None or line.settlement_amount >= 0 for line in lines)


async def test_a_day_without_trades_has_no_lines(stating: FacultyRig) -> None:
    stating.will_say_no_statement()

    assert [line async for line in stating.gateway.statement(stating.account, DAY)] == []


async def test_no_statement_is_read_that_is_not_whole(stating: FacultyRig) -> None:
    names = []
    for name, script in stating.spoiled_statements(DAY):
        stating.http.script.clear()
        script()
        names.append(name)

        with pytest.raises(GatewayTrouble):
            _ = [line async for line in stating.gateway.statement(stating.account, DAY)]
    assert len(names) >= 2
