"""Each kind of difference, found on the day and by the name that it has, with sums that prove it."""

from dataclasses import replace
from typing import Any

import pytest

from bot.kernel.errors import BadRequest, Conflict, GatewayTrouble, NotFound
from bot.payments.reconciliation.days import AccountDay
from tests.payments.reconciliation.bills import DAY, MAIN, NEXT, Bench, at, line, refund_line


async def test_books_and_bill_that_agree_leave_no_difference(bench: Bench) -> None:
    for number in ("T1", "T2"):
        bench.books.charge(number)
    bench.books.refund("R1")
    bench.bill(line("T2"), line("T1"), refund_line("R1"))

    report = await bench.run()

    assert (report.state, report.unexplained, await bench.found()) == ("balanced", 0, [])
    sums = {each.measure: (each.ours, each.theirs) for each in report.sums}
    assert sums == {"payment": (2_000, 2_000), "refund": (300, 300), "fee": (10, 10)}


async def test_what_only_the_bill_has(bench: Bench) -> None:
    bench.books.charge("T1", state="closed")
    bench.bill(line("T1"), line("T9"))
    report = await bench.run()

    assert await bench.kinds() == [("missing_here", "open"), ("missing_here", "open")]
    assert report.proved and report.state == "open"
    assert [each.our_id for each in report.differences] == ["chg_T1", None]


async def test_what_only_the_books_have(bench: Bench) -> None:
    bench.books.charge("T1")
    bench.books.refund("R1")
    bench.books.hold("T7")
    bench.bill()
    report = await bench.run()

    assert await bench.kinds() == [
        ("missing_at_gateway", "open"),
        ("missing_at_gateway", "open"),
        ("refund_missing_at_gateway", "open"),
    ]
    assert report.proved and {each.measure: each.open for each in report.sums} == {
        "payment": -2_000,
        "refund": -300,
        "fee": -6 - 6 + 2,
    }


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"amount": 1_001, "settlement_amount": None}, ["amount"]),
        ({"amount": 5_000}, ["amount"]),
        ({"currency": "HKD"}, ["currency"]),
        ({"transaction_id": "tx-other"}, ["transaction"]),
        ({"settlement_amount": 900}, ["settlement"]),
        ({"fee": 7}, ["fee"]),
        ({"fee": 0}, ["fee"]),
        ({"amount": 5_000, "fee": 7}, ["amount", "fee"]),
    ],
)
async def test_what_both_have_and_say_otherwise(bench: Bench, changes: dict[str, Any], kinds: list[str]) -> None:
    bench.books.charge("T1")
    bench.bill(line("T1", **changes))
    report = await bench.run()

    assert await bench.kinds() == [(kind, "open") for kind in kinds]
    assert report.proved


async def test_a_settlement_amount_that_only_the_bill_tells_is_believed(bench: Bench) -> None:
    bench.books.charge("T1", settled=None)
    bench.bill(line("T1", settlement_amount=900))
    report = await bench.run()

    assert await bench.kinds() == [("settlement", "paired")]
    assert report.balanced


async def test_a_line_that_comes_twice_is_seen_on_the_day_and_across_days(bench: Bench) -> None:
    bench.books.charge("T1")
    bench.books.refund("R1")
    bench.bill(line("T1"), line("T1"), line("T1"), refund_line("R1"), refund_line("R1"))
    bench.bill(line("T1", at=at("09:00:00", NEXT.day)), day=NEXT)
    bench.travel(1)
    first, second = await bench.run(), await bench.run(NEXT)

    assert await bench.kinds() == [("duplicate", "open")] * 3
    assert await bench.kinds(NEXT) == [("duplicate", "open")]
    assert first.proved and second.proved


async def test_refunds_that_differ(bench: Bench) -> None:
    bench.books.refund("R1")
    bench.books.refund("R2", state="unknown")
    bench.books.refund("R3")
    bench.books.refund("R4", state="failed")
    bench.books.refund("R5", of="T5")
    bench.books.refund("R6", state="failed")
    bench.bill(
        refund_line("R1", 299),
        refund_line("R2"),
        refund_line("R3", state="FAIL"),
        refund_line("R4", state="FAIL", fee=0),
        refund_line("R5"),
        refund_line("R6"),
        refund_line("R9"),
    )
    report = await bench.run()

    assert [found[2:4] for found in await bench.found()] == [
        ("amount", "R1"),
        ("refund_missing_here", "R9"),
        ("state", "R2"),
        ("state", "R3"),
        ("state", "R6"),
        ("transaction", "R5"),
    ]
    assert report.proved


