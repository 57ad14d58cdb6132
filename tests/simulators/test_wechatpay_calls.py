"""Who may call the WeChat Pay simulator, and what it refuses: signatures, fields, repetitions, states."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from bot.simulators.clock import ManualClock
from bot.simulators.wechatpay.book import wire_time
from tests.simulators.pay_rig import APPID, OPENID, Rig, credentials, good_signature, running

PATH = "/v3/pay/transactions/jsapi"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running() as started:
        yield started


async def test_create_answers_a_signed_prepay_id(rig: Rig) -> None:
    answer = await rig.merchant.create("ORDER0001")

    assert answer.status == 200
    assert answer.json["prepay_id"].startswith("wx")
    assert answer.headers["Wechatpay-Serial"] == credentials().platform_certificate.serial
    assert answer.headers["Wechatpay-Signature-Type"] == "WECHATPAY2-SHA256-RSA2048"
    assert answer.headers["Request-ID"]
    assert answer.signed_by(credentials().platform_certificate.certificate_pem)
    assert not answer.signed_by(credentials().platform_public_key.public_pem)


async def test_public_key_mode_is_chosen_by_the_requests_serial(rig: Rig) -> None:
    rig.merchant.wanted = credentials().platform_public_key.key_id

    answer = await rig.merchant.create("ORDER0001")

    assert answer.headers["Wechatpay-Serial"] == rig.merchant.wanted
    assert answer.signed_by(credentials().platform_public_key.public_pem)


async def test_unknown_public_key_id_is_refused(rig: Rig) -> None:
    rig.merchant.wanted = "PUB_KEY_ID_0100000000000000000000000000"

    answer = await rig.merchant.create("ORDER0001")

    assert (answer.status, answer.code) == (400, "PARAM_ERROR")


async def test_authorization_fields_may_come_in_any_order(rig: Rig) -> None:
    target = f"/v3/pay/transactions/out-trade-no/NOSUCHORDER?mchid={credentials().mchid}"
    header = rig.merchant.authorization("GET", target, b"")
    scheme, _, claims = header.partition(" ")
    turned = scheme + " " + ", ".join(reversed(claims.split(",")))

    answer = await rig.merchant.call("GET", target, headers={"Authorization": turned})

    assert (answer.status, answer.code) == (404, "ORDER_NOT_EXIST")


@pytest.mark.parametrize(
    "claims",
    [
        {"mchid": "1999999999"},
        {"serial_no": "00" * 20},
        {"signature": "AAAA"},
        {"signature": "nicht base64"},
        {"timestamp": "1"},
        {"timestamp": "yesterday"},
        {"nonce_str": ""},
    ],
    ids=lambda claims: next(iter(claims)),
)
async def test_bad_claims_are_refused(rig: Rig, claims: dict[str, str]) -> None:
    answer = await rig.merchant.call("POST", PATH, rig.merchant.order("ORDER0001"), claims=claims)

    assert (answer.status, answer.code) == (401, "SIGN_ERROR")
    assert "Wechatpay-Signature" not in answer.headers
    assert rig.sim.book.by_number("ORDER0001") is None


@pytest.mark.parametrize(("seconds", "status"), [(-290, 200), (290, 200), (-310, 401), (310, 401)])
async def test_timestamps_are_fresh_within_five_minutes(rig: Rig, seconds: int, status: int) -> None:
    stamp = str(int(rig.clock.now().timestamp()) + seconds)

    answer = await rig.merchant.call("POST", PATH, rig.merchant.order("ORDER0001"), claims={"timestamp": stamp})

    assert answer.status == status


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer abc",
        "WECHATPAY2-SHA256-RSA2048",
        'WECHATPAY2-SHA256-RSA2048 mchid="1900000109"',
        'WECHATPAY2-SM2-WITH-SM3 mchid="1",nonce_str="2",signature="3",timestamp="4",serial_no="5"',
        'WECHATPAY2-SHA256-RSA2048 mchid="1",mchid="1",nonce_str="2",signature="3",timestamp="4",serial_no="5"',
        'WECHATPAY2-SHA256-RSA2048 mchid=1,nonce_str="2",signature="3",timestamp="4",serial_no="5"',
    ],
)
async def test_malformed_authorization_is_refused(rig: Rig, header: str) -> None:
    answer = await rig.merchant.call("GET", "/v3/certificates", headers={"Authorization": header})

    assert (answer.status, answer.code) == (401, "SIGN_ERROR")


async def test_signature_covers_the_raw_bytes_of_body_and_query(rig: Rig) -> None:
    target = f"/v3/pay/transactions/out-trade-no/ORDER0001?mchid={credentials().mchid}"
    signed_for_other = rig.merchant.authorization("GET", target.replace("0001", "0002"), b"")
    with_body = rig.merchant.authorization("POST", PATH, b'{"a":1}')

    over_query = await rig.merchant.call("GET", target, headers={"Authorization": signed_for_other})
    over_body = await rig.merchant.call("POST", PATH, {"a": 1}, headers={"Authorization": with_body})

    assert over_query.json["detail"]["detail"]["issue"] == "sign not match"
    assert over_query.status == over_body.status == 401


async def test_a_nonce_repeats_only_with_the_same_bytes(rig: Rig) -> None:
    stamp = str(int(rig.clock.now().timestamp()))
    same = {"nonce_str": "N" * 32, "timestamp": stamp}

    statuses = [
        (await rig.merchant.call("POST", PATH, rig.merchant.order(number), claims=same)).status
        for number in ("ORDER0001", "ORDER0001", "ORDER0002")
    ]

    assert statuses == [200, 200, 401]


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Accept": ""}, 400), ({"User-Agent": ""}, 400), ({"Content-Type": "text/plain"}, 415)],
)
async def test_needed_headers(rig: Rig, headers: dict[str, str], status: int) -> None:
    answer = await rig.merchant.call("POST", PATH, rig.merchant.order("ORDER0001"), headers=headers)

    assert answer.status == status


@pytest.mark.parametrize(
    "changes",
    [
        {"out_trade_no": "SHORT"},
        {"out_trade_no": "N" * 33},
        {"out_trade_no": "order 1"},
        {"out_trade_no": "order@123"},
        {"description": ""},
        {"description": "电" * 128},
        {"amount": {"total": 0, "currency": "CNY"}},
        {"amount": {"total": -1, "currency": "CNY"}},
        {"amount": {"total": "100", "currency": "CNY"}},
        {"amount": {"total": 1.5, "currency": "CNY"}},
        {"amount": {"total": True, "currency": "CNY"}},
        {"amount": {"total": 100, "currency": "USD"}},
        {"amount": None},
        {"notify_url": "http://example.com/notify"},
        {"notify_url": "https://example.com/notify?a=1"},
        {"notify_url": "/notify"},
        {"payer": {"openid": "short"}},
        {"payer": {}},
        {"payer": None},
        {"attach": "x" * 129},
        {"time_expire": "2026-11-20 10:00:00"},
        {"time_expire": "2026-11-20T10:00:00"},
        {"time_expire": "2026-13-40T10:00:00+08:00"},
        {"time_expires": "2026-11-20T10:00:00+08:00"},
        {"scene_info": {"payer_client_ip": "nowhere"}},
    ],
    ids=str,
)
async def test_bad_fields_are_named(rig: Rig, changes: dict[str, Any]) -> None:
    facts = {**rig.merchant.order("ORDER0001"), **changes}

    answer = await rig.merchant.call("POST", PATH, {n: v for n, v in facts.items() if v is not None})

    assert (answer.status, answer.code) == (400, "PARAM_ERROR")
    assert answer.json["detail"]["field"].lstrip("/").split("/")[0] == next(iter(changes))
    assert answer.signed_by(credentials().platform_certificate.certificate_pem)


@pytest.mark.parametrize(("seconds", "status"), [(30, 400), (61, 200), (604_000, 200), (605_000, 400)])
async def test_time_expire_is_between_a_minute_and_a_week(rig: Rig, seconds: int, status: int) -> None:
    moment = rig.clock.now() + timedelta(seconds=seconds)

    answer = await rig.merchant.create("ORDER0001", time_expire=wire_time(moment))

    assert answer.status == status


async def test_appid_must_be_bound_and_mchid_must_be_the_callers(rig: Rig) -> None:
    unbound = await rig.merchant.create("ORDER0001", appid="wx9999999999999999")
    foreign = await rig.merchant.create("ORDER0001", mchid="1999999999")

    assert (unbound.status, unbound.code) == (400, "APPID_MCHID_NOT_MATCH")
    assert (foreign.status, foreign.code) == (403, "NO_AUTH")


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff\xfe"])
async def test_bodies_that_are_no_object(rig: Rig, body: bytes) -> None:
    headers = {
        "Authorization": rig.merchant.authorization("POST", PATH, body),
        "Accept": "application/json",
        "Content-Type": "application/json",
    }
    async with rig.merchant.session.post(rig.merchant.base + PATH, data=body, headers=headers) as response:
        assert response.status == 400
        assert (await response.json())["code"] == "PARAM_ERROR"


@pytest.mark.parametrize(
    ("way", "changes", "field"),
    [
        ("native", {}, "code_url"),
        ("app", {}, "prepay_id"),
        ("h5", {"scene_info": {"payer_client_ip": "1.2.3.4", "h5_info": {"type": "Wap"}}}, "h5_url"),
    ],
)
async def test_other_ways_answer_their_token(rig: Rig, way: str, changes: dict[str, Any], field: str) -> None:
    answer = await rig.merchant.create("ORDER0001", way=way, **changes)

    sheet = await rig.merchant.control("GET", "prepay?out_trade_no=ORDER0001")

    assert list(answer.json) == [field]
    assert (sheet["payable"], sheet["amount"], sheet["merchant"]) == (True, 12850, "示例商户")


@pytest.mark.parametrize("scene", [None, {"payer_client_ip": "1.2.3.4"}])
async def test_h5_needs_the_payers_address_and_kind(rig: Rig, scene: dict[str, Any] | None) -> None:
    answer = await rig.merchant.create("ORDER0001", way="h5", scene_info=scene)

    assert (answer.status, answer.code) == (400, "PARAM_ERROR")


async def test_native_takes_no_payer(rig: Rig) -> None:
    answer = await rig.merchant.create("ORDER0001", way="native", payer={"openid": OPENID})

    assert answer.status == 400


async def test_identical_create_answers_the_same_prepay(rig: Rig) -> None:
    first, second = await asyncio.gather(*(rig.merchant.create("ORDER0001") for _ in range(2)))

    assert first.json == second.json


@pytest.mark.parametrize(
    ("way", "changes", "status", "code"),
    [
        ("jsapi", {"total": 12851}, 400, "INVALID_REQUEST"),
        ("jsapi", {"description": "水费"}, 400, "INVALID_REQUEST"),
        ("jsapi", {"attach": "x"}, 400, "INVALID_REQUEST"),
        ("native", {}, 403, "OUT_TRADE_NO_USED"),
    ],
)
async def test_other_parameters_under_one_number(
    rig: Rig, way: str, changes: dict[str, Any], status: int, code: str
) -> None:
    await rig.merchant.create("ORDER0001")

    answer = await rig.merchant.create("ORDER0001", way=way, **changes)

    assert (answer.status, answer.code) == (status, code)


async def test_create_after_payment_and_after_close(rig: Rig) -> None:
    await rig.merchant.create("PAID000001")
    await rig.merchant.pay(out_trade_no="PAID000001")
    await rig.merchant.create("CLOSED0001")
    await rig.merchant.close("CLOSED0001")

    assert (await rig.merchant.create("PAID000001")).code == "ORDERPAID"
    assert (await rig.merchant.create("CLOSED0001")).code == "ORDER_CLOSED"


async def test_query_tells_the_states(rig: Rig) -> None:
    await rig.merchant.create("ORDER0001", attach="chg_1")
    before = (await rig.merchant.query("ORDER0001")).json
    paid = await rig.merchant.pay(out_trade_no="ORDER0001")
    after = (await rig.merchant.query("ORDER0001")).json
    by_id = await rig.merchant.call(
        "GET", f"/v3/pay/transactions/id/{paid['transaction_id']}?mchid={credentials().mchid}"
    )

    assert (before["trade_state"], before["amount"]["total"]) == ("NOTPAY", 12850)
    assert "transaction_id" not in before
    assert after == by_id.json
    assert after["trade_state"] == "SUCCESS"
    assert after["transaction_id"] == paid["transaction_id"]
    assert after["payer"] == {"openid": OPENID}
    assert after["amount"] == {
        "total": 12850,
        "currency": "CNY",
        "payer_total": 12850,
        "payer_currency": "CNY",
    }
    assert (after["appid"], after["attach"], after["trade_type"]) == (APPID, "chg_1", "JSAPI")
    assert after["success_time"].endswith("+08:00")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "PARAM_ERROR"),
        ("?mchid=1999999999", 403, "NO_AUTH"),
        ("?mchid=1900000109&nonsense=1", 400, "PARAM_ERROR"),
        ("?mchid=1900000109&mchid=1900000109", 400, "PARAM_ERROR"),
    ],
)
async def test_query_parameters_are_checked(rig: Rig, query: str, status: int, code: str) -> None:
    answer = await rig.merchant.call("GET", f"/v3/pay/transactions/out-trade-no/ORDER0001{query}")

    assert (answer.status, answer.code) == (status, code)


async def test_close_signs_an_empty_answer_and_repeats(rig: Rig) -> None:
    await rig.merchant.create("ORDER0001")
    first, second = await rig.merchant.close("ORDER0001"), await rig.merchant.close("ORDER0001")

    for answer in (first, second):
        assert (answer.status, answer.body) == (204, b"")
        assert good_signature(answer.headers, b"", credentials().platform_certificate.certificate_pem)
    assert (await rig.merchant.query("ORDER0001")).json["trade_state"] == "CLOSED"
    assert (await rig.merchant.pay(out_trade_no="ORDER0001"))["reason"] == "closed"


async def test_close_refuses_paid_and_unknown_orders(rig: Rig) -> None:
    await rig.merchant.create("ORDER0001")
    await rig.merchant.pay(out_trade_no="ORDER0001")

    paid, unknown = await rig.merchant.close("ORDER0001"), await rig.merchant.close("ORDER0002")

    assert (paid.status, paid.code) == (400, "ORDERPAID")
    assert (unknown.status, unknown.code) == (404, "ORDER_NOT_EXIST")


async def test_an_expired_order_is_unpayable_but_not_closed() -> None:
    clock = ManualClock()
    async with running(clock) as rig:
        expires = wire_time(clock.now() + timedelta(minutes=2))
        await rig.merchant.create("ORDER0001", time_expire=expires)
        await clock.advance(121)

        refused = await rig.merchant.pay(out_trade_no="ORDER0001")
        repeated = await rig.merchant.create("ORDER0001", time_expire=expires)

        assert (refused["result"], refused["reason"]) == ("refused", "expired")
        assert repeated.code == "INVALID_REQUEST"
        assert (await rig.merchant.query("ORDER0001")).json["trade_state"] == "NOTPAY"


async def test_a_prepay_id_lives_two_hours_and_is_renewed_by_the_identical_create() -> None:
    clock = ManualClock()
    async with running(clock) as rig:
        await rig.merchant.create("ORDER0001")
        await clock.advance(7201)
        stale = await rig.merchant.pay(out_trade_no="ORDER0001")

        await rig.merchant.create("ORDER0001")

        assert stale["reason"] == "prepay_expired"
        assert (await rig.merchant.pay(out_trade_no="ORDER0001"))["result"] == "ok"


async def test_unknown_paths_are_signed_refusals(rig: Rig) -> None:
    answer = await rig.merchant.call("GET", "/v3/nonsense")

    assert (answer.status, answer.code) == (404, "NOT_FOUND")


async def test_oversized_bodies_are_cut_off(rig: Rig) -> None:
    answer = await rig.merchant.call("POST", PATH, {"x": "y" * 70_000})

    assert answer.status == 413


async def test_certificates_overlap_and_rotate(rig: Rig) -> None:
    async def serials() -> list[str]:
        answer = await rig.merchant.call("GET", "/v3/certificates")
        return [entry["serial_no"] for entry in answer.json["data"]]

    old = credentials().platform_certificate.serial
    assert await serials() == [old]

    await rig.merchant.control("POST", "rotate", {"step": "introduce"})
    both = await serials()
    assert both[0] == old
    assert len(both) == 2
    assert (await rig.merchant.create("ORDER0001")).headers["Wechatpay-Serial"] == old

    await rig.merchant.control("POST", "rotate", {"step": "switch"})
    assert (await rig.merchant.create("ORDER0002")).headers["Wechatpay-Serial"] == both[1]

    await rig.merchant.control("POST", "rotate", {"step": "retire"})
    assert await serials() == [both[1]]


async def test_a_merchant_without_certificates_is_told_so() -> None:
    async with running(certificates=(), notice_signing="public_key") as rig:
        listed = await rig.merchant.call("GET", "/v3/certificates")
        created = await rig.merchant.create("ORDER0001")

        assert (listed.status, listed.code) == (404, "RESOURCE_NOT_EXISTS")
        assert created.signed_by(credentials().platform_public_key.public_pem)


@pytest.mark.parametrize("facts", [{"step": "sideways"}, {"notice_signing": "none"}])
async def test_rotation_refuses_nonsense(rig: Rig, facts: dict[str, str]) -> None:
    assert (await rig.merchant.control("POST", "rotate", facts))["http"] == 400
