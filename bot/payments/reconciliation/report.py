"""The daily report: proves that ours plus what differs is theirs, to the fen, and says what is not explained yet."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, LiteralString

from bot.kernel.errors import NotFound
from bot.kernel.money import format_yuan
from bot.payments.reconciliation import differences, pairs, shares
from bot.payments.reconciliation.arrivals import Arrivals
from bot.payments.reconciliation.board import Board
from bot.payments.reconciliation.days import AccountDay, Terms
from bot.payments.reconciliation.differences import Difference
from bot.payments.reconciliation.flows import CURRENCY, FlowMatch
from bot.payments.reconciliation.shares import MEASURES
from bot.storage.port import Database, Row

SHOWN_MAX: Final = 200
# Steps of a sum are larger than those of a comparison: nothing is looked up for their rows.
_SUM_STEP: Final = 50_000
_TRADES: Final = ("payment", "refund", "reversal")

_BILL: Final = """
SELECT id, version, digest, lines, source FROM statements
WHERE gateway = $1 AND account = $2 AND day = $3 AND kind = $4 AND state = 'ready'
"""
# What each side's currency contributes, by how far it is explained; a row is counted on both of its sides.
_EXPLAINED: Final = """
SELECT measure, kind, state, currency, CAST(SUM(amount) AS BIGINT) AS amount, CAST(SUM(fee) AS BIGINT) AS fee,
  CAST(SUM(one) AS BIGINT) AS count
FROM (
  SELECT measure, kind, state, currency, theirs AS amount, theirs_fee AS fee, 1 AS one FROM recon_differences
  WHERE gateway = $1 AND account = $2 AND day = $3 AND state <> 'void'
  UNION ALL
  SELECT measure, kind, state, ours_currency, -ours, -ours_fee, 0 FROM recon_differences
  WHERE gateway = $1 AND account = $2 AND day = $3 AND state <> 'void') AS sides
