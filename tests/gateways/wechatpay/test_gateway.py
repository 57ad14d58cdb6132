"""What each answer of WeChat Pay comes to for a charge or refund, call by call."""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from bot.gateways.wechatpay.gateway import build
from bot.kernel.clock import ManualClock
from bot.kernel.errors import Busy, Misconfigured
from bot.outside.http import NoAnswer
from bot.payments.facts import Closed, Created, Declined, Missing, Paid, RefundFact, RefundState, Unknown, Way
from tests.gateways.rig import ScriptedHttp
from tests.gateways.wechatpay import platform
from tests.gateways.wechatpay.rig import ACCOUNT, TOKENS, WeChatPayRig

WAYS = (Way.JSAPI, Way.MINI, Way.NATIVE, Way.H5)


@pytest.fixture
def rig() -> WeChatPayRig:
    return WeChatPayRig()


def check_pay_sign(handover: Any) -> None:
    parts = [handover[name] for name in ("appId", "timeStamp", "nonceStr", "package")]
    message = "".join(f"{part}\n" for part in parts).encode()
    key = platform.rsa_key("merchant").public_key()
    key.verify(base64.b64decode(handover["paySign"]), message, padding.PKCS1v15(), hashes.SHA256())


# Create


@pytest.mark.parametrize(("way", "path"), list(zip(WAYS, ("jsapi", "jsapi", "native", "h5"), strict=True)))
async def test_each_way_has_its_own_address(rig: WeChatPayRig, way: Way, path: str) -> None:
    rig.will_create(way)
    await rig.gateway.create(rig.charge(way))

    (sent,) = rig.http.sent
    assert (sent.method, sent.target) == ("POST", f"/v3/pay/transactions/{path}")
    assert json.loads(sent.body)["time_expire"] == "2026-11-24T04:15:00+08:00"


@pytest.mark.parametrize("way", [Way.JSAPI, Way.MINI])
async def test_the_bridge_gets_six_signed_parameters(rig: WeChatPayRig, way: Way) -> None:
    rig.will_create(way)
    outcome = await rig.gateway.create(rig.charge(way))

    assert isinstance(outcome, Created)
    assert set(outcome.handover) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    assert outcome.handover["appId"] == rig.charge(way).payer_app
    assert outcome.handover["package"] == "prepay_id=" + TOKENS[way]["prepay_id"]
    check_pay_sign(outcome.handover)


async def test_a_code_and_a_page_are_handed_over_as_they_are(rig: WeChatPayRig) -> None:
    rig.will_create(Way.NATIVE)
    rig.will_create(Way.H5)

    assert await rig.gateway.create(rig.charge(Way.NATIVE)) == Created(TOKENS[Way.NATIVE])
    h5 = await rig.gateway.create(rig.charge(Way.H5))
    assert isinstance(h5, Created)
    assert h5.handover["h5_url"].startswith(TOKENS[Way.H5]["h5_url"] + "&redirect_url=https%3A%2F%2Fpay.example.com")


async def test_a_page_that_is_loaded_again_is_signed_again_without_a_call(rig: WeChatPayRig) -> None:
    charge = rig.charge(Way.JSAPI)
    rig.will_create(Way.JSAPI)
    created = await rig.gateway.create(charge)
    assert isinstance(created, Created)
    rig.clock.advance(90)
    renewed = rig.gateway.renew(rig.ref(charge), created.handover)

    check_pay_sign(renewed)
    assert int(renewed["timeStamp"]) - int(created.handover["timeStamp"]) == 90
    assert renewed["nonceStr"] != created.handover["nonceStr"]
    assert (renewed["package"], renewed["appId"]) == (created.handover["package"], created.handover["appId"])
    assert len(rig.http.sent) == 1
    native = rig.ref(rig.charge(Way.NATIVE))
    assert rig.gateway.renew(native, TOKENS[Way.NATIVE]) == TOKENS[Way.NATIVE]
    assert rig.gateway.renew(rig.ref(charge), {}) == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"way": Way.CODE}, "way_unsupported"),
        ({"way": Way.REDIRECT}, "way_unsupported"),
        ({"currency": "HKD"}, "currency"),
        ({"payer_id": None}, "payer_missing"),
        ({"payer_app": None}, "payer_missing"),
        ({"payer_app": "wxffffffffffffffff"}, "app_not_bound"),
        ({"way": Way.H5, "payer_id": None, "payer_app": None, "payer_ip": None}, "payer_ip_missing"),
    ],
)
async def test_what_cannot_be_asked_for_is_declined_without_a_call(
    rig: WeChatPayRig, change: dict[str, Any], code: str
) -> None:
    assert await rig.gateway.create(replace(rig.charge(Way.JSAPI), **change)) == Declined(code)
    assert rig.http.sent == []


