"""What the gateway concludes from UnionPay's answers beyond the contract, and what it sends."""

from dataclasses import replace
from typing import Any

import pytest

from bot.gateways import SignsIn
from bot.gateways.unionpay.wallet import app_identifier, spent_code
from bot.kernel.errors import BadRequest, Busy, GatewayTrouble, Misconfigured
from bot.kernel.masking import Secret
from bot.outside.http import NoAnswer
from bot.payments.facts import Closed, Created, Declined, Notice, PayerId, RefundState, Unknown, Unverified, Way
from bot.payments.ports import Wallet
from tests.gateways.unionpay import platform
from tests.gateways.unionpay.rig import UnionPayRig, fields


@pytest.fixture
def rig() -> UnionPayRig:
    return UnionPayRig()


# Create


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"way": Way.H5}, "way_unsupported"),
        ({"way": Way.CODE}, "way_unsupported"),
        ({"way": Way.JSAPI, "payer_id": None}, "payer_missing"),
        ({"payer_app": "wx0000000000000001"}, "app_not_bound"),
        ({"currency": "USD"}, "currency"),
        ({"out_trade_no": "T_2026112400"}, "number_unusable"),
    ],
)
async def test_what_cannot_be_asked_for_is_declined_without_a_call(
    rig: UnionPayRig, change: dict[str, Any], code: str
) -> None:
    assert await rig.gateway.create(replace(rig.charge(Way.NATIVE), **change)) == Declined(code)
    assert not rig.http.sent


async def test_a_create_is_handed_over_under_our_names(rig: UnionPayRig) -> None:
    for way, name in ((Way.NATIVE, "code_url"), (Way.JSAPI, "url")):
        rig.will_create(way)
        outcome = await rig.gateway.create(rig.charge(way))

        assert isinstance(outcome, Created)
        assert list(outcome.handover) == [name]
        assert rig.gateway.renew(rig.ref(rig.charge(way)), outcome.handover) == outcome.handover


@pytest.mark.parametrize(
    "url", ["", "http://x.example/", "javascript:alert(1)", "//x", "https://", "https://[", "https://例.cn"]
)
async def test_a_payer_is_sent_nowhere_unsafe(rig: UnionPayRig, url: str) -> None:
    rig.will_echo(payInfo=url)

    assert await rig.gateway.create(rig.charge(Way.JSAPI)) == Unknown("malformed_payInfo")


async def test_a_signed_refusal_declines_unless_an_earlier_sending_was_lost(rig: UnionPayRig) -> None:
    rig.will_refuse("31")
    assert await rig.gateway.create(rig.charge(Way.NATIVE)) == Declined("not_allowed", "31", "said the platform")
    rig.will_be_silent()
    rig.will_refuse("31")
    assert await rig.gateway.create(rig.charge(Way.NATIVE)) == Unknown("resp_31")


async def test_a_busy_platform_is_asked_once_more(rig: UnionPayRig) -> None:
    rig.will_refuse("06")
    rig.will_create(Way.NATIVE)

    assert isinstance(await rig.gateway.create(rig.charge(Way.NATIVE)), Created)


async def test_a_number_in_use_is_asked_about(rig: UnionPayRig) -> None:
    charge = rig.charge(Way.NATIVE)
    for say, expected in ((rig.will_say_waiting, Unknown("resp_12")), (rig.will_say_closed, Declined("closed", "12"))):
        rig.will_refuse("12")
        say(charge)
        assert await rig.gateway.create(charge) == expected


@pytest.mark.parametrize("fault", [Busy("breaker_open"), NoAnswer("no_connection", dest="unionpay.main", sent=False)])
async def test_what_was_not_sent_is_not_repeated(rig: UnionPayRig, fault: Exception) -> None:
    rig.http.then(fault)

    assert isinstance(await rig.gateway.create(rig.charge(Way.NATIVE)), Unknown)


async def test_a_request_is_a_signed_form_of_5_1_0(rig: UnionPayRig) -> None:
    rig.will_create(Way.NATIVE)
    await rig.gateway.create(rig.charge(Way.NATIVE))
    sent = rig.http.sent[0]
    pairs = fields(sent)

    assert sent.url == "https://gateway.95516.com/gateway/api/backTransReq.do"
    assert sent.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert {name: pairs[name] for name in ("version", "signMethod", "certId", "accessType", "channelType")} == {
        "version": "5.1.0", "signMethod": "01", "certId": platform.CERT_ID, "accessType": "0", "channelType": "08",
    }  # fmt: skip