async def test_a_refund_under_way_on_both_sides_waits_for_its_end(bench: Bench) -> None:
    bench.books.refund("R1", state="pending")
    bench.bill(refund_line("R1", state="PROCESSING"))
    bench.bill(day=NEXT)
    assert (await bench.run()).state == "waiting"
    assert await bench.kinds() == [("state", "pooled")]

    bench.travel(1)
    moment = at("08:00:00", NEXT.day)
    await bench.world.execute(
        "UPDATE refunds SET state = 'succeeded', succeeded_at = $1", int(moment.timestamp() * 1_000_000)
    )
    reports = await bench.run(), await bench.run(NEXT)

    assert await bench.kinds() == [("timing", "paired")] == await bench.kinds(NEXT)
    assert all(report.balanced for report in reports)


async def test_a_refund_that_failed_and_then_succeeded_is_one_refund(bench: Bench) -> None:
    bench.books.refund("R1", at=at("08:00:00", NEXT.day))
    bench.bill(refund_line("R1", state="FAIL", fee=0))
    bench.bill(refund_line("R1", at=at("08:00:00", NEXT.day)), day=NEXT)
    bench.travel(1)
    await bench.run(NEXT)

    assert (await bench.run()).balanced
    assert await bench.found() == []


class TestReversals:
    async def test_one_that_both_know_is_no_difference(self, bench: Bench) -> None:
        bench.books.charge("T1", state="reversed")
        bench.bill(line("T1"), line("T1", kind="reversal", fee=-6))
        report = await bench.run()

        assert [found[1:3] for found in await bench.found()] == [("payment", "undone"), ("reversal", "fee")]
        assert report.proved

    async def test_one_whose_money_our_books_still_have(self, bench: Bench) -> None:
        bench.books.charge("T1")
        bench.books.charge("T2")
        bench.bill(line("T1"), line("T1", kind="reversal", fee=0), line("T2", kind="reversal", fee=0))
        report = await bench.run()

        assert [found[1:4] for found in await bench.found()] == [
            ("payment", "state", "T2"),
            ("reversal", "state", "T1"),
        ]
        assert report.proved

    async def test_one_that_only_the_bill_has(self, bench: Bench) -> None:
        bench.bill(line("T1", kind="reversal", fee=0))
        report = await bench.run()

        assert await bench.kinds() == [("missing_here", "open")]
        assert report.proved


class TestReceiptsInSuspense:
    async def test_money_of_an_unknown_order_is_known_by_its_transaction(self, bench: Bench) -> None:
        bench.books.hold("T1")
        bench.bill(line("T1"))

        assert (await bench.run()).state == "balanced"

    async def test_a_second_transaction_for_one_number(self, bench: Bench) -> None:
        bench.books.charge("T1")
        bench.books.hold("T1", 1_000, tx="tx-second")
        bench.bill(line("T1"), line("T1", transaction_id="tx-second"))
        report = await bench.run()

        assert (report.state, await bench.found()) == ("balanced", [])

    async def test_a_second_transaction_that_we_do_not_have(self, bench: Bench) -> None:
        bench.books.charge("T1")
        bench.bill(line("T1"), line("T1", transaction_id="tx-second"))
        report = await bench.run()

        assert await bench.kinds() == [("missing_here", "open")]
        assert report.proved

    async def test_a_late_payment_is_one_receipt(self, bench: Bench) -> None:
        bench.books.charge("T1")
        bench.books.hold("T1")
        bench.bill(line("T1"))

        assert (await bench.run()).state == "balanced"


class TestMidnight:
    async def test_a_payment_of_the_last_second_waits_for_the_next_bill(self, bench: Bench) -> None:
        bench.books.charge("T1", at=at("23:59:59"))
        bench.books.charge("T2")
        bench.bill(line("T2"))
        report = await bench.run()
        assert (await bench.kinds(), report.state) == ([("missing_at_gateway", "pooled")], "waiting")
        assert report.proved

        bench.travel(1)
        bench.bill(line("T1", at=at("00:00:01", NEXT.day)), day=NEXT)
        after = await bench.run(NEXT)
        assert after.balanced and await bench.kinds(NEXT) == [("timing", "paired")]
        assert (await bench.run()).balanced
        assert await bench.kinds() == [("timing", "paired")]

    async def test_after_three_days_it_is_a_difference(self, bench: Bench) -> None:
        bench.books.charge("T1", at=at("23:59:59"))
        bench.bill()
        for _ in range(4):
            await bench.run()
            assert await bench.kinds() == [("missing_at_gateway", "pooled")]
            bench.travel(1)
        await bench.run()

        assert await bench.kinds() == [("missing_at_gateway", "open")]
        assert await bench.world.cases() == ["reconciliation"]

    async def test_a_line_of_the_first_second_waits_for_its_notice(self, bench: Bench) -> None:
        bench.bill(line("T1", at=at("00:00:01")))
        assert (await bench.run()).state == "waiting"
        bench.books.charge("T1", at=at("00:00:01"))

        assert (await bench.run()).state == "balanced"
        assert await bench.found() == []

    async def test_noon_does_not_wait(self, bench: Bench) -> None:
        bench.books.charge("T1", at=at("12:00:00"))
        bench.bill()
        await bench.run()

        assert await bench.kinds() == [("missing_at_gateway", "open")]

    async def test_a_pair_of_two_days_that_differs_is_still_a_difference(self, bench: Bench) -> None:
        bench.books.charge("T1", at=at("23:59:59"))
        bench.bill()
        bench.bill(line("T1", 900, at=at("00:00:01", NEXT.day)), day=NEXT)
        bench.travel(1)
        reports = await bench.run(), await bench.run(NEXT)
        await bench.run()

        assert await bench.kinds(NEXT) == [("amount", "open"), ("timing", "paired")]
        assert all(report.proved for report in reports)