GROUP BY measure, kind, state, currency ORDER BY measure, kind, state, currency
"""
_STATES: Final[Mapping[str, str]] = {
    "paired": "explained",
    "explained": "explained",
    "pooled": "waiting",
    "open": "open",
    "working": "open",
}


@dataclass(frozen=True, slots=True)
class Sum:
    """One measure in one currency, in fen: ``theirs = ours + explained + waiting + open`` is what is to be proved."""

    measure: str
    currency: str
    ours: int
    theirs: int
    ours_count: int
    theirs_count: int
    explained: int = 0
    waiting: int = 0
    open: int = 0

    @property
    def proved(self) -> bool:
        return self.theirs == self.ours + self.explained + self.waiting + self.open


@dataclass(frozen=True, slots=True)
class Counted:
    """How many differences of one kind stand in one state."""

    measure: str
    kind: str
    state: str
    count: int


@dataclass(frozen=True, slots=True)
class Report:
    """One day of one account. ``fees_compared`` says whether a rate was agreed for it."""

    day: AccountDay
    state: str
    lines: int
    version: int
    digest: str
    fees_compared: bool
    sums: tuple[Sum, ...]
    counts: tuple[Counted, ...]
    differences: tuple[Difference, ...]
    unexplained: int

    @property
    def proved(self) -> bool:
        """Whether every sum adds up; where one does not, the books moved since the day was compared."""
        return all(each.proved for each in self.sums)

    @property
    def balanced(self) -> bool:
        """Whether nothing is left to do."""
        return self.state == "balanced"


class Reports:
    """Computes reports afresh from the rows themselves, whatever the last run has written."""

    def __init__(self, database: Database, board: Board, flows: FlowMatch, terms: Terms) -> None:
        self._database = database
        self._board = board
        self._flows = flows
        self._terms = terms
        self.arrivals: Arrivals | None = None

    async def of(self, day: AccountDay) -> Report:
        """Return the report of a day; raises NotFound(``day_unknown``) for one that was never compared."""
        row, bill = await self._board.show(day), await self._database.row(_BILL, *day.row, "trade")
        if row is None or bill is None:
            raise NotFound("day_unknown", f"reconcile it first: python -m bot reconcile {day.gateway} {day.account}")
        parts = await self._database.rows(_EXPLAINED, *day.row)
        sums = tuple(_with(each, parts) for each in await self._sums(day, bill))
        counts = tuple(
            Counted(part["measure"], part["kind"], part["state"], part["count"]) for part in parts if part["count"]
        )
        unexplained = await differences.left(self._database, day)
        return Report(
            day=day,
            state=_state(row, counts, sums),
            lines=bill["lines"],
            version=bill["version"],
            digest=bill["digest"],
            fees_compared=self._terms.fee(day).rate is not None,
            sums=sums,
            counts=counts,
            differences=tuple(await differences.listed(self._database, day, SHOWN_MAX)),
            unexplained=unexplained,
        )

    async def net(self, day: AccountDay) -> AsyncIterator[tuple[str, int]]:
        """Yield what a day's bill comes to, by currency, in fen: settled payments less refunds, fees and shares."""
        bill = await self._database.row(_BILL, *day.row, "trade")
        lines = await self._lines(bill) if bill is not None else {}
        for currency in sorted({key[1] for key in lines}):
            yield currency, _net(lines, currency)

    async def _sums(self, day: AccountDay, bill: Row) -> list[Sum]:
        lines = await self._lines(bill)
        ours = await self._ours(day)
        currencies = sorted({key[1] for key in (*lines, *ours)})
        sums = [_sum(measure, each, ours, lines) for measure in ("payment", "refund") for each in currencies]
        # Most merchants share nothing, and their reports say nothing of it.
        shared = [measure for measure in MEASURES if any(key[0] == measure for key in (*lines, *ours))]
        sums += [_sum(measure, each, ours, lines) for measure in shared for each in currencies]
        if self._terms.fee(day).rate is not None:
            sums += [_fees(each, ours, lines) for each in currencies]
        flow = await self._flows.total(day, _SUM_STEP)
        if flow is not None:
            expected = _net(lines, CURRENCY, shares=False)
            count = sum(total["count"] for key, total in lines.items() if key[0] in _TRADES)
            sums.append(Sum("flow", CURRENCY, expected, flow[1], count, flow[0]))
        arrived = await self.arrivals.of_day(day) if self.arrivals is not None else None
        if arrived is not None:
            sums += [
                Sum("arrival", each, _net(lines, each), arrived.get(each, 0), 1, int(each in arrived))
                for each in sorted({*currencies, *arrived})
            ]
        return sums

    async def _lines(self, bill: Row) -> dict[tuple[str, str], dict[str, int]]:
        """Return the sums of a bill by kind and currency."""
        totals: dict[tuple[str, str], dict[str, int]] = {}
        for after in range(0, bill["lines"], _SUM_STEP):
            for row in await self._database.rows(pairs.SUM_LINES, bill["id"], after, after + _SUM_STEP):
                names = ("count", "amount", "fee", "shared", "settled")
                _add(totals, (row["kind"], row["currency"]), {name: row[name] for name in names})
        return totals

    async def _ours(self, day: AccountDay) -> dict[tuple[str, str], dict[str, int]]:
        """Return the sums of our own books, walked in steps of their own."""
        fees = self._terms.fee(day)
        rate = max(fees.bound, 0)
        walks: tuple[tuple[str, LiteralString, LiteralString, tuple[int, ...]], ...] = (
            ("payment", pairs.NEXT_CHARGE, pairs.SUM_CHARGES, (rate,)),
            ("payment", pairs.NEXT_SUSPENSE, pairs.SUM_SUSPENSE, (rate,)),
            ("refund", pairs.NEXT_GIVEN, pairs.SUM_GIVEN, (rate if fees.returned else 0,)),
            ("share", shares.NEXT_PART, shares.SUM_PARTS, ()),
            ("share_returned", shares.NEXT_BACK, shares.SUM_BACKS, ()),
        )
        totals: dict[tuple[str, str], dict[str, int]] = {}
        for measure, bound, query, rates in walks:
            begin = day.begin
            while begin < day.end:
                row = await self._database.row(bound, day.gateway, day.account, begin, day.end, _SUM_STEP)
                end = max(row["at"], begin + 1) if row is not None else day.end
                for part in await self._database.rows(query, day.gateway, day.account, begin, end, *rates):
                    names = ("count", "amount", "fee")
                    _add(totals, (measure, part["currency"]), {name: part[name] for name in names})
                begin = end
        return totals


def _add(totals: dict[tuple[str, str], dict[str, int]], key: tuple[str, str], part: Mapping[str, int]) -> None:
    into = totals.setdefault(key, dict.fromkeys(part, 0))
    for name, value in part.items():
        into[name] = into.get(name, 0) + value


def _of(totals: Mapping[tuple[str, str], Mapping[str, int]], kind: str, currency: str, name: str) -> int:
    return totals.get((kind, currency), {}).get(name, 0)


def _sum(
    measure: str,
    currency: str,
    ours: Mapping[tuple[str, str], Mapping[str, int]],
    lines: Mapping[tuple[str, str], Mapping[str, int]],
) -> Sum:
    return Sum(
        measure,
        currency,
        _of(ours, measure, currency, "amount"),
        _of(lines, measure, currency, "amount"),
        _of(ours, measure, currency, "count"),
        _of(lines, measure, currency, "count"),
    )