async def test_a_page_is_asked_for_where_the_acquirer_says() -> None:
    rig = UnionPayRig(page_path="/acquirer/upJs")
    rig.will_create(Way.JSAPI)
    await rig.gateway.create(rig.charge(Way.JSAPI))

    assert rig.http.sent[0].target == "/acquirer/upJs"


# Close


async def test_a_close_reverses_only_what_is_unpaid(rig: UnionPayRig) -> None:
    """UnionPay's reversal gives money back, so it is never the first thing said (payments.md, trap 25)."""
    charge = rig.charge(Way.NATIVE)
    rig.will_say_paid(charge, platform.NOW)
    await rig.gateway.close(rig.ref(charge))
    assert [fields(sent)["txnType"] for sent in rig.http.sent] == ["00"]

    rig.will_close()
    await rig.gateway.close(rig.ref(charge))
    assert [fields(sent)["txnType"] for sent in rig.http.sent[1:]] == ["00", "99", "00"]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("00", Closed("REVERSED", was_paid=True)),
        ("45", Closed("45", was_paid=True)),
        ("69", Closed("69")),
        ("05", Unknown("reversing_05")),
        ("ZZ", Unknown("trade_state")),
    ],
)
async def test_what_a_reversal_came_to_is_told_by_the_query_after_it(
    rig: UnionPayRig, after: str, expected: object
) -> None:
    charge = rig.charge(Way.NATIVE)
    rig.will_say_waiting(charge)
    rig.will_echo()
    rig.will_say(charge, after)

    assert await rig.gateway.close(rig.ref(charge)) == expected


async def test_after_the_cut_nothing_is_reversed(rig: UnionPayRig) -> None:
    charge = rig.charge(Way.CODE)
    rig.clock.advance(19 * 3600)
    codes = rig.gateway.codes
    assert codes is not None

    assert await codes.reverse(rig.ref(charge)) == Declined("reverse_expired")
    assert not rig.http.sent
    rig.will_say_waiting(charge)
    assert await rig.gateway.close(rig.ref(charge)) == Unknown("reverse_expired")
    assert len(rig.http.sent) == 1


async def test_a_paid_code_that_is_not_reversible_is_left_to_a_refund(rig: UnionPayRig) -> None:
    charge = rig.charge(Way.CODE)
    codes = rig.gateway.codes
    assert codes is not None
    rig.will_refuse("35")
    rig.will_say_paid(charge, platform.NOW)

    assert await codes.reverse(rig.ref(charge)) == Declined("not_reversible")


async def test_codes_are_for_scanned_codes_and_known_accounts(rig: UnionPayRig) -> None:
    codes = rig.gateway.codes
    assert codes is not None
    code = Secret("6223456789012345678")

    assert await codes.pay(rig.charge(Way.NATIVE), code) == Declined("way_unsupported")
    assert await codes.pay(replace(rig.charge(Way.CODE), currency="USD"), code) == Declined("currency")
    with pytest.raises(Misconfigured):
        await codes.pay(replace(rig.charge(Way.CODE), account="nobody"), code)


# Refund


@pytest.mark.parametrize(
    ("change", "code"),
    [({"transaction_id": None}, "transaction_unknown"), ({"out_refund_no": "R1000000001"}, "number_unusable")],
)
async def test_a_refund_that_cannot_be_named_is_declined_without_a_call(
    rig: UnionPayRig, change: dict[str, Any], code: str
) -> None:
    assert await rig.gateway.refund(replace(rig.new_refund(), **change)) == Declined(code)
    assert not rig.http.sent


async def test_an_accepted_refund_that_cannot_be_asked_about_is_pending(rig: UnionPayRig) -> None:
    rig.will_answer(rig.refund_pairs(RefundState.PENDING))
    rig.will_be_silent()
    fact = await rig.gateway.refund(rig.new_refund())

    assert not isinstance(fact, Declined | Unknown)
    assert fact.state is RefundState.PENDING


async def test_a_refund_of_another_sum_says_nothing_about_ours(rig: UnionPayRig) -> None:
    rig.will_answer({**rig.refund_pairs(RefundState.SUCCEEDED), "txnAmt": "344"})

    assert await rig.gateway.refund_query(rig.refund_ref()) == Unknown("answer_about_another")


async def test_a_refund_and_its_query_have_one_identity(rig: UnionPayRig) -> None:
    for _ in range(2):
        rig.will_be_silent()
    await rig.gateway.refund(rig.new_refund())
    await rig.gateway.refund_query(rig.refund_ref())
    asked, queried = (fields(sent) for sent in rig.http.sent)

    assert (asked["orderId"], asked["txnTime"]) == (queried["orderId"], queried["txnTime"])
    assert (asked["origQryId"], asked["reqReserved"]) == (platform.QUERY_ID, "T20261124000000000000000001_12345")


