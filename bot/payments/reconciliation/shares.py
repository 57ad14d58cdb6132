"""Compares shares (分账) and what came back of them, in both directions, number by number.

A bill has one line for each receiver, and not every gateway names our numbers of a split in it: so all lines of one
number are compared with all parts of the share that it names, as sums of the day. Where only the days differ, and both
sides come to the same over all of them, each day has a finding that the other's cancels.
"""

# ruff: noqa: S608 - Only fragments of this module are put into a query, when it is loaded.

from collections.abc import Sequence
from typing import Final, LiteralString

from bot.payments.reconciliation.days import AccountDay, Terms, day_of, near_midnight
from bot.payments.reconciliation.judging import Finding
from bot.payments.reconciliation.pairs import LISTED, nested
from bot.storage.port import Database, Row, Value

MEASURES: Final = ("share", "share_returned")
_SHARES: Final = "('share', 'share_returned')"

_BILL: Final = """
SELECT id FROM statements WHERE gateway = $1 AND account = $2 AND day = $3 AND kind = 'trade' AND state = 'ready'
"""
# Shares stand at a bill's end, behind perhaps a million payments: one look finds where to begin.
_FIRST: Final = f"""
SELECT MIN(line_no) AS line_no FROM statement_lines
WHERE statement_id = $1 AND line_no > $2 AND kind IN {_SHARES}
"""
# A movement that a bill lists again, by the gateway's own number of it, is not money a second time.
_ONCE: Final = """NOT EXISTS (SELECT 1 FROM statement_lines d JOIN statements g ON g.id = d.statement_id
      AND g.gateway = $1 AND g.account = $2 AND g.kind = 'trade' AND g.state = 'ready'
    WHERE d.number = e.number AND d.kind = e.kind AND d.refund_id = e.refund_id AND d.refund_id <> ''
      AND (g.day < h.day OR (d.statement_id = e.statement_id AND d.line_no < e.line_no)))"""
_OUR_SHARE: Final = "s.gateway = $1 AND s.gateway_account = $2"
_THEIRS: Final = f"SELECT CAST(SUM(e.amount) AS BIGINT) FROM {LISTED}"
_OURS_OF: Final = """CASE p.kind WHEN 'share' THEN
      (SELECT {what} FROM share_parts i WHERE i.share_id = p.share_id AND i.state = 'succeeded'{when})
    ELSE (SELECT {what} FROM share_returns i WHERE i.share_id = p.share_id AND i.state = 'succeeded'
      AND (p.return_id IS NULL OR i.id = p.return_id){when}) END"""
