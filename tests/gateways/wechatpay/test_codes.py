"""What each answer to a scanned code and to its reversal comes to, and what leaves us when one is asked for."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.gateways.wechatpay.client import serialise
from bot.gateways.wechatpay.codes import PACE, code_body
from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret
from bot.payments.facts import Closed, Declined, Missing, Paid, Unknown, Waiting, Way
from tests.gateways.faculty_rig import PayOutcome
from tests.gateways.wechatpay import platform
from tests.gateways.wechatpay.faculties import WeChatPayFaculties

REVERSE = "/v3/pay/transactions/out-trade-no/T20261124000000000000000001/reverse"


@pytest.fixture
def rig() -> WeChatPayFaculties:
    return WeChatPayFaculties()


async def pay(rig: WeChatPayFaculties, **changes: Any) -> object:
    assert rig.gateway.codes is not None
    return await rig.gateway.codes.pay(replace(rig.charge(Way.CODE), **changes), Secret(rig.auth_code))


async def reverse(rig: WeChatPayFaculties) -> object:
    assert rig.gateway.codes is not None
    return await rig.gateway.codes.reverse(rig.ref(rig.charge(Way.CODE)))


async def test_a_pay_call_says_all_that_is_needed_and_only_that(rig: WeChatPayFaculties) -> None:
    """No notice comes for a code, so there is no notify_url, and no time_expire either."""
    rig.will_pay_code(rig.charge(Way.CODE), PayOutcome.PAID, platform.NOW)
    await pay(rig, store="S001", device="D7", share=True)

    (sent,) = rig.http.sent
    assert (sent.method, sent.target) == ("POST", "/v3/pay/transactions/codepay")
    assert json.loads(sent.body) == {
        "appid": platform.OFFICIAL,
        "mchid": platform.MCHID,
        "description": "阳光花园 11月物业费",
        "out_trade_no": "T20261124000000000000000001",
        "attach": "chg_1",
        "payer": {"auth_code": rig.auth_code},
        "amount": {"total": 12_345, "currency": "CNY"},
        "scene_info": {"store_info": {"out_id": "S001"}, "device_id": "D7", "device_ip": "203.0.113.9"},
        "settle_info": {"profit_sharing": True},
    }


def test_a_charge_that_names_no_store_is_the_accounts(rig: WeChatPayFaculties) -> None:
    charge = replace(rig.charge(Way.CODE), payer_ip=None, attach="")
    body = code_body(charge, Secret(rig.auth_code), rig.gateway._merchants.of("main").account)

    assert body["scene_info"] == {"store_info": {"out_id": "main"}}
    assert {"attach", "settle_info"}.isdisjoint(body)
    assert len(serialise(body)) < 400


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"way": Way.NATIVE}, "way_unsupported"),
        ({"currency": "HKD"}, "currency"),
        ({"payer_app": "wx1"}, "app_not_bound"),
    ],
)
async def test_what_cannot_be_asked_for_is_declined_without_a_call(
    rig: WeChatPayFaculties, change: dict[str, Any], code: str
) -> None:
    assert await pay(rig, **change) == Declined(code)
    assert rig.http.sent == []


async def test_an_account_that_nobody_configured_is_the_operators_to_mend(rig: WeChatPayFaculties) -> None:
    with pytest.raises(Misconfigured):
        await pay(rig, account="nobody")


@pytest.mark.parametrize("code", ["AUTH_CODE_EXPIRED", "NOT_ENOUGH", "NOTSUPORTCARD", "PARAM_ERROR", "RULE_LIMIT"])
async def test_only_a_signed_refusal_of_a_code_is_a_no(rig: WeChatPayFaculties, code: str) -> None:
    """The call itself takes the money, so a refusal that anybody may have written hides a payment."""
    rig.will_refuse(400, code)
    assert await pay(rig) == Unknown(code)

    rig.refuse(code, 400)
    refused = await pay(rig)
    assert isinstance(refused, Declined)
    assert refused.vendor_code == code


@pytest.mark.parametrize("signed", [True, False])
async def test_a_payer_at_the_password_is_waiting_however_it_is_said(rig: WeChatPayFaculties, signed: bool) -> None:
    rig.will_refuse(400, "USERPAYING", signed=signed)
    assert await pay(rig) == Waiting("USERPAYING")

    for state in ("USERPAYING", "ACCEPT", "NOTPAY", "PAYERROR"):
        rig.will_say(rig.charge(Way.CODE), state)
        assert await pay(rig) == Waiting(state)


@pytest.mark.parametrize("code", ["SYSTEMERROR", "SYSTEM_ERROR", "BANKERROR", "BANK_ERROR", "NOBODY_KNOWS"])
@pytest.mark.parametrize("status", [400, 500])
async def test_trouble_at_the_vendor_or_the_bank_concludes_nothing(
    rig: WeChatPayFaculties, code: str, status: int
) -> None:
    rig.refuse(code, status)

    assert isinstance(await pay(rig), Unknown)
    assert len(rig.http.sent) == 1


@pytest.mark.parametrize("code", ["ORDERPAID", "INVALID_REQUEST", "OUT_TRADE_NO_USED", "TRADE_ERROR", "ORDERREVERSED"])
async def test_a_number_in_some_state_is_asked_about_and_the_code_is_not_sent_again(
    rig: WeChatPayFaculties, code: str
) -> None:
    charge = rig.charge(Way.CODE)
    rig.refuse(code, 400)
    rig.will_say_paid(charge, platform.NOW)
    assert isinstance(await pay(rig), Paid)
    rig.refuse(code, 400)
    rig.will_say(charge, "REVOKED")
    assert await pay(rig) == Declined("closed", "REVOKED")
    rig.refuse(code, 400)
    rig.will_say(charge, "REFUND")
    assert await pay(rig) == Unknown("state_REFUND")
    rig.refuse(code, 400)
    rig.will_be_silent()
    assert isinstance(await pay(rig), Unknown)

    assert [sent.method for sent in rig.http.sent] == ["POST", "GET"] * 4


async def test_a_refused_number_that_is_not_there_is_a_no_only_when_the_refusal_is_signed(
    rig: WeChatPayFaculties,
) -> None:
    rig.refuse("INVALID_REQUEST", 400)
    rig.will_say_missing()
    assert isinstance(await pay(rig), Declined)

    rig.will_refuse(400, "INVALID_REQUEST")
    rig.will_say_missing()
    assert await pay(rig) == Unknown("INVALID_REQUEST")


async def test_a_payment_that_was_told_without_what_money_needs_is_unknown(rig: WeChatPayFaculties) -> None:
    rig.will_say(rig.charge(Way.CODE), "SUCCESS", transaction_id=None)

    assert await pay(rig) == Unknown("malformed_transaction_id")


def test_the_pace_is_that_of_the_documents() -> None:
    assert (PACE.ask_every, PACE.ask_for, PACE.reverse_after, PACE.reverse_within) == (5, 30, 15, 604_800)


# Reverse


async def test_a_reversal_names_app_and_merchant(rig: WeChatPayFaculties) -> None:
    rig.http.then(rig.answer(rig.reversal(rig.charge(Way.CODE))))
    rig.will_say(rig.charge(Way.CODE), "REVOKED")

    assert await reverse(rig) == Closed("REVOKED")
    sent = rig.http.sent[0]
    assert (sent.method, sent.target) == ("POST", REVERSE)
    assert json.loads(sent.body) == {"appid": platform.OFFICIAL, "mchid": platform.MCHID}


@pytest.mark.parametrize("state", ["SUCCESS", "USERPAYING", "NOTPAY", "TELEPORTED"])
async def test_a_reversal_that_its_query_contradicts_is_not_done(rig: WeChatPayFaculties, state: str) -> None:
    """An order that still reads as paid is no payment to credit: its money is on the way back."""
    rig.http.then(rig.answer(rig.reversal(rig.charge(Way.CODE))))
    rig.will_say(rig.charge(Way.CODE), state)

    assert await reverse(rig) == Unknown("reversal_unconfirmed")


async def test_a_recall_ends_nothing_whatever_the_order_says(rig: WeChatPayFaculties) -> None:
    rig.http.then(rig.answer(rig.reversal(rig.charge(Way.CODE), recall="Y")))

    assert await reverse(rig) == Waiting("RECALL")
    assert len(rig.http.sent) == 1


async def test_an_empty_confirmation_is_asked_about(rig: WeChatPayFaculties) -> None:
    rig.http.then(rig.answer(None, 204))
    rig.will_say(rig.charge(Way.CODE), "CLOSED")

    assert await reverse(rig) == Closed("CLOSED")


@pytest.mark.parametrize("change", [{"mchid": "1900000110"}, {"out_trade_no": "other"}])
async def test_a_reversal_of_another_says_nothing(rig: WeChatPayFaculties, change: dict[str, str]) -> None:
    rig.http.then(rig.answer(rig.reversal(rig.charge(Way.CODE), **change)))

    assert await reverse(rig) == Unknown("answer_about_another")


async def test_a_reversal_of_nothing_is_missing_and_of_an_ended_order_what_it_became(rig: WeChatPayFaculties) -> None:
    rig.will_say_missing()
    assert await reverse(rig) == Missing()

    rig.will_refuse(400, "ORDERREVERSED")
    rig.will_say(rig.charge(Way.CODE), "REVOKED", success_time=platform.NOW.isoformat())
    assert await reverse(rig) == Closed("REVOKED", was_paid=True)

    rig.will_refuse(400, "ORDER_CLOSED")
    rig.will_say_paid(rig.charge(Way.CODE), platform.NOW)
    assert await reverse(rig) == Unknown("ORDER_CLOSED")


async def test_only_its_own_signed_word_ends_reversing(rig: WeChatPayFaculties) -> None:
    rig.will_refuse(400, "REVERSE_EXPIRE")
    assert await reverse(rig) == Unknown("REVERSE_EXPIRE")

    rig.refuse("PARAM_ERROR", 400)
    assert await reverse(rig) == Unknown("PARAM_ERROR")

    rig.refuse("REVERSE_EXPIRE", 400)
    over = await reverse(rig)
    assert isinstance(over, Declined)
    assert over.code == "reverse_over"


async def test_after_seven_days_nothing_is_sent(rig: WeChatPayFaculties) -> None:
    assert rig.gateway.codes is not None
    ref = replace(rig.ref(rig.charge(Way.CODE)), created_at=rig.clock.now() - timedelta(days=7, seconds=1))

    assert await rig.gateway.codes.reverse(ref) == Declined("reverse_over")
    assert rig.http.sent == []