@pytest.mark.parametrize(("status", "code"), [(400, "PARAM_ERROR"), (403, "NO_AUTH"), (401, "SIGN_ERROR")])
async def test_an_unsigned_refusal_of_the_first_create_is_a_no(rig: WeChatPayRig, status: int, code: str) -> None:
    """Nobody holds a prepay_id, so nobody can pay, whatever the refusal hides."""
    rig.will_refuse(status, code)
    outcome = await rig.gateway.create(rig.charge(Way.JSAPI))

    assert isinstance(outcome, Declined)
    assert (outcome.vendor_code, outcome.message) == (code, "said the platform")
    assert outcome.code


async def test_a_refusal_after_a_missing_answer_is_not_a_no(rig: WeChatPayRig) -> None:
    rig.will_be_silent()
    rig.will_refuse(400, "PARAM_ERROR")
    assert await rig.gateway.create(rig.charge(Way.JSAPI)) == Unknown("PARAM_ERROR")

    rig.will_fail()
    rig.will_refuse(403, "NO_AUTH")
    assert await rig.gateway.create(rig.charge(Way.JSAPI)) == Unknown("NO_AUTH")


async def test_the_vendors_own_trouble_repeats_the_identical_create(rig: WeChatPayRig) -> None:
    rig.will_fail()
    rig.will_create(Way.JSAPI)

    assert isinstance(await rig.gateway.create(rig.charge(Way.JSAPI)), Created)
    first, second = rig.http.sent
    assert first.body == second.body
    assert first.headers["Authorization"] != second.headers["Authorization"]


@pytest.mark.parametrize("fault", [Busy("breaker_open"), NoAnswer("no_connection", dest="d", sent=False)])
async def test_what_never_left_is_not_repeated_at_once(rig: WeChatPayRig, fault: Exception) -> None:
    rig.http.then(fault)

    assert isinstance(await rig.gateway.create(rig.charge(Way.JSAPI)), Unknown)
    assert len(rig.http.sent) == 1


@pytest.mark.parametrize(("status", "code"), [(429, "FREQUENCY_LIMITED"), (400, "NEVER_HEARD"), (418, "")])
async def test_not_now_and_never_heard_are_unknown(rig: WeChatPayRig, status: int, code: str) -> None:
    rig.will_refuse(status, code)

    assert await rig.gateway.create(rig.charge(Way.JSAPI)) == Unknown(code or "status_418")
    assert len(rig.http.sent) == 1


@pytest.mark.parametrize("code", ["ORDERPAID", "ORDER_PAID", "OUT_TRADE_NO_USED", "INVALID_REQUEST", "ORDER_CLOSED"])
async def test_a_number_in_use_is_asked_for(rig: WeChatPayRig, code: str) -> None:
    charge = rig.charge(Way.JSAPI)

    async def told(*facts: dict[str, Any] | None) -> object:
        rig.will_refuse(400, code)
        for fact in facts:
            if fact is None:
                rig.will_say_missing()
            else:
                rig.http.then(rig.answer(fact))
        return await rig.gateway.create(charge)

    paid = await told(platform.transaction(charge))
    assert isinstance(paid, Paid)
    assert paid.fact.amount == charge.amount
    closed = await told(platform.transaction(charge, "CLOSED"))
    assert closed == Declined("closed", code, "said the platform")
    assert await told(platform.transaction(charge, "NOTPAY")) == Unknown(code)
    assert await told(platform.transaction(charge, "REFUND")) == Unknown(code)
    assert isinstance(await told(None), Declined)
    rig.will_refuse(400, code)
    rig.will_be_silent()
    assert await rig.gateway.create(charge) == Unknown(code)


async def test_a_missing_number_after_a_missing_answer_is_unknown(rig: WeChatPayRig) -> None:
    rig.will_be_silent()
    rig.will_refuse(400, "INVALID_REQUEST")
    rig.will_say_missing()

    assert await rig.gateway.create(rig.charge(Way.JSAPI)) == Unknown("INVALID_REQUEST")


