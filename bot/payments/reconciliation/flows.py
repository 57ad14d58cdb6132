"""Compares the trade bill with the movements of money on the gateway account (资金账单) of the same day."""

# ruff: noqa: S608 - Only fragments of this module are put into a query, when it is loaded.

from collections.abc import Sequence
from typing import Final

from bot.payments.reconciliation.days import AccountDay
from bot.payments.reconciliation.judging import Finding
from bot.storage.port import Database, Row

# What belongs to trades; withdrawals are the merchant's own business, and shares are compared by themselves.
_TRADES: Final = "('payment', 'refund', 'fee', 'fee_returned')"
_ID: Final = """
SELECT id, lines FROM statements WHERE gateway = $1 AND account = $2 AND day = $3 AND kind = $4 AND state = 'ready'
"""
_TRADED: Final = "('payment', 'refund', 'reversal')"
_MOVED: Final = f"""f.kind IN {_TRADES} AND f.number IN (l.number, CASE l.kind WHEN 'refund' THEN l.refund_id
      ELSE l.transaction_id END) AND CASE l.kind WHEN 'payment' THEN f.kind IN ('payment', 'fee')
      ELSE f.kind IN ('refund', 'fee_returned') END"""
# What a line should have moved: the settled amount in or out, less the fee. A copy of a line moves nothing.
_LINES: Final = f"""
SELECT * FROM (
  SELECT l.line_no, l.kind, l.number, l.out_trade_no, l.currency, l.at,
    CASE WHEN l.kind = 'payment' THEN COALESCE(l.settlement_amount, l.amount)
      WHEN l.outcome <> 'failed' THEN -COALESCE(l.settlement_amount, l.amount)
      ELSE 0 END - l.fee AS expected,
    (SELECT CAST(SUM(f.amount) AS BIGINT) FROM flow_lines f WHERE f.statement_id = $2 AND {_MOVED}) AS moved,
    (SELECT MIN(h.day) FROM flow_lines f JOIN statements h ON h.id = f.statement_id AND h.gateway = $5
      AND h.account = $6 AND h.kind = 'flow' AND h.state = 'ready' WHERE {_MOVED}) AS other_day,
    (SELECT COUNT(*) FROM statement_lines e WHERE e.number = l.number AND e.statement_id = $1 AND e.kind = l.kind
      AND COALESCE(e.transaction_id, '') = l.transaction_id AND +e.line_no < l.line_no) AS copy
  FROM statement_lines l
  WHERE l.statement_id = $1 AND l.line_no > $3 AND l.line_no <= $4 AND l.kind IN {_TRADED}
) AS own WHERE copy > 0 OR COALESCE(moved, 0) <> expected
ORDER BY line_no
"""
_LISTED: Final = f"""statement_lines l JOIN statements h ON h.id = l.statement_id AND h.gateway = $4 AND h.account = $5
      AND h.kind = 'trade' AND h.state = 'ready' WHERE l.kind IN {_TRADED} AND"""
_FLOWS: Final = f"""
SELECT * FROM (
  SELECT f.line_no, f.kind, f.number, f.flow_no, f.amount, f.at,
    COALESCE((SELECT MIN(h.day) FROM {_LISTED} l.number = f.number),
      (SELECT MIN(h.day) FROM {_LISTED} l.transaction_id = f.number AND f.number <> '')) AS other_day
  FROM flow_lines f WHERE f.statement_id = $1 AND f.line_no > $2 AND f.line_no <= $3 AND f.kind IN {_TRADES}
) AS own WHERE other_day IS NULL OR other_day <> $6
ORDER BY line_no
"""
_SUMS: Final = f"""
SELECT COUNT(*) AS count, CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS amount FROM flow_lines
WHERE statement_id = $1 AND line_no > $2 AND line_no <= $3 AND kind IN {_TRADES}
"""
# A fund-flow bill names no currency: an account has one.
CURRENCY: Final = "CNY"


class FlowMatch:
    """The two directions of the comparison; nothing is compared where either bill is missing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lines(self, day: AccountDay, after: int, step: int) -> tuple[int | None, Sequence[Finding]]:
        """Find trades of which another sum moved than they say, or none."""
        trade, flow = await self._bills(day)
        if trade is None or flow is None:
            return None, ()
        upto = after + step
        values = (trade["id"], flow["id"], after, upto, day.gateway, day.account)
        found = [_line(row, day) for row in await self._database.rows(_LINES, *values)]
        return (upto if upto < trade["lines"] else None), [each for each in found if each is not None]

    async def flows(self, day: AccountDay, after: int, step: int) -> tuple[int | None, Sequence[Finding]]:
        """Find movements that belong to no trade of the day."""
        trade, flow = await self._bills(day)
        if trade is None or flow is None:
            return None, ()
        upto = after + step
        rows = await self._database.rows(_FLOWS, flow["id"], after, upto, *day.row)
        return (upto if upto < flow["lines"] else None), [_flow(row) for row in rows]

    async def total(self, day: AccountDay, step: int) -> tuple[int, int] | None:
        """Return how many movements belong to trades and their sum in fen; None where there is no fund-flow bill."""
        _, flow = await self._bills(day)
        if flow is None:
            return None
        count = total = 0
        for after in range(0, max(flow["lines"], 1), step):
            row = await self._database.row(_SUMS, flow["id"], after, after + step)
            assert row is not None
            count, total = count + row["count"], total + row["amount"]
        return count, total

    async def _bills(self, day: AccountDay) -> tuple[Row | None, Row | None]:
        return await self._database.row(_ID, *day.row, "trade"), await self._database.row(_ID, *day.row, "flow")


def _line(row: Row, day: AccountDay) -> Finding | None:
    elsewhere = row["other_day"] not in (None, day.text)
    if row["copy"]:
        kind, moved = "flow_missing", 0
    elif row["moved"] is not None:
        kind, moved = "flow_amount", row["moved"]
    else:
        kind, moved = ("timing" if elsewhere else "flow_missing"), 0
    if row["expected"] == moved:
        return None
    return Finding(
        kind=kind,
        measure="flow",
        number=row["number"],
        currency=row["currency"],
        at=row["at"],
        out_trade_no=row["out_trade_no"],
        copy=row["copy"],
        ours_currency=row["currency"],
        ours=row["expected"],
        theirs=moved,
        other_day=row["other_day"] if kind == "timing" else "",
        line_no=row["line_no"],
        paired=kind == "timing",
    )


def _flow(row: Row) -> Finding:
    return Finding(
        kind="timing" if row["other_day"] else "flow_extra",
        measure="flow",
        number=row["flow_no"] or row["number"],
        currency=CURRENCY,
        at=row["at"],
        out_trade_no=row["number"],
        copy=-1,
        ours_currency=CURRENCY,
        theirs=row["amount"],
        theirs_state=row["kind"],
        other_day=row["other_day"] or "",
        line_no=row["line_no"],
        paired=bool(row["other_day"]),
    )
