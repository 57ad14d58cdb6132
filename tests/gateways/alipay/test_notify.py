"""A notice is decoded once, verified over its raw values and compared with its account, or it is nobody's."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gateways.alipay.notify import decoded
from bot.payments.facts import ContractFact, ContractState, Notice, PaidFact, RawNotice, RefundedSum, Unverified, Way
from tests.gateways.alipay import platform
from tests.gateways.alipay.rig import ACCOUNT, AlipayRig

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.fixture
def rig() -> AlipayRig:
    return AlipayRig()


def fields(rig: AlipayRig, **changes: str) -> dict[str, str]:
    return platform.paid_form(rig.charge(Way.JSAPI)) | changes


def read(rig: AlipayRig, told: dict[str, str], signer: str = "alipay") -> Notice | Unverified:
    return rig.gateway.read_notice(rig.notice(told, signer), rig.clock.now())


def fact(rig: AlipayRig, **changes: str) -> Any:
    outcome = read(rig, fields(rig, **changes))
    assert isinstance(outcome, Notice), outcome
    return outcome.fact


@given(st.dictionaries(st.text(st.characters(codec="ascii", categories=["L"]), min_size=1), TEXT, max_size=8))
def test_a_form_is_decoded_as_the_standard_says(told: dict[str, str]) -> None:
    body = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in told.items()).encode()

    assert decoded(body) == (told if body else None)
    assert dict(parse_qsl(body.decode(), keep_blank_values=True)) == told


@pytest.mark.parametrize(
    "body", [b"", b"a", b"=1", b"a=1&a=2", b"a=%", b"a=%4", b"a=%zz", b"a=%ff", b"a=\xff", b"a=1&&b=2", b"a=1&" * 300]
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    assert decoded(body) is None


def test_a_plus_is_a_blank_once_and_a_plus_never(rig: AlipayRig) -> None:
    """Decoding once more would turn a plus into a blank, and the signature of a genuine notice would not hold."""
    told = fields(rig, subject="1 + 1 = 2 %2B %20 物业", body="")
    raw = rig.notice(told)

    assert b"1+%2B+1" in raw.body
    assert isinstance(rig.gateway.read_notice(raw, rig.clock.now()), Notice)
    twice = replace(raw, body=raw.body.replace(b"%2B", b"+"))
    assert isinstance(rig.gateway.read_notice(twice, rig.clock.now()), Unverified)


def test_every_field_is_signed_empty_ones_too(rig: AlipayRig) -> None:
    raw = rig.notice(fields(rig))
    assert b"&body=&" in raw.body
    for name in fields(rig):
        parts = [part for part in raw.body.split(b"&") if not part.startswith(name.encode() + b"=")]
        outcome = rig.gateway.read_notice(replace(raw, body=b"&".join(parts)), rig.clock.now())
        assert outcome == Unverified("bad_signature"), name


def test_the_order_amount_is_what_was_paid_for(rig: AlipayRig) -> None:
    """receipt_amount and buyer_pay_amount are lowered by discounts and never credited (payments.md, trap 24)."""
    found = fact(rig, receipt_amount="120.00", buyer_pay_amount="110.00")

    assert isinstance(found, PaidFact)
    assert (found.amount, found.settlement_amount, found.payer_amount) == (12_345, 12_000, 11_000)


def test_discounts_are_told_by_their_funder(rig: AlipayRig) -> None:
    vouchers = [
        {"merchantContribute": "3.00", "otherContribute": "0.00", "type": "MERCHANT_COUPON"},
        {"merchantContribute": "1.00", "otherContribute": "2.00", "type": "ALIPAY_DISCOUNT_VOUCHER"},
        {"merchantContribute": "x", "otherContribute": "0.50", "type": "BRAND"},
    ]
    bills = [{"fundChannel": "MDISCOUNT", "amount": "4.00"}, {"fundChannel": "DISCOUNT", "amount": "2.00"}]
    told = fact(rig, voucher_detail_list=json.dumps(vouchers), fund_bill_list=json.dumps(bills))

    assert told.discounts == {"merchant": 400, "alipay": 200, "other": 50}
    assert fact(rig, fund_bill_list=json.dumps(bills)).discounts == {"merchant": 400, "alipay": 200}
    for nonsense in ("", "x", "{}", '[1,"x"]', "[" * 2000):
        assert fact(rig, fund_bill_list=nonsense, voucher_detail_list=nonsense).discounts == {}


@pytest.mark.parametrize("status", ["TRADE_SUCCESS", "TRADE_FINISHED"])
def test_a_paid_trade_is_a_fact_finished_too(rig: AlipayRig, status: str) -> None:
    assert isinstance(fact(rig, trade_status=status), PaidFact)


@pytest.mark.parametrize("status", ["WAIT_BUYER_PAY", "TRADE_CLOSED", "TELEPORTED"])
def test_a_trade_in_another_state_is_only_recorded(rig: AlipayRig, status: str) -> None:
    assert fact(rig, trade_status=status) is None


def test_a_refunds_notice_is_never_taken_for_a_payment_or_for_a_refund_of_its_amount(rig: AlipayRig) -> None:
    """``refund_fee`` is the sum of all refunds of the trade: the second of two parts would be booked as both."""
    outcome = read(rig, fields(rig, refund_fee="3.45", out_biz_no="R2"))
    assert isinstance(outcome, Notice)
    told = fields(rig)
    assert outcome.fact == RefundedSum(told["out_trade_no"], "R2", 345, told["seller_id"])
    assert outcome.kind == "trade_status_sync.REFUND"

    for changes in ({"gmt_refund": "2026-11-24 04:00:00.320", "refund_fee": "3.45"}, {"out_biz_no": "R2"}):
        outcome = read(rig, fields(rig, **changes))
        assert isinstance(outcome, Notice)
        assert (outcome.fact, outcome.kind) == (None, "trade_status_sync.REFUND")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"app_id": "2021000000000002"}, "foreign_app"),
        ({"seller_id": "2088000000000002"}, "foreign_seller"),
        ({"seller_id": ""}, "foreign_seller"),
        ({"notify_time": "2026-11-23 01:59:59"}, "stale"),
        ({"notify_time": "2026-11-24 04:05:01"}, "stale"),
        ({"notify_time": ""}, "malformed_time"),
        ({"notify_id": ""}, "malformed_notice"),
        ({"notify_id": "x" * 129}, "malformed_notice"),
        ({"notify_type": ""}, "malformed_notice"),
        ({"total_amount": "1.234"}, "malformed_content"),
        ({"total_amount": "-1.00"}, "malformed_content"),
        ({"total_amount": "１.00"}, "malformed_content"),
        ({"trade_no": ""}, "malformed_content"),
        ({"gmt_payment": "yesterday"}, "malformed_content"),
    ],
)
def test_a_genuine_notice_that_is_not_ours_or_not_whole_moves_nothing(
    rig: AlipayRig, changes: dict[str, str], reason: str
) -> None:
    assert read(rig, fields(rig, **changes)) == Unverified(reason, 400)


def test_the_last_repetition_is_still_fresh(rig: AlipayRig) -> None:
    """It comes a day and 24 minutes after the first notice (payments.md, trap 19)."""
    raw = rig.notice(fields(rig))

    assert isinstance(rig.gateway.read_notice(raw, rig.clock.now() + timedelta(hours=24, minutes=24)), Notice)
    assert isinstance(rig.gateway.read_notice(raw, rig.clock.now() + timedelta(hours=27)), Unverified)


def test_the_merchant_that_granted_the_token_is_compared() -> None:
    provider = {"auth_app_id": "2021000000000555", "app_auth_token": "t", "sys_service_provider_id": platform.SELLER}
    rig = AlipayRig(**provider)

    assert read(rig, fields(rig)) == Unverified("foreign_auth_app", 400)
    assert isinstance(read(rig, fields(rig, auth_app_id="2021000000000555")), Notice)


def test_a_notice_in_certificate_mode_may_name_its_certificate() -> None:
    rig = AlipayRig(**platform.by_certificate(), alipay_public_key=None)

    assert isinstance(read(rig, fields(rig)), Notice)
    assert read(rig, fields(rig), "stranger") == Unverified("bad_signature")
    assert read(rig, fields(rig, alipay_cert_sn="0" * 32)) == Unverified("unknown_serial")


def test_contracts_are_told_by_their_own_notices(rig: AlipayRig) -> None:
    told = {
        "notify_time": platform.china(platform.NOW),
        "notify_type": "dut_user_sign",
        "notify_id": "n1",
        "app_id": platform.APP_ID,
        "agreement_no": "2026",
        "external_agreement_no": "C1",
        "status": "NORMAL",
        "sign_scene": "INDUSTRY|UTILITY",
        "sign_time": platform.china(platform.NOW),
    }
    signed = read(rig, told)
    ended = read(rig, told | {"notify_type": "dut_user_unsign", "status": "UNSIGN", "notify_id": "n2"})

    assert isinstance(signed, Notice)
    assert isinstance(signed.fact, ContractFact)
    assert signed.fact.state is ContractState.ACTIVE
    assert isinstance(ended, Notice)
    assert isinstance(ended.fact, ContractFact)
    assert (ended.fact.state, ended.fact.ended_by) == (ContractState.ENDED, "payer")
    assert read(rig, told | {"status": "STOP"}) == Unverified("malformed_content", 400)


def test_a_notice_of_another_kind_is_recorded(rig: AlipayRig) -> None:
    outcome = read(rig, fields(rig, notify_type="servicewindow"))

    assert isinstance(outcome, Notice)
    assert (outcome.fact, outcome.kind) == (None, "servicewindow")


def test_the_answer_is_the_word_itself(rig: AlipayRig) -> None:
    assert rig.gateway.acknowledge(True) == (200, "text/plain", b"success")
    assert rig.gateway.acknowledge(False)[2] == b"fail"
    assert rig.gateway.read_notice(RawNotice(ACCOUNT, {}, b"x" * 70_000), rig.clock.now()) == Unverified(
        "too_large", 413
    )
