"""Shares and their returns are compared in both directions, by numbers of either kind, and belong to the proof."""

import itertools
import random
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.kernel.clock import ManualClock
from bot.kernel.errors import BadRequest
from bot.payments.facts import StatementLine
from bot.payments.faculties import FlowLine
from bot.payments.reconciliation.days import Terms
from bot.payments.reconciliation.dispositions import choices, dispose_in
from bot.payments.reconciliation.room import Reconciliation
from bot.storage.port import Database
from tests.payments.reconciliation.bills import DAY, MAIN, NEXT, Bench, BillGateway, Books, at, line, share_line
from tests.payments.world import build

LATE, EARLY = at("23:59:30"), at("00:00:20", NEXT.day)
TOMORROW = DAY + timedelta(days=1)
_examples = itertools.count(1)
Expected = tuple[str, str, str, str, str]


def back_line(number: str, amount: int = 40, **more: Any) -> StatementLine:
    return share_line(number, amount, kind="share_returned", **more)


def paid(number: str, **more: Any) -> StatementLine:
    """The line of the payment that was shared."""
    return line(f"{number}T", 10_000, **more)


async def test_shares_that_agree_leave_no_difference(bench: Bench) -> None:
    bench.books.share("S1", 100, 50, back=[("B1", 40, at())])
    bench.bill(paid("S1"), share_line("S1", 100), share_line("S1", 50), back_line("B1"))

    report = await bench.run()

    assert (report.state, await bench.found()) == ("balanced", [])
    sums = {each.measure: (each.ours, each.theirs, each.ours_count) for each in report.sums}
    assert (sums["share"], sums["share_returned"]) == ((150, 150, 2), (40, 40, 1))


async def test_a_bill_may_name_shares_by_their_payment_alone(bench: Bench) -> None:
    """As Alipay's does: the lines of one trade are one sum, each way."""
    bench.books.share("S1", 100, 50, back=[("B1", 40, at()), ("B2", 10, at())])
    by_trade = {"out_order_no": "", "out_trade_no": "S1T"}
    shares = [share_line("a", 100, **by_trade), share_line("b", 50, **by_trade)]
    bench.bill(paid("S1"), *shares, back_line("c", 40, **by_trade), back_line("d", 10, **by_trade))
    assert (await bench.run()).balanced

    bench.bill(paid("S1"), *shares, back_line("c", 40, **by_trade))
    await bench.room.fetch(MAIN, "ann")
    report = await bench.run()
    assert await bench.found() == [(MAIN.text, "share_returned", "amount", "S1T", "open")]
    assert report.proved


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], [("share", "missing_at_gateway", "S1"), ("share_returned", "missing_at_gateway", "B1")]),
        ([share_line("S1", 101), share_line("S1", 50), back_line("B1")], [("share", "amount", "S1")]),
        ([share_line("S1", 100), back_line("B1")], [("share", "amount", "S1")]),
        ([share_line("S1", 150), back_line("B1", 41)], [("share_returned", "amount", "B1")]),
        ([share_line("S1", 150), share_line("S1", 150), back_line("B1")], [("share", "duplicate", "S1")]),
        ([share_line("S1", 150), share_line("S9"), back_line("B1")], [("share", "missing_here", "S9")]),
        ([share_line("S1", 150), back_line("B9"), back_line("B1")], [("share_returned", "missing_here", "B9")]),
        ([share_line("S1", 150, currency="HKD"), back_line("B1")], [("share", "currency", "S1")]),
    ],
)
async def test_shares_that_differ(bench: Bench, lines: list[StatementLine], expected: list[tuple[str, ...]]) -> None:
    bench.books.share("S1", 100, 50, back=[("B1", 40, at())])
    bench.bill(paid("S1"), *lines)
    report = await bench.run()

    assert [found[1:4] for found in await bench.found()] == expected
    assert report.proved and not report.balanced


async def test_what_the_bill_counts_and_we_do_not_yet_may_wait(bench: Bench) -> None:
    bench.books.share("S1", 100, states=["pending"], state="unknown")
    bench.books.share("S2", 100, states=["failed"])
    bench.books.share("S3", 100, back=[("B3", 40, None)])
    bench.bill(
        *(paid(f"S{number}") for number in (1, 2, 3)),
        *(share_line(f"S{number}") for number in (1, 2, 3)),
        back_line("B3"),
    )
    report = await bench.run()

    assert [found[1:] for found in await bench.found()] == [
        ("share", "state", "S1", "pooled"),
        ("share", "state", "S2", "open"),
        ("share_returned", "state", "B3", "pooled"),
    ]
    assert report.proved


