"""Books and bills with planted discrepancies of every kind: every one is found and named, and none is invented."""

import itertools
import random
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.kernel.clock import ManualClock
from bot.payments.facts import StatementLine
from bot.payments.reconciliation.days import AccountDay, FeeTerms, Terms
from bot.payments.reconciliation.room import Reconciliation
from bot.storage.port import Database
from tests.payments.reconciliation.bills import DAY, RATE, BillGateway, Books, at, line, refund_line
from tests.payments.world import build

TOMORROW = DAY + timedelta(days=1)
# (day, measure, kind, number, state once all is compared and no side can come any more)
Expected = tuple[str, str, str, str, str]
_examples = itertools.count(1)


class AllAlike(dict[tuple[str, str], FeeTerms]):
    """The same rate for every account: each example has one of its own."""

    def get(self, key: tuple[str, str], default: Any = None) -> FeeTerms:
        return RATE


class Seed:
    """Two days of one account, drawn from a seed, and what must be found in them."""

    def __init__(self, seed: int, example: int) -> None:
        self.chance = random.Random(seed)
        self.books = Books(account=f"acc{example}")
        self.prefix = f"E{example}N"
        self.lines: dict[date, list[StatementLine]] = {DAY: [], TOMORROW: []}
        self.expected: set[Expected] = set()
        self._numbers = itertools.count(1)
        for _ in range(self.chance.randrange(40)):
            self.chance.choice(ORDINARY)(self)
        for plant in PLANTS:
            for _ in range(self.chance.choice((0, 1, 1, 2))):
                plant(self)
        for lines in self.lines.values():
            self.chance.shuffle(lines)

    def number(self) -> str:
        return f"{self.prefix}{next(self._numbers)}"

    def amount(self) -> int:
        return self.chance.choice((1, 83, 84, 250, 1_000, self.chance.randrange(1, 500_000), 10_000_000))

    def moment(self, day: date = DAY) -> datetime:
        """Away from midnight, where nothing waits."""
        return at("02:00:00", day) + timedelta(seconds=self.chance.randrange(20 * 3600 - 1))

    def must(self, measure: str, kind: str, number: str, state: str = "open", day: date = DAY) -> None:
        self.expected.add((day.isoformat(), measure, kind, number, state))

    def list(self, *lines: StatementLine, day: date = DAY) -> None:
        self.lines[day].extend(lines)

    def both(self) -> tuple[str, int]:
        """A charge in our books that is paid."""
        number, amount = self.number(), self.amount()
        self.books.charge(number, amount, at=self.moment())
        return number, amount

    def given(self, state: str = "succeeded") -> tuple[str, int]:
        number, amount = self.number(), self.amount()
        self.books.refund(number, amount, at=self.moment(), state=state, of=f"{number}P")
        return number, amount


def _ordinary_payment(seed: Seed) -> None:
    number, amount = seed.both()
    seed.list(line(number, amount, at=seed.moment()))


def _ordinary_coupon(seed: Seed) -> None:
    number, amount = seed.number(), seed.amount()
    settled = seed.chance.randrange(amount + 1)
    seed.books.charge(number, amount, settled=settled, at=seed.moment())
    seed.list(line(number, amount, settlement_amount=settled, at=seed.moment(), fee=RATE.of_payment(settled)))


def _ordinary_refund(seed: Seed) -> None:
    number, amount = seed.given()
    seed.list(refund_line(number, amount, of=f"{number}P", at=seed.moment()))


def _ordinary_suspense(seed: Seed) -> None:
    number, amount = seed.number(), seed.amount()
    seed.books.hold(number, amount, at=seed.moment())
    seed.list(line(number, amount, at=seed.moment()))


def _ordinary_second(seed: Seed) -> None:
    number, amount = seed.both()
    seed.books.hold(number, amount, tx=f"second-{number}", at=seed.moment())
    seed.list(line(number, amount, at=seed.moment()), line(number, amount, transaction_id=f"second-{number}"))


def _ordinary_failures(seed: Seed) -> None:
    number, amount = seed.given("failed")
    seed.list(refund_line(number, amount, of=f"{number}P", state="FAIL", fee=0))
    seed.books.charge(seed.number(), amount, state="closed")


