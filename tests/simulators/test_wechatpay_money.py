"""Refunds and bills of the WeChat Pay simulator: the sums that reconciliation is later measured by."""

import asyncio
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.simulators.clock import ManualClock
from bot.simulators.wechatpay.bills import fee_of, yuan
from bot.simulators.wechatpay.book import Book, Order, Refund, RefundState, new_number
from tests.simulators.pay_rig import Answer, Rig, credentials, running, until

NOON = datetime(2026, 11, 10, 4, 0, tzinfo=UTC)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running() as started:
        yield started


async def _paid(rig: Rig, number: str = "ORDER0001", total: int = 12850, **facts: Any) -> dict[str, Any]:
    await rig.merchant.create(number, total)
    return await rig.merchant.pay(out_trade_no=number, **facts)


async def test_a_refund_is_processing_then_told(rig: Rig) -> None:
    await _paid(rig)
    await rig.inbox.wait(1)

    asked = (await rig.merchant.refund("ORDER0001", "R1", 850, 12850)).json
    await rig.inbox.wait(2)

    assert asked["status"] == "PROCESSING"
    assert asked["amount"]["refund"] == 850
    assert rig.inbox.facts(1) == {
        "mchid": credentials().mchid,
        "out_trade_no": "ORDER0001",
        "transaction_id": asked["transaction_id"],
        "out_refund_no": "R1",
        "refund_id": asked["refund_id"],
        "refund_status": "SUCCESS",
        "success_time": rig.inbox.facts(1)["success_time"],
        "user_received_account": "支付用户零钱",
        "amount": {"total": 12850, "refund": 850, "payer_total": 12850, "payer_refund": 850},
    }
    assert json.loads(rig.inbox.received[1][1])["event_type"] == "REFUND.SUCCESS"
    assert (await rig.merchant.query("ORDER0001")).json["trade_state"] == "REFUND"


async def test_refunds_are_idempotent_by_number(rig: Rig) -> None:
    await _paid(rig)

    first, second = await asyncio.gather(*(rig.merchant.refund("ORDER0001", "R1", 850, 12850) for _ in range(2)))
    other = await rig.merchant.refund("ORDER0001", "R1", 851, 12850)

    assert first.json["refund_id"] == second.json["refund_id"]
    assert (other.status, other.code) == (400, "PARAM_ERROR")
    assert rig.sim.book.by_number("ORDER0001").refunded == 850  # type: ignore[union-attr]


async def test_refunds_never_exceed_the_payment(rig: Rig) -> None:
    await _paid(rig, total=1000)

    answers = await asyncio.gather(*(rig.merchant.refund("ORDER0001", f"R{number}", 300, 1000) for number in range(8)))

    assert sorted(answer.status for answer in answers) == [200] * 3 + [400] * 5


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount": {"refund": 1, "total": 999, "currency": "CNY"}}, 400, "INVALID_REQUEST"),
        ({"amount": {"refund": 0, "total": 1000, "currency": "CNY"}}, 400, "PARAM_ERROR"),
        ({"amount": {"refund": 1, "total": 1000}}, 400, "PARAM_ERROR"),
        ({"out_trade_no": "NOSUCHORDER"}, 404, "RESOURCE_NOT_EXISTS"),
        ({"transaction_id": "42"}, 400, "PARAM_ERROR"),
        ({"out_refund_no": "R 1"}, 400, "PARAM_ERROR"),
        ({"reason": "退" * 27}, 400, "PARAM_ERROR"),
        ({"funds_account": "MINE"}, 400, "PARAM_ERROR"),
        ({"notify_url": "ftp://127.0.0.1/x"}, 400, "PARAM_ERROR"),
        ({"unknown": 1}, 400, "PARAM_ERROR"),
    ],
    ids=str,
)
async def test_refund_fields(rig: Rig, changes: dict[str, Any], status: int, code: str) -> None:
    await _paid(rig, total=1000)
    facts = {
        "out_trade_no": "ORDER0001",
        "out_refund_no": "R1",
        "amount": {"refund": 1, "total": 1000, "currency": "CNY"},
        **changes,
    }

    answer = await rig.merchant.call("POST", "/v3/refund/domestic/refunds", facts)

    assert (answer.status, answer.code) == (status, code)


async def test_unpaid_orders_and_unknown_refunds(rig: Rig) -> None:
    await rig.merchant.create("ORDER0001", 1000)

    unpaid = await rig.merchant.refund("ORDER0001", "R1", 1, 1000)
    unknown = await rig.merchant.call("GET", "/v3/refund/domestic/refunds/R1")

    assert (unpaid.status, unpaid.code) == (400, "INVALID_REQUEST")
    assert (unknown.status, unknown.code) == (404, "RESOURCE_NOT_EXISTS")


