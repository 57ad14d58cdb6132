"""The fund-flow bill and the bank's arrival against the trade bill: what moved must be what was traded."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bot.kernel.errors import BadRequest
from bot.payments.faculties import FlowLine
from bot.payments.reconciliation.arrivals import Arrival, read
from bot.payments.reconciliation.days import AccountDay
from tests.payments.reconciliation.bills import DAY, MAIN, NEXT, Bench, BillFlows, at, line, refund_line


def moved(number: str, amount: int, kind: Any = "payment", **more: Any) -> FlowLine:
    flow_no = more.pop("flow_no", f"F{number}{kind}")
    return FlowLine(more.pop("at", at()), flow_no, f"tx-{number}", kind, amount, None, kind, reference=number, **more)


@pytest.fixture
def flowing(bench: Bench) -> Bench:
    """Two payments with a fee each and a refund that both bills have."""
    bench.gateway.flows = BillFlows(bench.gateway)
    for number in ("T1", "T2"):
        bench.books.charge(number)
    bench.books.refund("R1")
    bench.bill(line("T1"), line("T2"), refund_line("R1"))
    bench.gateway.movements[DAY] = [
        moved("T1", 1_000),
        moved("T1", -6, "fee"),
        moved("T2", 1_000),
        moved("T2", -6, "fee"),
        moved("R1", -300, "refund"),
        moved("R1", 2, "fee_returned"),
        moved("W", -700, "withdrawal"),
    ]
    return bench


async def test_movements_that_agree(flowing: Bench) -> None:
    report = await flowing.run()
    flow = next(each for each in report.sums if each.measure == "flow")

    assert report.balanced and (flow.ours, flow.theirs) == (1_690, 1_690)


@pytest.mark.parametrize(
    ("place", "instead", "kind"),
    [
        (0, [], "flow_amount"),
        (slice(0, 2), [], "flow_missing"),
        (0, [moved("T1", 999)], "flow_amount"),
        (1, [moved("T1", -7, "fee")], "flow_amount"),
        (4, [moved("R1", -301, "refund")], "flow_amount"),
        (6, [moved("T9", 5)], "flow_extra"),
    ],
)
async def test_movements_that_differ(flowing: Bench, place: Any, instead: list[FlowLine], kind: str) -> None:
    movements = flowing.gateway.movements[DAY]
    if isinstance(place, slice):
        movements[place] = instead
    else:
        movements[place : place + 1] = instead
    report = await flowing.run()

    assert await flowing.kinds() == [(kind, "open")]
    assert report.proved and not report.balanced


async def test_money_that_moved_on_another_day(flowing: Bench) -> None:
    movements = flowing.gateway.movements
    movements[NEXT.day] = movements[DAY][2:4]
    del movements[DAY][2:4]
    flowing.bill(day=NEXT)
    flowing.travel(1)
    await flowing.run(NEXT)
    report = await flowing.run()

    assert report.balanced and await flowing.kinds() == [("timing", "paired")]
    assert (await flowing.run(NEXT)).balanced


async def test_a_missing_flow_bill_keeps_no_trade_bill_from_being_compared(flowing: Bench) -> None:
    del flowing.gateway.movements[DAY]
    flowing.bill(line("T1"), line("T2"), refund_line("R1"), line("T3"))
    ran = await flowing.room.run(MAIN)

    assert (ran.report.state, ran.trouble) == ("open", "statement_unavailable")
    row = await flowing.room.board.show(MAIN)
    assert row is not None and (row["tries"], row["owner"]) == (1, None)


class TestArrivals:
    def arrival(self, amount: int, reference: str = "B1", day: AccountDay = MAIN) -> Arrival:
        return Arrival(day, amount, reference)

    async def test_what_arrives_is_the_net_of_the_bill(self, flowing: Bench) -> None:
        await flowing.room.arrivals([self.arrival(1_000), self.arrival(690, "B2")], "ann")
        report = await flowing.run()
        arrived = next(each for each in report.sums if each.measure == "arrival")

        assert report.balanced and (arrived.ours, arrived.theirs) == (1_690, 1_690)

    async def test_another_sum_and_none(self, flowing: Bench) -> None:
        await flowing.room.arrivals([self.arrival(1_600)], "ann")
        report = await flowing.run()
        assert await flowing.kinds() == [("arrival", "open")] and report.proved

        flowing.bill(line("T7"), day=NEXT)
        flowing.gateway.movements[NEXT.day] = [moved("T7", 994)]
        flowing.books.charge("T7", at=at(day=NEXT.day))
        flowing.travel(1)
        assert (await flowing.run(NEXT)).state == "waiting"
        assert await flowing.kinds(NEXT) == [("arrival_missing", "pooled")]
        flowing.travel(5)
        assert (await flowing.run(NEXT)).state == "open"

    async def test_the_same_list_twice_changes_nothing_and_another_sum_is_refused(self, flowing: Bench) -> None:
        first = await flowing.room.arrivals([self.arrival(1_690)], "ann")
        again = await flowing.room.arrivals([self.arrival(1_690)], "ann")
        assert ((first.new, first.known), (again.new, again.known)) == ((1, 0), (0, 1))

        with pytest.raises(BadRequest, match="arrival_differs"):
            await flowing.room.arrivals([self.arrival(1, "B9"), self.arrival(1_691)], "ann")
        assert await flowing.count("arrivals") == 1

    async def test_a_new_arrival_has_its_day_looked_at_again(self, flowing: Bench) -> None:
        await flowing.run()
        assert await flowing.room.work() == 0
        await flowing.room.arrivals([self.arrival(1_690)], "ann")

        assert await flowing.room.work() == 1

    def test_the_bank_s_list_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "bank.csv"
        path.write_text(
            "gateway,account,day,amount,reference\nscripted,main,2026-11-20,16.90,B1\n", encoding="utf-8-sig"
        )

        assert read(path) == [Arrival(AccountDay("scripted", "main", date(2026, 11, 20)), 1_690, "B1")]

    @pytest.mark.parametrize(
        "text",
        [
            "gateway,account,day,amount\n",
            "gateway,account,day,amount,reference\ns,m,2026-11-20,-1,B1\n",
            "gateway,account,day,amount,reference\ns,m,2026-11-20,1.234,B1\n",
            "gateway,account,day,amount,reference\ns,m,yesterday,1,B1\n",
            "gateway,account,day,amount,reference\ns,m,2026-11-20,1,=B1\n",
        ],
    )
    def test_a_list_that_is_none_is_refused_whole(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "bank.csv"
        path.write_text(text)

        with pytest.raises(BadRequest):
            read(path)
