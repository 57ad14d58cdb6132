"""What UnionPay's codes, times and fields mean for our values, code by code."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.gateways.unionpay.account import UnionPayAccount
from bot.gateways.unionpay.answers import CODES, REFUNDS, TRADES, Call, Trade, Verdict, verdict_of, word_of
from bot.gateways.unionpay.mapping import (
    Malformed,
    charge_fact,
    create_form,
    finished_at,
    paid_fact,
    refund_fact,
    refund_time,
    trade_form,
    usable_order_id,
    wire_time,
)
from bot.gateways.unionpay.orders import reference, reversible_until
from bot.kernel.ids import new_out_number
from bot.payments.facts import Closed, Declined, Paid, RefundState, Unknown, Waiting, Way
from tests.gateways.unionpay import platform
from tests.gateways.unionpay.rig import make

ACCOUNT = UnionPayAccount.from_settings("main", platform.settings())
RIG = make()
NATIVE, CODE = RIG.charge(Way.NATIVE), RIG.charge(Way.CODE)
AFTER = NATIVE.expires_at + timedelta(seconds=61)


def fact(code: str, way: Way = Way.NATIVE, at: datetime = platform.NOW) -> object:
    charge = NATIVE if way is Way.NATIVE else CODE
    return charge_fact(platform.transaction(charge, code), reference(charge), at)


@pytest.mark.parametrize("code", ["03", "04", "05"])
def test_open_codes_ask_to_be_asked_again(code: str) -> None:
    """At the partner gateway 03 means closed; here it ends nothing, before expiry nor after (payments.md §4.3)."""
    assert [fact(code, way, at) for way in (Way.NATIVE, Way.CODE) for at in (platform.NOW, AFTER)] == [
        Waiting(code)
    ] * 4


@pytest.mark.parametrize("code", [code for code, trade in TRADES.items() if trade is Trade.FAILED])
def test_a_failed_attempt_ends_a_scanned_code_and_not_what_can_be_tried_again(code: str) -> None:
    assert fact(code) == Waiting(code)
    assert fact(code, at=AFTER) == Closed(code)
    assert fact(code, Way.CODE) == Declined("declined", code, "said the platform")


@pytest.mark.parametrize("code", ["42", "74", "75", "A6", "34", "12", "98", "", "ZZ", "000"])
def test_what_is_not_clear_ends_nothing(code: str) -> None:
    assert [fact(code, at=at) for at in (platform.NOW, AFTER)] == [Unknown("trade_state")] * 2


def test_every_code_concludes_no_more_than_its_call_allows() -> None:
    """A refusal of a refund never comes from what may have happened, and only a query says that nothing is there."""
    for code, entry in CODES.items():
        assert entry.why
        if code in TRADES and TRADES[code] in (Trade.WAITING, Trade.PAID):
            assert entry.refund is not Verdict.REFUSED
        assert Verdict.MISSING not in (entry.create, entry.scan, entry.refund, entry.reverse)
    assert {code for code, trade in TRADES.items() if trade is Trade.PAID} == {"00"}
    assert verdict_of(Call.REFUND, "11") is Verdict.UNKNOWN
    assert (verdict_of(Call.CREATE, "ZZ"), word_of("ZZ")) == (Verdict.UNKNOWN, "ZZ")
    assert set(REFUNDS) <= set(CODES)


def test_equal_charges_give_the_identical_order_and_the_query_repeats_its_time() -> None:
    form = create_form(NATIVE, ACCOUNT)

    assert form == create_form(NATIVE, ACCOUNT)
    assert form["txnTime"] == trade_form(reference(NATIVE), ACCOUNT, ("00", "00"))["txnTime"] == "20261124040000"
    assert form["payTimeout"] == "20261124041500"
    assert (form["txnAmt"], form["currencyCode"], form["txnType"], form["txnSubType"]) == ("12345", "156", "01", "07")
    later = replace(NATIVE, created_at=NATIVE.created_at + timedelta(seconds=1))
    assert create_form(later, ACCOUNT)["txnTime"] != form["txnTime"]


def test_a_page_names_payer_app_and_the_way_back() -> None:
    form = create_form(RIG.charge(Way.JSAPI), ACCOUNT)

    assert (form["userId"], form["appUpIdentifier"]) == ("QR2026112400000001", "UnionPay/1.0 CloudPay")
    assert form["frontUrl"] == "https://pay.example.com/cashier/back?c=1"
    assert "userId" not in create_form(NATIVE, ACCOUNT)


@pytest.mark.parametrize("text", ["a&b=c", "{x}", "[y]", "line\nbreak", "中" * 40, "\x00&", "😀" * 9])
def test_a_description_holds_nothing_that_separates(text: str) -> None:
    """An answer may repeat it among pairs that are not encoded."""
    described = create_form(replace(NATIVE, description=text), ACCOUNT).get("orderDesc", "")

    assert not set(described) & set("&={}[]\n\x00")
    assert len(described.encode()) <= 32


@pytest.mark.parametrize(
    ("sent", "trace", "expected"),
    [
        ("20261124040000", "1124040001", "2026-11-23T20:00:01"),
        ("20261124040000", "1123235959", "2026-11-23T15:59:59"),
        ("20261231235959", "0101000005", "2026-12-31T16:00:05"),
        ("20270101000001", "1231235958", "2026-12-31T15:59:58"),
        ("20280228235959", "0229000001", "2028-02-28T16:00:01"),
        ("20261124040000", "", "2026-11-23T20:00:00"),
        ("20261124040000", "garbage", "2026-11-23T20:00:00"),
    ],
)
def test_the_year_of_a_trace_time_follows_the_order(sent: str, trace: str, expected: str) -> None:
    pairs = {"txnTime": sent, "traceTime": trace}

    assert finished_at(pairs) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("pairs", [{}, {"txnTime": "2026112404000"}, {"txnTime": "20261324040000"}, {
    "txnTime": "20261124040000", "traceTime": "1332000000"}])  # fmt: skip
def test_a_time_that_is_none_is_malformed(pairs: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        finished_at(pairs)


def test_a_refund_number_of_ours_tells_the_refunds_time() -> None:
    at = datetime(2026, 11, 30, 16, 0, 1, tzinfo=UTC)

    assert refund_time(new_out_number("R", at)) == wire_time(at) == "20261201000001"
    assert [refund_time(number) for number in ("R1", "20261332000000", "ABCDE20261124000000", "")] == [""] * 4


@pytest.mark.parametrize("number", ["T2026", "T" * 33, "T-2026112400", "T_2026112400", "T２０２６１１２４"])
def test_numbers_that_unionpay_refuses_are_known(number: str) -> None:
    assert not usable_order_id(number)
    assert usable_order_id(new_out_number("T", platform.NOW))


@pytest.mark.parametrize(
    "change",
    [
        {"queryId": ""},
        {"txnAmt": "-1"},
        {"txnAmt": "1.0"},
        {"txnAmt": "１"},
        {"txnAmt": "999999999999"},
        {"merId": ""},
        {"orderId": ""},
        {"txnTime": ""},
    ],
)
def test_a_payment_that_lacks_what_money_needs_is_none(change: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        paid_fact(platform.transaction(NATIVE) | change)


@pytest.mark.parametrize(
    ("coupons", "payer", "discounts"),
    [
        ("", 12_345, {}),
        ('[{"id":"1","type":"CP01","spnsrId":"00010000","offstAmt":"345"}]', 12_000, {"unionpay": 345}),
        ('[{"spnsrId":"99","offstAmt":"45"},{"offstAmt":"300"}]', 12_000, {"other": 345}),
        ("garbage", None, {}),
        ('[{"offstAmt":"-5"}]', None, {}),
        ('{"offstAmt":"5"}', None, {}),
        ("[1]", None, {}),
    ],
)
def test_coupons_inform_and_never_stand_in_the_way(coupons: str, payer: int | None, discounts: dict[str, int]) -> None:
    found = paid_fact(platform.transaction(NATIVE, couponInfo=coupons))

    assert (found.amount, found.payer_amount, found.discounts) == (12_345, payer, discounts)


def test_another_currency_is_told_as_it_is() -> None:
    assert paid_fact(platform.transaction(NATIVE, currencyCode="344")).currency == "344"
    assert isinstance(fact("00"), Paid)


@pytest.mark.parametrize(
    "reserved", ["", "T20261124000000", "T20261124000000_", "short_1", "T20261124000000_x", "a_b_1"]
)
def test_a_refund_without_our_mark_is_not_ours_to_tell(reserved: str) -> None:
    pairs = {**platform.refund("R20261124000000001", "T20261124000000001", 1, 2), "reqReserved": reserved}

    with pytest.raises(Malformed):
        refund_fact(pairs, RefundState.SUCCEEDED)


@pytest.mark.parametrize(
    ("made", "until"),
    [
        ("2026-11-24T22:59:59+08:00", "2026-11-24T23:00:00+08:00"),
        ("2026-11-24T23:00:00+08:00", "2026-11-25T23:00:00+08:00"),
        ("2026-11-24T00:00:00+08:00", "2026-11-24T23:00:00+08:00"),
        ("2026-12-31T23:30:00+08:00", "2027-01-01T23:00:00+08:00"),
    ],
)
def test_a_reversal_is_possible_until_the_cut(made: str, until: str) -> None:
    assert reversible_until(datetime.fromisoformat(made)) == datetime.fromisoformat(until)