async def test_around_midnight_the_two_days_cancel(bench: Bench) -> None:
    """Ours on the first day, theirs on the second; and a split whose parts fall on both."""
    bench.books.share("S1", 100, at=LATE)
    bench.books.share("S2", 70, 30, at=at(), moments=[LATE, EARLY])
    bench.bill(paid("S1", at=LATE), paid("S2"), share_line("S2", 70, at=LATE), share_line("S2", 30, at=LATE))
    first = await bench.run()
    assert await bench.kinds() == [("missing_at_gateway", "pooled"), ("timing", "paired")]
    assert first.proved

    bench.travel(1)
    bench.bill(share_line("S1", at=EARLY), day=NEXT)
    reports = [await bench.run(NEXT), await bench.run()]
    assert [report.state for report in reports] == ["balanced", "balanced"]
    assert await bench.found() == [
        (MAIN.text, "share", "timing", "S1", "paired"),
        (MAIN.text, "share", "timing", "S2", "paired"),
        (NEXT.text, "share", "timing", "S1", "paired"),
        (NEXT.text, "share", "timing", "S2", "paired"),
    ]


async def test_a_share_of_another_account_is_no_answer(bench: Bench) -> None:
    bench.books.account = "other"
    bench.books.share("S1", 100)
    bench.bill(share_line("S1"))
    await bench.run()

    assert await bench.found() == [(MAIN.text, "share", "missing_here", "S1", "open")]


async def test_a_share_is_no_trade_of_the_other_comparisons(bench: Bench) -> None:
    """A line that bears the number of a payment neither lists that payment nor moves a trade's money."""
    bench.books.share("S1", 100)
    named = {"out_order_no": "", "out_trade_no": "S1T"}
    bench.bill(share_line("a", 100, **named, transaction_id="tx-S1T"))
    bench.gateway.movements[DAY] = [
        FlowLine(at(), "f1", "tx-S1T", "payment", 10_000, None, "交易", reference="S1T"),
        FlowLine(at(), "f2", "tx-S1T", "share", -100, None, "分账", reference="S1T"),
    ]
    bench.gateway.__post_init__()
    report = await bench.run()

    assert [found[1:4] for found in await bench.found()] == [
        ("flow", "flow_extra", "f1"),
        ("payment", "missing_at_gateway", "S1T"),
    ]
    assert report.proved


async def test_what_arrives_is_what_shares_leave(bench: Bench) -> None:
    """Where a bill lists shares themselves, what lines of payments tell of them is the same money."""
    bench.books.share("S1", 100, back=[("B1", 40, at())])
    bench.bill(paid("S1", fee=0, shared=60), share_line("S1", 100), back_line("B1"))
    await bench.run()
    assert [amount async for amount in bench.room._reports.net(MAIN)] == [("CNY", 10_000 - 100 + 40)]

    bench.bill(paid("S1", fee=0, shared=60))
    await bench.room.fetch(MAIN, "ann")
    assert [amount async for amount in bench.room._reports.net(MAIN)] == [("CNY", 10_000 - 60)]


async def test_a_rerun_changes_nothing_however_small_the_steps(bench: Bench) -> None:
    terms = Terms(fees=bench.room._terms.fees, step=1)
    for number in range(4):
        bench.books.share(f"S{number}", 100, 50, back=[(f"B{number}", 40, at())])
    lines = [share_line(f"S{number}", amount) for number in range(3) for amount in (100, 50)]
    bench.bill(*(paid(f"S{number}") for number in range(4)), *lines, back_line("B0", 41))
    await bench.run()
    once = await bench.world.rows("SELECT * FROM recon_differences ORDER BY id")
    bench.room = Reconciliation(bench.database, bench.world.clock, bench.world.payments, terms)
    again = await bench.run()
    twice = await bench.world.rows("SELECT * FROM recon_differences ORDER BY id")

    assert [dict(row) | {"seen": 0} for row in once] == [dict(row) | {"seen": 0} for row in twice]
    assert len(once) == 5
    assert again.proved


def test_a_share_has_decisions_of_its_own() -> None:
    wanted = {"ask_share", "explained_by_gateway", "wait"}
    assert set(choices("state", "share")) == set(choices("amount", "share_returned")) == wanted
    assert set(choices("missing_here", "share")) == {"explained_by_gateway", "wait"}
    assert "ask_share" not in {*choices("state", "refund"), *choices("amount", "payment")}


async def test_nobody_can_credit_a_share(bench: Bench) -> None:
    bench.bill(share_line("S9"))
    await bench.run()
    [row] = await bench.world.rows("SELECT id FROM recon_differences")

    with pytest.raises(BadRequest):
        await bench.database.effect(
            lambda tx: dispose_in(
                tx,
                row["id"],
                "to_suspense",
                proposed_by="ann",
                approved_by="bob",
                note="",
                now=bench.world.clock.now(),
                terms=Terms(),
            )
        )


