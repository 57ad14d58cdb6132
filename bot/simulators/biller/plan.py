"""What a biller simulator is told before it starts: its accounts, its bills and how it misbehaves."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any, Protocol

GENERATED_ACCOUNT = re.compile(r"05\d{8}")
SURNAMES = "张王李赵刘陈杨黄周吴徐孙马朱胡"
GIVEN = "明华芳伟敏静丽强磊洋艳勇军杰娟"
MONTHS_BACK = 3


@dataclass(frozen=True, slots=True)
class Bill:
    """One bill; `amount` and `late_fee` in fen, what is due is their sum.

    `late_per_mille` of the amount are added for each day after the due day, up to the amount itself. `tiers` are
    further sums that pay it. `split` says how a treatment was shared: total, pool and personal fen. With `ticket`
    its payment gets a fiscal receipt.
    """

    bill_no: str
    period: str
    amount: int
    due_on: str
    late_fee: int = 0
    detail: Mapping[str, str] = field(default_factory=dict)
    paid: bool = False
    title: str = ""
    late_per_mille: int = 0
    tiers: tuple[int, ...] = ()
    split: Mapping[str, int] | None = None
    ticket: bool = False

    def late_on(self, day: date) -> int:
        """The late fee on a day in fen: the fixed one and what a daily one has grown to, never above the bill."""
        days = max((day - date.fromisoformat(self.due_on)).days, 0)
        return self.late_fee + min((self.amount * self.late_per_mille * days + 500) // 1000, self.amount)

    def takes(self, amount: int, days: tuple[date, ...]) -> bool:
        """Whether an amount pays it: what is due on one of the days, or one of its tiers."""
        return amount in self.tiers or any(amount == self.amount + self.late_on(day) for day in days)


class Source(Protocol):
    """Computes the bills of an account anew at every look; `opened` is when the biller started."""

    def bills(self, account: str, at: datetime, opened: datetime) -> tuple[Bill, ...]: ...


class Meter(Protocol):
    """Makes a bill of a sum that the customer named, or none where it does not take that sum."""

    def offer(self, number: str, amount: int, day: str) -> Bill | None: ...


@dataclass(frozen=True, slots=True)
class Account:
    """One customer's account; `name` and `address` are masked already, `balance` is prepaid fen.

    `fields` are what a query must bring to see it (city, the holder's name); other fields are ignored. `source`
    computes further bills, `meter` is what a second query is put to. A `slow` one is credited after a while, and
    from a `final` one no prepayment comes back.
    """

    account: str
    name: str
    address: str = ""
    item: str = ""
    balance: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)
    bills: tuple[Bill, ...] = ()
    source: Source | None = None
    meter: Meter | None = None
    slow: bool = False
    final: bool = False


@dataclass(frozen=True, slots=True)
class BillerPlan:
    """Everything that shapes a run. Delays are seconds; those marked real are not divided by the clock.

    With `generate` every account number 05 and eight digits exists, with bills that follow from the seed.
    `rates` gives probabilities by fault name (faults.py). `journal` names a JSON-lines file to which every
    settled and reversed line is appended.
    """

    code: str
    secret: str
    accounts: tuple[Account, ...] = ()
    generate: bool = True
    seed: int = 0
    faults_by_account: bool = True
    rates: Mapping[str, float] = field(default_factory=dict)
    latency: float = 0.0
    pending_seconds: float = 5.0
    hang_seconds: float = 30.0  # real: how long a lost answer keeps its connection
    journal: str | None = None

    def __post_init__(self) -> None:
        if len(self.secret) < 32:
            raise ValueError("a connector's secret has at least 32 characters")


def generated(plan: BillerPlan, number: str, today: date) -> Account | None:
    """The account that follows from seed and number, or None where there is none.

    Amounts are multiples of 50 fen, so neither a bill nor a sum of bills ends in the digits of a fault of
    the WeChat Pay simulator.
    """
    if not plan.generate or not GENERATED_ACCOUNT.fullmatch(number):
        return None
    dice = hashlib.sha256(f"{plan.seed}|{number}".encode()).digest()
    name = SURNAMES[dice[0] % len(SURNAMES)] + "*" + GIVEN[dice[1] % len(GIVEN)]
    address = f"…{dice[2] % 30 + 1}栋{dice[3] % 4 + 1}单元{dice[4] % 9 + 1}**"
    open_bills = dice[5] % MONTHS_BACK + 1
    months = [_months_before(today, back) for back in range(open_bills, 0, -1)]
    bills = tuple(_generated_bill(number, month, dice[6 + index]) for index, month in enumerate(months))
    return Account(account=number, name=name, address=address, item="electricity", bills=bills)


def plan_from_settings(settings: Mapping[str, Any]) -> BillerPlan:
    """A plan from a configuration file's section; raises ValueError for a key that is no field of the plan."""
    known = {entry.name for entry in fields(BillerPlan)}
    if unknown := set(settings) - known:
        raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
    return BillerPlan(**{**settings, "accounts": tuple(map(account_from, settings.get("accounts", ())))})


def account_from(facts: Mapping[str, Any]) -> Account:
    """An account from plain values; raises TypeError for unknown keys."""
    return Account(**{**facts, "bills": tuple(Bill(**bill) for bill in facts.get("bills", ()))})


def _generated_bill(number: str, month: date, dice: int) -> Bill:
    kilowatt_hours = 60 + dice
    period = f"{month:%Y-%m}"
    return Bill(
        bill_no=f"E{month:%Y%m}-{number}",
        period=period,
        amount=kilowatt_hours * 50,
        due_on=f"{_months_before(month, -1):%Y-%m}-20",
        detail={"用电量": f"{kilowatt_hours} 千瓦时"},
    )


def _months_before(day: date, months: int) -> date:
    """The first day of the month so many months earlier (later where negative)."""
    first = day.replace(day=1)
    for _ in range(abs(months)):
        first = (first - timedelta(days=1)).replace(day=1) if months > 0 else _next_month(first)
    return first


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)