def _fees(
    currency: str,
    ours: Mapping[tuple[str, str], Mapping[str, int]],
    lines: Mapping[tuple[str, str], Mapping[str, int]],
) -> Sum:
    agreed = sum(_of(ours, kind, currency, "fee") for kind in _TRADES)
    told = sum(_of(lines, kind, currency, "fee") for kind in _TRADES)
    counts = [sum(_of(side, kind, currency, "count") for kind in _TRADES) for side in (ours, lines)]
    return Sum("fee", currency, agreed, told, counts[0], counts[1])


def _net(lines: Mapping[tuple[str, str], Mapping[str, int]], currency: str, *, shares: bool = True) -> int:
    kept = sum(_of(lines, kind, currency, "fee") for kind in _TRADES)
    shared = _shared(lines, currency) if shares else 0
    back = _of(lines, "refund", currency, "settled") + _of(lines, "reversal", currency, "settled")
    return _of(lines, "payment", currency, "settled") - back - kept - shared


def _shared(lines: Mapping[tuple[str, str], Mapping[str, int]], currency: str) -> int:
    """Return what was given to others, less what came back: by its own lines, else by what lines of payments tell."""
    if any((kind, currency) in lines for kind in MEASURES):
        return _of(lines, "share", currency, "amount") - _of(lines, "share_returned", currency, "amount")
    return sum(_of(lines, kind, currency, "shared") for kind in _TRADES)


def _with(total: Sum, parts: Sequence[Row]) -> Sum:
    """Return a sum with what its differences add up to; every measure but the bank's and the flow's may hold fees."""
    by_state = dict.fromkeys(("explained", "waiting", "open"), 0)
    for part in parts:
        if part["currency"] != total.currency:
            continue
        if total.measure == "fee":
            by_state[_STATES[part["state"]]] += part["fee"]
        elif part["measure"] == total.measure:
            by_state[_STATES[part["state"]]] += part["amount"]
    return Sum(
        total.measure,
        total.currency,
        total.ours,
        total.theirs,
        total.ours_count,
        total.theirs_count,
        **by_state,
    )


def _state(row: Row, counts: Sequence[Counted], sums: Sequence[Sum]) -> str:
    """Return ``balanced`` only where every difference is explained and every sum proved."""
    standing = {_STATES[each.state] for each in counts}
    if row["state"] != "matched":
        return "unmatched"
    if not all(each.proved for each in sums):
        return "unproved"
    return "open" if "open" in standing else "waiting" if "waiting" in standing else "balanced"


def as_json(report: Report) -> dict[str, Any]:
    """Return a report as plain values, amounts in fen."""
    facts = asdict(report)
    facts["day"] = {"gateway": report.day.gateway, "account": report.day.account, "day": report.day.text}
    facts["sums"] = [{**asdict(each), "proved": each.proved} for each in report.sums]
    return {**facts, "proved": report.proved, "balanced": report.balanced}


def as_text(report: Report) -> str:
    """Return a report for people, amounts in yuan."""
    head = f"{report.day.gateway} {report.day.account} {report.day.text}: {report.state}"
    rows = [head, f"bill of {report.lines} lines, version {report.version}, sha256 {report.digest[:16]}"]
    for each in report.sums:
        mark = "=" if each.proved else "NOT ="
        rows.append(
            f"{each.measure:8} {each.currency}  ours {format_yuan(each.ours)} ({each.ours_count})"
            f" + explained {format_yuan(each.explained)} + waiting {format_yuan(each.waiting)}"
            f" + open {format_yuan(each.open)} {mark} theirs {format_yuan(each.theirs)} ({each.theirs_count})"
        )
    if not report.fees_compared:
        rows.append("fees were not compared: no rate is agreed for this account")
    rows += [f"{each.count:6} {each.measure} {each.kind}: {each.state}" for each in report.counts]
    rows += [_told(each) for each in report.differences]
    if report.unexplained:
        rows.append(f"{report.unexplained} differences are not explained")
    return "\n".join(rows) + "\n"


def _told(each: Difference) -> str:
    fees = (
        f", fee {format_yuan(each.ours_fee)} / {format_yuan(each.theirs_fee)}"
        if each.ours_fee or each.theirs_fee
        else ""
    )
    note = f" ({each.disposition})" if each.disposition else ""
    return (
        f"  {each.state:9} {each.kind:24} {each.number}  ours {format_yuan(each.ours)} / "
        f"theirs {format_yuan(each.theirs)}{fees}{note}"
    )
