"""Notices: encrypted, signed afresh at each delivery, retried by the real schedule, and forged on demand."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from bot.simulators.clock import FactorClock, ManualClock
from bot.simulators.wechatpay.forge import KINDS, PARTS, TRUE_BUT_WRONG
from bot.simulators.wechatpay.plan import RETRY_SCHEDULE
from tests.simulators.pay_rig import OPENID, Rig, age, credentials, good_signature, running, until

CERTIFICATE = credentials().platform_certificate


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running() as started:
        yield started


async def _paid(rig: Rig, number: str = "ORDER0001", total: int = 12850, **facts: Any) -> dict[str, Any]:
    await rig.merchant.create(number, total)
    return await rig.merchant.pay(out_trade_no=number, **facts)


def _has_attempts(rig: Rig, count: int) -> bool:
    return len(rig.sim.notifier.log()[0].attempts) == count


async def test_a_payment_is_told_in_the_documented_envelope(rig: Rig) -> None:
    paid = await _paid(rig)

    [(headers, body)] = await rig.inbox.wait(1)
    envelope, facts = json.loads(body), rig.inbox.facts()

    assert envelope["event_type"] == "TRANSACTION.SUCCESS"
    assert envelope["resource_type"] == "encrypt-resource"
    assert envelope["resource"]["algorithm"] == "AEAD_AES_256_GCM"
    assert envelope["resource"]["original_type"] == "transaction"
    assert len(envelope["resource"]["nonce"]) == 12
    assert age(envelope["create_time"], rig.clock.now()) < 5
    assert facts == (await rig.merchant.query("ORDER0001")).json
    assert facts["transaction_id"] == paid["transaction_id"]
    assert headers["Wechatpay-Serial"] == CERTIFICATE.serial
    assert good_signature(headers, body, CERTIFICATE.certificate_pem)


async def test_coupons_keep_order_payer_and_settlement_amounts_apart(rig: Rig) -> None:
    await _paid(rig, "FREE000001", coupon=500)
    await _paid(rig, "CASH000001", coupon=500, coupon_type="CASH")
    await rig.inbox.wait(2)

    by_number = {facts["out_trade_no"]: facts for facts in (rig.inbox.facts(0), rig.inbox.facts(1))}
    settled = {order.out_trade_no: order.settlement_total for order in rig.sim.book.orders()}

    for facts in by_number.values():
        assert (facts["amount"]["total"], facts["amount"]["payer_total"]) == (12850, 12350)
    assert by_number["FREE000001"]["promotion_detail"][0]["type"] == "NOCASH"
    assert by_number["CASH000001"]["promotion_detail"][0]["type"] == "CASH"
    assert settled == {"FREE000001": 12350, "CASH000001": 12850}


async def test_the_real_schedule_is_kept_on_the_clock() -> None:
    clock = ManualClock()
    async with running(clock) as rig:
        rig.inbox.statuses = [500] * 16
        await _paid(rig)
        for attempt, gap in enumerate((*RETRY_SCHEDULE, 3600), start=1):
            await until(partial(_has_attempts, rig, attempt))
            await until(lambda: clock.sleepers == 1 or len(rig.sim.background) == 0)
            await clock.advance(gap)

        moments = [attempt.at for attempt in rig.sim.notifier.log()[0].attempts]
        gaps = [(b - a).total_seconds() for a, b in pairwise(moments)]
        assert tuple(gaps) == RETRY_SCHEDULE
        assert not rig.sim.notifier.log()[0].delivered
        assert len(rig.sim.background) == 0
        assert sum(RETRY_SCHEDULE) == timedelta(hours=24, minutes=4).total_seconds()


@pytest.mark.parametrize("status", [200, 204])
async def test_success_ends_the_retries(rig: Rig, status: int) -> None:
    rig.inbox.statuses = [500, 403, status]
    await _paid(rig)

    await rig.inbox.wait(3)
    await until(lambda: len(rig.sim.background) == 0)

    assert [attempt.status for attempt in rig.sim.notifier.log()[0].attempts] == [500, 403, status]
    log = await rig.merchant.control("GET", "notices?subject=ORDER0001")
    assert log["notices"][0]["delivered"] is True
    assert len({body for _, body in rig.inbox.received}) == 1, "the same notice id each time"
    assert len({headers["Wechatpay-Nonce"] for headers, _ in rig.inbox.received}) == 3, "signed afresh"


@pytest.mark.parametrize("status", [201, 202, 301, 404])
async def test_other_statuses_are_no_success(rig: Rig, status: int) -> None:
    rig.inbox.statuses = [status]
    await _paid(rig)

    await rig.inbox.wait(2)


async def test_an_unreachable_receiver_is_logged_and_tried_again() -> None:
    async with running(retry_schedule=(1, 1)) as rig:
        rig.merchant.notify_url = "http://127.0.0.1:1/notify"
        await _paid(rig)
        await until(lambda: len(rig.sim.background) == 0)

        attempts = rig.sim.notifier.log()[0].attempts
        assert [(attempt.status, attempt.error) for attempt in attempts] == [(0, "ClientConnectorError")] * 3


async def test_a_slow_receiver_is_given_up_after_the_timeout() -> None:
    async with running(notice_timeout=0.05, retry_schedule=()) as rig:
        holding = rig.inbox.arrived
        async with holding:
            await _paid(rig)
            await until(lambda: bool(rig.sim.notifier.log()[0].attempts))

        assert rig.sim.notifier.log()[0].attempts[0].error in ("TimeoutError", "ConnectionTimeoutError")


async def test_notices_under_way_end_with_the_simulator() -> None:
    async with running(FactorClock(0.001)) as rig:
        rig.inbox.statuses = [500] * 10
        await _paid(rig)
        await rig.inbox.wait(1)
        sim = rig.sim
        assert len(sim.background) == 1

    assert len(sim.background) == 0


async def test_alternating_keys_while_a_merchant_switches() -> None:
    async with running(notice_signing="alternate") as rig:
        rig.inbox.statuses = [500, 500, 500]
        await _paid(rig)
        received = await rig.inbox.wait(4)

        serials = [headers["Wechatpay-Serial"] for headers, _ in received]
        assert set(serials) == {CERTIFICATE.serial, credentials().platform_public_key.key_id}
        pems = {
            CERTIFICATE.serial: CERTIFICATE.certificate_pem,
            credentials().platform_public_key.key_id: credentials().platform_public_key.public_pem,
        }
        assert all(good_signature(headers, body, pems[headers["Wechatpay-Serial"]]) for headers, body in received)


async def test_redelivery_is_fresh_or_byte_for_byte(rig: Rig) -> None:
    await _paid(rig)
    await rig.inbox.wait(1)
    notice_id = rig.sim.notifier.log()[0].notice_id

    fresh = await rig.merchant.control("POST", f"redeliver/{notice_id}", {"times": 2})
    replay = await rig.merchant.control("POST", f"redeliver/{notice_id}", {"fresh": False})

    received = await rig.inbox.wait(4)
    assert (fresh["statuses"], replay["statuses"]) == ([204, 204], [204])
    assert len({body for _, body in received}) == 1
    stamps = [headers["Wechatpay-Signature"] for headers, _ in received]
    assert stamps[0] == stamps[3]
    assert len(set(stamps)) == 3


async def test_a_notice_can_be_taken_for_a_replay_elsewhere(rig: Rig) -> None:
    await _paid(rig)
    [(headers, body)] = await rig.inbox.wait(1)
    await until(lambda: rig.sim.notifier.log()[0].delivered)

    taken = await rig.merchant.control("GET", f"notices/{rig.sim.notifier.log()[0].notice_id}")

    assert base64.b64decode(taken["body"]) == body
    assert taken["headers"]["Wechatpay-Signature"] == headers["Wechatpay-Signature"]


@pytest.mark.parametrize("kind", TRUE_BUT_WRONG)
async def test_true_but_wrong_notices_verify_and_differ(rig: Rig, kind: str) -> None:
    await _paid(rig)
    await rig.inbox.wait(1)

    sent = await rig.merchant.control("POST", "forge", {"out_trade_no": "ORDER0001", "kind": kind})
    headers, body = (await rig.inbox.wait(2))[1]
    told = rig.inbox.facts(1)

    assert sent["status"] == 204
    assert good_signature(headers, body, CERTIFICATE.certificate_pem)
    truth = rig.inbox.facts(0)
    differing = [name for name in truth if told[name] != truth[name]]
    assert len(differing) == 1
    assert truth == (await rig.merchant.query("ORDER0001")).json, "the order itself is unchanged"


@pytest.mark.parametrize(
    ("kind", "verifies"),
    [
        ("forged_signature", False),
        ("signtest", False),
        ("flipped_byte", False),
        ("stale_timestamp", True),
        ("other_key", True),
        ("oversize", True),
    ],
)
async def test_untrue_notices(rig: Rig, kind: str, verifies: bool) -> None:
    await rig.merchant.create("ORDER0001")

    await rig.merchant.control("POST", "forge", {"out_trade_no": "ORDER0001", "kind": kind})
    [(headers, body)] = await rig.inbox.wait(1)

    assert headers["Wechatpay-Serial"] == CERTIFICATE.serial
    assert good_signature(headers, body, CERTIFICATE.certificate_pem) == verifies
    stale = rig.clock.now().timestamp() - int(headers["Wechatpay-Timestamp"]) > 300
    assert stale == (kind == "stale_timestamp")
    assert (len(body) > 64 * 1024) == (kind == "oversize")
    assert headers["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/") == (kind == "signtest")
    assert (await rig.merchant.query("ORDER0001")).json["trade_state"] == "NOTPAY"


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("position", [0, 5, -1])
async def test_a_flipped_byte_breaks_the_signature_wherever_it_is(rig: Rig, part: str, position: int) -> None:
    await rig.merchant.create("ORDER0001")
    wish = {"out_trade_no": "ORDER0001", "kind": "flipped_byte", "part": part, "position": position}

    await rig.merchant.control("POST", "forge", wish)
    [(headers, body)] = await rig.inbox.wait(1)

    known = headers["Wechatpay-Serial"] == CERTIFICATE.serial
    assert not (known and good_signature(headers, body, CERTIFICATE.certificate_pem))


async def test_unknown_serial_and_unsigned(rig: Rig) -> None:
    await rig.merchant.create("ORDER0001")
    for kind in ("unknown_serial", "unsigned"):
        await rig.merchant.control("POST", "forge", {"out_trade_no": "ORDER0001", "kind": kind})

    (stranger, _), (unsigned, _) = await rig.inbox.wait(2)

    assert stranger["Wechatpay-Serial"] not in (
        CERTIFICATE.serial,
        credentials().platform_public_key.key_id,
    )
    assert not [name for name in unsigned if name.startswith("Wechatpay")]


@pytest.mark.parametrize("kind", KINDS)
async def test_forgeries_stay_out_of_the_genuine_log(rig: Rig, kind: str) -> None:
    await rig.merchant.create("ORDER0001")

    await rig.merchant.control("POST", "forge", {"out_trade_no": "ORDER0001", "kind": kind})

    assert [notice.kind for notice in rig.sim.notifier.log()] == [kind]


@pytest.mark.parametrize(
    ("path", "facts", "status"),
    [
        ("forge", {"out_trade_no": "ORDER0001", "kind": "typo"}, 400),
        ("forge", {"out_trade_no": "NOSUCHORDER", "kind": "signtest"}, 404),
        ("redeliver/nothing", {}, 404),
        ("pay", {"prepay_id": "wx0"}, 404),
        ("pay", {}, 404),
        ("pay", {"out_trade_no": "ORDER0001", "coupon": "5"}, 400),
        ("pay", {"out_trade_no": "ORDER0001", "jsapi": "x"}, 400),
        ("faults", {"next": ["typo"]}, 400),
        ("refund_finish", {"out_refund_no": "R9"}, 404),
        ("console_refund", {"out_trade_no": "ORDER0001"}, 409),
        ("console_refund", {"out_trade_no": "ORDER0001", "amount": 0}, 400),
    ],
)
async def test_misuse_of_the_control_interface_is_told(rig: Rig, path: str, facts: dict[str, Any], status: int) -> None:
    await rig.merchant.create("ORDER0001")

    assert (await rig.merchant.control("POST", path, facts))["http"] == status


class TestPaySheet:
    """The payer's client: it refuses a wrong paySign, another payer, and what cannot be paid."""

    def _jsapi(self, rig: Rig, prepay_id: str, **changes: str) -> dict[str, str]:
        facts = {"appId": "wx0000000000000001", "timeStamp": "1763000000", "nonceStr": "n" * 32}
        facts |= {"package": f"prepay_id={prepay_id}"}
        message = "".join(value + "\n" for value in facts.values()).encode()
        return {**facts, "signType": "RSA", "paySign": rig.merchant.sign(message), **changes}

    async def test_good_parameters_pay(self, rig: Rig) -> None:
        prepay_id = (await rig.merchant.create("ORDER0001")).json["prepay_id"]

        paid = await rig.merchant.pay(jsapi=self._jsapi(rig, prepay_id))

        assert (paid["result"], paid["err_msg"]) == ("ok", "get_brand_wcpay_request:ok")

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"paySign": "AAAA"}, "bad_pay_sign"),
            ({"nonceStr": "m" * 32}, "bad_pay_sign"),
            ({"timeStamp": "1763000001"}, "bad_pay_sign"),
            ({"appId": "wx0000000000000002"}, "bad_parameters"),
            ({"signType": "MD5"}, "bad_parameters"),
            ({"timeStamp": "now"}, "bad_parameters"),
            ({"extra": "1"}, "bad_parameters"),
        ],
    )
    async def test_wrong_parameters_are_refused(self, rig: Rig, changes: dict[str, str], reason: str) -> None:
        prepay_id = (await rig.merchant.create("ORDER0001")).json["prepay_id"]

        answer = await rig.merchant.pay(jsapi=self._jsapi(rig, prepay_id, **changes))

        assert (answer["result"], answer["reason"]) == ("refused", reason)
        assert answer["err_msg"] == "get_brand_wcpay_request:fail"
        assert (await rig.merchant.query("ORDER0001")).json["trade_state"] == "NOTPAY"

    async def test_only_the_named_payer_pays_a_jsapi_order(self, rig: Rig) -> None:
        await rig.merchant.create("ORDER0001")

        other = await rig.merchant.pay(out_trade_no="ORDER0001", openid="o" + "x" * 27)
        nobody = await rig.merchant.pay(out_trade_no="ORDER0001", openid="x")

        assert (other["reason"], nobody["reason"]) == ("other_payer", "bad_openid")

    async def test_whoever_scans_pays_a_native_order(self, rig: Rig) -> None:
        code_url = (await rig.merchant.create("ORDER0001", way="native")).json["code_url"]

        await rig.merchant.pay(code_url=code_url, openid="o" + "x" * 27)
        [_] = await rig.inbox.wait(1)

        assert rig.inbox.facts()["payer"] == {"openid": "o" + "x" * 27}
        assert rig.inbox.facts()["trade_type"] == "NATIVE"

    async def test_many_taps_pay_once(self, rig: Rig) -> None:
        await rig.merchant.create("ORDER0001")

        taps = await asyncio.gather(*(rig.merchant.pay(out_trade_no="ORDER0001") for _ in range(10)))

        assert sorted(tap["reason"] for tap in taps) == [""] + ["paid"] * 9
        assert len(rig.sim.notifier.log()) == 1

    @pytest.mark.parametrize("coupon", [-1, 12850, 99999])
    async def test_impossible_coupons(self, rig: Rig, coupon: int) -> None:
        await rig.merchant.create("ORDER0001")

        assert (await rig.merchant.pay(out_trade_no="ORDER0001", coupon=coupon))["reason"] == "bad_coupon"

    async def test_the_sheet_shows_the_order(self, rig: Rig) -> None:
        prepay_id = (await rig.merchant.create("ORDER0001")).json["prepay_id"]

        before = await rig.merchant.control("GET", f"prepay/{prepay_id}")
        await rig.merchant.pay(prepay_id=prepay_id)
        after = await rig.merchant.control("GET", f"prepay/{prepay_id}")

        assert before["description"] == "电费 2026-10"
        assert (before["openid"], before["payable"], before["reason"]) == (OPENID, True, "")
        assert (after["payable"], after["reason"], after["message"]) == (False, "paid", "该订单已支付")