def _ordinary_day_later(seed: Seed) -> None:
    number, amount = seed.number(), seed.amount()
    seed.books.charge(number, amount, at=seed.moment(TOMORROW))
    seed.list(line(number, amount, at=seed.moment(TOMORROW)), day=TOMORROW)


def _missing_here(seed: Seed) -> None:
    number = seed.number()
    if seed.chance.random() < 0.5:
        seed.books.charge(number, 500, state=seed.chance.choice(("closed", "failed")), at=seed.moment())
    seed.list(line(number, seed.amount(), at=seed.moment()))
    seed.must("payment", "missing_here", number)


def _missing_at_gateway(seed: Seed) -> None:
    number, _ = seed.both()
    seed.must("payment", "missing_at_gateway", number)


def _suspense_missing(seed: Seed) -> None:
    number = seed.number()
    seed.books.hold(number, seed.amount(), at=seed.moment())
    seed.must("payment", "missing_at_gateway", number)


def _never_listed_at_midnight(seed: Seed) -> None:
    number = seed.number()
    seed.books.charge(number, seed.amount(), at=at("23:59:59"))
    seed.must("payment", "missing_at_gateway", number)


def _listed_tomorrow(seed: Seed) -> None:
    number, amount = seed.number(), seed.amount()
    seed.books.charge(number, amount, at=at("23:59:59"))
    seed.list(line(number, amount, at=at("00:00:02", TOMORROW)), day=TOMORROW)
    seed.must("payment", "timing", number, "paired")
    seed.must("payment", "timing", number, "paired", TOMORROW)


def _listed_tomorrow_with_another_amount(seed: Seed) -> None:
    number, amount = seed.number(), seed.amount()
    seed.books.charge(number, amount, at=at("23:59:59"))
    seed.list(line(number, amount + 1, at=at("00:00:02", TOMORROW)), day=TOMORROW)
    seed.must("payment", "timing", number, "paired")
    seed.must("payment", "timing", number, "paired", TOMORROW)
    seed.must("payment", "amount", number, "open", TOMORROW)


def _amount(seed: Seed) -> None:
    number, amount = seed.both()
    seed.list(line(number, amount + seed.chance.choice((1, 100, 9_999)), at=seed.moment()))
    seed.must("payment", "amount", number)


def _fee(seed: Seed) -> None:
    number, amount = seed.both()
    seed.list(line(number, amount, fee=RATE.of_payment(amount) + seed.chance.choice((-1, 1, 40))))
    seed.must("payment", "fee", number)


def _currency(seed: Seed) -> None:
    number, amount = seed.both()
    seed.list(line(number, amount, currency="HKD"))
    seed.must("payment", "currency", number)


def _transaction(seed: Seed) -> None:
    number, amount = seed.both()
    seed.list(line(number, amount, transaction_id=f"other-{number}"))
    seed.must("payment", "transaction", number)


def _settlement(seed: Seed) -> None:
    number, amount = seed.both()
    seed.list(line(number, amount, settlement_amount=amount + 1, fee=RATE.of_payment(amount + 1)))
    seed.must("payment", "settlement", number)


def _duplicate(seed: Seed) -> None:
    number, amount = seed.both()
    day = seed.chance.choice((DAY, TOMORROW))
    seed.list(line(number, amount))
    seed.list(line(number, amount, at=at("12:00:01", day)), day=day)
    seed.must("payment", "duplicate", number, "open", day)


def _reversed_there(seed: Seed) -> None:
    number, amount = seed.both()
    seed.list(line(number, amount, kind="reversal", fee=0))
    seed.must("payment", "state", number)


def _reversed_on_both_sides(seed: Seed) -> None:
    number, amount = seed.number(), seed.amount()
    seed.books.charge(number, amount, state="reversed", at=seed.moment())
    seed.list(line(number, amount), line(number, amount, kind="reversal", fee=0))
    seed.must("payment", "undone", number, "paired")


def _refund_missing_here(seed: Seed) -> None:
    number = seed.number()
    seed.list(refund_line(number, seed.amount(), of=f"{number}P"))
    seed.must("refund", "refund_missing_here", number)


def _refund_missing_at_gateway(seed: Seed) -> None:
    number, _ = seed.given()
    seed.must("refund", "refund_missing_at_gateway", number)