_SUM: Final = "CAST(SUM(i.amount) AS BIGINT)"
_IN_DAY: Final = " AND i.succeeded_at >= $7 AND i.succeeded_at < $8"
_ELSEWHEN: Final = " AND (i.succeeded_at < $7 OR i.succeeded_at >= $8)"
_LINES: Final = f"""
WITH q AS (
  SELECT l.line_no, l.kind, l.number, l.out_trade_no, l.amount, l.currency, l.at,
    (SELECT COUNT(*) FROM {LISTED}
      WHERE e.number = l.number AND e.kind = l.kind AND e.refund_id = l.refund_id AND e.refund_id <> ''
        AND (h.day < $3 OR (e.statement_id = l.statement_id AND e.line_no < l.line_no))) AS copy,
    (SELECT COUNT(*) FROM statement_lines f WHERE f.number = l.number AND f.statement_id = l.statement_id
      AND f.kind = l.kind AND f.line_no < l.line_no) AS earlier,
    (SELECT t.id FROM share_returns t JOIN shares s ON s.id = t.share_id AND {_OUR_SHARE}
      WHERE t.out_return_no = l.number AND l.kind = 'share_returned') AS return_id
  FROM statement_lines l
  WHERE l.statement_id = $4 AND l.line_no > $5 AND l.line_no <= $6 AND l.kind IN {_SHARES}
), p AS (
  SELECT q.*, COALESCE((SELECT t.share_id FROM share_returns t WHERE t.id = q.return_id),
    (SELECT s.id FROM shares s WHERE s.out_order_no = q.number AND {_OUR_SHARE}),
    (SELECT MIN(s.id) FROM shares s WHERE s.out_trade_no = q.number AND {_OUR_SHARE})) AS share_id
  FROM q
)
SELECT * FROM (
  SELECT p.*, {_OURS_OF.format(what=_SUM, when=_IN_DAY)} AS ours_here,
    {_OURS_OF.format(what=_SUM, when="")} AS ours_ever,
    {_OURS_OF.format(what="MIN(i.succeeded_at)", when=_ELSEWHEN)} AS ours_elsewhen,
    ({_THEIRS} WHERE e.number = p.number AND e.kind = p.kind AND h.day = $3 AND {_ONCE}) AS theirs_here,
    ({_THEIRS} WHERE e.number = p.number AND e.kind = p.kind AND {_ONCE}) AS theirs_ever,
    (SELECT MIN(h.day) FROM {LISTED} WHERE e.number = p.number AND e.kind = p.kind AND h.day <> $3) AS theirs_elsewhen,
    (SELECT c.currency FROM shares s JOIN charges c ON c.id = s.charge_id WHERE s.id = p.share_id) AS our_currency,
    COALESCE((SELECT t.state FROM share_returns t WHERE t.id = p.return_id),
      (SELECT s.state FROM shares s WHERE s.id = p.share_id)) AS our_state,
    CASE p.kind WHEN 'share' THEN (SELECT COUNT(*) FROM share_parts i WHERE i.share_id = p.share_id
        AND i.state = 'pending')
      ELSE (SELECT COUNT(*) FROM share_returns i WHERE i.share_id = p.share_id
        AND i.state IN ('planned', 'sent', 'unknown')) END AS coming
  FROM p) AS own
WHERE copy > 0 OR (earlier = 0 AND (COALESCE(ours_here, 0) <> COALESCE(theirs_here, 0) OR our_currency <> currency))
ORDER BY line_no
"""

# In the statements about our own side ``$4`` to ``$5`` are a step of the day, ``$6`` to ``$7`` the whole of it.
_WHOLE_DAY: Final = "i.succeeded_at >= $6 AND i.succeeded_at < $7"
_ANSWER: Final = f"""
  SELECT o.*,
    ({_THEIRS} WHERE e.number = o.number AND e.kind = '{{kind}}' AND {_ONCE}) AS theirs_ever,
    (SELECT COUNT(*) FROM {LISTED} WHERE e.number = o.number AND e.kind = '{{kind}}' AND h.day = $3) AS listed,
    (SELECT MIN(h.day) FROM {LISTED} WHERE e.number = o.number AND e.kind = '{{kind}}') AS theirs_elsewhen"""
_PARTS: Final = f"""
WITH o AS (
  SELECT s.id, s.id AS share_id, s.state, s.out_trade_no, c.currency, MAX(i.succeeded_at) AS at,
    CASE WHEN EXISTS (SELECT 1 FROM {LISTED} WHERE e.number = s.out_trade_no AND e.kind = 'share')
      THEN s.out_trade_no ELSE s.out_order_no END AS number
  FROM share_parts i JOIN shares s ON s.id = i.share_id AND {_OUR_SHARE} JOIN charges c ON c.id = s.charge_id
  WHERE i.succeeded_at >= $4 AND i.succeeded_at < $5 AND i.state = 'succeeded'
  GROUP BY s.id, s.state, s.out_trade_no, s.out_order_no, c.currency
)
SELECT * FROM ({_ANSWER.format(kind="share")},
    (SELECT {_SUM} FROM share_parts i WHERE i.share_id = o.id AND i.state = 'succeeded' AND {_WHOLE_DAY}) AS ours_here,
    (SELECT {_SUM} FROM share_parts i WHERE i.share_id = o.id AND i.state = 'succeeded') AS ours_ever
  FROM o) AS own WHERE listed = 0
"""
# Where a bill names no number of a return, all returns of one payment are one sum.
_SAME: Final = "i.share_id = o.share_id AND i.state = 'succeeded' AND (o.number = o.out_trade_no OR i.id = o.id)"
_BACKS: Final = f"""
WITH n AS (
  SELECT i.id, i.share_id, i.state, s.out_trade_no, c.currency, i.succeeded_at AS at,
    CASE WHEN EXISTS (SELECT 1 FROM {LISTED} WHERE e.number = s.out_trade_no AND e.kind = 'share_returned')
      THEN s.out_trade_no ELSE i.out_return_no END AS number
  FROM share_returns i JOIN shares s ON s.id = i.share_id AND {_OUR_SHARE} JOIN charges c ON c.id = s.charge_id
  WHERE i.succeeded_at >= $4 AND i.succeeded_at < $5 AND i.state = 'succeeded'
), o AS (
  SELECT MIN(id) AS id, share_id, state, out_trade_no, currency, MAX(at) AS at, number FROM n
  GROUP BY share_id, state, out_trade_no, currency, number
)
SELECT * FROM ({_ANSWER.format(kind="share_returned")},
    (SELECT {_SUM} FROM share_returns i WHERE {_SAME} AND {_WHOLE_DAY}) AS ours_here,
    (SELECT {_SUM} FROM share_returns i WHERE {_SAME}) AS ours_ever
  FROM o) AS own WHERE listed = 0
"""

