"""The statements that find pairs which differ: set-based, portable, and silent about the matched majority.

Both directions go by our own numbers. In the statements about pairs ``$1`` to ``$3`` are gateway, account and day.
"""

# ruff: noqa: S608 - Only fragments of this module are put into a query, when it is loaded.

from collections.abc import Sequence
from typing import Final, LiteralString

from bot.storage.port import Database, Row, Tx, Value

# The lines of this account's bills, whichever day; a bill that was replaced says nothing any more.
LISTED: Final = """statement_lines e JOIN statements h ON h.id = e.statement_id
  AND h.gateway = $1 AND h.account = $2 AND h.kind = 'trade' AND h.state = 'ready'"""
# The gateway's number as a mere condition: where a gateway tells none, an index over it would lead to every line.
_TRANSACTION: Final = "COALESCE(e.transaction_id, '')"
# Lines of a payment itself, of whatever became of it: not of its refunds, nor of what was shared of it.
_PAYMENT: Final = "e.kind IN ('payment', 'reversal')"
# Whether a line is the only one, or the first, that says what it says.
_COPY: Final = f"""(SELECT COUNT(*) FROM {LISTED}
    WHERE e.number = l.number AND e.kind = l.kind AND {_TRANSACTION} = l.transaction_id AND e.refund_id = l.refund_id
      AND e.outcome <> 'failed'
      AND (h.day < $3 OR (e.statement_id = l.statement_id AND e.line_no < l.line_no))) AS copy"""
# The fee of an agreed rate in millionths, rounded half up; -1 compares nothing.
_BASIS: Final = "COALESCE(c.settlement_amount, c.amount)"
_FEE: Final = f"(CAST($9 AS BIGINT) < 0 OR p.fee = ({_BASIS} * CAST($9 AS BIGINT) + 500000) / 1000000)"

PAYMENTS: Final = f"""
WITH p AS (
  SELECT l.line_no, l.kind, l.number, l.out_trade_no, l.transaction_id, l.amount, l.currency, l.fee,
    l.settlement_amount, l.outcome, l.at, {_COPY}
  FROM statement_lines l
  WHERE l.statement_id = $4 AND l.line_no > $5 AND l.line_no <= $6 AND l.kind IN ('payment', 'reversal')
)
SELECT p.*, c.id AS charge_id, c.state AS c_state, c.amount AS c_amount, c.currency AS c_currency, c.paid_at AS c_at,
  c.settlement_amount AS c_settlement, c.transaction_id AS c_transaction_id,
  s.id AS suspense_id, s.amount AS s_amount, s.currency AS s_currency, s.at AS s_at,
  (SELECT COUNT(*) FROM {LISTED}
    WHERE e.number = p.number AND {_PAYMENT} AND {_TRANSACTION} = c.transaction_id) AS listed,
  (SELECT COUNT(*) FROM {LISTED} WHERE e.number = p.number AND e.kind = 'reversal') AS undone,
  (SELECT COUNT(*) FROM {LISTED} WHERE e.number = p.number AND e.kind = 'payment') AS also_paid
FROM p
LEFT JOIN charges c ON c.out_trade_no = p.number AND c.gateway = $1 AND c.gateway_account = $2
LEFT JOIN suspense s ON s.gateway = $1 AND s.transaction_id = p.transaction_id AND s.gateway_account = $2
WHERE (p.copy = 0 AND p.kind = 'payment' AND c.state = 'paid' AND c.amount = p.amount AND c.currency = p.currency
    AND (p.transaction_id = '' OR p.transaction_id = c.transaction_id)
    AND c.paid_at >= $7 AND c.paid_at < $8
    AND COALESCE(p.settlement_amount, {_BASIS}) = {_BASIS} AND {_FEE}) IS NOT TRUE
ORDER BY p.line_no
"""