class TestAgain:
    async def test_a_rerun_changes_nothing(self, bench: Bench) -> None:
        bench.books.charge("T1", at=at("23:59:59"))
        bench.books.charge("T2")
        bench.bill(line("T2", 900), line("T3"), line("T3"))
        await bench.run()
        before = [dict(row) for row in await bench.world.rows("SELECT * FROM recon_differences ORDER BY id")]
        jobs, audited = await bench.count("outbox"), await bench.count("audit")
        await bench.run()
        after = [dict(row) for row in await bench.world.rows("SELECT * FROM recon_differences ORDER BY id")]

        assert len(before) == 4
        assert [{**row, "seen": 0} for row in after] == [{**row, "seen": 0} for row in before]
        assert (await bench.count("outbox"), await bench.count("audit")) == (jobs, audited)
        assert await bench.count("statement_lines") == 3

    async def test_what_was_credited_meanwhile_is_void_and_counts_no_more(self, bench: Bench) -> None:
        bench.bill(line("T1"))
        await bench.run()
        bench.books.charge("T1")

        assert (await bench.run()).balanced
        assert [found[4] for found in await bench.found(void=True)] == ["void"]

    async def test_what_comes_back_is_open_again_and_told_again(self, bench: Bench) -> None:
        bench.bill(line("T1", 900))
        bench.books.charge("T1")
        await bench.run()
        bench.bill(line("T1"))
        await bench.room.fetch(MAIN, "ann")
        assert (await bench.run()).balanced
        bench.bill(line("T1", 900))
        await bench.room.fetch(MAIN, "ann")
        await bench.run()

        assert await bench.kinds() == [("amount", "open")]
        assert len(await bench.world.jobs("case")) == 2

    async def test_other_sums_open_what_was_explained(self, bench: Bench) -> None:
        bench.bill(line("T1", 900))
        bench.books.charge("T1")
        await bench.run()
        await bench.world.execute("UPDATE recon_differences SET state = 'explained', disposition = 'x'")
        assert (await bench.run()).balanced
        bench.bill(line("T1", 800))
        await bench.room.fetch(MAIN, "ann")

        assert (await bench.run()).state == "open"
        assert (await bench.world.rows("SELECT disposition FROM recon_differences"))[0]["disposition"] is None

    async def test_a_flood_does_not_bury_the_desk(self, bench: Bench) -> None:
        bench.bill(*[line(f"T{number}") for number in range(250)])
        report = await bench.run()

        assert (report.unexplained, len(await bench.world.jobs("case"))) == (250, 200)


class TestDoors:
    async def test_today_is_not_over(self, bench: Bench) -> None:
        with pytest.raises(BadRequest, match="day_not_over"):
            await bench.run(NEXT)

    async def test_a_day_without_a_bill_waits_for_it(self, bench: Bench) -> None:
        with pytest.raises(GatewayTrouble):
            await bench.run()
        with pytest.raises(NotFound, match="day_unknown"):
            await bench.room.report(MAIN)
        bench.bill()

        assert (await bench.run()).balanced

    async def test_a_gateway_without_bills_says_what_to_do(self, bench: Bench) -> None:
        bench.gateway.can = frozenset()

        with pytest.raises(Conflict, match="statement_missing"):
            await bench.run()

    async def test_other_accounts_are_left_alone(self, bench: Bench) -> None:
        bench.books.charge("T1")
        await bench.books.put(bench.database)
        bench.books = replace(bench.books, charges=[])
        bench.bill(line("T1"))
        report = await bench.run(AccountDay("scripted", "other", DAY))

        assert [each.kind for each in report.differences] == ["missing_here"] and report.proved