NEXT_PART: Final = """
SELECT i.succeeded_at AS at FROM share_parts i JOIN shares s ON s.id = i.share_id
  AND s.gateway = $1 AND s.gateway_account = $2
WHERE i.succeeded_at >= $3 AND i.succeeded_at < $4 ORDER BY i.succeeded_at LIMIT 1 OFFSET $5
"""
NEXT_BACK: Final = """
SELECT i.succeeded_at AS at FROM share_returns i JOIN shares s ON s.id = i.share_id
  AND s.gateway = $1 AND s.gateway_account = $2
WHERE i.succeeded_at >= $3 AND i.succeeded_at < $4 ORDER BY i.succeeded_at LIMIT 1 OFFSET $5
"""
SUM_PARTS: Final = """
SELECT c.currency, COUNT(*) AS count, CAST(SUM(i.amount) AS BIGINT) AS amount, 0 AS fee
FROM share_parts i JOIN shares s ON s.id = i.share_id AND s.gateway = $1 AND s.gateway_account = $2
JOIN charges c ON c.id = s.charge_id
WHERE i.succeeded_at >= $3 AND i.succeeded_at < $4 AND i.state = 'succeeded' GROUP BY c.currency
"""
SUM_BACKS: Final = """
SELECT c.currency, COUNT(*) AS count, CAST(SUM(i.amount) AS BIGINT) AS amount, 0 AS fee
FROM share_returns i JOIN shares s ON s.id = i.share_id AND s.gateway = $1 AND s.gateway_account = $2
JOIN charges c ON c.id = s.charge_id
WHERE i.succeeded_at >= $3 AND i.succeeded_at < $4 AND i.state = 'succeeded' GROUP BY c.currency
"""


