"""The UnionPay simulator keeps its documents' rules where the gateway's own tests do not look."""

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

import pytest

from bot.simulators.clock import ManualClock
from bot.simulators.unionpay import crypto, plan_from_settings
from bot.simulators.unionpay.book import wire_time
from bot.simulators.unionpay.faults import UNIONPAY_FAULTS
from bot.simulators.unionpay.files import WIDTHS, settlement_day
from tests.simulators.unionpay_rig import Rig, credentials, running


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running() as started:
        yield started


def order(rig: Rig, number: str, amount: int = 12_850, **changes: str) -> dict[str, str]:
    now = rig.clock.now()
    fields = {
        "version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "accessType": "0", "bizType": "000000",
        "txnType": "01", "txnSubType": "07", "channelType": "08", "merId": credentials().mer_id, "currencyCode": "156",
        "certId": credentials().cert_id, "orderId": number, "txnTime": wire_time(now), "txnAmt": str(amount),
        "payTimeout": wire_time(now + timedelta(minutes=30)), "backUrl": rig.notify_url,
    }  # fmt: skip
    return {name: value for name, value in (fields | changes).items() if value}


async def post(
    rig: Rig, fields: dict[str, str], path: str = "gateway/api/backTransReq.do", *, sign: bool = True
) -> dict[str, str]:
    if sign:
        fields = {**fields, "signature": crypto.sign(credentials().merchant_private_pem, fields)}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with rig.session.post(f"{rig.base}/{path}", data=urlencode(fields), headers=headers) as response:
        text = await response.text()
    return dict(part.partition("=")[::2] for part in text.split("&"))


async def test_an_order_is_answered_and_paid_once(rig: Rig) -> None:
    answer = await post(rig, order(rig, "T20261124001"))

    assert (answer["respCode"], answer["orderId"]) == ("00", "T20261124001")
    assert answer["qrCode"].startswith(rig.base)
    assert [await rig.pay("T20261124001") for _ in range(2)] == ["ok", "refused"]
    received = dict(parse_qsl((await rig.inbox.wait(1))[0][1].decode()))
    assert (received["txnAmt"], received["respCode"]) == ("12850", "00")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"orderId": "T-1"}, "10"),
        ({"txnAmt": "0"}, "10"),
        ({"txnAmt": "1.00"}, "10"),
        ({"currencyCode": "840"}, "10"),
        ({"version": "5.0.0"}, "10"),
        ({"payTimeout": ""}, "13"),
        ({"payTimeout": "20200101000000"}, "10"),
        ({"txnTime": "20200101000000"}, "10"),
        ({"txnType": "77"}, "32"),
        ({"merId": "777290058110099"}, "31"),
        ({"certId": "1"}, "11"),
    ],
)
async def test_wrong_requests_are_refused(rig: Rig, changes: dict[str, str], code: str) -> None:
    assert (await post(rig, order(rig, "T20261124002", 12_850, **changes)))["respCode"] == code


async def test_a_request_that_is_not_signed_by_the_merchant_is_refused_unsigned(rig: Rig) -> None:
    answer = await post(rig, {**order(rig, "T20261124003"), "signature": "AAAA"}, sign=False)

    assert answer["respCode"] == "11"
    assert "signature" not in answer


async def test_a_query_needs_the_orders_own_time(rig: Rig) -> None:
    """orderId and txnTime together are the identity, so that another time is another trade."""
    fields = order(rig, "T20261124004")
    await post(rig, fields)
    asked = {**fields, "txnType": "00", "txnSubType": "00"}
    path = "gateway/api/queryTrans.do"

    assert (await post(rig, asked, path))["origRespCode"] == "05"
    assert (await post(rig, {**asked, "txnTime": "20261124000000"}, path))["respCode"] == "34"


async def test_a_notice_is_repeated_until_it_is_accepted() -> None:
    clock = ManualClock()
    async with running(clock) as rig:
        rig.inbox.statuses = [500, 404]
        await post(rig, order(rig, "T20261124005"))
        await rig.pay("T20261124005")
        await rig.inbox.wait(1)
        for count, pause in ((2, 60), (3, 120)):
            while not clock.sleepers:
                await rig.look("faults")
            await clock.advance(pause)
            await rig.inbox.wait(count)
        bodies = [body for _, body in rig.inbox.received]

    assert len(set(bodies)) == 1


async def test_a_notice_may_come_thrice_or_never_or_behind_a_forgery(rig: Rig) -> None:
    for suffix, wanted in ((3, 3), (4, 0), (8, 2), (18, 2), (19, 2)):
        number = f"T202611241{suffix:02d}"
        await post(rig, order(rig, number, 12_800 + suffix))
        await rig.pay(number)
        before = len(rig.inbox.received)
        if wanted:
            await rig.inbox.wait(before + wanted - sum(number in str(body) for _, body in rig.inbox.received))
        told = (await rig.look(f"notices?subject={number}"))["notices"]
        assert {each["kind"] for each in told} <= {"genuine", "stranger", "other_merchant", "flawed"}
        assert bool(wanted) == any(each["attempts"] for each in told)


async def test_the_payer_pays_on_the_page_and_is_led_back(rig: Rig) -> None:
    fields = {**order(rig, "T20261124006", txnSubType="01"), "userId": "QR1", "frontUrl": f"{rig.base}/_sim/faults"}
    answer = await post(rig, fields, "gateway/api/jspay.do")
    async with rig.session.post(answer["payInfo"], data={"do": "pay"}, allow_redirects=False) as response:
        assert response.headers["Location"] == fields["frontUrl"]
    async with rig.session.post(answer["payInfo"], data={"do": "pay"}) as response:
        assert "订单已失效" in await response.text()


async def test_faults_can_be_forced_redelivered_and_forged(rig: Rig) -> None:
    await rig.control("faults", {"next": ["create_busy"]})
    assert (await post(rig, order(rig, "T20261124007")))["respCode"] == "06"
    await post(rig, order(rig, "T20261124007"))
    await rig.pay("T20261124007")
    notice = (await rig.look("notices"))["notices"][0]["notice_id"]

    assert (await rig.control(f"redeliver/{notice}", {"times": 2, "fresh": False}))["statuses"] == [200, 200]
    assert (await rig.control("forge", {"order_id": "T20261124007", "kind": "teleported"}))["http"] == 400
    assert (await rig.control("redeliver/nobody"))["http"] == 404
    assert (await rig.control("pay", {"order_id": "nobody"}))["http"] == 404
    assert (await rig.control("console_refund", {"order_id": "T20261124007", "amount": 99_999}))["http"] == 409
    assert (await rig.look("orders"))["total"] == 1


def test_the_fault_table_has_one_meaning_for_each_ending() -> None:
    endings = [fault.suffix for fault in UNIONPAY_FAULTS if fault.suffix is not None]

    assert len(endings) == len(set(endings))
    assert sum(WIDTHS) + len(WIDTHS) - 1 < 4096


def test_a_settlement_day_ends_at_23() -> None:
    late = ManualClock().now().replace(hour=15, minute=0)

    assert settlement_day(late) == settlement_day(late - timedelta(hours=1)) + timedelta(days=1)


def test_a_plan_takes_no_unknown_setting() -> None:
    assert plan_from_settings(credentials(), {"retry_schedule": [1, 2]}).retry_schedule == (1, 2)
    assert type(credentials()).from_json(credentials().to_json()) == credentials()
    with pytest.raises(ValueError, match="typo"):
        plan_from_settings(credentials(), {"typo": 1})