async def test_a_person_finishes_an_abnormal_refund(rig: Rig) -> None:
    await _paid(rig, total=1010)
    await rig.inbox.wait(1)
    await rig.merchant.refund("ORDER0001", "R1", 1010, 1010)
    await rig.inbox.wait(2)

    done = await rig.merchant.control("POST", "refund_finish", {"out_refund_no": "R1", "status": "SUCCESS"})
    await rig.inbox.wait(3)
    again = await rig.merchant.control("POST", "refund_finish", {"out_refund_no": "R1"})

    assert done["status"] == "SUCCESS"
    assert [rig.inbox.facts(n)["refund_status"] for n in (1, 2)] == ["ABNORMAL", "SUCCESS"]
    assert again["http"] == 409


async def test_a_refund_made_in_the_console_comes_without_a_notice(rig: Rig) -> None:
    await _paid(rig)
    await rig.inbox.wait(1)

    made = await rig.merchant.control("POST", "console_refund", {"out_trade_no": "ORDER0001", "amount": 850})
    listed = await rig.merchant.control("GET", "refunds")

    assert made["out_refund_no"].startswith("BD")
    assert listed["refunds"][0]["from_console"] is True
    assert (await rig.merchant.query("ORDER0001")).json["trade_state"] == "REFUND"
    assert (await rig.merchant.refund("ORDER0001", "R1", 12850, 12850)).code == "INVALID_REQUEST"
    assert len(rig.inbox.received) == 1


