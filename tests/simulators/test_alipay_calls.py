"""The Alipay simulator's calls, spoken to by a caller with signing of its own: who is let in, and what is answered."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bot.simulators.alipay.book import wire_time
from bot.simulators.alipay.faults import ALIPAY_FAULTS
from bot.simulators.alipay.forge import KINDS
from bot.simulators.alipay.plan import plan_from_settings
from bot.simulators.clock import ManualClock
from bot.simulators.faults import Faults
from tests.simulators.alipay_rig import BUYER, Rig, credentials, running, until

CREATE, QUERY, CLOSE = "alipay.trade.create", "alipay.trade.query", "alipay.trade.close"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running() as opened:
        yield opened


def order(number: str = "O1", amount: str = "128.50", **changes: Any) -> dict[str, Any]:
    facts = {
        "out_trade_no": number,
        "total_amount": amount,
        "subject": "水费",
        "product_code": "FACE_TO_FACE_PAYMENT",
        "buyer_id": BUYER,
        **changes,
    }
    return {name: value for name, value in facts.items() if value is not None}


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """The response inside an answer, whatever its name."""
    (inside,) = (value for name, value in answer.items() if name.endswith("_response"))
    return dict(inside)


def signed_by_alipay(raw: bytes, name: str) -> bool:
    """Whether the answer's signature covers the raw bytes of its response."""
    text = raw.decode()
    start = text.index(f'"{name}":') + len(name) + 3
    inside = json.JSONDecoder().raw_decode(text[start:])[1]
    key = serialization.load_pem_public_key(credentials().platform_key.public_pem.encode())
    assert isinstance(key, rsa.RSAPublicKey)
    signature = base64.b64decode(json.loads(text)["sign"])
    try:
        key.verify(signature, text[start : start + inside].encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


async def test_an_answer_is_signed_over_its_response(rig: Rig) -> None:
    async with rig.session.post(f"{rig.base}/gateway.do", data=rig.parameters(CREATE, order())) as response:
        raw = await response.read()

    assert signed_by_alipay(raw, "alipay_trade_create_response")
    assert not signed_by_alipay(raw.replace(b'"10000"', b'"10001"'), "alipay_trade_create_response")


async def test_parameters_may_stand_in_the_address_or_in_the_body(rig: Rig) -> None:
    parameters = rig.parameters(CREATE, order())
    async with rig.session.get(f"{rig.base}/gateway.do", params=parameters) as response:
        assert b'"code":"10000"' in await response.read()


@pytest.mark.parametrize(
    ("changes", "sub_code"),
    [
        ({"sign": "x"}, "isv.invalid-signature"),
        ({"app_id": "2021000000009999"}, "isv.invalid-app-id"),
        ({"charset": "gbk"}, "isv.invalid-signature-type"),
        ({"sign_type": "RSA"}, "isv.invalid-signature-type"),
        ({"timestamp": "2020-01-01 00:00:00"}, "isv.invalid-timestamp"),
        ({"timestamp": "now"}, "isv.invalid-timestamp"),
        ({"biz_content": "{"}, "isv.invalid-json"),
        ({"biz_content": "[]"}, "isv.invalid-json"),
        ({"app_auth_token": "stolen"}, "isv.invalid-app-auth-token"),
        ({"app_cert_sn": "0" * 32}, "isv.app-cert-sn-not-match"),
        ({"version": ""}, "isv.missing-version"),
        ({"method": "alipay.trade.teleport"}, "isv.invalid-method"),
    ],
)
async def test_who_is_not_let_in_gets_an_unsigned_no(rig: Rig, changes: dict[str, str], sub_code: str) -> None:
    content = None if "biz_content" in changes else order()
    answer = await rig.call(changes.pop("method", CREATE), content, **changes)

    assert told(answer)["sub_code"] == sub_code
    assert "sign" not in answer


async def test_a_changed_parameter_breaks_the_signature(rig: Rig) -> None:
    parameters = rig.parameters(CREATE, order())
    parameters["biz_content"] = parameters["biz_content"].replace("128.50", "1.50")
    async with rig.session.post(f"{rig.base}/gateway.do", data=parameters) as response:
        assert b"isv.invalid-signature" in await response.read()


@pytest.mark.parametrize(
    "changes",
    [
        {"out_trade_no": None},
        {"total_amount": "0.00"},
        {"total_amount": "1.005"},
        {"total_amount": True},
        {"subject": "水/费"},
        {"product_code": "QUICK_WAP_WAY"},
        {"product_code": "JSAPI_PAY"},
        {"buyer_id": None},
        {"buyer_open_id": "x"},
        {"time_expire": "2020-01-01 00:00:00"},
        {"time_expire": "soon"},
        {"typo": "x"},
        {"extend_params": {"typo": "x"}},
        {"buyer_id": credentials().seller_id},
        {"buyer_id": "1088000000000001"},
    ],
)
async def test_a_wrong_field_is_refused_with_a_signature(rig: Rig, changes: dict[str, Any]) -> None:
    answer = await rig.call(CREATE, order(**changes))

    assert told(answer)["code"] == "40004"
    assert "sign" in answer


async def test_a_trade_is_the_same_when_asked_for_again_and_another_when_it_differs(rig: Rig) -> None:
    first, again = [told(await rig.call(CREATE, order())) for _ in range(2)]
    other = told(await rig.call(CREATE, order(amount="128.51")))

    assert first == again
    assert other["sub_code"] == "ACQ.CONTEXT_INCONSISTENT"


async def test_time_closes_a_trade_that_nobody_pays() -> None:
    clock = ManualClock()
    async with running(clock) as rig:
        expiry = wire_time(clock.now() + timedelta(minutes=15))
        await rig.call(CREATE, order(time_expire=expiry))
        await clock.advance(14 * 60)
        assert told(await rig.call(QUERY, {"out_trade_no": "O1"}))["trade_status"] == "WAIT_BUYER_PAY"
        await clock.advance(2 * 60)

        assert told(await rig.call(QUERY, {"out_trade_no": "O1"}))["trade_status"] == "TRADE_CLOSED"
        assert (await rig.pay(out_trade_no="O1"))["reason"] == "closed"


async def test_only_the_named_payer_pays_and_only_once(rig: Rig) -> None:
    trade = told(await rig.call(CREATE, order()))
    other = await rig.pay(trade_no=trade["trade_no"], buyer="2088000000009999")
    assert (other["result"], other["reason"]) == ("refused", "other_payer")
    results = [(await rig.pay(trade_no=trade["trade_no"]))["reason"] for _ in range(2)]

    assert results == ["", "paid"]
    assert (await rig.pay(trade_no="nobody's"))["http"] == 404
    assert (await rig.pay(trade_no=trade["trade_no"], merchant_coupon="1"))["http"] == 400


async def test_a_coupon_as_large_as_the_trade_is_refused(rig: Rig) -> None:
    await rig.call(CREATE, order())

    assert (await rig.pay(out_trade_no="O1", merchant_coupon=12_850))["reason"] == "bad_coupon"


async def test_cancel_gives_a_paid_trade_back_and_close_does_not(rig: Rig) -> None:
    await rig.call(CREATE, order())
    await rig.pay(out_trade_no="O1")
    assert told(await rig.call(CLOSE, {"out_trade_no": "O1"}))["sub_code"] == "ACQ.TRADE_STATUS_ERROR"
    cancelled = [told(await rig.call("alipay.trade.cancel", {"out_trade_no": "O1"})) for _ in range(2)]

    assert [answer["action"] for answer in cancelled] == ["refund", "refund"]
    (trade,) = (await rig.control("GET", "trades"))["trades"]
    assert (trade["refunded"], trade["status"]) == (12_850, "TRADE_CLOSED")


async def test_cancels_end_after_a_day() -> None:
    clock = ManualClock()
    async with running(clock) as rig:
        await rig.call(CREATE, order())
        await clock.advance(25 * 3600)

        answer = told(await rig.call("alipay.trade.cancel", {"out_trade_no": "O1"}))
        assert answer["sub_code"] == "ACQ.TRADE_CANCEL_TIME_OUT"


async def test_a_code_pays_once(rig: Rig) -> None:
    content = order(product_code="FACE_TO_FACE_PAYMENT", buyer_id=None, scene="bar_code")
    code = {"auth_code": "287654321098765432"}
    first = told(await rig.call("alipay.trade.pay", {**content, **code}))
    again = told(await rig.call("alipay.trade.pay", {**content, **code}))
    other = told(await rig.call("alipay.trade.pay", {**content, **code, "out_trade_no": "O2"}))

    assert first["code"] == "10000"
    assert again["sub_code"] == "ACQ.TRADE_HAS_SUCCESS"
    assert other["sub_code"] == "ACQ.PAYMENT_AUTH_CODE_INVALID"


async def test_the_sum_of_refunds_is_told_and_never_above_the_trade(rig: Rig) -> None:
    await rig.call(CREATE, order())
    await rig.pay(out_trade_no="O1")

    async def refund(number: str, amount: str) -> dict[str, Any]:
        content = {"out_trade_no": "O1", "refund_amount": amount, "out_request_no": number}
        return told(await rig.call("alipay.trade.refund", content))

    first, second, again = await refund("B1", "8.50"), await refund("B2", "20.00"), await refund("B1", "8.50")
    assert [(each["refund_fee"], each["fund_change"]) for each in (first, second, again)] == [
        ("8.50", "Y"),
        ("28.50", "Y"),
        ("28.50", "N"),
    ]
    assert (await refund("B1", "8.51"))["sub_code"] == "ACQ.DISCORDANT_REPEAT_REQUEST"
    assert (await refund("B3", "100.01"))["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    await rig.inbox.wait(3)
    sums = [rig.inbox.fields(n).get("refund_fee") for n in range(3)]
    assert sorted(filter(None, sums)) == ["28.50", "8.50"]


async def test_a_console_refund_has_a_number_of_alipays(rig: Rig) -> None:
    await rig.call(CREATE, order())
    await rig.pay(out_trade_no="O1")
    made = await rig.control("POST", "console_refund", {"out_trade_no": "O1", "amount": 850})

    assert made["out_request_no"].isdigit()
    assert (await rig.control("POST", "console_refund", {"out_trade_no": "O1", "amount": 99_999}))["http"] == 409
    assert (await rig.control("POST", "console_refund", {"out_trade_no": "O1", "amount": 0}))["http"] == 400


# Faults


def test_names_and_suffixes_are_unique() -> None:
    suffixes = [fault.suffix for fault in ALIPAY_FAULTS]

    assert len(set(suffixes)) == len(suffixes) == len({fault.name for fault in ALIPAY_FAULTS})
    assert all(fault.meaning and fault.stages for fault in ALIPAY_FAULTS)


@pytest.mark.parametrize("fault", ALIPAY_FAULTS, ids=lambda fault: fault.name)
def test_every_suffix_strikes_its_stages_as_often_as_it_says(fault: Any) -> None:
    faults = Faults(ALIPAY_FAULTS)
    for stage in fault.stages:
        drawn = [faults.draw(stage, "K", 4200 + fault.suffix) for _ in range(4)]
        expected = 4 if fault.times is None else fault.times
        assert drawn == [fault.name] * expected + [""] * (4 - expected)


async def test_faults_are_set_and_forced_while_it_runs(rig: Rig) -> None:
    await rig.control("POST", "faults", {"by_amount": False, "next": ["query_20000"], "seed": 3})
    await rig.call(CREATE, order(amount="1.09"))
    codes = [told(await rig.call(QUERY, {"out_trade_no": "O1"}))["code"] for _ in range(2)]

    assert codes == ["20000", "10000"]
    assert (await rig.control("GET", "faults"))["seed"] == 3
    assert (await rig.control("POST", "faults", {"next": ["typo"]}))["http"] == 400


# Notices


async def test_notices_repeat_by_the_real_schedule_under_one_number() -> None:
    """4 m, 10 m, 10 m, 1 h, 2 h, 6 h, 15 h (payments.md, trap 19), until somebody says success."""
    clock = ManualClock()
    async with running(clock) as rig:
        rig.inbox.answers = [(200, "fail")] * 7
        await rig.call(CREATE, order())
        await rig.pay(out_trade_no="O1")
        await rig.inbox.wait(1)
        for count, gap in enumerate((240, 600, 600, 3600, 7200, 21600, 54000), 2):
            await until(lambda: clock.sleepers == 1)
            await clock.advance(gap - 1)
            assert len(rig.inbox.received) == count - 1
            await clock.advance(1)
            await rig.inbox.wait(count)
        (notice,) = (await rig.control("GET", "notices"))["notices"]

        assert len(notice["attempts"]) == 8
        assert len({rig.inbox.fields(n)["notify_id"] for n in range(8)}) == 1


async def test_late_and_lost_notices(rig: Rig) -> None:
    for number, amount in (("O4", "1.04"), ("O5", "1.05")):
        await rig.call(CREATE, order(number, amount))
        await rig.pay(out_trade_no=number)
    await rig.inbox.wait(1)

    assert rig.inbox.fields()["out_trade_no"] == "O5"
    listed = (await rig.control("GET", "notices?subject=O4"))["notices"]
    assert listed[0]["attempts"] == []


async def test_a_notice_is_sent_again_as_it_was_or_anew(rig: Rig) -> None:
    await rig.call(CREATE, order())
    await rig.pay(out_trade_no="O1")
    await rig.inbox.wait(1)
    (notice,) = (await rig.control("GET", "notices"))["notices"]
    again = await rig.control("POST", f"redeliver/{notice['notice_id']}", {"times": 2, "fresh": False})
    kept = await rig.control("GET", f"notices/{notice['notice_id']}")

    assert again["answers"] == ["success", "success"]
    assert len(set(rig.inbox.received)) == 1
    assert base64.b64decode(kept["body"]) == rig.inbox.received[0]
    assert (await rig.control("POST", "redeliver/unknown", {}))["http"] == 404


@pytest.mark.parametrize("kind", KINDS)
async def test_every_forgery_is_sent_once(rig: Rig, kind: str) -> None:
    await rig.call(CREATE, order())
    sent = await rig.control("POST", "forge", {"out_trade_no": "O1", "kind": kind})

    assert sent["answer"] == "success"
    assert len(rig.inbox.received) == 1
    assert (await rig.control("POST", "forge", {"out_trade_no": "O1", "kind": "typo"}))["http"] == 400


async def test_keys_change_in_steps(rig: Rig) -> None:
    before = await rig.control("GET", "keys")
    introduced = await rig.control("POST", "rotate", {"step": "introduce"})
    switched = await rig.control("POST", "rotate", {"step": "switch"})
    retired = await rig.control("POST", "rotate", {"step": "retire"})

    assert [len(each["listed"]) for each in (before, introduced, switched, retired)] == [1, 2, 2, 1]
    assert before["current"] == introduced["current"] != switched["current"] == retired["current"]
    assert (await rig.control("POST", "rotate", {"step": "typo"}))["http"] == 400


def test_a_plan_is_read_from_settings() -> None:
    plan = plan_from_settings(credentials(), {"retry_schedule": [1, 2], "discrepancies": ["fee"], "seed": 4})

    assert (plan.retry_schedule, plan.discrepancies, plan.seed) == ((1, 2), ("fee",), 4)
    with pytest.raises(ValueError, match="typo"):
        plan_from_settings(credentials(), {"typo": 1})