# Notices


@pytest.mark.parametrize("code", ["A6", "05", "64", "ZZ"])
def test_a_notice_that_is_no_plain_success_moves_nothing(rig: UnionPayRig, code: str) -> None:
    pairs = platform.paid_notice(rig.charge(Way.NATIVE), respCode=code)
    notice = rig.gateway.read_notice(rig.notice(pairs), platform.NOW)

    assert isinstance(notice, Notice)
    assert notice.fact is None
    plain = rig.gateway.read_notice(rig.paid_notice(rig.charge(Way.NATIVE), platform.NOW), platform.NOW)
    assert isinstance(plain, Notice)
    # A success that follows is no repetition of it.
    assert plain.id != notice.id


@pytest.mark.parametrize("kind", [("99", "01"), ("31", "00"), ("79", "00")])
def test_notices_of_other_kinds_are_recorded(rig: UnionPayRig, kind: tuple[str, str]) -> None:
    pairs = platform.paid_notice(rig.charge(Way.NATIVE), txnType=kind[0], txnSubType=kind[1])
    notice = rig.gateway.read_notice(rig.notice(pairs), platform.NOW)

    assert isinstance(notice, Notice)
    assert notice.fact is None


@pytest.mark.parametrize("change", [{"queryId": ""}, {"respCode": ""}, {"txnAmt": "x"}, {"queryId": "9" * 60}])
def test_a_genuine_notice_that_cannot_be_read_is_400(rig: UnionPayRig, change: dict[str, str]) -> None:
    pairs = platform.paid_notice(rig.charge(Way.NATIVE)) | change

    assert rig.gateway.read_notice(rig.notice(pairs), platform.NOW) == Unverified("malformed_content", 400)


def test_the_notice_of_another_merchant_is_nobodys(rig: UnionPayRig) -> None:
    """All merchants' notices bear the same certificate, so this one verifies and still is not ours."""
    pairs = platform.paid_notice(rig.charge(Way.NATIVE), merId=platform.OTHER_MER_ID)

    assert rig.gateway.read_notice(rig.notice(pairs), platform.NOW) == Unverified("other_merchant", 403)


# Who pays


@pytest.fixture
def wallet(rig: UnionPayRig) -> Wallet:
    return rig.gateway.wallet("main")


async def test_a_payer_is_identified_with_the_app_that_brought_them(rig: UnionPayRig, wallet: Wallet) -> None:
    rig.will_echo(userId="QR0001")
    code = spent_code({"userAuthCode": "a b==", "respCode": "00"}, "UnionPay/1.0 CloudPay")

    assert await wallet.identify(code) == PayerId("unionpay", platform.MER_ID, "QR0001")
    sent = fields(rig.http.sent[0])
    assert (sent["userAuthCode"], sent["appUpIdentifier"]) == ("a+b==", "UnionPay/1.0 CloudPay")


async def test_a_code_that_is_missing_or_spent_is_the_payers_to_renew(rig: UnionPayRig, wallet: Wallet) -> None:
    rig.will_refuse("34")
    with pytest.raises(BadRequest):
        await wallet.identify("abc")
    with pytest.raises(BadRequest):
        await wallet.identify(spent_code({"userAuthCode": "abc", "respCode": "34"}, "UnionPay/1.0 CloudPay"))
    assert len(rig.http.sent) == 1


async def test_no_usable_answer_is_trouble(rig: UnionPayRig, wallet: Wallet) -> None:
    rig.will_be_silent()
    rig.will_refuse("02")
    rig.will_echo(userId="")
    rig.will_echo(userId="two words")
    for _ in range(4):
        with pytest.raises(GatewayTrouble):
            await wallet.identify("abc")


def test_the_gateway_signs_in_the_payers_of_its_accounts(rig: UnionPayRig) -> None:
    assert isinstance(rig.gateway, SignsIn)
    assert rig.gateway.wallet("main").name == "unionpay"
    with pytest.raises(Misconfigured):
        rig.gateway.wallet("nobody")


def test_the_app_is_read_out_of_the_user_agent() -> None:
    agent = "Mozilla/5.0 (iPhone) (com.unionpay.chsp) (cordova 4.5.4) (updebug 0) UnionPay/1.0 CloudPay"

    assert app_identifier(agent) == "UnionPay/1.0 CloudPay"
    assert app_identifier("Mozilla/5.0 MicroMessenger/8.0") == ""