@pytest.mark.parametrize("data", [{}, {"prepay_id": ""}, {"prepay_id": 5}, {"code_url": "weixin://"}, None])
async def test_an_answer_without_the_token_is_unknown(rig: WeChatPayRig, data: Any) -> None:
    rig.http.then(rig.answer(data))

    assert await rig.gateway.create(rig.charge(Way.JSAPI)) == Unknown("malformed_prepay_id")


# Query and close


async def test_a_query_names_the_number_and_the_merchant(rig: WeChatPayRig) -> None:
    charge = rig.charge(Way.NATIVE)
    rig.will_say_waiting(charge)
    await rig.gateway.query(rig.ref(charge))

    assert rig.http.sent[0].method == "GET"
    assert rig.http.sent[0].target == f"/v3/pay/transactions/out-trade-no/{charge.out_trade_no}?mchid={platform.MCHID}"
    assert rig.http.sent[0].body == b""


@pytest.mark.parametrize(
    ("status", "code"), [(400, "ORDER_CLOSED"), (403, "NO_AUTH"), (401, "SIGN_ERROR"), (404, ""), (200, "")]
)
async def test_a_refused_query_ends_nothing(rig: WeChatPayRig, status: int, code: str) -> None:
    rig.will_refuse(status, code, signed=status == 200)

    assert isinstance(await rig.gateway.query(rig.ref(rig.charge(Way.JSAPI))), Unknown)


async def test_a_paid_answer_that_lacks_its_amount_is_unknown(rig: WeChatPayRig) -> None:
    charge = rig.charge(Way.JSAPI)
    rig.will_say(charge, "SUCCESS", amount={"currency": "CNY"})

    assert await rig.gateway.query(rig.ref(charge)) == Unknown("malformed_total")


async def test_close_names_the_merchant_and_believes_a_signed_204(rig: WeChatPayRig) -> None:
    charge = rig.charge(Way.JSAPI)
    rig.will_close()

    assert await rig.gateway.close(rig.ref(charge)) == Closed("CLOSED")
    (sent,) = rig.http.sent
    assert (sent.method, sent.body) == ("POST", b'{"mchid":"1900000109"}')
    assert sent.target == f"/v3/pay/transactions/out-trade-no/{charge.out_trade_no}/close"


@pytest.mark.parametrize(
    ("code", "state", "kind"),
    [
        ("ORDERPAID", "SUCCESS", Paid),
        ("ORDER_PAID", "REFUND", Closed),
        ("ORDER_CLOSED", "CLOSED", Closed),
        ("USERPAYING", "USERPAYING", Unknown),
        ("INVALID_REQUEST", "NOTPAY", Unknown),
    ],
)
async def test_a_refused_close_is_asked_after(rig: WeChatPayRig, code: str, state: str, kind: type) -> None:
    charge = rig.charge(Way.JSAPI)
    rig.will_refuse(400, code)
    rig.will_say(charge, state)
    fact = await rig.gateway.close(rig.ref(charge))

    assert isinstance(fact, kind)
    if state == "REFUND":
        assert fact == Closed("REFUND", was_paid=True)


@pytest.mark.parametrize(("status", "code"), [(400, "PARAM_ERROR"), (429, "FREQUENCY_LIMITED"), (500, "SYSTEM_ERROR")])
async def test_a_close_that_was_not_carried_out_is_unknown_and_not_repeated(
    rig: WeChatPayRig, status: int, code: str
) -> None:
    rig.will_refuse(status, code)

    assert await rig.gateway.close(rig.ref(rig.charge(Way.JSAPI))) == Unknown(code)
    assert len(rig.http.sent) == 1


# Refunds


@pytest.mark.parametrize("code", ["NOT_ENOUGH", "PARAM_ERROR", "NO_AUTH", "USER_ACCOUNT_ABNORMAL"])
async def test_only_a_signed_refusal_ends_a_refund(rig: WeChatPayRig, code: str) -> None:
    """A refund that was refused by nobody we know may be under way: another number would pay twice."""
    rig.will_refuse(403, code)
    assert await rig.gateway.refund(rig.new_refund()) == Unknown(code)

    rig.will_refuse(403, code, signed=True)
    outcome = await rig.gateway.refund(rig.new_refund())
    assert isinstance(outcome, Declined)
    assert outcome.vendor_code == code


