"""The biller simulator against docs/connector.md: the five operations and the door before them."""

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.simulators.biller import BillerPlan, plan_from_settings
from bot.simulators.biller.plan import generated
from bot.simulators.clock import ManualClock
from bot.simulators.faults import WECHATPAY_FAULTS
from tests.simulators.biller_rig import BILL, CODE, HOME, LATE, SECRET, Caller, advice, running
from tests.simulators.pay_rig import until


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with running() as started:
        yield started


async def test_bills_of_an_account(caller: Caller) -> None:
    answer = await caller.query()

    assert answer["result"] == "found"
    assert (answer["name"], answer["address"], answer["balance"]) == ("张*明", "…3栋2单元5**", 0)
    assert [(bill["bill_no"], bill["amount"], bill["late_fee"]) for bill in answer["bills"]] == [
        ("E202609-1", 10000, 150),
        ("E202610-1", 12850, 0),
    ]
    assert {bill["state"] for bill in answer["bills"]} == {"open"}


async def test_a_period_narrows_the_bills(caller: Caller) -> None:
    answer = await caller.query(period="2026-10")

    assert [bill["bill_no"] for bill in answer["bills"]] == ["E202610-1"]


@pytest.mark.parametrize(
    "changes",
    [{"account": "9999999999"}, {"fields": {"city": "110000"}}, {"fields": {}}, {"item": "water"}],
    ids=str,
)
async def test_not_found_and_not_yours_are_one_answer(caller: Caller, changes: dict[str, Any]) -> None:
    assert await caller.query(**changes) == {"result": "not_found"}


async def test_advice_settles_once_and_repeats_its_answer(caller: Caller) -> None:
    answers = await asyncio.gather(*(caller.advise("oln_1") for _ in range(5)))

    assert answers[0]["result"] == "settled"
    assert all(answer == answers[0] for answer in answers)
    assert await caller.told("payments/status", line_id="oln_1") == answers[0]
    assert await caller.control("settled") == {"oln_1": 12850}
    assert [line["advices"] for line in (await caller.control("lines"))["lines"]] == [5]
    bills = (await caller.query())["bills"]
    assert [(bill["bill_no"], bill["state"]) for bill in bills] == [
        ("E202609-1", "open"),
        ("E202610-1", "paid"),
    ]


@pytest.mark.parametrize(
    "changes",
    [{"amount": 12851}, {"bill_no": LATE.bill_no}, {"bill_no": None}, {"account": "0512345678"}],
    ids=str,
)
async def test_one_line_id_with_other_facts_is_a_conflict(caller: Caller, changes: dict[str, Any]) -> None:
    first = await caller.advise("oln_1")

    other = await caller.advise("oln_1", **changes)

    assert (other["result"], other["code"]) == ("refused", "conflict")
    assert await caller.told("payments/status", line_id="oln_1") == first
    assert await caller.control("settled") == {"oln_1": 12850}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": 12849}, "amount"),
        ({"bill_no": LATE.bill_no, "amount": 10000}, "amount"),
        ({"bill_no": "E0"}, "not_found"),
        ({"account": "9999999999"}, "not_found"),
    ],
    ids=str,
)
async def test_refusals_stay_refused(caller: Caller, changes: dict[str, Any], code: str) -> None:
    first, second = [await caller.advise("oln_1", **changes) for _ in range(2)]

    assert (first["result"], first["code"]) == ("refused", code)
    assert first == second
    assert await caller.control("settled") == {}


async def test_the_late_fee_is_part_of_what_is_due(caller: Caller) -> None:
    answer = await caller.advise("oln_1", bill_no=LATE.bill_no, amount=10150)

    assert answer["result"] == "settled"


async def test_paid_elsewhere(caller: Caller) -> None:
    await caller.control("pay_elsewhere", {"account": HOME.account, "bill_no": BILL.bill_no})

    answer = await caller.advise("oln_1")

    assert (answer["result"], answer["code"]) == ("refused", "paid_elsewhere")
    assert "error" in await caller.control("pay_elsewhere", {"account": HOME.account, "bill_no": "E0"})


async def test_two_lines_on_one_bill(caller: Caller) -> None:
    answers = await asyncio.gather(caller.advise("oln_1"), caller.advise("oln_2"))

    assert sorted(answer["result"] for answer in answers) == ["refused", "settled"]
    assert len(await caller.control("settled")) == 1


async def test_undo_opens_the_bill_again(caller: Caller) -> None:
    settled = await caller.advise("oln_1")
    first, second = [await caller.undo("oln_1") for _ in range(2)]

    assert first["result"] == "reversed"
    assert first == second == await caller.told("payments/undo_status", line_id="oln_1")
    assert await caller.advise("oln_1") == settled, "the advice's own answer is final"
    assert await caller.control("settled") == {}
    assert (await caller.advise("oln_2"))["result"] == "settled"


