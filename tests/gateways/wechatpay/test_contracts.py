"""What is said about a contract to WeChat Pay, and what of its answers and notices is believed."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from bot.gateways.wechatpay.contracts import ENDED_BY
from bot.payments.facts import (
    Closed,
    ContractFact,
    ContractState,
    Created,
    Declined,
    Notice,
    Paid,
    Unknown,
    Unverified,
    Waiting,
    Way,
)
from bot.payments.faculties import Contracts, PreNotice
from tests.gateways.faculty_rig import PayOutcome
from tests.gateways.wechatpay import platform
from tests.gateways.wechatpay.faculties import WeChatPayFaculties

SIGN = "/v3/papay/scheduled-deduct-sign/contracts/pre-entrust-sign/"
ONE = "/v3/papay/sign/contracts/plan-id/12535/out-contract-code/C20261124000000000001"
MINI_HANDOVER = {"pre_entrustweb_id": "e1", "redirect_appid": "wxbd687630cd02ce1d", "redirect_path": "pages/sign"}


@pytest.fixture
def rig() -> WeChatPayFaculties:
    return WeChatPayFaculties()


def contracts(rig: WeChatPayFaculties) -> Contracts:
    assert rig.gateway.contracts is not None
    return rig.gateway.contracts


def body(rig: WeChatPayFaculties, at: int = 0) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(rig.http.sent[at].body)
    return told


async def test_a_payer_in_the_official_account_signs_on_a_page(rig: WeChatPayFaculties) -> None:
    rig.will_sign()
    outcome = await contracts(rig).sign(rig.new_contract())

    assert outcome == Created({"redirect_url": "https://payapp.weixin.qq.com/papay/sign?id=1"})
    assert rig.http.sent[0].target == SIGN + "jsapi"
    assert body(rig) == {
        "appid": platform.OFFICIAL,
        "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
        "plan_id": 12535,
        "out_contract_code": "C20261124000000000001",
        "contract_display_account": "阳光花园 3栋201",
        "contract_notify_url": "https://pay.example.com/notify/wechatpay/main",
    }


async def test_a_payer_in_a_mini_program_jumps_and_one_in_a_browser_is_sent_to_wechat() -> None:
    rig = WeChatPayFaculties(mini_appids=[platform.MINI])
    rig.http.then(rig.answer(MINI_HANDOVER))
    rig.will_sign()
    jump = await contracts(rig).sign(replace(rig.new_contract(), payer_app=platform.MINI))
    page = await contracts(rig).sign(replace(rig.new_contract(), payer_id=None, payer_app=None))

    assert jump == Created(MINI_HANDOVER)
    assert isinstance(page, Created)
    assert [sent.target for sent in rig.http.sent] == [SIGN + "mini-program", SIGN + "h5"]
    assert "openid" not in body(rig, 1)


async def test_a_session_without_its_parts_is_unknown(rig: WeChatPayFaculties) -> None:
    rig.http.then(rig.answer(MINI_HANDOVER))

    assert await contracts(rig).sign(rig.new_contract()) == Unknown("malformed_redirect_url")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"plan": "12x"}, "plan"),
        ({"plan": "1/../2"}, "plan"),
        ({"out_contract_no": "C-1"}, "contract_number"),
        ({"out_contract_no": "C" * 33}, "contract_number"),
        ({"payer_app": "wxffffffffffffffff"}, "app_not_bound"),
    ],
)
async def test_what_cannot_be_asked_for_is_declined_without_a_call(
    rig: WeChatPayFaculties, change: dict[str, Any], code: str
) -> None:
    assert await contracts(rig).sign(replace(rig.new_contract(), **change)) == Declined(code)
    assert rig.http.sent == []


@pytest.mark.parametrize("state", ["TO_BE_RENEWED", "TERMINATE_PENDING", "SOMETHING"])
async def test_a_state_that_decides_nothing_is_unknown_and_only_recorded(rig: WeChatPayFaculties, state: str) -> None:
    told = rig.contracted(ContractState.ACTIVE, contract_state=state)
    rig.http.then(rig.answer(told))
    raw = rig.notice(platform.encoded(platform.envelope("ENTRUST.SIGN", "entrust", told)))
    notice = rig.gateway.read_notice(raw, rig.clock.now())

    assert await contracts(rig).contract_query(rig.contract_ref()) == Unknown("contract_state")
    assert isinstance(notice, Notice)
    assert notice.fact is None


async def test_a_contract_that_could_not_be_signed_has_ended(rig: WeChatPayFaculties) -> None:
    rig.http.then(rig.answer(rig.contracted(ContractState.ACTIVE, contract_state="SIGN_FAILED")))
    fact = await contracts(rig).contract_query(rig.contract_ref())

    assert isinstance(fact, ContractFact)
    assert (fact.state, fact.ended_by, fact.at) == (ContractState.ENDED, "vendor", None)


@pytest.mark.parametrize(("mode", "by"), [*ENDED_BY.items(), ("WHO_KNOWS", "vendor")])
async def test_who_ended_a_contract_is_told(rig: WeChatPayFaculties, mode: str, by: str) -> None:
    info = {"contract_termination_mode": mode, "contract_terminated_time": "2026-11-24T03:30:00+08:00"}
    rig.http.then(rig.answer(rig.contracted(ContractState.ENDED, contract_terminate_info=info)))
    fact = await contracts(rig).contract_query(rig.contract_ref())

    assert isinstance(fact, ContractFact)
    assert (fact.ended_by, fact.at) == (by, datetime(2026, 11, 23, 19, 30, tzinfo=UTC))


@pytest.mark.parametrize("change", [{"mchid": "1900000110"}, {"out_contract_code": "C2"}, {"plan_id": 7}])
async def test_a_contract_of_another_says_nothing(rig: WeChatPayFaculties, change: dict[str, Any]) -> None:
    rig.http.then(rig.answer(rig.contracted(ContractState.ACTIVE, **change)))

    assert await contracts(rig).contract_query(rig.contract_ref()) == Unknown("answer_about_another")


@pytest.mark.parametrize(
    "change", [{"plan_id": None}, {"plan_id": True}, {"contract_id": ""}, {"contract_state": None}]
)
async def test_a_contract_without_what_it_is_is_malformed(rig: WeChatPayFaculties, change: dict[str, Any]) -> None:
    told = rig.contracted(ContractState.ACTIVE, **change)
    rig.http.then(rig.answer(told))
    raw = rig.notice(platform.encoded(platform.envelope("ENTRUST.SIGN", "entrust", told)))
    notice = rig.gateway.read_notice(raw, rig.clock.now())

    assert isinstance(await contracts(rig).contract_query(rig.contract_ref()), Unknown)
    assert isinstance(notice, Unverified)
    assert notice.status == 400


def test_a_notice_about_another_merchants_contract_is_only_recorded(rig: WeChatPayFaculties) -> None:
    told = rig.contracted(ContractState.ENDED, mchid="1900000110")
    raw = rig.notice(platform.encoded(platform.envelope("ENTRUST.TERMINATE", "entrust", told)))
    notice = rig.gateway.read_notice(raw, rig.clock.now())

    assert isinstance(notice, Notice)
    assert notice.fact is None


def test_a_notice_whose_original_type_is_left_out_is_known_by_its_event(rig: WeChatPayFaculties) -> None:
    envelope = platform.envelope("ENTRUST.TERMINATE", "entrust", rig.contracted(ContractState.ENDED))
    envelope["resource"].pop("original_type")
    notice = rig.gateway.read_notice(rig.notice(platform.encoded(envelope)), rig.clock.now())

    assert isinstance(notice, Notice)
    assert isinstance(notice.fact, ContractFact)


# The notice beforehand, and the deduction


async def test_the_payer_is_told_two_days_ahead(rig: WeChatPayFaculties) -> None:
    """It is 4:00 on the 24th in Shanghai: deductions start on the 26th and end on the 28th at the latest."""
    for day, count in ((26, 1), (27, 2), (28, 3)):
        rig.will_announce()
        told = await contracts(rig).announce(replace(rig.pre_notice(), day=date(2026, 11, day)))

        assert told == {"from": "2026-11-26", "until": f"2026-11-{day}"}
        assert body(rig, -1) == {
            "mchid": platform.MCHID,
            "appid": platform.OFFICIAL,
            "deduct_duration": {"count": count, "unit": "DAY"},
            "estimated_amount": {"amount": 12_345, "currency": "CNY"},
        }
    assert rig.http.sent[0].target == "/v3/papay/contracts/202611249999999999/notify"
    for day in (24, 25, 29):
        early = replace(rig.pre_notice(), day=date(2026, 11, day))
        assert await contracts(rig).announce(early) == Declined("day_out_of_reach")


async def test_nothing_is_taken_or_announced_before_the_contract_is_signed(rig: WeChatPayFaculties) -> None:
    unsigned = replace(rig.contract_ref(), contract_id=None)

    assert await contracts(rig).deduct(rig.charge(Way.CONTRACT), unsigned) == Declined("contract_unsigned")
    assert await contracts(rig).announce(PreNotice(unsigned, 1, date(2026, 11, 26))) == Declined("contract_unsigned")
    assert rig.http.sent == []


async def test_a_deduction_says_all_that_is_needed(rig: WeChatPayFaculties) -> None:
    rig.will_deduct(rig.charge(Way.CONTRACT), PayOutcome.WAITING, platform.NOW)

    assert await contracts(rig).deduct(rig.charge(Way.CONTRACT), rig.contract_ref()) == Waiting("ACCEPTED")
    assert rig.http.sent[0].target == "/v3/papay/pay/transactions/apply"
    assert body(rig) == {
        "appid": platform.OFFICIAL,
        "out_trade_no": "T20261124000000000000000001",
        "description": "阳光花园 11月物业费",
        "transaction_notify_url": "https://pay.example.com/notify/wechatpay/main",
        "contract_id": "202611249999999999",
        "amount": {"total": 12_345, "currency": "CNY"},
        "attach": "chg_1",
    }


async def test_what_was_taken_in_about_another_says_nothing(rig: WeChatPayFaculties) -> None:
    rig.will_deduct(rig.charge(Way.CONTRACT, "T20261124000000000000000099"), PayOutcome.WAITING, platform.NOW)

    answer = await contracts(rig).deduct(rig.charge(Way.CONTRACT), rig.contract_ref())
    assert answer == Unknown("answer_about_another")


async def test_only_a_signed_refusal_of_a_deduction_is_a_no(rig: WeChatPayFaculties) -> None:
    rig.will_refuse(403, "NOT_ENOUGH")

    assert await contracts(rig).deduct(rig.charge(Way.CONTRACT), rig.contract_ref()) == Unknown("NOT_ENOUGH")


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("SUCCESS", Paid),
        ("ACCEPT", Waiting("ACCEPT")),
        ("CLOSED", Declined("closed", "CLOSED")),
        ("REFUND", Unknown("ORDERPAID")),
    ],
)
async def test_a_number_in_some_state_is_asked_about(rig: WeChatPayFaculties, state: str, outcome: object) -> None:
    charge = rig.charge(Way.CONTRACT)
    rig.refuse("ORDERPAID", 400)
    rig.will_say(charge, state, trade_type="PAP")
    answer = await contracts(rig).deduct(charge, rig.contract_ref())

    assert isinstance(answer, Paid) if outcome is Paid else answer == outcome
    if isinstance(answer, Paid):
        assert answer.fact.way == Way.CONTRACT.value


async def test_an_order_that_reads_as_closed_and_was_paid_is_no_decline(rig: WeChatPayFaculties) -> None:
    rig.will_say(rig.charge(Way.CONTRACT), "REFUND")
    assert await rig.gateway.query(rig.ref(rig.charge(Way.CONTRACT))) == Closed("REFUND", was_paid=True)


# The end


async def test_the_merchant_ends_a_contract(rig: WeChatPayFaculties) -> None:
    rig.will_terminate()
    await contracts(rig).terminate(rig.contract_ref(), "搬家")

    assert rig.http.sent[0].target == ONE + "/terminate"
    assert body(rig) == {"contract_termination_remark": "搬家"}


@pytest.mark.parametrize("answer", ["ended_before", "empty"])
async def test_an_end_that_is_not_told_is_taken_from_the_contract(rig: WeChatPayFaculties, answer: str) -> None:
    def script() -> None:
        rig.http.then(rig.answer(None, 204)) if answer == "empty" else rig.will_refuse(400, "INVALID_REQUEST")

    script()
    rig.will_tell_contract(ContractState.ENDED)
    fact = await contracts(rig).terminate(rig.contract_ref(), "搬家")
    assert isinstance(fact, ContractFact)
    assert fact.state is ContractState.ENDED

    script()
    rig.will_tell_contract(ContractState.ACTIVE)
    assert await contracts(rig).terminate(rig.contract_ref(), "搬家") == Unknown("termination_unconfirmed")