@settings(max_examples=50)
@given(total=st.integers(2, 10_000), data=st.data())
def test_coupon_shares_of_partial_refunds_add_up(total: int, data: st.DataObject) -> None:
    """However a payment is refunded in parts, the parts of the coupon sum to the coupon."""
    coupon = data.draw(st.integers(0, total - 1))
    book, now = Book(None), NOON
    order = _order(total, now)
    book.add(order)
    book.pay(order, payer="o", coupon=coupon, prefunded=False, now=now)
    left, number = total, 0
    while left:
        part = data.draw(st.integers(max(1, left // 4), left))
        book.add_refund(order, _refund(f"R{number}", part, now))
        left, number = left - part, number + 1

    assert sum(refund.coupon_share for refund in order.refunds) == coupon
    assert all(0 <= refund.coupon_share <= refund.amount for refund in order.refunds)


def _order(total: int, now: datetime) -> Order:
    return Order(
        mchid="1900000109",
        appid="wx1",
        out_trade_no="ORDER0001",
        description="x",
        total=total,
        trade_type="JSAPI",
        notify_url="",
        attach="",
        openid="",
        fingerprint="",
        created_at=now,
        expires_at=now + timedelta(days=1),
        prepay_id="wx1",
        prepay_until=now + timedelta(hours=2),
    )


def _refund(number: str, amount: int, now: datetime) -> Refund:
    return Refund(number, number, amount, "", "", "", now, state=RefundState.SUCCESS)


@given(st.integers(-(10**12), 10**12))
def test_yuan_keeps_every_fen(fen: int) -> None:
    assert Decimal(yuan(fen)) * 100 == fen
    assert yuan(fen).partition(".")[2].__len__() == 2


@pytest.mark.parametrize(
    ("fen", "points", "fee"),
    [(100, 60, "0.01"), (83, 60, "0.00"), (84, 60, "0.01"), (12850, 60, "0.77"), (1, 0, "0.00")],
)
def test_fees_round_half_up_to_the_fen(fen: int, points: int, fee: str) -> None:
    assert fee_of(fen, points) == Decimal(fee)


def test_numbers_of_the_platform_have_their_length() -> None:
    number = new_number("4200", NOON, 28)

    assert len(number) == 28
    assert number.startswith("420020261110120000")


class TestBills:
    """The files that reconciliation reads, checked to the fen."""

    async def _download(self, rig: Rig, kind: str, **query: str) -> str:
        offer = await self._offer(rig, kind, **query)
        assert offer.status == 200, offer.body
        assert offer.signed_by(credentials().platform_certificate.certificate_pem)
        target = offer.json["download_url"].removeprefix(rig.merchant.base)
        file = await rig.merchant.call("GET", target)
        content = gzip.decompress(file.body) if query.get("tar_type") else file.body
        assert "Wechatpay-Signature" not in file.headers
        assert hashlib.sha1(content, usedforsecurity=False).hexdigest() == offer.json["hash_value"]
        assert content.startswith(b"\xef\xbb\xbf")
        return content.decode("utf-8-sig")

    async def _offer(self, rig: Rig, kind: str, **query: str) -> Answer:
        tail = "&".join(f"{name}={value}" for name, value in query.items())
        return await rig.merchant.call("GET", f"/v3/bill/{kind}?{tail}")

    @pytest.fixture
    async def day(self) -> AsyncIterator[Rig]:
        """Two payments, one of them partly refunded, at noon of 10 November in China."""
        async with running(ManualClock(NOON)) as rig:
            await _paid(rig, "ORDER0001", 12850)
            await _paid(rig, "ORDER0002", 10050, coupon=50)
            await rig.merchant.refund("ORDER0001", "R1", 2850, 12850)
            await rig.clock.advance(10)  # type: ignore[attr-defined]
            await until(lambda: len(rig.sim.background) == 0)
            yield rig

    @pytest.mark.parametrize("packed", [{}, {"tar_type": "GZIP"}], ids=["plain", "gzip"])
    async def test_all_lists_payments_and_refunds(self, day: Rig, packed: dict[str, str]) -> None:
        text = await self._download(day, "tradebill", bill_date="2026-11-10", bill_type="ALL", **packed)

        lines = text.splitlines()
        rows = [line.removeprefix("`").split(",`") for line in lines[1:4]]
        assert len(lines[0].split(",")) == 27
        assert all(len(row) == 27 for row in rows)
        assert all(line.startswith("`") for line in lines[1:4])
        assert [(row[6], row[9], row[12], row[24]) for row in rows] == [
            ("ORDER0001", "SUCCESS", "128.50", "128.50"),
            ("ORDER0002", "SUCCESS", "100.00", "100.50"),
            ("ORDER0001", "REFUND", "0.00", "0.00"),
        ]
        assert [row[22] for row in rows] == ["0.77000", "0.60000", "0.00000"]
        assert (rows[2][15], rows[2][16], rows[2][19], rows[2][25]) == ("R1", "28.50", "SUCCESS", "28.50")
        assert lines[4].startswith("总交易单数,")
        assert lines[5] == "`3,`228.50,`28.50,`0.00,`1.37000,`229.00,`28.50"

    @pytest.mark.parametrize(("kind", "columns", "rows"), [("SUCCESS", 20, 2), ("REFUND", 29, 1)])
    async def test_other_kinds(self, day: Rig, kind: str, columns: int, rows: int) -> None:
        lines = (await self._download(day, "tradebill", bill_date="2026-11-10", bill_type=kind)).splitlines()

        assert len(lines) == rows + 3
        assert {len(line.split(",")) for line in lines[: rows + 1]} == {columns}

    async def test_the_fund_flow_balances(self, day: Rig) -> None:
        lines = (await self._download(day, "fundflowbill", bill_date="2026-11-10")).splitlines()

        rows = [line.removeprefix("`").split(",`") for line in lines[1:-2]]
        balance = Decimal()
        for row in rows:
            balance += Decimal(row[6]) if row[5] == "收入" else -Decimal(row[6])
            assert Decimal(row[7]) == balance
        assert len({row[2] for row in rows}) == len(rows)
        assert balance == Decimal("228.50") - Decimal("1.37") - Decimal("28.50")
        assert lines[-1] == "`5,`2,`228.50,`3,`29.87"

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ({"bill_date": "2026-11-09"}, "NO_STATEMENT_EXIST"),
            ({"bill_date": "2026-11-11"}, "INVALID_REQUEST"),
            ({"bill_date": "2026-06-01"}, "INVALID_REQUEST"),
            ({"bill_date": "20261110x"}, "PARAM_ERROR"),
            ({"bill_date": "2026-11-10", "bill_type": "MOST"}, "PARAM_ERROR"),
            ({"bill_date": "2026-11-10", "tar_type": "ZIP"}, "PARAM_ERROR"),
            ({"bill_date": "2026-11-10", "page": "1"}, "PARAM_ERROR"),
            ({"bill_type": "ALL"}, "PARAM_ERROR"),
        ],
        ids=str,
    )
    async def test_refusals(self, day: Rig, query: dict[str, str], code: str) -> None:
        answer = await self._offer(day, "tradebill", **query)

        assert (answer.status, answer.code) == (400, code)

    async def test_a_download_link_lives_five_minutes(self, day: Rig) -> None:
        offer = await self._offer(day, "tradebill", bill_date="2026-11-10")
        target = offer.json["download_url"].removeprefix(day.merchant.base)
        await day.clock.advance(301)  # type: ignore[attr-defined]

        assert (await day.merchant.call("GET", target)).status == 400

    async def test_bills_appear_at_ten_of_the_next_day_where_the_plan_says_so(self) -> None:
        clock = ManualClock(NOON)
        async with running(clock, bills_at_once=False) as rig:
            await _paid(rig)
            early = await self._offer(rig, "tradebill", bill_date="2026-11-10")
            await clock.advance(22 * 3600)

            late = await self._offer(rig, "tradebill", bill_date="2026-11-10")

            assert (early.code, late.status) == ("STATEMENT_CREATING", 200)