# What a refund gives back of the fee is its own rate, negative; 0 where the gateway keeps it.
REFUNDS: Final = f"""
WITH p AS (
  SELECT l.line_no, l.number, l.out_trade_no, l.transaction_id, l.amount, l.currency, l.fee, l.outcome, l.at, {_COPY}
  FROM statement_lines l
  WHERE l.statement_id = $4 AND l.line_no > $5 AND l.line_no <= $6 AND l.kind = 'refund'
)
SELECT p.*, r.id AS our_id, r.state AS r_state, r.amount AS r_amount, r.currency AS r_currency,
  r.out_trade_no AS r_out_trade_no, r.succeeded_at AS r_at,
  (SELECT COUNT(*) FROM {LISTED} WHERE e.number = p.number AND e.kind = 'refund' AND e.outcome <> 'failed') AS better
FROM p
LEFT JOIN refunds r ON r.out_refund_no = p.number AND r.gateway = $1 AND r.gateway_account = $2
WHERE (p.copy = 0 AND p.outcome <> 'failed' AND r.state = 'succeeded' AND r.amount = p.amount
    AND r.currency = p.currency AND r.out_trade_no = p.out_trade_no
    AND r.succeeded_at >= $7 AND r.succeeded_at < $8
    AND (CAST($9 AS BIGINT) < 0 OR p.fee = -((r.amount * CAST($10 AS BIGINT) + 500000) / 1000000))) IS NOT TRUE
ORDER BY p.line_no
"""

# The day on which a bill first has what our books received; a line with another number of the gateway will do where
# nothing else is known of that number.
_FIRST_OF_CHARGE: Final = f"""COALESCE(
    (SELECT MIN(h.day) FROM {LISTED}
      WHERE e.number = c.out_trade_no AND {_PAYMENT} AND {_TRANSACTION} IN ('', c.transaction_id)),
    (SELECT MIN(h.day) FROM {LISTED}
      WHERE e.number = c.out_trade_no AND {_PAYMENT} AND NOT EXISTS (
        SELECT 1 FROM suspense x WHERE x.gateway = $1 AND x.transaction_id = e.transaction_id)))"""
CHARGES: Final = f"""
SELECT * FROM (
  SELECT c.id, c.out_trade_no AS number, c.out_trade_no, c.amount, c.currency, c.paid_at AS at, {_BASIS} AS basis,
    {_FIRST_OF_CHARGE} AS other_day
  FROM charges c
  WHERE c.gateway = $1 AND c.gateway_account = $2 AND c.state = 'paid' AND c.paid_at >= $4 AND c.paid_at < $5
) AS own WHERE other_day IS NULL OR other_day <> $3
"""
# Receipts that are no charge's: they are counted by the moment at which we learned of them.
_LONE: Final = """NOT EXISTS (
    SELECT 1 FROM charges c WHERE c.gateway = s.gateway AND c.transaction_id = s.transaction_id AND c.state = 'paid')"""
SUSPENSE: Final = f"""
SELECT * FROM (
  SELECT s.id, s.out_trade_no AS number, s.out_trade_no, s.amount, s.currency, s.at, s.amount AS basis,
    (SELECT MIN(h.day) FROM {LISTED} WHERE e.transaction_id = s.transaction_id AND {_PAYMENT}) AS other_day
  FROM suspense s
  WHERE s.gateway = $1 AND s.gateway_account = $2 AND s.at >= $4 AND s.at < $5 AND {_LONE}
) AS own WHERE other_day IS NULL OR other_day <> $3
"""
_FIRST_OF_REFUND: Final = f"""COALESCE(
    (SELECT MIN(h.day) FROM {LISTED} WHERE e.number = r.out_refund_no AND e.kind = 'refund'
      AND e.outcome <> 'failed'),
    (SELECT MIN(h.day) FROM {LISTED} WHERE e.number = r.out_refund_no AND e.kind = 'refund'))"""