async def test_prepayment_and_its_undo(caller: Caller) -> None:
    await caller.advise("oln_1", bill_no=None, period=None, amount=5000)
    assert (await caller.query())["balance"] == 5000

    assert (await caller.undo("oln_1", 5000))["result"] == "reversed"

    assert (await caller.query())["balance"] == 0


async def test_a_spent_prepayment_cannot_be_undone(caller: Caller) -> None:
    await caller.advise("oln_1", bill_no=None, amount=5000)
    await caller.control("accounts", {"account": HOME.account, "name": "张*明", "balance": 100})

    answer = await caller.undo("oln_1", 5000)

    assert (answer["result"], answer["code"]) == ("refused", "used")
    assert await caller.control("settled") == {"oln_1": 5000}


async def test_undo_of_what_is_not_there_and_of_another_amount(caller: Caller) -> None:
    assert (await caller.undo("oln_9"))["code"] == "not_found"
    await caller.advise("oln_1")
    assert (await caller.undo("oln_1", 1))["code"] == "conflict"
    await caller.advise("oln_2", amount=1)
    assert (await caller.undo("oln_2", 1))["code"] == "not_found"


@pytest.mark.parametrize("operation", ["payments/status", "payments/undo_status"])
async def test_status_of_an_unheard_line(caller: Caller, operation: str) -> None:
    assert await caller.told(operation, line_id="oln_9") == {"result": "unknown"}


class TestDoor:
    """What gets no signed answer, as the document lists it."""

    @pytest.mark.parametrize(
        "headers",
        [
            {"Scenepay-Signature": "v1=" + "0" * 64},
            {"Scenepay-Signature": ""},
            {"Scenepay-Biller": "someone-else"},
            {"Scenepay-Timestamp": "1"},
            {"Scenepay-Timestamp": "now"},
            {"Scenepay-Nonce": "short"},
            {"Scenepay-Nonce": "n" * 65},
            {"Scenepay-Nonce": "with-dashes-0000"},
        ],
        ids=str,
    )
    async def test_wrong_credentials(self, caller: Caller, headers: dict[str, str]) -> None:
        answer = await caller.call("payments/advise", advice("oln_1"), headers=headers)

        assert answer.status == 401
        assert not answer.signed
        assert await caller.told("payments/status", line_id="oln_1") == {"result": "unknown"}

    async def test_signature_covers_body_and_path(self, caller: Caller) -> None:
        nonce, stamp = secrets.token_hex(16), str(int(caller.clock.now().timestamp()))
        message = f"POST\n/v1/payments/status\n{stamp}\n{nonce}\n".encode() + b"{}"
        signature = "v1=" + hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest()
        headers = {
            "Scenepay-Timestamp": stamp,
            "Scenepay-Nonce": nonce,
            "Scenepay-Signature": signature,
        }

        over_path = await caller.call("payments/undo", None, b"{}", headers=headers)
        over_body = await caller.call("payments/status", None, b"{ }", headers=headers)

        assert (over_path.status, over_body.status) == (401, 401)

    async def test_a_nonce_works_once(self, caller: Caller) -> None:
        nonce = secrets.token_hex(16)
        statuses = [
            (await caller.call("payments/status", {"line_id": "x"}, headers={"Scenepay-Nonce": nonce})).status
            for _ in range(2)
        ]

        assert statuses == [200, 401]

    async def test_a_nonce_is_forgotten_after_ten_minutes(self) -> None:
        clock, nonce = ManualClock(), secrets.token_hex(16)
        async with running(clock) as caller:
            statuses = []
            for _ in range(2):
                answer = await caller.call("payments/status", {"line_id": "x"}, headers={"Scenepay-Nonce": nonce})
                statuses.append(answer.status)
                await clock.advance(601)

            assert statuses == [200, 200]

    @pytest.mark.parametrize(
        ("operation", "body"),
        [
            ("payments/advise", b"{"),
            ("payments/advise", b"[]"),
            ("payments/advise", b"\xff"),
            ("payments/advise", json.dumps(advice("oln_1", amount=0)).encode()),
            ("payments/advise", json.dumps(advice("oln_1", amount=True)).encode()),
            ("payments/advise", json.dumps(advice("oln_1", amount="1")).encode()),
            ("payments/advise", json.dumps(advice("oln_1", paid_at="2026-11-10T12:00:00")).encode()),
            ("payments/advise", json.dumps(advice("oln_1", paid_at="today")).encode()),
            ("payments/advise", json.dumps(advice("")).encode()),
            ("payments/undo", b'{"line_id": "x"}'),
            ("bills/query", b'{"account": 5}'),
            ("bills/query", b'{"account": "1", "fields": [1]}'),
        ],
    )
    async def test_malformed_requests(self, caller: Caller, operation: str, body: bytes) -> None:
        answer = await caller.call(operation, None, body)

        assert answer.status == 400
        assert not answer.signed

    async def test_unknown_operation_and_oversized_body(self, caller: Caller) -> None:
        assert (await caller.call("payments/steal", {})).status == 404
        assert (await caller.call("bills/query", {"account": "x" * 70_000})).status == 413

    async def test_a_base_url_with_a_path_is_signed_with_it(self, caller: Caller) -> None:
        path, nonce = "/api/scene/v1/payments/status", secrets.token_hex(16)
        stamp = str(int(caller.clock.now().timestamp()))
        message = f"POST\n{path}\n{stamp}\n{nonce}\n".encode() + b'{"line_id":"x"}'
        headers = {
            "Scenepay-Biller": CODE,
            "Scenepay-Timestamp": stamp,
            "Scenepay-Nonce": nonce,
            "Scenepay-Signature": "v1=" + hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest(),
        }
        async with caller.session.post(caller.base + path, data=b'{"line_id":"x"}', headers=headers) as response:
            assert response.status == 200