async def test_a_refund_number_in_use_is_asked_for(rig: WeChatPayRig) -> None:
    rig.will_refuse(400, "INVALID_REQUEST", signed=True)
    rig.will_refund(RefundState.PENDING)
    existing = await rig.gateway.refund(rig.new_refund())
    assert isinstance(existing, RefundFact)

    rig.will_refuse(400, "INVALID_REQUEST", signed=True)
    rig.will_say_refund_missing()
    assert isinstance(await rig.gateway.refund(rig.new_refund()), Declined)

    rig.will_refuse(400, "INVALID_REQUEST")
    rig.will_say_refund_missing()
    assert await rig.gateway.refund(rig.new_refund()) == Unknown("INVALID_REQUEST")

    rig.will_refuse(400, "INVALID_REQUEST", signed=True)
    rig.will_be_silent()
    assert await rig.gateway.refund(rig.new_refund()) == Unknown("timeout")


@pytest.mark.parametrize(
    "change",
    [
        {"out_refund_no": "R2"},
        {"out_trade_no": "T2"},
        {"amount": {"refund": 346, "total": 12_345, "currency": "CNY"}},
        {"status": "SPLIT"},
        {"refund_id": None},
    ],
)
async def test_an_answer_about_another_refund_says_nothing(rig: WeChatPayRig, change: dict[str, Any]) -> None:
    for call in (rig.gateway.refund(rig.new_refund()), rig.gateway.refund_query(rig.refund_ref())):
        rig.http.then(rig.answer(rig.refund_facts("SUCCESS") | change))

        assert isinstance(await call, Unknown)


async def test_a_refund_is_never_repeated_inside_the_call(rig: WeChatPayRig) -> None:
    """The core repeats it with the same number, after the intent of doing so is on record."""
    rig.will_be_silent()

    assert await rig.gateway.refund(rig.new_refund()) == Unknown("timeout")
    assert [sent.target for sent in rig.http.sent] == ["/v3/refund/domestic/refunds"]


async def test_a_refund_query_names_the_refund(rig: WeChatPayRig) -> None:
    rig.will_say_refund_missing()

    assert await rig.gateway.refund_query(rig.refund_ref()) == Missing()
    assert rig.http.sent[0].target == "/v3/refund/domestic/refunds/R20261124000000000000000001"
    rig.will_refuse(400, "PARAM_ERROR", signed=True)
    assert await rig.gateway.refund_query(rig.refund_ref()) == Unknown("PARAM_ERROR")


# Accounts


async def test_accounts_do_not_share_keys_or_names() -> None:
    http, clock = ScriptedHttp(), ManualClock(platform.NOW)
    other = {"mchid": "1900000110", "appids": ["wx0000000000000009"]}
    gateway = build({"main": platform.settings(), "second": platform.settings(**other)}, http, clock)
    rig = WeChatPayRig()
    charge = replace(rig.charge(Way.NATIVE), account="second")
    http.then(platform.answer(platform.public_signer(), clock.now(), TOKENS[Way.NATIVE]))
    await gateway.create(charge)

    assert gateway.owner("main") == (platform.MCHID, frozenset({platform.OFFICIAL, platform.MINI}))
    assert gateway.owner("second") == ("1900000110", frozenset({"wx0000000000000009"}))
    assert json.loads(http.sent[0].body)["mchid"] == "1900000110"
    assert http.sent[0].dest == "wechatpay.second"
    # A genuine answer for one account is no fact for another.
    http.then(platform.answer(platform.public_signer(), clock.now(), platform.transaction(charge)))
    assert await gateway.query(rig.ref(charge)) == Unknown("answer_about_another")


async def test_an_account_that_is_not_configured_is_named(rig: WeChatPayRig) -> None:
    with pytest.raises(Misconfigured, match="nobody"):
        await rig.gateway.create(replace(rig.charge(Way.JSAPI), account="nobody"))


async def test_freshness_is_judged_by_the_clock_of_the_house(rig: WeChatPayRig) -> None:
    answer = rig.answer(TOKENS[Way.NATIVE])
    rig.clock.advance(301)
    rig.http.then(answer, answer)

    assert await rig.gateway.create(rig.charge(Way.NATIVE)) == Unknown("answer_stale")
    assert rig.clock.now() - platform.NOW == timedelta(seconds=301)
    assert rig.gateway.usable(ACCOUNT)
