"""What each answer of Alipay's means for a charge, a refund, a scanned code and a share."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.gateways.alipay.client import Told
from bot.gateways.alipay.errors import ERRORS, Call, Verdict, verdict_of
from bot.gateways.alipay.mapping import Malformed, fen, moment, subject
from bot.kernel.errors import BadRequest, GatewayTrouble, Misconfigured
from bot.kernel.masking import Secret
from bot.outside.http import NoAnswer
from bot.payments.facts import (
    Closed,
    Created,
    Declined,
    Missing,
    Paid,
    RefundFact,
    Unknown,
    Waiting,
    Way,
)
from tests.gateways.alipay import platform
from tests.gateways.alipay.rig import AlipayRig

CODE = Secret("287654321098765432")


@pytest.fixture
def rig() -> AlipayRig:
    return AlipayRig()


# What is sent


async def test_every_trade_has_an_end_in_chinese_time(rig: AlipayRig) -> None:
    """Without time_expire a trade can be paid for days (payments.md, trap 23); its seconds are cut."""
    assert rig.gateway.codes is not None
    for way in (Way.JSAPI, Way.NATIVE):
        rig.will_create(way)
        await rig.gateway.create(rig.charge(way))
    rig.will_fail()
    await rig.gateway.codes.pay(rig.charge(Way.CODE), CODE)
    page = await rig.gateway.create(rig.charge(Way.H5))

    assert {platform.content(sent)["time_expire"] for sent in rig.http.sent} == {"2026-11-24 04:15:00"}
    assert isinstance(page, Created)
    assert "time_expire%22%3A%222026-11-24+04%3A15%3A00" in page.handover["url"]


@pytest.mark.parametrize(
    ("payer", "field"),
    [
        (platform.PAYER, "buyer_id"),
        ("0730000000000000000000000001", "buyer_open_id"),
        ("20880000000090011", "buyer_open_id"),
    ],
)
async def test_a_payer_is_named_by_the_form_of_their_number(rig: AlipayRig, payer: str, field: str) -> None:
    rig.will_create(Way.JSAPI)
    await rig.gateway.create(replace(rig.charge(Way.JSAPI), payer_id=payer))
    content = platform.content(rig.http.sent[0])

    assert {name for name in content if name.startswith("buyer")} == {field}
    assert content[field] == payer


async def test_a_charge_to_be_shared_is_frozen_and_the_provider_named() -> None:
    rig = AlipayRig(sys_service_provider_id="2088000000000009", app_auth_token="t")
    rig.will_create(Way.JSAPI)
    await rig.gateway.create(replace(rig.charge(Way.JSAPI), share=True, store="S1", device="D1"))
    content = platform.content(rig.http.sent[0])

    assert content["extend_params"] == {"sys_service_provider_id": "2088000000000009", "royalty_freeze": "true"}
    assert (content["store_id"], content["terminal_id"]) == ("S1", "D1")


@pytest.mark.parametrize(("product", "named"), [("FACE_TO_FACE_PAYMENT", None), ("JSAPI_PAY", platform.APP_ID)])
async def test_the_merchants_product_decides_what_a_payment_in_the_wallet_names(
    product: str, named: str | None
) -> None:
    rig = AlipayRig(jsapi_product=product)
    rig.will_create(Way.JSAPI)
    await rig.gateway.create(rig.charge(Way.JSAPI))
    content = platform.content(rig.http.sent[0])

    assert (content["product_code"], content.get("op_app_id")) == (product, named)


def test_a_subject_is_one_line_without_what_alipay_refuses() -> None:
    assert subject(" 阳光/花园=&\n物业费 \x00") == "阳光 花园 物业费"
    assert len(subject("水" * 300)) == 256


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"way": Way.MINI}, "way_unsupported"),
        ({"way": Way.CODE}, "way_unsupported"),
        ({"currency": "HKD"}, "currency"),
        ({"payer_id": None}, "payer_missing"),
    ],
)
async def test_what_cannot_be_asked_for_is_declined_unsent(rig: AlipayRig, changes: dict[str, Any], code: str) -> None:
    assert await rig.gateway.create(replace(rig.charge(Way.JSAPI), **changes)) == Declined(code)
    assert rig.http.sent == []


# Create


@pytest.mark.parametrize("sub_code", ["ACQ.INVALID_PARAMETER", "ACQ.BUYER_NOT_EXIST", "ACQ.TOTAL_FEE_EXCEED"])
async def test_a_refused_create_is_a_no(rig: AlipayRig, sub_code: str) -> None:
    rig.will_refuse(sub_code)

    assert await rig.gateway.create(rig.charge(Way.JSAPI)) == Declined(
        ERRORS[sub_code].ours, sub_code, "said the platform"
    )


async def test_a_refusal_after_a_lost_sending_concludes_nothing(rig: AlipayRig) -> None:
    """The lost one may have made the trade."""
    rig.will_be_silent()
    rig.will_refuse("ACQ.INVALID_PARAMETER")

    assert await rig.gateway.create(rig.charge(Way.JSAPI)) == Unknown("ACQ.INVALID_PARAMETER")


async def test_what_nobody_received_is_not_repeated(rig: AlipayRig) -> None:
    rig.http.then(NoAnswer("no_connection", dest="alipay.main", sent=False))

    assert await rig.gateway.create(rig.charge(Way.JSAPI)) == Unknown("no_connection")


@pytest.mark.parametrize("sub_code", ["ACQ.TRADE_HAS_SUCCESS", "ACQ.CONTEXT_INCONSISTENT", "ACQ.TRADE_HAS_CLOSE"])
async def test_a_number_in_use_is_asked_for(rig: AlipayRig, sub_code: str) -> None:
    charge = rig.charge(Way.JSAPI)
    cases: list[tuple[Callable[[], None], type]] = [
        (lambda: rig.will_say_paid(charge, platform.NOW), Paid),
        (lambda: rig.will_say_closed(charge), Declined),
        (lambda: rig.will_say_went_back(charge), Unknown),
        (lambda: rig.will_say_waiting(charge), Unknown),
        (rig.will_fail, Unknown),
        (rig.will_say_missing, Unknown),
    ]
    for script, expected in cases:
        rig.will_refuse(sub_code)
        script()
        assert isinstance(await rig.gateway.create(charge), expected)


async def test_a_create_about_another_number_hands_nothing_over(rig: AlipayRig) -> None:
    rig.will(
        platform.good(out_trade_no="T9", trade_no="1"), platform.good(out_trade_no=rig.charge(Way.JSAPI).out_trade_no)
    )
    outcomes = [await rig.gateway.create(rig.charge(Way.JSAPI)) for _ in range(2)]

    assert outcomes == [Unknown("answer_about_another"), Unknown("malformed_trade_no")]


# Query


@pytest.mark.parametrize("status", ["TRADE_SUCCESS", "TRADE_FINISHED"])
async def test_finished_is_paid_too(rig: AlipayRig, status: str) -> None:
    charge = rig.charge(Way.JSAPI)
    rig.will(platform.trade(charge, status))

    assert isinstance(await rig.gateway.query(rig.ref(charge)), Paid)


async def test_closed_is_never_paid_or_gone_back_by_its_time_of_payment(rig: AlipayRig) -> None:
    charge = rig.charge(Way.JSAPI)
    rig.will_say_closed(charge)
    rig.will_say_went_back(charge)
    facts = [await rig.gateway.query(rig.ref(charge)) for _ in range(2)]

    assert facts == [Closed("TRADE_CLOSED"), Closed("TRADE_CLOSED", was_paid=True)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"total_amount": None}, "malformed_total_amount"),
        ({"total_amount": "1e3"}, "malformed_amount"),
        ({"total_amount": "1.005"}, "malformed_amount"),
        ({"total_amount": "999999999.99"}, "malformed_amount"),
        ({"trade_no": ""}, "malformed_trade_no"),
        ({"send_pay_date": "2026-13-01 00:00:00"}, "malformed_time"),
        ({"trade_status": None}, "malformed_trade_status"),
    ],
)
async def test_a_paid_trade_without_what_money_needs_is_unknown(
    rig: AlipayRig, changes: dict[str, Any], reason: str
) -> None:
    charge = rig.charge(Way.JSAPI)
    rig.will(platform.trade(charge, **changes))

    assert await rig.gateway.query(rig.ref(charge)) == Unknown(reason)


async def test_what_only_informs_stands_in_no_way(rig: AlipayRig) -> None:
    charge = rig.charge(Way.JSAPI)
    junk: dict[str, Any] = {
        "fund_bill_list": "x",
        "voucher_detail_list": [1],
        "receipt_amount": "?",
        "buyer_user_id": None,
    }
    rig.will(platform.trade(charge, **junk))
    fact = await rig.gateway.query(rig.ref(charge))

    assert isinstance(fact, Paid)
    assert (fact.fact.payer_id, fact.fact.settlement_amount, fact.fact.discounts) == (None, None, {})


async def test_amounts_that_come_as_numbers_are_read_to_the_fen(rig: AlipayRig) -> None:
    charge = replace(rig.charge(Way.JSAPI), amount=110)
    rig.will(platform.trade(charge, total_amount=1.1))
    fact = await rig.gateway.query(rig.ref(charge))

    assert isinstance(fact, Paid)
    assert fact.fact.amount == 110


async def test_an_open_id_is_the_payer_where_both_are_told(rig: AlipayRig) -> None:
    charge = rig.charge(Way.JSAPI)
    rig.will(platform.trade(charge, buyer_open_id="073"))
    fact = await rig.gateway.query(rig.ref(charge))

    assert isinstance(fact, Paid)
    assert fact.fact.payer_id == "073"


# Close


async def test_a_close_is_a_close_and_nothing_else(rig: AlipayRig) -> None:
    """Never cancel, which refunds what was paid (payments.md, trap 25)."""
    rig.will_close()
    await rig.gateway.close(rig.ref(rig.charge(Way.JSAPI)))

    assert [platform.parameters(sent)["method"] for sent in rig.http.sent] == ["alipay.trade.close"]


# Refund


async def test_the_sum_of_all_refunds_must_hold_this_one(rig: AlipayRig) -> None:
    """``refund_fee`` below what was asked, or above the trade, proves nothing; the query is asked."""
    refund = rig.new_refund()
    for told in ("3.44", "123.46", "x"):
        rig.will(platform.refunded(refund, refund_fee=told), platform.good(out_trade_no=refund.out_trade_no))
        assert isinstance(await rig.gateway.refund(refund), Unknown)
    rig.will(platform.refunded(refund, refund_fee="100.00"))

    fact = await rig.gateway.refund(refund)
    assert isinstance(fact, RefundFact)
    assert fact.amount == 345


@pytest.mark.parametrize("told", ["N", "", None])
async def test_no_change_of_funds_is_no_refund_until_the_query_says_so(rig: AlipayRig, told: str | None) -> None:
    refund = rig.new_refund()
    rig.will(platform.refunded(refund, fund_change=told), platform.refund_told(refund))
    assert isinstance(await rig.gateway.refund(refund), RefundFact)
    rig.will(platform.refunded(refund, fund_change=told), platform.good(out_trade_no=refund.out_trade_no))

    assert await rig.gateway.refund(refund) == Unknown("no_fund_change")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"refund_status": None}, Missing()),
        ({"refund_status": ""}, Missing()),
        ({"refund_status": "REFUND_PROCESSING"}, Unknown("refund_status")),
        ({"refund_amount": "3.46"}, Unknown("answer_about_another")),
        ({"out_request_no": "R9"}, Unknown("answer_about_another")),
        ({"out_trade_no": "T9"}, Unknown("answer_about_another")),
        ({"total_amount": None}, Unknown("malformed_total_amount")),
    ],
)
async def test_success_alone_is_no_refund(rig: AlipayRig, changes: dict[str, Any], expected: object) -> None:
    """An unknown number is answered with success too: status and amount decide (payments.md, trap 8)."""
    rig.will(platform.refund_told(rig.new_refund(), **changes))

    assert await rig.gateway.refund_query(rig.refund_ref()) == expected


async def test_a_refused_refund_is_a_no_only_where_none_is_known(rig: AlipayRig) -> None:
    """An earlier sending may have made it: a second one under a new number would pay twice."""
    refund = rig.new_refund()
    rig.will_refuse("ACQ.TRADE_NOT_ALLOW_REFUND")
    rig.will(platform.refund_told(refund))
    assert isinstance(await rig.gateway.refund(refund), RefundFact)
    rig.will_refuse("ACQ.TRADE_NOT_ALLOW_REFUND")
    rig.will_fail()
    assert isinstance(await rig.gateway.refund(refund), Unknown)
    rig.will_refuse("ACQ.TRADE_NOT_ALLOW_REFUND")
    rig.will_say_refund_missing()

    assert await rig.gateway.refund(refund) == Declined("rule", "ACQ.TRADE_NOT_ALLOW_REFUND", "said the platform")


async def test_a_refund_of_a_trade_that_is_not_there_yet_is_unknown(rig: AlipayRig) -> None:
    rig.will_say_missing()
    rig.will_say_missing()

    assert await rig.gateway.refund(rig.new_refund()) == Unknown("ACQ.TRADE_NOT_EXIST")


# The table of codes


@pytest.mark.parametrize("call", list(Call))
def test_trouble_and_the_unheard_of_conclude_nothing(call: Call) -> None:
    told = [
        Told("20000", "isp.unknow-error", "", {}),
        Told("20000", "ACQ.INVALID_PARAMETER", "", {}),
        Told("40004", "ACQ.SYSTEM_ERROR", "", {}),
        Told("40004", "ACQ.NEVER_HEARD_OF", "", {}),
        Told("40004", "", "", {}),
        Told("", "", "", {}),
    ]

    assert {verdict_of(call, each) for each in told} <= {Verdict.UNKNOWN, Verdict.AGAIN}
    assert all(verdict_of(call, each) is Verdict.UNKNOWN for each in told if call is not Call.CREATE)


@pytest.mark.parametrize("sub_code", sorted(ERRORS))
def test_every_code_has_one_meaning_for_each_call_and_a_reason(sub_code: str) -> None:
    entry = ERRORS[sub_code]

    assert not (entry.refused & entry.ask or entry.refused & entry.missing or entry.ask & entry.missing)
    assert entry.why.endswith(".")
    # Not-found is an end for nobody who may still be paying.
    if "NOT_EXIST" in sub_code and entry.ours == "not_found":
        assert not entry.refused


# Codes and wallet


async def test_a_scanned_code_in_the_platforms_trouble_is_unknown(rig: AlipayRig) -> None:
    assert rig.gateway.codes is not None
    for sub_code, code in (("ACQ.SYSTEM_ERROR", "40004"), ("x", "20000"), ("ACQ.NEVER_HEARD_OF", "40004")):
        rig.will_refuse(sub_code, code)
        assert isinstance(await rig.gateway.codes.pay(rig.charge(Way.CODE), CODE), Unknown)
    assert await rig.gateway.codes.pay(rig.charge(Way.JSAPI), CODE) == Declined("way_unsupported")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"retry_flag": "N", "action": "close"}, Closed("cancel_close")),
        ({"retry_flag": "N", "action": "refund"}, Closed("cancel_refund", was_paid=True)),
        ({"retry_flag": "N"}, Missing()),
        ({"retry_flag": "Y", "action": "close"}, Waiting("retry_flag")),
        ({"action": "close"}, Waiting("retry_flag")),
        ({"retry_flag": "N", "action": "teleport"}, Unknown("action")),
    ],
)
async def test_a_reversal_is_what_alipay_says_it_did(rig: AlipayRig, told: dict[str, str], expected: object) -> None:
    assert rig.gateway.codes is not None
    charge = rig.charge(Way.CODE)
    rig.will(platform.good(out_trade_no=charge.out_trade_no, **told))

    assert await rig.gateway.codes.reverse(rig.ref(charge)) == expected


async def test_a_reversal_without_funds_is_tried_again(rig: AlipayRig) -> None:
    assert rig.gateway.codes is not None
    rig.will_refuse("ACQ.SELLER_BALANCE_NOT_ENOUGH")

    assert isinstance(await rig.gateway.codes.reverse(rig.ref(rig.charge(Way.CODE))), Unknown)


async def test_a_sign_in_is_believed_when_it_is_proven(rig: AlipayRig) -> None:
    wallet = rig.gateway.wallet("main")
    rig.will({"user_id": platform.PAYER, "access_token": "x"}, {"open_id": "073", "user_id": platform.PAYER}, {})
    payers = [(await wallet.identify("c")).subject for _ in range(2)]
    assert payers == [platform.PAYER, "073"]
    with pytest.raises(GatewayTrouble):
        await wallet.identify("c")
    rig.will_be_silent()
    with pytest.raises(GatewayTrouble):
        await wallet.identify("c")
    rig.http.then(platform.answers({"user_id": platform.PAYER}, "stranger"))
    with pytest.raises(GatewayTrouble):
        await wallet.identify("c")
    with pytest.raises(BadRequest):
        await wallet.identify("")
    assert {platform.parameters(sent)["grant_type"] for sent in rig.http.sent} == {"authorization_code"}
    assert not [sent for sent in rig.http.sent if "code=" in sent.url]


def test_nobodys_account_is_the_operators_to_mend(rig: AlipayRig) -> None:
    with pytest.raises(Misconfigured):
        rig.gateway.wallet("nobody")


async def test_a_page_loaded_again_is_signed_again(rig: AlipayRig) -> None:
    charge = rig.charge(Way.H5)
    created = await rig.gateway.create(charge)
    assert isinstance(created, Created)
    rig.clock.advance(60)
    again = rig.gateway.renew(rig.ref(charge), created.handover)

    assert again["url"] != created.handover["url"]
    native = rig.charge(Way.NATIVE)
    assert rig.gateway.renew(rig.ref(native), {"qr_code": "x"}) == {"qr_code": "x"}
    assert await rig.gateway.refresh() is None  # type: ignore[func-returns-value]
    assert rig.http.sent == []


# Small readers


def test_amounts_are_plain_yuan() -> None:
    assert [fen(text) for text in ("0", "0.1", "12.05", "100000000.00")] == [0, 10, 1_205, 10_000_000_000]
    for text in ("", "1,000", "-1", "+1", "1.", ".5", "1.005", " 1", "１", "1e3", "100000000.01"):
        with pytest.raises(Malformed):
            fen(text)


def test_times_are_chinese_with_or_without_fractions() -> None:
    expected = datetime(2026, 11, 23, 20, 0, 0, tzinfo=UTC)

    assert moment("2026-11-24 04:00:00") == moment("2026-11-24 04:00:00.320") == expected
    for text in ("", "2026-11-24", "2026-11-24T04:00:00", "2026-02-30 04:00:00", "0001-01-01 00:00:00"):
        with pytest.raises(Malformed):
            moment(text)