# --- seeded ----------------------------------------------------------------------------------------------------------


class Seed:
    """Two days of shares of one account, drawn from a seed, and what must be found in them."""

    def __init__(self, seed: int, example: int) -> None:
        self.chance = random.Random(seed)
        self.books = Books(account=f"acs{example}")
        self.prefix = f"F{example}N"
        self.lines: dict[date, list[StatementLine]] = {DAY: [], TOMORROW: []}
        self.expected: set[Expected] = set()
        # Whether this gateway names shares by our numbers of them, or by their payments.
        self.by_trade = self.chance.random() < 0.5
        self._numbers = itertools.count(1)
        for _ in range(self.chance.randrange(12)):
            self._plant(self.chance.choice(("agree", "agree", "missing", "extra", "amount", "duplicate", "later")))
        for lines in self.lines.values():
            self.chance.shuffle(lines)

    def _plant(self, kind: str) -> None:
        number = f"{self.prefix}{next(self._numbers)}"
        amounts = [self.chance.randrange(1, 900) for _ in range(self.chance.choice((1, 2, 3)))]
        given = self.chance.randrange(1, amounts[0] + 1)
        ours = TOMORROW if kind == "later" else DAY
        self.books.share(number, *amounts, at=self.moment(ours), back=[(f"{number}B", given, self.moment(ours))])
        self.lines[ours].append(line(f"{number}T", 10_000, at=at("03:00:00", ours)))
        shares = [self.line("share", number, amount, place) for place, amount in enumerate(amounts)]
        backs = [self.line("share_returned", number, given, 9)]
        # One of the two directions is spoilt, the other one agrees.
        measure, spoilt = self.chance.choice((("share", shares), ("share_returned", backs)))
        name = f"{number}T" if self.by_trade else f"{number}B" if measure == "share_returned" else number
        match kind:
            case "missing":
                spoilt.clear()
                unlisted = f"{number}B" if measure == "share_returned" else number
                self.must(DAY, measure, "missing_at_gateway", unlisted)
            case "extra":
                spoilt.append(self.line(measure, f"{number}X", 77, 0))
                foreign = f"{number}XT" if self.by_trade else f"{number}X{'B' * (measure == 'share_returned')}"
                self.must(DAY, measure, "missing_here", foreign)
            case "amount":
                spoilt.append(self.line(measure, number, 1, 8))
                self.must(DAY, measure, "amount", name)
            case "duplicate":
                spoilt.append(spoilt[0])
                self.must(DAY, measure, "duplicate", name)
            case "later":
                for day, where in ((DAY, name), (TOMORROW, name)):
                    self.must(day, measure, "timing", where, "paired")
        for lines in (shares, backs):
            self.lines[DAY if kind == "later" and lines is spoilt else ours].extend(lines)

    def line(self, kind: str, number: str, amount: int, place: int) -> StatementLine:
        ours = f"{number}B" if kind == "share_returned" else number
        named = {"out_trade_no": f"{number}T", "out_order_no": ""} if self.by_trade else {"out_order_no": ours}
        return share_line(ours, amount, kind=kind, refund_id=f"{kind}-{number}-{place}", **named)

    def moment(self, day: date) -> datetime:
        """Away from midnight, where nothing waits; a share and its return at one moment of the day or another."""
        return at("02:00:00", day) + timedelta(seconds=self.chance.randrange(20 * 3600 - 1))

    def must(self, day: date, measure: str, kind: str, number: str, state: str = "open") -> None:
        self.expected.add((day.isoformat(), measure, kind, number, state))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
async def test_every_planted_share_is_found_and_none_is_invented(
    database: Database, clock: ManualClock, seed: int
) -> None:
    planted = Seed(seed, next(_examples))
    gateway = BillGateway(clock)
    gateway.flows, gateway.bills = None, planted.lines
    world = build(database, clock, gateway=gateway)
    room = Reconciliation(database, clock, world.payments, Terms(step=planted.chance.choice((1, 3, 2_000))))
    await planted.books.put(database)
    if clock.now() < at("11:00:00", TOMORROW + timedelta(days=1)):
        clock.advance(86_400)
    days = [type(MAIN)("scripted", planted.books.account, day) for day in (DAY, TOMORROW)]
    for _ in range(2):
        reports = [(await room.run(day)).report for day in days]

    assert all(report.proved for report in reports)
    rows = await world.rows(
        "SELECT * FROM recon_differences WHERE account = $1 AND state <> 'void'", planted.books.account
    )
    found = [(row["day"], row["measure"], row["kind"], row["number"], row["state"]) for row in rows]
    assert (set(found), len(found)) == (planted.expected, len(planted.expected))
