"""Every vendor word means what payments.md says it means, and a word nobody knows means Unknown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gateways.wechatpay import mapping
from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.errors import ERRORS, Call, Verdict, verdict_of
from bot.gateways.wechatpay.fields import Malformed
from bot.gateways.wechatpay.mapping import (
    REFUND_STATES,
    TRADE_STATES,
    charge_fact,
    create_body,
    cut_bytes,
    h5_address,
    order_path,
    paid_fact,
    refund_body,
    refund_fact,
    refund_path,
)
from bot.payments.facts import Closed, Paid, RefundState, Unknown, Waiting, Way
from tests.gateways.wechatpay import platform
from tests.gateways.wechatpay.rig import WeChatPayRig

RIG = WeChatPayRig()
ACCOUNT = WeChatPayAccount.from_settings("main", platform.settings())
CHARGE = RIG.charge(Way.JSAPI)
NO = CHARGE.out_trade_no

# The states that the documents name (payments.md §2), and what each must come to.
STATES = {
    "SUCCESS": Paid,
    "REFUND": Closed("REFUND", was_paid=True),
    "NOTPAY": Waiting("NOTPAY"),
    "USERPAYING": Waiting("USERPAYING"),
    "ACCEPT": Waiting("ACCEPT"),
    "PAYERROR": Waiting("PAYERROR"),
    "CLOSED": Closed("CLOSED"),
    "REVOKED": Closed("REVOKED"),
}
# Written out here again, by hand: a change of the table has to be made twice.
REFUSED_CREATE = {
    "PARAM_ERROR", "SIGN_ERROR", "NO_AUTH", "NOAUTH", "RULE_LIMIT", "RULELIMIT", "REQUEST_BLOCKED",
    "APPID_MCHID_NOT_MATCH", "OPENID_MISMATCH", "MCH_NOT_EXISTS", "ACCOUNT_ERROR", "ACCOUNTERROR", "NOT_ENOUGH",
    "NOTENOUGH",
}  # fmt: skip
ASK_CREATE = {
    "INVALID_REQUEST", "OUT_TRADE_NO_USED", "ORDER_PAID", "ORDERPAID", "ORDER_CLOSED", "ORDERCLOSED",
    "ORDER_REVERSED", "ORDERREVERSED", "USERPAYING", "USER_PAYING", "TRADE_ERROR",
}  # fmt: skip
AGAIN = {"SYSTEM_ERROR", "SYSTEMERROR", "BANK_ERROR", "BANKERROR"}
MISSING = {"ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"}
REFUSED_REFUND = {
    "PARAM_ERROR", "NO_AUTH", "NOAUTH", "RULE_LIMIT", "RULELIMIT", "REQUEST_BLOCKED", "NOT_ENOUGH", "NOTENOUGH",
    "USER_ACCOUNT_ABNORMAL",
}  # fmt: skip
NOTHING = {
    "FREQUENCY_LIMITED", "FREQUENCY_LIMIT_EXCEED", "RATELIMIT_EXCEEDED", "INVALID_TRANSACTIONID",
    "NO_STATEMENT_EXIST", "STATEMENT_CREATING",
}  # fmt: skip
SPENT = {
    "AUTH_CODE_EXPIRED", "AUTHCODEEXPIRE", "AUTH_CODE_ERROR", "AUTH_CODE_INVALID", "NOT_SUPPORT_CARD", "NOTSUPORTCARD",
}  # fmt: skip
EXISTS = {"RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"}
OF_FACULTIES = SPENT | EXISTS | {"REVERSE_EXPIRE"}
PAYING = {"USERPAYING", "USER_PAYING"}
GONE = {"ORDER_CLOSED", "ORDERCLOSED", "ORDER_REVERSED", "ORDERREVERSED"}
REFUSED_ALIKE = REFUSED_CREATE - {"SIGN_ERROR", "OPENID_MISMATCH"}
EXPECTED = {
    Call.CREATE: {Verdict.REFUSED: REFUSED_CREATE, Verdict.ASK: ASK_CREATE, Verdict.AGAIN: AGAIN},
    Call.QUERY: {Verdict.MISSING: MISSING},
    Call.CLOSE: {Verdict.MISSING: MISSING, Verdict.ASK: ASK_CREATE - {"OUT_TRADE_NO_USED"}},
    Call.REFUND: {Verdict.REFUSED: REFUSED_REFUND, Verdict.ASK: {"INVALID_REQUEST"}},
    Call.REFUND_QUERY: {Verdict.MISSING: MISSING},
    Call.CODE: {
        Verdict.REFUSED: REFUSED_ALIKE | SPENT, Verdict.ASK: ASK_CREATE - PAYING, Verdict.WAITING: PAYING,
    },
    Call.REVERSE: {
        Verdict.REFUSED: {"REVERSE_EXPIRE"}, Verdict.ASK: GONE | {"INVALID_REQUEST", "TRADE_ERROR"},
        Verdict.WAITING: PAYING, Verdict.MISSING: MISSING,
    },
    Call.SHARE: {
        Verdict.REFUSED: REFUSED_ALIKE | MISSING | {"OPENID_MISMATCH"}, Verdict.ASK: EXISTS | {"INVALID_REQUEST"},
    },
    Call.SHARE_QUERY: {Verdict.MISSING: MISSING},
    Call.CONTRACT: {
        Verdict.REFUSED: REFUSED_ALIKE - {"NOT_ENOUGH", "NOTENOUGH"} | MISSING | {"OPENID_MISMATCH"},
        Verdict.ASK: EXISTS | {"INVALID_REQUEST"},
    },
    Call.CONTRACT_QUERY: {Verdict.MISSING: MISSING},
    Call.DEDUCT: {
        Verdict.REFUSED: REFUSED_ALIKE | MISSING, Verdict.ASK: ASK_CREATE - PAYING | EXISTS, Verdict.WAITING: PAYING,
    },
}  # fmt: skip


def test_every_documented_state_is_in_the_table_and_no_other() -> None:
    assert set(TRADE_STATES) == set(STATES)
    assert set(REFUND_STATES) == {"SUCCESS", "CLOSED", "PROCESSING", "ABNORMAL"}
    assert set(REFUND_STATES.values()) == set(RefundState)


@pytest.mark.parametrize("state", sorted(STATES))
def test_a_state_means_what_the_documents_say(state: str) -> None:
    fact = charge_fact(platform.transaction(CHARGE, state), NO, platform.MCHID)

    if STATES[state] is Paid:
        assert isinstance(fact, Paid)
    else:
        assert fact == STATES[state]


@given(st.text(max_size=12).filter(lambda text: text not in STATES and text != ""))
def test_any_other_state_is_unknown(state: str) -> None:
    assert isinstance(charge_fact(platform.transaction(CHARGE, state), NO, platform.MCHID), Unknown)


def test_reversed_after_a_payment_was_paid() -> None:
    facts = platform.transaction(CHARGE, "REVOKED", success_time="2026-11-24T03:59:58+08:00")

    assert charge_fact(facts, NO, platform.MCHID) == Closed("REVOKED", was_paid=True)


@pytest.mark.parametrize("change", [{"out_trade_no": "other"}, {"mchid": "1900000110"}, {"mchid": None}])
def test_a_transaction_of_another_says_nothing(change: dict[str, Any]) -> None:
    facts = platform.transaction(CHARGE) | change

    assert charge_fact(facts, NO, platform.MCHID) == Unknown("answer_about_another")


def test_a_transaction_without_a_state_is_malformed() -> None:
    with pytest.raises(Malformed):
        charge_fact(platform.transaction(CHARGE) | {"trade_state": None}, NO, platform.MCHID)


def expected(call: Call, code: str) -> Verdict:
    return next((verdict for verdict, codes in EXPECTED[call].items() if code in codes), Verdict.UNKNOWN)


def test_the_table_of_errors_is_whole() -> None:
    named = REFUSED_CREATE | ASK_CREATE | AGAIN | MISSING | REFUSED_REFUND | NOTHING | OF_FACULTIES

    assert set(ERRORS) == named
    assert all(entry.ours and entry.why.endswith(".") for entry in ERRORS.values())


@pytest.mark.parametrize(("call", "code"), list(product(Call, sorted(ERRORS))))
def test_each_code_concludes_what_is_argued_and_a_5xx_nothing(call: Call, code: str) -> None:
    for status in (400, 401, 403, 404, 429):
        assert verdict_of(call, status, code) is expected(call, code)
    for status in (100, 302, 399):
        assert verdict_of(call, status, code) is Verdict.UNKNOWN
    for status in (500, 502, 503, 504):
        assert verdict_of(call, status, code) is (Verdict.AGAIN if call is Call.CREATE else Verdict.UNKNOWN)


@given(st.sampled_from(Call), st.integers(100, 499), st.text(max_size=10).filter(lambda code: code not in ERRORS))
def test_an_unknown_code_concludes_nothing(call: Call, status: int, code: str) -> None:
    assert verdict_of(call, status, code) is Verdict.UNKNOWN


def test_only_a_create_is_repeated_at_once() -> None:
    every = product(Call, (400, 500), [*ERRORS, ""])
    again = {call for call, status, code in every if verdict_of(call, status, code) is Verdict.AGAIN}

    assert again == {Call.CREATE}


def test_a_create_says_all_that_is_needed_and_only_that() -> None:
    """Unknown fields are refused (payments.md, trap 17)."""
    assert create_body(CHARGE, ACCOUNT) == {
        "appid": platform.OFFICIAL,
        "mchid": platform.MCHID,
        "description": "阳光花园 11月物业费",
        "out_trade_no": NO,
        "time_expire": "2026-11-24T04:15:00+08:00",
        "notify_url": "https://pay.example.com/notify/wechatpay/main",
        "amount": {"total": 12_345, "currency": "CNY"},
        "attach": "chg_1",
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        "scene_info": {"payer_client_ip": "203.0.113.9"},
    }


def test_each_way_has_fields_of_its_own() -> None:
    mini, native, h5 = (create_body(RIG.charge(way), ACCOUNT) for way in (Way.MINI, Way.NATIVE, Way.H5))

    assert mini["appid"] == platform.MINI
    assert "payer" in mini
    assert native["appid"] == platform.OFFICIAL
    assert "payer" not in native
    assert h5["scene_info"] == {"payer_client_ip": "203.0.113.9", "h5_info": {"type": "Wap"}}
    bare = create_body(replace(RIG.charge(Way.NATIVE), payer_ip=None, attach=""), ACCOUNT)
    assert {"scene_info", "attach", "payer"}.isdisjoint(bare)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # Aware by timezones.
)
def test_an_order_never_outlives_its_charge(expires_at: datetime) -> None:
    told = create_body(replace(CHARGE, expires_at=expires_at), ACCOUNT)["time_expire"]

    assert isinstance(told, str)
    assert told.endswith("+08:00")
    assert len(told) == 25
    assert timedelta() <= expires_at - datetime.fromisoformat(told) < timedelta(seconds=1)


@given(st.text(max_size=200), st.integers(0, 130))
def test_a_description_is_cut_between_characters(text: str, limit: int) -> None:
    cut = cut_bytes(text, limit)
    clean = text.encode("utf-8", "replace").decode()

    assert len(cut.encode()) <= limit
    assert clean.startswith(cut)
    assert cut == clean or len(clean[: len(cut) + 1].encode()) > limit


def test_a_description_keeps_to_one_line_of_127_bytes() -> None:
    body = create_body(replace(CHARGE, description="物\n业\t费\x00 " + "一" * 60), ACCOUNT)

    assert isinstance(body["description"], str)
    assert body["description"].startswith("物 业 费 一")
    assert len(body["description"].encode()) == 126


def test_a_refund_names_the_order_by_our_number_alone() -> None:
    refund = RIG.new_refund()

    assert refund_body(refund, ACCOUNT) == {
        "out_trade_no": refund.out_trade_no,
        "out_refund_no": refund.out_refund_no,
        "notify_url": refund.notify_url,
        "amount": {"refund": 345, "total": 12_345, "currency": "CNY"},
        "reason": "多收退款",
    }
    assert refund_body(replace(refund, transaction_id=None), ACCOUNT) == refund_body(refund, ACCOUNT)
    assert "reason" not in refund_body(replace(refund, reason=" "), ACCOUNT)


def test_numbers_are_quoted_in_paths() -> None:
    assert order_path(ACCOUNT, "T1/../../x?y#z", "/close") == (
        "/v3/pay/transactions/out-trade-no/T1%2F..%2F..%2Fx%3Fy%23z/close"
    )
    assert refund_path(ACCOUNT, "R 1") == "/v3/refund/domestic/refunds/R%201"


def test_the_payer_comes_back_from_h5_where_that_is_wanted() -> None:
    back = "https://pay.example.com/cashier/back?c=1"

    assert h5_address("https://wx.tenpay.com/x?a=1", back) == (
        "https://wx.tenpay.com/x?a=1&redirect_url=https%3A%2F%2Fpay.example.com%2Fcashier%2Fback%3Fc%3D1"
    )
    assert h5_address("https://wx.tenpay.com/x", back).count("?") == 1
    assert h5_address("https://wx.tenpay.com/x", None) == "https://wx.tenpay.com/x"


def test_a_payment_keeps_all_amounts_apart() -> None:
    """payments.md, trap 24: order 12345, coupons 300 + 200 + 45, of which 245 nobody prefunded."""
    facts = platform.transaction(CHARGE, promotion_detail=[
        {"coupon_id": "1", "type": "CASH", "amount": 300, "wechatpay_contribute": 100, "merchant_contribute": 200,
         "other_contribute": 0},
        {"coupon_id": "2", "type": "NOCASH", "amount": 200, "merchant_contribute": 200},
        {"coupon_id": "3", "type": "NOCASH", "amount": 45},
    ])  # fmt: skip
    facts["amount"]["payer_total"] = 11_800
    fact = paid_fact(facts)

    assert (fact.amount, fact.payer_amount, fact.settlement_amount) == (12_345, 11_800, 12_100)
    assert fact.discounts == {"wechatpay": 100, "merchant": 400, "other": 45}
    assert (fact.way, fact.bank, fact.payer_id) == ("jsapi", "CMB_DEBIT", CHARGE.payer_id)
    assert fact.paid_at == datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


def test_without_coupons_all_is_settled() -> None:
    absent: tuple[dict[str, Any], ...] = ({}, {"promotion_detail": None}, {"promotion_detail": []})
    for changes in absent:
        fact = paid_fact(platform.transaction(CHARGE, **changes))

        assert (fact.settlement_amount, fact.discounts) == (12_345, {})


@pytest.mark.parametrize(
    "promotion",
    [{"type": "CASH"}, {"type": "FUTURE", "amount": 5}, {"amount": 5}, "text", {"type": "NOCASH", "amount": -1}],
)
def test_a_coupon_that_nobody_understands_gives_no_settlement_figure_and_hinders_no_payment(promotion: Any) -> None:
    fact = paid_fact(platform.transaction(CHARGE, promotion_detail=[promotion]))

    assert fact.amount == 12_345
    assert fact.settlement_amount is None


@pytest.mark.parametrize(
    "change",
    [{"payer": None}, {"payer": {}}, {"payer": {"openid": 5}}, {"bank_type": None}, {"trade_type": "TELEPATHY"}],
)
def test_what_only_informs_hinders_no_payment(change: dict[str, Any]) -> None:
    assert paid_fact(platform.transaction(CHARGE, **change)).amount == 12_345


def test_an_amount_without_currency_is_in_cny_and_another_is_told() -> None:
    facts = platform.transaction(CHARGE)
    facts["amount"] = {"total": 1, "currency": "HKD", "payer_total": "1"}
    assert (paid_fact(facts).currency, paid_fact(facts).payer_amount) == ("HKD", None)

    facts["amount"] = {"total": 1}
    assert paid_fact(facts).currency == "CNY"


@pytest.mark.parametrize(
    "time", ["2026-11-24T03:59:58", "yesterday", "", None, "2026-13-01T00:00:00+08:00", "0001-01-01T00:00:00+08:00"]
)
def test_a_time_is_aware_or_none(time: Any) -> None:
    with pytest.raises(Malformed):
        paid_fact(platform.transaction(CHARGE) | {"success_time": time})


def test_a_refund_that_succeeded_says_when() -> None:
    facts = RIG.refund_facts("SUCCESS")
    fact = refund_fact(facts, owner=platform.MCHID, state_field="status")
    assert fact.succeeded_at == datetime(2026, 11, 23, 20, 0, tzinfo=UTC)

    with pytest.raises(Malformed):
        refund_fact(facts | {"success_time": None}, owner=platform.MCHID, state_field="status")


def test_every_trade_type_is_one_of_our_words() -> None:
    assert {"JSAPI", "NATIVE", "MWEB", "APP", "MICROPAY", "FACEPAY"} <= set(mapping.TRADE_TYPES)
    assert set(mapping.TRADE_TYPES.values()) <= {way.value for way in Way} | {"app", "face"}