class TestGeneratedAccounts:
    """Accounts 05… exist by themselves, the same at each run, and stay clear of the pay simulator's faults."""

    async def test_they_are_found_paid_and_remembered(self, caller: Caller) -> None:
        found = await caller.query("0512345678")
        bill = found["bills"][0]
        await caller.advise("oln_1", account="0512345678", bill_no=bill["bill_no"], amount=bill["amount"])

        assert found == {**found, "result": "found", "account": "0512345678"}
        assert (await caller.query("0512345678"))["bills"][0]["state"] == "paid"
        assert await caller.query("0612345678") == {"result": "not_found"}

    def test_sums_avoid_every_fault_of_wechat_pay(self) -> None:
        plan, today = BillerPlan(CODE, SECRET), datetime(2026, 1, 15, tzinfo=UTC).date()
        marked = {fault.suffix for fault in WECHATPAY_FAULTS}
        for number in range(300):
            account = generated(plan, f"05{number:08d}", today)
            assert account is not None
            assert account == generated(plan, account.account, today)
            amounts = [bill.amount for bill in account.bills]
            assert {sum(amounts[:end]) % 100 for end in range(1, len(amounts) + 1)} <= {0, 50} - marked
            assert [bill.period for bill in account.bills][-1] == "2025-12"
            assert account.bills[-1].due_on == "2026-01-20"

    def test_seed_and_switch(self) -> None:
        today = datetime(2026, 11, 15, tzinfo=UTC).date()
        accounts = [generated(BillerPlan(CODE, SECRET, seed=seed), "0512345678", today) for seed in range(5)]

        assert len({account.name for account in accounts if account}) > 1
        assert generated(BillerPlan(CODE, SECRET, generate=False), "0512345678", today) is None


async def test_the_journal_tells_what_stands(tmp_path: Path) -> None:
    journal = tmp_path / "lines.jsonl"
    async with running(journal=str(journal)) as caller:
        await caller.advise("oln_1")
        await caller.undo("oln_1")

        kinds = [json.loads(line) for line in journal.read_text().splitlines()]

    assert kinds == [
        {"kind": "settled", "line_id": "oln_1", "amount": 12850},
        {"kind": "reversed", "line_id": "oln_1", "amount": 12850},
    ]


async def test_latency_passes_on_the_clock() -> None:
    clock = ManualClock()
    async with running(clock, latency=2.0) as caller:
        task = asyncio.create_task(caller.query())
        await until(lambda: clock.sleepers == 1)
        assert not task.done()

        await clock.advance(2)

        assert (await task)["result"] == "found"


def test_plans_from_settings() -> None:
    plan = plan_from_settings(
        {
            "code": CODE,
            "secret": SECRET,
            "accounts": [
                {
                    "account": "1",
                    "name": "张*",
                    "bills": [{"bill_no": "B", "period": "2026-10", "amount": 1, "due_on": "2026-11-20"}],
                }
            ],
        }
    )

    assert plan.accounts[0].bills[0].bill_no == "B"
    with pytest.raises(ValueError, match="unknown settings: typo"):
        plan_from_settings({"code": CODE, "secret": SECRET, "typo": 1})
    with pytest.raises(ValueError, match="32 characters"):
        BillerPlan(CODE, "short")
