"""What the gateway concludes from a bank's answers beyond the contract, and what it sends."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.gateways.bankapp.account import BankAccount
from bot.gateways.bankapp.mapping import Call, Malformed, Verdict, cashier_url, paid_fact, refund_fact, verdict_of
from bot.kernel.errors import Busy, Misconfigured
from bot.outside.http import NoAnswer
from bot.payments.facts import (
    Closed,
    Created,
    Declined,
    Missing,
    Notice,
    Paid,
    RawNotice,
    RefundState,
    Unknown,
    Unverified,
    Way,
)
from tests.gateways.bankapp import platform
from tests.gateways.bankapp.platform import Signer
from tests.gateways.bankapp.rig import TOKEN, BankAppRig

PAYMENT = platform.payment(BankAppRig().charge(Way.REDIRECT))


@pytest.fixture
def rig() -> BankAppRig:
    return BankAppRig()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"way": Way.JSAPI}, "way_unsupported"),
        ({"currency": "USD"}, "currency"),
        ({"out_trade_no": "T-1"}, "number_unusable"),
    ],
)
async def test_what_cannot_be_asked_for_is_declined_without_a_call(
    rig: BankAppRig, change: dict[str, Any], code: str
) -> None:
    assert await rig.gateway.create(replace(rig.charge(Way.REDIRECT), **change)) == Declined(code)
    assert not rig.http.sent


@pytest.mark.parametrize("fault", [Busy("breaker_open"), NoAnswer("no_connection", dest="bankapp.main", sent=False)])
async def test_what_was_not_sent_is_not_repeated(rig: BankAppRig, fault: Exception) -> None:
    rig.http.then(fault)

    assert isinstance(await rig.gateway.create(rig.charge(Way.REDIRECT)), Unknown)


async def test_a_signed_refusal_declines_unless_an_earlier_sending_was_lost(rig: BankAppRig) -> None:
    rig.will_refuse(403, "limit")
    assert await rig.gateway.create(rig.charge(Way.REDIRECT)) == Declined("limit", "limit", "said the bank")
    rig.will_be_silent()
    rig.will_refuse(403, "limit")
    assert await rig.gateway.create(rig.charge(Way.REDIRECT)) == Unknown("limit")


@pytest.mark.parametrize(
    "url",
    [
        "http://pay.bank.example/x",
        "javascript:alert(1)",
        "//x",
        "",
        "https://",
        "https://[",
        "x" * 3000,
        "https://例.cn",
        7,
    ],
)
async def test_a_payer_is_sent_nowhere_unsafe(rig: BankAppRig, url: object) -> None:
    rig.will_answer({"cashier_url": url})

    assert await rig.gateway.create(rig.charge(Way.REDIRECT)) == Unknown("malformed_cashier_url")
    assert cashier_url(TOKEN) == TOKEN["cashier_url"]


async def test_the_same_page_serves_until_the_end(rig: BankAppRig) -> None:
    charge = rig.charge(Way.REDIRECT)
    rig.will_create(Way.REDIRECT)
    outcome = await rig.gateway.create(charge)

    assert isinstance(outcome, Created)
    assert rig.gateway.renew(rig.ref(charge), outcome.handover) == outcome.handover == {"url": TOKEN["cashier_url"]}


async def test_a_request_is_signed_over_its_path_under_the_base_url(rig: BankAppRig) -> None:
    rig.will_say_missing()
    await rig.gateway.query(rig.ref(rig.charge(Way.REDIRECT)))
    sent = rig.http.sent[0]

    assert sent.url == f"{platform.BASE_URL}/v1/payments/T20261124000000000000000001"
    assert sent.headers["Scenepay-Merchant"] == platform.MERCHANT


@pytest.mark.parametrize("number", ["../x", "a/b?c", "%2e%2e", "中"])
async def test_no_number_leaves_its_place_in_the_path(rig: BankAppRig, number: str) -> None:
    rig.will_say_missing()
    assert await rig.gateway.query(replace(rig.ref(rig.charge(Way.REDIRECT)), out_trade_no=number)) == Missing()

    assert rig.http.sent[0].target.count("/") == 4
    assert "?" not in rig.http.sent[0].target


async def test_a_refund_of_another_sum_merchant_or_order_says_nothing_about_ours(rig: BankAppRig) -> None:
    for change in (
        {"amount": 344},
        {"merchant": platform.OTHER_MERCHANT},
        {"out_trade_no": "T2"},
        {"out_refund_no": "R2"},
    ):
        for ask in (lambda: rig.gateway.refund(rig.new_refund()), lambda: rig.gateway.refund_query(rig.refund_ref())):
            rig.will_answer(rig.refund_facts(RefundState.SUCCEEDED) | change)
            assert await ask() == Unknown("answer_about_another"), change


async def test_the_amount_of_a_payment_is_told_as_it_is(rig: BankAppRig) -> None:
    """Credit compares it; hidden here, the money would be nowhere."""
    charge = rig.charge(Way.REDIRECT)
    rig.will_say(charge, "paid", amount=1)
    fact = await rig.gateway.query(rig.ref(charge))

    assert isinstance(fact, Paid)
    assert fact.fact.amount == 1


async def test_a_refused_refund_in_doubt_is_asked_about(rig: BankAppRig) -> None:
    rig.will_refuse(409, "conflict")
    rig.will_say_refund_missing()

    assert await rig.gateway.refund(rig.new_refund()) == Unknown("conflict")


def test_only_a_signed_4xx_with_a_code_of_the_table_concludes() -> None:
    assert verdict_of(Call.REFUND, 403, "funds") is Verdict.REFUSED
    assert verdict_of(Call.REFUND, 404, "not_found") is Verdict.UNKNOWN
    for status, code in ((503, "funds"), (200, "funds"), (400, "teleported"), (400, "")):
        assert {verdict_of(call, status, code) for call in Call} == {Verdict.UNKNOWN}


LACKING: list[dict[str, Any]] = [
    *({"amount": amount} for amount in (12_345.0, "12345", True, -1, 10**11)),
    *({"paid_at": at} for at in ("", "2026-11-24T04:00:00", "0001-01-01T00:00:00+23:59")),
    *({"transaction_id": number} for number in ("", 5)),
    {"currency": None},
    {"merchant": ""},
]


@pytest.mark.parametrize("change", LACKING)
def test_a_payment_that_lacks_what_money_needs_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        paid_fact(PAYMENT | change)


def test_what_only_informs_never_stands_in_the_way() -> None:
    fact = paid_fact(PAYMENT | {"payer_amount": "x", "settlement_amount": None, "bank": 7})

    assert (fact.amount, fact.payer_amount, fact.settlement_amount, fact.bank) == (12_345, None, None, "")
    assert fact.paid_at == datetime(2026, 11, 23, 20, tzinfo=UTC)


def test_a_refund_in_a_state_of_nobodys_is_none() -> None:
    with pytest.raises(Malformed):
        refund_fact(platform.refund("teleported", "R1", "T1", 1, 2))


# Notices


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"kind": "payment.paid", "payment": PAYMENT},
        {"id": "", "kind": "payment.paid", "payment": PAYMENT},
        {"id": "x" * 65, "kind": "payment.paid", "payment": PAYMENT},
        {"id": "1", "kind": "", "payment": PAYMENT},
        {"id": "1", "kind": "payment.paid"},
        {"id": "1", "kind": "payment.paid", "payment": {**PAYMENT, "amount": "1"}},
        {"id": "1", "kind": "payment.paid", "payment": {**PAYMENT, "merchant": platform.OTHER_MERCHANT}},
        {"id": "1", "kind": "refund.succeeded", "refund": {}},
    ],
)
def test_a_genuine_notice_that_cannot_be_read_is_400(rig: BankAppRig, content: object) -> None:
    outcome = rig.gateway.read_notice(rig.notice(content), rig.clock.now())

    assert isinstance(outcome, Unverified)
    assert outcome.status == 400


@pytest.mark.parametrize(
    "content",
    [
        {"id": "1", "kind": "account.blocked"},
        {"id": "1", "kind": "payment.paying", "payment": {**PAYMENT, "state": "paying"}},
        {"id": "1", "kind": "payment.paid", "payment": {**PAYMENT, "state": "returned"}},
    ],
)
def test_notices_of_other_kinds_and_states_are_recorded(rig: BankAppRig, content: object) -> None:
    notice = rig.gateway.read_notice(rig.notice(content), rig.clock.now())

    assert isinstance(notice, Notice)
    assert notice.fact is None


def test_a_notice_to_another_merchant_of_the_bank_does_not_verify(rig: BankAppRig) -> None:
    body = platform.encoded({"id": "1", "kind": "payment.paid", "payment": PAYMENT})
    headers = Signer().notice(body, rig.clock.now(), platform.OTHER_MERCHANT)

    assert rig.gateway.read_notice(RawNotice("main", headers, body), rig.clock.now()) == Unverified("bad_signature")


def test_a_key_that_follows_another_is_believed_beside_it(rig: BankAppRig) -> None:
    body = platform.encoded({"id": "1", "kind": "payment.paid", "payment": PAYMENT})
    for signer in (Signer(), Signer("bank-2027", "next")):
        raw = RawNotice("main", signer.notice(body, rig.clock.now()), body)
        assert isinstance(rig.gateway.read_notice(raw, rig.clock.now()), Notice)


async def test_returned_is_never_read_as_unpaid(rig: BankAppRig) -> None:
    charge = rig.charge(Way.REDIRECT)
    rig.will_say_went_back(charge)

    assert await rig.gateway.close(rig.ref(charge)) == Closed("returned", was_paid=True)


# Accounts


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"merchant": "a b"}, "merchant"),
        ({"merchant": 7}, "merchant"),
        ({"serial": ""}, "serial"),
        ({"private_key": ""}, "private_key"),
        ({"private_key": 7}, "private_key"),
        ({"bank_keys": {}}, "bank_keys"),
        ({"bank_keys": "x"}, "bank_keys"),
        ({"bank_keys": {"a b": "x"}}, "serial"),
        ({"base_url": "http://pay.bank.example"}, "base_url"),
        ({"base_url": "https://pay.bank.example/"}, "base_url"),
        ({"base_url": "https://u@pay.bank.example"}, "base_url"),
        ({"within": 0}, "within"),
        ({"within": "5"}, "within"),
        ({"typo": 1}, "typo"),
    ],
)
def test_each_fault_of_an_account_is_named(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        BankAccount.from_settings("main", platform.settings(**changes))

    assert word in refusal.value.remedy
    assert "PRIVATE" not in repr(BankAccount.from_settings("main", platform.settings(within=3)))