class ShareMatch:
    """The two directions of the comparison, as stages of a run (``matching.More``)."""

    def __init__(self, database: Database, terms: Terms) -> None:
        self._database = database
        self._terms = terms

    async def lines(self, day: AccountDay, after: int, step: int) -> tuple[int | None, Sequence[Finding]]:
        """Find numbers of which the bill of the day comes to another sum than our books."""
        bill = await self._database.row(_BILL, *day.row)
        first = await self._database.row(_FIRST, bill["id"], after) if bill is not None else None
        if bill is None or first is None or first["line_no"] is None:
            return None, ()
        upto = first["line_no"] - 1 + step
        span = (bill["id"], first["line_no"] - 1, upto, day.begin, day.end)
        rows = await nested(self._database, _LINES, *day.row, *span)
        return upto, [finding for row in rows for finding in self._line(row)]

    async def parts(self, day: AccountDay, after: int, step: int) -> tuple[int | None, Sequence[Finding]]:
        """Find parts that we gave on the day and that its bill does not have."""
        return await self._walk(day, after, step, NEXT_PART, _PARTS, "share")

    async def backs(self, day: AccountDay, after: int, step: int) -> tuple[int | None, Sequence[Finding]]:
        """Find returns of the day that its bill does not have."""
        return await self._walk(day, after, step, NEXT_BACK, _BACKS, "share_returned")

    async def _walk(
        self, day: AccountDay, after: int, step: int, bound: LiteralString, find: LiteralString, measure: str
    ) -> tuple[int | None, Sequence[Finding]]:
        begin = after or day.begin
        row = await self._database.row(bound, day.gateway, day.account, begin, day.end, step)
        # Rows of one moment stay together, however many they are.
        end = max(row["at"], begin + 1) if row is not None else day.end
        values: tuple[Value, ...] = (*day.row, begin, end, day.begin, day.end)
        rows = await nested(self._database, find, *values)
        return (end if end < day.end else None), [self._ours(each, measure) for each in rows]

    def _line(self, row: Row) -> Sequence[Finding]:
        said = Finding(
            kind="duplicate",
            measure=row["kind"],
            number=row["number"],
            currency=row["currency"],
            at=row["at"],
            out_trade_no=row["out_trade_no"],
            copy=row["copy"],
            ours_currency=row["our_currency"] or row["currency"],
            theirs=row["amount"],
            theirs_state="done",
            line_no=row["line_no"],
            our_id=row["return_id"] or row["share_id"],
        )
        found = [said] if row["copy"] else []
        ours, theirs = row["ours_here"] or 0, row["theirs_here"] or 0
        other_currency = row["our_currency"] not in (None, row["currency"]) and ours + theirs > 0
        if row["earlier"] or (ours == theirs and not other_currency):
            return found
        kind = _kind(row, other_currency=other_currency)
        whole = Finding(
            kind=kind,
            measure=said.measure,
            number=said.number,
            currency=said.currency,
            at=said.at,
            out_trade_no=said.out_trade_no,
            ours_currency=said.ours_currency,
            ours=ours,
            theirs=theirs,
            ours_state=row["our_state"] or "",
            theirs_state=said.theirs_state,
            other_day=_other_day(row, later=theirs > ours) if kind == "timing" else "",
            line_no=said.line_no,
            our_id=said.our_id,
            paired=kind == "timing",
            waits=kind != "timing" and (bool(row["coming"]) or self._late(said.at)),
        )
        return [*found, whole]

    def _ours(self, row: Row, measure: str) -> Finding:
        ours, theirs = row["ours_ever"], row["theirs_ever"] or 0
        kind = "timing" if ours == theirs else "amount" if theirs else "missing_at_gateway"
        return Finding(
            kind=kind,
            measure=measure,
            number=row["number"],
            currency=row["currency"],
            at=row["at"],
            out_trade_no=row["out_trade_no"],
            # The mirror of a finding about the line, should the two fall on one day by a change of the bill.
            copy=-1,
            ours_currency=row["currency"],
            ours=row["ours_here"],
            ours_state=row["state"],
            other_day=row["theirs_elsewhen"] or "" if kind == "timing" else "",
            our_id=row["id"],
            paired=kind == "timing",
            waits=kind == "amount" and self._late(row["at"]),
        )

    def _late(self, at: int) -> bool:
        """Whether a part of what both have may still come with another day's bill."""
        return near_midnight(at, self._terms.pool_edge)


def _kind(row: Row, *, other_currency: bool) -> str:
    """Say what is wrong with a number that the bill of the day has."""
    ours, theirs = row["ours_ever"] or 0, row["theirs_ever"] or 0
    if other_currency and ours:
        return "currency"
    if ours == theirs:
        return "timing"
    if ours:
        return "amount"
    return "missing_here" if row["share_id"] is None else "state"


def _other_day(row: Row, *, later: bool) -> str:
    """Return the day on which the side that is short here has the rest."""
    ours = day_of(row["ours_elsewhen"]) if row["ours_elsewhen"] is not None else ""
    return ours if later else row["theirs_elsewhen"] or ""
