"""The report proves its sums afresh, and says so where they do not add up."""

import json

from bot.payments.reconciliation.days import Terms
from bot.payments.reconciliation.report import as_json, as_text
from bot.payments.reconciliation.room import Reconciliation
from tests.payments.reconciliation.bills import MAIN, Bench, at, line, refund_line


async def test_a_sum_that_does_not_add_up_is_never_balanced(bench: Bench) -> None:
    """The books moved after the day was compared: nothing is open, and still nothing is proved."""
    bench.books.charge("T1")
    bench.bill(line("T1"))
    assert (await bench.run()).balanced
    bench.books.charge("T2", 500)
    await bench.books.put(bench.database)
    report = await bench.room.report(MAIN)

    assert (report.state, report.proved, report.balanced, report.unexplained) == ("unproved", False, False, 0)
    assert "ours 15.00 (2) + explained 0.00 + waiting 0.00 + open 0.00 NOT = theirs 10.00 (1)" in as_text(report)


async def test_each_currency_has_sums_of_its_own(bench: Bench) -> None:
    bench.books.charge("T1", 700)
    bench.bill(line("T1", 700, currency="HKD"))
    report = await bench.run()
    sums = {(each.measure, each.currency): (each.ours, each.theirs, each.open) for each in report.sums}

    assert report.proved and not report.balanced
    assert sums["payment", "CNY"] == (700, 0, -700) and sums["payment", "HKD"] == (0, 700, 700)


async def test_a_day_whose_bill_changed_is_to_be_compared_again(bench: Bench) -> None:
    bench.bill()
    await bench.run()
    bench.bill(line("T1"))
    await bench.room.fetch(MAIN, "ann")

    assert (await bench.room.report(MAIN)).state == "unmatched"
    assert await bench.room.work() == 1
    assert (await bench.room.report(MAIN)).state == "open"


async def test_text_and_json_tell_the_same(bench: Bench) -> None:
    bench.books.charge("T1")
    bench.books.charge("T2", at=at("23:59:59"))
    bench.bill(line("T1", 1_100), refund_line("R9"))
    report = await bench.run()
    told = json.loads(json.dumps(as_json(report)))
    text = as_text(report)

    assert told["day"] == {"gateway": "scripted", "account": "main", "day": "2026-11-20"}
    assert (told["state"], told["unexplained"], told["proved"]) == ("open", 3, True)
    payment = next(each for each in told["sums"] if each["measure"] == "payment")
    assert (payment["ours"], payment["open"], payment["waiting"], payment["theirs"]) == (2_000, 100, -1_000, 1_100)
    assert "payment  CNY  ours 20.00 (2) + explained 0.00 + waiting -10.00 + open 1.00 = theirs 11.00 (1)" in text
    assert "open      amount                   T1  ours 10.00 / theirs 11.00, fee 0.06 / 0.07" in text
    assert text.endswith("3 differences are not explained\n")


async def test_without_an_agreed_rate_fees_are_not_compared_and_it_is_said(bench: Bench) -> None:
    bench.room = Reconciliation(bench.database, bench.world.clock, bench.world.payments, Terms())
    bench.books.charge("T1")
    bench.bill(line("T1", fee=99), line("T1", fee=99, kind="reversal", transaction_id="tx-2"))
    report = await bench.run()

    assert await bench.kinds() == [("state", "open")]
    assert report.proved and {each.measure for each in report.sums} == {"payment", "refund"}
    assert "fees were not compared: no rate is agreed for this account" in as_text(report)
