"""The WeChat Pay simulator is as strict with codes, shares, contracts and sub-merchants as the documents."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given
from hypothesis import strategies as st

from bot.simulators.clock import ManualClock
from bot.simulators.wechatpay import SubMerchant
from bot.simulators.wechatpay.discrepancies import KINDS, draw
from tests.simulators.pay_rig import APPID, OPENID, Answer, Rig, credentials, public_key, running

MORNING = datetime(2026, 11, 10, 1, 0, tzinfo=UTC)  # 9:00 in Shanghai.
CODE = "134567890123456789"
SUB = "1900000222"
PAY = "/v3/pay/transactions/codepay"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running(
        ManualClock(MORNING), merchants=(replace(credentials().merchant(), subs=(SubMerchant(SUB),)),)
    ) as r:
        r.merchant.wanted = credentials().platform_public_key.key_id
        yield r


def scanned(rig: Rig, number: str = "ORDER0001", **changes: Any) -> dict[str, Any]:
    facts = {"payer": {"auth_code": CODE}, "scene_info": {"store_info": {"out_id": "S1"}}, "notify_url": None}
    return rig.merchant.order(number, **{**facts, **changes})


def sealed(name: str) -> str:
    scheme = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303
    key = public_key(credentials().platform_public_key.public_pem)
    return base64.b64encode(key.encrypt(name.encode(), scheme)).decode()


# 付款码


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"notify_url": "https://a.example/n"}, "PARAM_ERROR"),
        ({"time_expire": "2026-11-10T10:00:00+08:00"}, "PARAM_ERROR"),
        ({"scene_info": None}, "PARAM_ERROR"),
        ({"scene_info": {"device_id": "D1"}}, "PARAM_ERROR"),
        ({"payer": None}, "PARAM_ERROR"),
        ({"payer": {"auth_code": "28" + "0" * 16}}, "AUTH_CODE_INVALID"),
        ({"payer": {"auth_code": CODE[:-1]}}, "AUTH_CODE_INVALID"),
        ({"appid": "wxffffffffffffffff"}, "APPID_MCHID_NOT_MATCH"),
        ({"mchid": "1900000110"}, "NO_AUTH"),
    ],
    ids=str,
)
async def test_a_pay_call_is_refused_for(rig: Rig, changes: dict[str, Any], code: str) -> None:
    answer = await rig.merchant.call("POST", PAY, scanned(rig, **changes))

    assert (answer.status // 100, answer.code) == (4, code)


async def test_a_code_pays_once_and_a_number_serves_once(rig: Rig) -> None:
    paid = await rig.merchant.call("POST", PAY, scanned(rig))
    again = await rig.merchant.call("POST", PAY, scanned(rig, payer={"auth_code": "13" + "0" * 16}))
    spent = await rig.merchant.call("POST", PAY, scanned(rig, "ORDER0002"))

    assert (paid.json["trade_state"], paid.json["trade_type"]) == ("SUCCESS", "MICROPAY")
    assert (again.code, spent.code) == ("ORDERPAID", "AUTH_CODE_INVALID")
    assert rig.sim.notifier.log() == []


async def test_a_payer_types_or_cancels_through_the_control_interface(rig: Rig) -> None:
    for number, entered, state in (("ORDER0001", True, "SUCCESS"), ("ORDER0002", False, "PAYERROR")):
        shown = await rig.merchant.control("POST", "code", {"behaviour": "never"})
        wish = scanned(rig, number, payer={"auth_code": shown["auth_code"]})
        assert (await rig.merchant.call("POST", PAY, wish)).json["trade_state"] == "USERPAYING"

        told = await rig.merchant.control("POST", "password", {"out_trade_no": number, "entered": entered})
        assert told["trade_state"] == state
    assert (await rig.merchant.control("POST", "code", {"behaviour": "dance"}))["http"] == 400


async def reverse(rig: Rig, number: str = "ORDER0001") -> Answer:
    facts = {"appid": APPID, "mchid": credentials().mchid}
    return await rig.merchant.call("POST", f"/v3/pay/transactions/out-trade-no/{number}/reverse", facts)


async def test_a_reversal_closes_for_good_and_is_repeatable(rig: Rig) -> None:
    assert (await reverse(rig)).code == "ORDER_NOT_EXIST"
    await rig.merchant.call("POST", PAY, scanned(rig))
    first, second = await reverse(rig), await reverse(rig)

    assert first.json == second.json == {"appid": APPID, "mchid": credentials().mchid, "out_trade_no": "ORDER0001"}
    assert (await rig.merchant.query("ORDER0001")).json["trade_state"] == "REVOKED"
    assert (await rig.merchant.close("ORDER0001")).code == "ORDERREVERSED"
    await rig.merchant.create("ORDER0002")
    assert (await reverse(rig, "ORDER0002")).code == "INVALID_REQUEST"


async def test_a_refunded_order_is_not_reversed(rig: Rig) -> None:
    await rig.merchant.call("POST", PAY, scanned(rig))
    await rig.merchant.refund("ORDER0001", "R1", 50, 12_850)

    assert (await reverse(rig)).code == "INVALID_REQUEST"


# 分账


async def share(rig: Rig, **changes: Any) -> Answer:
    order = rig.sim.book.order(credentials().mchid, "ORDER0001")
    facts = {
        "appid": APPID,
        "transaction_id": order.transaction_id if order else "",
        "out_order_no": "S1",
        "receivers": [{"type": "MERCHANT_ID", "account": "1900000777", "amount": 100, "description": "分成"}],
        "unfreeze_unsplit": False,
        **changes,
    }
    return await rig.merchant.call("POST", "/v3/profitsharing/orders", facts)


async def add(rig: Rig, **changes: Any) -> Answer:
    facts = {"appid": APPID, "type": "MERCHANT_ID", "account": "1900000777", "relation_type": "PARTNER"}
    told = {**facts, "name": sealed("示例物业"), **changes}
    present = {name: value for name, value in told.items() if value is not None}
    return await rig.merchant.call("POST", "/v3/profitsharing/receivers/add", present)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "示例物业"},
        {"name": None},
        {"name": base64.b64encode(b"0" * 256).decode()},
        {"relation_type": "FRIEND"},
        {"relation_type": "CUSTOM"},
        {"custom_relation": "亲戚"},
        {"account": "oNotAMerchant"},
        {"type": "ROBOT"},
        {"colour": "red"},
    ],
    ids=str,
)
async def test_a_receiver_is_refused_for(rig: Rig, changes: dict[str, Any]) -> None:
    assert (await add(rig, **changes)).code == "PARAM_ERROR"


async def test_a_name_sealed_for_another_key_does_not_open(rig: Rig) -> None:
    rig.merchant.wanted = credentials().platform_certificate.serial

    assert (await add(rig)).code == "PARAM_ERROR"


async def test_a_share_is_refused_for_what_the_rules_forbid(rig: Rig) -> None:
    await rig.merchant.call("POST", PAY, scanned(rig, settle_info={"profit_sharing": True}))
    part = {"type": "MERCHANT_ID", "account": "1900000777", "amount": 100, "description": "分成"}
    assert (await share(rig)).code == "INVALID_REQUEST"
    await add(rig)

    assert (await share(rig, receivers=[{**part, "amount": 3_856}])).code == "RULE_LIMIT"
    assert (await share(rig, receivers=[{**part, "amount": 12_851}])).code == "NOT_ENOUGH"
    assert (await share(rig, receivers=[])).code == "PARAM_ERROR"
    assert (await share(rig, receivers=[part] * 51)).code == "PARAM_ERROR"
    assert (await share(rig, transaction_id="42")).code == "RESOURCE_NOT_EXISTS"
    assert (await share(rig, unfreeze_unsplit="no")).code == "PARAM_ERROR"
    made = await share(rig)
    assert (await share(rig)).json == made.json
    assert (await share(rig, receivers=[{**part, "amount": 101}])).code == "INVALID_REQUEST"


# 委托代扣


async def pre_sign(rig: Rig, **changes: Any) -> Answer:
    facts = {
        "appid": APPID,
        "openid": OPENID,
        "plan_id": 12535,
        "out_contract_code": "C1",
        "contract_display_account": "3栋201",
        "contract_notify_url": rig.merchant.notify_url,
        **changes,
    }
    path = "/v3/papay/scheduled-deduct-sign/contracts/pre-entrust-sign/jsapi"
    return await rig.merchant.call("POST", path, facts)


async def test_a_session_is_over_after_ten_minutes_and_only_its_payer_signs(rig: Rig) -> None:
    assert "redirect_url" in (await pre_sign(rig)).json
    other = await rig.merchant.control("POST", "contract/sign", {"out_contract_code": "C1", "openid": "o" + "2" * 27})
    await rig.clock.advance(601)  # type: ignore[attr-defined]
    late = await rig.merchant.control("POST", "contract/sign", {"out_contract_code": "C1"})
    ended = await rig.merchant.control("POST", "contract/end", {"out_contract_code": "C1"})

    assert (other["http"], late["http"], ended["http"]) == (409, 409, 409)
    assert (await rig.merchant.control("GET", "contract?out_contract_code=C1"))["signed"] is False
    assert (await rig.merchant.control("GET", "contract?out_contract_code=C2"))["http"] == 404


@pytest.mark.parametrize("changes", [{"plan_id": "12535"}, {"out_contract_code": "C-1"}, {"openid": "me"}], ids=str)
async def test_a_signing_is_refused_for(rig: Rig, changes: dict[str, Any]) -> None:
    assert (await pre_sign(rig, **changes)).code == "PARAM_ERROR"


async def test_a_deduction_needs_its_notice_its_day_and_its_amount(rig: Rig) -> None:
    await pre_sign(rig)
    contract = (await rig.merchant.control("POST", "contract/sign", {"out_contract_code": "C1"}))["contract_id"]

    async def notice(**changes: Any) -> Answer:
        facts = {"mchid": credentials().mchid, "appid": APPID, "deduct_duration": {"count": 1, "unit": "DAY"}}
        told = {**facts, "estimated_amount": {"amount": 500, "currency": "CNY"}, **changes}
        return await rig.merchant.call("POST", f"/v3/papay/contracts/{contract}/notify", told)

    async def deduct(number: str, total: int = 500) -> Answer:
        url = rig.merchant.notify_url
        facts = {"appid": APPID, "out_trade_no": number, "description": "物业费", "transaction_notify_url": url}
        told = {**facts, "contract_id": contract, "amount": {"total": total, "currency": "CNY"}}
        return await rig.merchant.call("POST", "/v3/papay/pay/transactions/apply", told)

    assert (await deduct("DEDUCT01")).code == "RULE_LIMIT"
    assert (await notice(deduct_duration={"count": 4, "unit": "DAY"})).code == "PARAM_ERROR"
    assert (await notice()).status == 204
    assert (await deduct("DEDUCT01")).code == "RULE_LIMIT"
    await rig.clock.advance(2 * 86_400)  # type: ignore[attr-defined]
    assert (await deduct("DEDUCT01", 501)).code == "RULE_LIMIT"
    assert (await deduct("DEDUCT01")).status == 200
    assert (await deduct("DEDUCT01", 400)).code in ("INVALID_REQUEST", "RULE_LIMIT")
    await rig.clock.advance(6)  # type: ignore[attr-defined]
    assert (await deduct("DEDUCT02")).code == "RULE_LIMIT"
    await rig.clock.advance(15 * 3600)  # type: ignore[attr-defined]
    assert (await notice()).code == "INVALID_REQUEST"


# 服务商


async def test_a_sub_merchants_order_is_not_the_providers_own(rig: Rig) -> None:
    facts = {
        "sp_appid": APPID,
        "sp_mchid": credentials().mchid,
        "sub_mchid": SUB,
        "description": "电费",
        "out_trade_no": "ORDER0001",
        "notify_url": rig.merchant.notify_url,
        "amount": {"total": 100, "currency": "CNY"},
    }
    home = "/v3/pay/partner/transactions"
    assert (await rig.merchant.call("POST", f"{home}/native", {**facts, "sub_mchid": "19"})).code == "NO_AUTH"
    assert (await rig.merchant.call("POST", f"{home}/native", {**facts, "mchid": "1"})).code == "PARAM_ERROR"
    assert (await rig.merchant.call("POST", f"{home}/native", facts)).status == 200

    both = f"sp_mchid={credentials().mchid}&sub_mchid={SUB}"
    told = await rig.merchant.call("GET", f"{home}/out-trade-no/ORDER0001?{both}")
    assert (told.json["sp_mchid"], told.json["sub_mchid"]) == (credentials().mchid, SUB)
    assert "mchid" not in told.json
    assert (await rig.merchant.query("ORDER0001")).code == "ORDER_NOT_EXIST"
    assert (await rig.merchant.close("ORDER0001")).code == "ORDER_NOT_EXIST"


# Discrepancies


@given(st.integers(0, 1000), st.text(min_size=1, max_size=20))
def test_the_same_seed_spoils_the_same_lines(seed: int, number: str) -> None:
    rates = dict.fromkeys(KINDS, 0.1)

    assert draw(rates, seed, number) == draw(rates, seed, number)
    assert draw({"missing": 1.0}, seed, number) == "missing"
    assert draw({}, seed, number) == ""


def test_every_kind_is_drawn_and_an_unknown_one_is_refused() -> None:
    drawn = {draw(dict.fromkeys(KINDS, 0.1), 7, str(number)) for number in range(500)}

    assert drawn == {*KINDS, ""}
    with pytest.raises(ValueError, match="mislaid"):
        draw({"mislaid": 0.5}, 7, "1")