GIVEN: Final = f"""
SELECT * FROM (
  SELECT r.id, r.out_refund_no AS number, r.out_trade_no, r.amount, r.currency, r.succeeded_at AS at,
    {_FIRST_OF_REFUND} AS other_day
  FROM refunds r
  WHERE r.gateway = $1 AND r.gateway_account = $2 AND r.state = 'succeeded'
    AND r.succeeded_at >= $4 AND r.succeeded_at < $5
) AS own WHERE other_day IS NULL OR other_day <> $3
"""

# Where a step of about so many rows ends; rows of one moment stay together. No row: it ends with the day.
NEXT_CHARGE: Final = """
SELECT paid_at AS at FROM charges WHERE gateway = $1 AND gateway_account = $2 AND paid_at >= $3 AND paid_at < $4
ORDER BY paid_at LIMIT 1 OFFSET $5
"""
NEXT_SUSPENSE: Final = """
SELECT at FROM suspense WHERE gateway = $1 AND gateway_account = $2 AND at >= $3 AND at < $4
ORDER BY at LIMIT 1 OFFSET $5
"""
NEXT_GIVEN: Final = """
SELECT succeeded_at AS at FROM refunds
WHERE gateway = $1 AND gateway_account = $2 AND succeeded_at >= $3 AND succeeded_at < $4
ORDER BY succeeded_at LIMIT 1 OFFSET $5
"""

# The sums of one step of each side, for the proof.
SUM_LINES: Final = """
SELECT kind, currency, COUNT(*) AS count, CAST(SUM(CASE WHEN outcome = 'failed' THEN 0 ELSE amount END) AS BIGINT)
  AS amount, CAST(SUM(fee) AS BIGINT) AS fee, CAST(SUM(shared) AS BIGINT) AS shared,
  CAST(SUM(CASE WHEN outcome = 'failed' THEN 0 ELSE COALESCE(settlement_amount, amount) END) AS BIGINT) AS settled
FROM statement_lines WHERE statement_id = $1 AND line_no > $2 AND line_no <= $3 GROUP BY kind, currency
"""
SUM_CHARGES: Final = f"""
SELECT c.currency, COUNT(*) AS count, CAST(SUM(c.amount) AS BIGINT) AS amount,
  CAST(SUM(({_BASIS} * CAST($5 AS BIGINT) + 500000) / 1000000) AS BIGINT) AS fee
FROM charges c WHERE c.gateway = $1 AND c.gateway_account = $2 AND c.state = 'paid' AND c.paid_at >= $3
  AND c.paid_at < $4
GROUP BY c.currency
"""
SUM_SUSPENSE: Final = f"""
SELECT s.currency, COUNT(*) AS count, CAST(SUM(s.amount) AS BIGINT) AS amount,
  CAST(SUM((s.amount * CAST($5 AS BIGINT) + 500000) / 1000000) AS BIGINT) AS fee
FROM suspense s WHERE s.gateway = $1 AND s.gateway_account = $2 AND s.at >= $3 AND s.at < $4 AND {_LONE}
GROUP BY s.currency
"""
SUM_GIVEN: Final = """
SELECT r.currency, COUNT(*) AS count, CAST(SUM(r.amount) AS BIGINT) AS amount,
  -CAST(SUM((r.amount * CAST($5 AS BIGINT) + 500000) / 1000000) AS BIGINT) AS fee
FROM refunds r WHERE r.gateway = $1 AND r.gateway_account = $2 AND r.state = 'succeeded' AND r.succeeded_at >= $3
  AND r.succeeded_at < $4
GROUP BY r.currency
"""

# Nested loops over indexes are right for a step of any bill, whatever the server's figures say about a table that was
# empty a minute ago.
_PLANNING: Final = ("SET LOCAL enable_hashjoin = off", "SET LOCAL enable_mergejoin = off")


async def nested(database: Database, sql: LiteralString, *values: Value) -> Sequence[Row]:
    """Read the rows of one step."""
    if database.engine == "sqlite":
        return await database.rows(sql, *values)

    async def read(tx: Tx) -> Sequence[Row]:
        for setting in _PLANNING:
            await tx.execute(setting)
        return await tx.rows(sql, *values)

    return await database.effect(read)