def _refund_amount(seed: Seed) -> None:
    number, amount = seed.given()
    seed.list(refund_line(number, amount + 1, of=f"{number}P"))
    seed.must("refund", "amount", number)


def _refund_state(seed: Seed) -> None:
    number, amount = seed.given(seed.chance.choice(("failed", "unknown", "pending", "abnormal")))
    seed.list(refund_line(number, amount, of=f"{number}P"))
    seed.must("refund", "state", number)


def _refund_failed_there(seed: Seed) -> None:
    number, amount = seed.given()
    seed.list(refund_line(number, amount, of=f"{number}P", state="FAIL", fee=0))
    seed.must("refund", "state", number)


def _refund_fee(seed: Seed) -> None:
    number, amount = seed.given()
    seed.list(refund_line(number, amount, of=f"{number}P", fee=RATE.of_refund(amount) + 5))
    seed.must("refund", "fee", number)


def _refund_fee_rounded(seed: Seed) -> None:
    number, amount = seed.given()
    seed.list(refund_line(number, amount, of=f"{number}P", fee=RATE.of_refund(amount) - 1))
    seed.must("refund", "fee", number, "paired")


def _refund_duplicate(seed: Seed) -> None:
    number, amount = seed.given()
    one = refund_line(number, amount, of=f"{number}P")
    seed.list(one, one)
    seed.must("refund", "duplicate", number)


def _refund_listed_the_day_after(seed: Seed) -> None:
    number, amount = seed.given()
    seed.list(refund_line(number, amount, of=f"{number}P", at=at("08:00:00", TOMORROW)), day=TOMORROW)
    seed.must("refund", "timing", number, "paired")
    seed.must("refund", "timing", number, "paired", TOMORROW)


Plant = Callable[[Seed], None]
ORDINARY: tuple[Plant, ...] = (
    _ordinary_payment,
    _ordinary_payment,
    _ordinary_coupon,
    _ordinary_refund,
    _ordinary_suspense,
    _ordinary_second,
    _ordinary_failures,
    _ordinary_day_later,
)
PLANTS: tuple[Plant, ...] = (
    _missing_here,
    _missing_at_gateway,
    _suspense_missing,
    _never_listed_at_midnight,
    _listed_tomorrow,
    _listed_tomorrow_with_another_amount,
    _amount,
    _fee,
    _currency,
    _transaction,
    _settlement,
    _duplicate,
    _reversed_there,
    _reversed_on_both_sides,
    _refund_missing_here,
    _refund_missing_at_gateway,
    _refund_amount,
    _refund_state,
    _refund_failed_there,
    _refund_fee,
    _refund_fee_rounded,
    _refund_duplicate,
    _refund_listed_the_day_after,
)


async def found(database: Database, account: str) -> AsyncIterator[Expected]:
    rows = await database.rows(
        "SELECT day, measure, kind, number, state FROM recon_differences WHERE account = $1 AND state <> 'void'",
        account,
    )
    for row in rows:
        yield row["day"], row["measure"], row["kind"], row["number"], row["state"]


@pytest.fixture
def late(clock: ManualClock) -> ManualClock:
    """After the pool: whatever can still come has come."""
    clock.advance(10 * 86_400)
    return clock


# A handful in an ordinary run, on both engines; the profile of ``--soak`` asks for thousands, of which some hundred do.
EXAMPLES = 300 if settings().max_examples > 1_000 else 8


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), step=st.sampled_from((7, 2_000)))
async def test_every_plant_is_found_and_none_is_invented(
    database: Database, late: ManualClock, seed: int, step: int
) -> None:
    planted = Seed(seed, next(_examples))
    gateway = BillGateway(late)
    gateway.flows, gateway.bills = None, planted.lines
    room = Reconciliation(database, late, build(database, late, gateway=gateway).payments, Terms(AllAlike(), step=step))
    await planted.books.put(database)
    days = [AccountDay("scripted", planted.books.account, day) for day in (DAY, TOMORROW)]
    # The first day is compared before and after the second one's bill is there.
    reports = [(await room.run(day)).report for day in (days[0], days[1], days[0])][1:]

    told = [each async for each in found(database, planted.books.account)]
    assert (set(told), len(told)) == (planted.expected, len(planted.expected))
    for report in reports:
        assert report.proved, report.sums
        assert report.balanced == (not any(state == "open" for day, *_, state in told if day == report.day.text))
