"""Each fault of the table, provoked by an amount, as the merchant sees it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.simulators.clock import ManualClock
from tests.simulators.pay_rig import Answer, Rig, credentials, good_signature, running, until

CERTIFICATE = credentials().platform_certificate
LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running() as started:
        yield started


async def _paid(rig: Rig, total: int) -> dict[str, Any]:
    await rig.merchant.create("ORDER0001", total)
    return await rig.merchant.pay(out_trade_no="ORDER0001")


def _good(answer: Answer) -> bool:
    return answer.signed_by(CERTIFICATE.certificate_pem)


async def test_01_declined(rig: Rig) -> None:
    answer = await _paid(rig, 10001)

    assert (answer["result"], answer["reason"]) == ("declined", "not_enough")
    assert (await rig.merchant.query("ORDER0001")).json["trade_state"] == "NOTPAY"
    assert rig.sim.notifier.log() == []


async def test_02_create_answer_lost_then_the_identical_create_answers(rig: Rig) -> None:
    with pytest.raises(LOST):
        await rig.merchant.create("ORDER0001", 10002)
    assert (await rig.merchant.query("ORDER0001")).json["trade_state"] == "NOTPAY"

    assert (await rig.merchant.create("ORDER0001", 10002)).status == 200


async def test_03_duplicate_notices(rig: Rig) -> None:
    await _paid(rig, 10003)

    received = await rig.inbox.wait(3)

    assert len({body for _, body in received}) == 1


async def test_04_notice_never_sent(rig: Rig) -> None:
    await _paid(rig, 10004)

    assert len(rig.sim.background) == 0
    assert [len(notice.attempts) for notice in rig.sim.notifier.log()] == [0]
    assert (await rig.merchant.query("ORDER0001")).json["trade_state"] == "SUCCESS"


async def test_05_late_notice() -> None:
    clock = ManualClock()
    async with running(clock, late_notice_seconds=90.0) as rig:
        await _paid(rig, 10005)
        await clock.advance(89)
        assert rig.inbox.received == []

        await clock.advance(1)

        await rig.inbox.wait(1)


async def test_06_notice_before_the_answer(rig: Rig) -> None:
    await _paid(rig, 10006)
    assert len(rig.inbox.received) == 1, "it was there before the pay call answered"

    refund = await rig.merchant.refund("ORDER0001", "R1", 10006, 10006)

    assert len(rig.inbox.received) == 2
    assert (refund.json["status"], rig.inbox.facts(1)["refund_status"]) == ("PROCESSING", "SUCCESS")


@pytest.mark.parametrize(
    ("total", "kind", "verifies"),
    [
        (10007, "wrong_amount", True),
        (10008, "forged_signature", False),
        (10018, "other_mchid", True),
        (10019, "stale_timestamp", True),
    ],
)
async def test_07_08_18_19_a_bad_notice_precedes_the_genuine_one(
    rig: Rig, total: int, kind: str, verifies: bool
) -> None:
    await _paid(rig, total)

    first, second = await rig.inbox.wait(2)

    log = {notice.kind for notice in rig.sim.notifier.log()}
    assert log == {kind, "genuine"}
    assert good_signature(*first, CERTIFICATE.certificate_pem) == verifies
    assert good_signature(*second, CERTIFICATE.certificate_pem)
    assert rig.inbox.facts(1)["amount"]["total"] == total
    assert rig.inbox.facts(1)["mchid"] == credentials().mchid
    assert (rig.inbox.facts(0)["amount"]["total"] != total) == (kind == "wrong_amount")


@pytest.mark.parametrize(("total", "status", "code"), [(10009, 500, "SYSTEM_ERROR"), (10026, 429, "FREQUENCY_LIMITED")])
async def test_09_26_create_refused_once(rig: Rig, total: int, status: int, code: str) -> None:
    refused = await rig.merchant.create("ORDER0001", total)
    missing = await rig.merchant.query("ORDER0001")

    assert (refused.status, refused.code) == (status, code)
    assert ("Wechatpay-Signature" in refused.headers) == (status < 500)
    assert missing.code == "ORDER_NOT_EXIST"
    assert (await rig.merchant.create("ORDER0001", total)).status == 200


@pytest.mark.parametrize(("total", "state"), [(10010, "ABNORMAL"), (10022, "CLOSED")])
async def test_10_22_refund_ends_badly(rig: Rig, total: int, state: str) -> None:
    await _paid(rig, total)
    await rig.inbox.wait(1)
    await rig.merchant.refund("ORDER0001", "R1", total, total)

    await rig.inbox.wait(2)

    assert json.loads(rig.inbox.received[1][1])["event_type"] == f"REFUND.{state}"
    assert rig.inbox.facts(1)["refund_status"] == state
    assert "success_time" not in rig.inbox.facts(1)


async def test_11_userpaying_for_a_while() -> None:
    clock = ManualClock()
    async with running(clock, userpaying_queries=2) as rig:
        await _paid(rig, 10011)
        refused = await rig.merchant.close("ORDER0001")

        states = [(await rig.merchant.query("ORDER0001")).json["trade_state"] for _ in range(3)]

        assert refused.code == "USERPAYING"
        assert states == ["USERPAYING", "USERPAYING", "SUCCESS"]
        assert rig.inbox.received == []
        await clock.advance(120)
        await rig.inbox.wait(1)


async def test_12_paid_while_closing(rig: Rig) -> None:
    await rig.merchant.create("ORDER0001", 10012)

    closed = await rig.merchant.close("ORDER0001")

    assert (closed.status, closed.code) == (400, "ORDERPAID")
    assert (await rig.merchant.query("ORDER0001")).json["trade_state"] == "SUCCESS"
    await rig.inbox.wait(1)


async def test_13_create_reset(rig: Rig) -> None:
    with pytest.raises(LOST):
        await rig.merchant.create("ORDER0001", 10013)

    assert (await rig.merchant.query("ORDER0001")).status == 404
    assert (await rig.merchant.create("ORDER0001", 10013)).status == 200


@pytest.mark.parametrize(("total", "status"), [(10014, 500), (10017, 404)])
async def test_14_17_query_wrong_twice(rig: Rig, total: int, status: int) -> None:
    await rig.merchant.create("ORDER0001", total)

    statuses = [(await rig.merchant.query("ORDER0001")).status for _ in range(3)]

    assert statuses == [status, status, 200]


async def test_15_16_27_first_answers_spoiled(rig: Rig) -> None:
    unsigned = [await rig.merchant.create("UNSIGNED01", 10015) for _ in range(2)]
    forged = [await rig.merchant.create("FORGED0001", 10016) for _ in range(2)]
    gateway = [await rig.merchant.create("GATEWAY001", 10027) for _ in range(2)]

    assert "Wechatpay-Signature" not in unsigned[0].headers
    assert forged[0].headers["Wechatpay-Serial"] == CERTIFICATE.serial
    assert [_good(answer) for answer in (*unsigned, *forged)] == [False, True, False, True]
    assert [answer.status for answer in gateway] == [502, 200]


async def test_20_23_refund_refused_once(rig: Rig) -> None:
    for number, total, code in (("ORDER0020", 10020, "NOT_ENOUGH"), ("ORDER0023", 10023, "SYSTEM_ERROR")):
        await rig.merchant.create(number, total)
        await rig.merchant.pay(out_trade_no=number)

        first = await rig.merchant.refund(number, f"R{total}", total, total)
        second = await rig.merchant.refund(number, f"R{total}", total, total)

        assert (first.code, second.status) == (code, 200)


async def test_21_refund_answer_lost(rig: Rig) -> None:
    await _paid(rig, 10021)
    with pytest.raises(LOST):
        await rig.merchant.refund("ORDER0001", "R1", 10021, 10021)

    again = await rig.merchant.refund("ORDER0001", "R1", 10021, 10021)

    assert again.status == 200
    assert len(list(rig.sim.book.refunds())) == 1


async def test_24_refund_notice_never(rig: Rig) -> None:
    await _paid(rig, 10024)
    await rig.inbox.wait(1)
    await rig.merchant.refund("ORDER0001", "R1", 10024, 10024)

    await until(lambda: len(rig.sim.background) == 0)

    assert len(rig.inbox.received) == 1
    answer = await rig.merchant.call("GET", "/v3/refund/domestic/refunds/R1")
    assert answer.json["status"] == "SUCCESS"


async def test_25_close_answer_lost(rig: Rig) -> None:
    await rig.merchant.create("ORDER0001", 10025)
    with pytest.raises(LOST):
        await rig.merchant.close("ORDER0001")

    assert (await rig.merchant.query("ORDER0001")).json["trade_state"] == "CLOSED"


async def test_28_query_answer_lost() -> None:
    async with running(hang_seconds=60.0) as rig:
        await rig.merchant.create("ORDER0001", 10028)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(rig.merchant.query("ORDER0001"), 0.1)

        assert (await rig.merchant.query("ORDER0001")).status == 200


async def test_29_carried_out_and_reset(rig: Rig) -> None:
    with pytest.raises(LOST):
        await rig.merchant.create("ORDER0001", 10029)

    assert rig.sim.book.by_number("ORDER0001") is not None
    assert (await rig.merchant.create("ORDER0001", 10029)).status == 200


async def test_30_paid_after_close(rig: Rig) -> None:
    await rig.merchant.create("ORDER0001", 10030)
    assert (await rig.merchant.close("ORDER0001")).status == 204

    assert (await rig.merchant.pay(out_trade_no="ORDER0001"))["result"] == "ok"
    assert (await rig.merchant.query("ORDER0001")).json["trade_state"] == "SUCCESS"


async def test_a_lost_answer_does_not_hold_up_the_end() -> None:
    started = time.monotonic()
    async with aiohttp.ClientSession() as session:
        async with running(hang_seconds=60.0) as rig:
            rig.merchant.session = session
            waiting = asyncio.create_task(rig.merchant.create("ORDER0001", 10002))
            await until(lambda: rig.sim.book.by_number("ORDER0001") is not None)
        with pytest.raises(LOST):
            await waiting

    assert time.monotonic() - started < 5


async def test_faults_by_plan_and_at_run_time() -> None:
    async with running(faults_by_amount=False) as rig:
        assert (await _paid(rig, 10001))["result"] == "ok"

        told = await rig.merchant.control("POST", "faults", {"rates": {"create_500": 1.0}})
        assert told["rates"] == {"create_500": 1.0}
        assert (await rig.merchant.create("ORDER0002")).status == 500

        await rig.merchant.control("POST", "faults", {"rates": {}, "next": ["create_429"]})
        assert (await rig.merchant.create("ORDER0002")).status == 429
        assert (await rig.merchant.create("ORDER0002")).status == 200

        await rig.merchant.control("POST", "faults", {"by_amount": True})
        assert (await rig.merchant.create("ORDER0003", 10009)).status == 500
        assert len((await rig.merchant.control("GET", "faults"))["table"]) > 20


async def test_the_journal_outlives_the_merchant(tmp_path: Path) -> None:
    journal = tmp_path / "paid.jsonl"
    async with running(journal=str(journal)) as rig:
        paid = await _paid(rig, 12850)
        await rig.merchant.refund("ORDER0001", "R1", 850, 12850)
        await rig.inbox.wait(2)

        lines = [json.loads(line) for line in journal.read_text().splitlines()]

    assert [(line["kind"], line["amount"]) for line in lines] == [("paid", 12850), ("refunded", 850)]
    assert lines[0]["number"] == paid["transaction_id"]
    assert lines[0]["out_trade_no"] == lines[1]["out_trade_no"] == "ORDER0001"
