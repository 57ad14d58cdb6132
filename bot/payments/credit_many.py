"""Credits many ordinary receipts on PostgreSQL by one statement, which is its own transaction: one round trip.

Whatever is not ordinary in the smallest respect is left alone and answered with None; the portable form then decides.
Rows are locked in one order; a row that changed while it was waited for is looked at again as it is now, and drops
out if it is not ordinary any more. Two receipts that could only collide without a lock (one claim, twice) break a
unique constraint, and then each item is credited on its own.

States are compared as ``(state || '')``, which no index serves: with an index on them the planner, whose statistics
are of a quiet hour, would go through all open orders of a busy one instead of reaching a few rows by their keys.
"""

from collections.abc import Sequence
from typing import Final

from bot.jobs.outbox import CHANNEL
from bot.payments.credit_item import Credit, Credited, Outcome
from bot.payments.states import BILL, CHARGE, CREDITABLE, ORDER, UNPAID
from bot.payments.work import FULFIL, ORDER_CHANNEL
from bot.storage.port import Tx

_PAID_ORDERS: Final = ORDER.listed(UNPAID, "paid")
_PAID_CHARGES: Final = CHARGE.listed(CREDITABLE, "paid")
_HELD_WHOLE: Final = BILL.listed(("held",), "paid")
_HELD_PART: Final = BILL.listed(("held",), "partly_paid")

_SQL: Final = f"""
WITH item AS (
  SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::bigint[], $10::text[], $11::bigint[], $12::bigint[], $13::text[], $14::bigint[], $15::bigint[])
  AS i(number, gateway, account, notice_id, kind, digest, out_trade_no, transaction_id,
    amount, currency, payer_amount, settlement_amount, discounts, paid_at, at)
),
locked AS MATERIALIZED (
  SELECT item.*, c.id AS charge_id, o.id AS order_id, o.merchant_id, o.trace_id
  FROM item
  JOIN charges c ON c.out_trade_no = item.out_trade_no
  JOIN orders o ON o.id = c.order_id
  WHERE c.gateway = item.gateway AND c.gateway_account = item.account
    AND c.amount = item.amount AND o.amount = item.amount AND c.currency = item.currency
    AND (c.state || '') IN ({_PAID_CHARGES}) AND (o.state || '') IN ({_PAID_ORDERS}) AND c.failure IS NULL
  ORDER BY o.id, item.number
  FOR UPDATE OF o, c
),
ordinary AS MATERIALIZED (
  SELECT DISTINCT ON (l.order_id) l.*
  FROM locked l
  WHERE NOT EXISTS (SELECT 1 FROM suspense s WHERE s.gateway = l.gateway AND s.transaction_id = l.transaction_id)
    AND NOT EXISTS (
      SELECT 1 FROM order_lines x
      LEFT JOIN paid_claims p ON p.claim = x.claim
      LEFT JOIN bills b ON b.id = x.bill_id
      WHERE x.order_id = l.order_id AND (p.claim IS NOT NULL
        OR (x.bill_id IS NOT NULL AND (b.state IS DISTINCT FROM 'held' OR b.held_by IS DISTINCT FROM l.order_id))))
  ORDER BY l.order_id, l.number
),
arrived AS (
  INSERT INTO inbox (gateway, account, notice_id, kind, body_digest, outcome, charge_id, trace_id, received_at)
  SELECT gateway, account, notice_id, kind, digest, '{Outcome.APPLIED}', charge_id, trace_id, at FROM ordinary
  ON CONFLICT (gateway, account, notice_id) DO NOTHING
  RETURNING gateway, account, notice_id
),
fit AS MATERIALIZED (
  SELECT o.* FROM ordinary o JOIN arrived USING (gateway, account, notice_id)
),
paid_order AS (
  UPDATE orders o SET state = 'paid', paid_charge_id = f.charge_id, paid_at = f.paid_at
  FROM fit f WHERE o.id = f.order_id AND (o.state || '') IN ({_PAID_ORDERS})
),
paid_charge AS (
  UPDATE charges c SET state = 'paid', changed_at = f.at, transaction_id = f.transaction_id,
    payer_amount = f.payer_amount, settlement_amount = f.settlement_amount, discounts = f.discounts,
    paid_at = f.paid_at, next_query_at = NULL, failure = NULL
  FROM fit f WHERE c.id = f.charge_id AND (c.state || '') IN ({_PAID_CHARGES})
),
posted AS (
  INSERT INTO postings
    (journal, entry_no, source, destination, amount, asset, order_id, charge_id, refund_id, trace_id, at)
  SELECT 'credit:' || f.charge_id, e.entry_no,
    CASE e.entry_no WHEN 0 THEN 'payers:' || f.gateway ELSE 'clearing:' || f.gateway || ':' || f.account END,
    CASE e.entry_no WHEN 0 THEN 'clearing:' || f.gateway || ':' || f.account
      ELSE 'merchant:' || f.merchant_id || ':due' END,
    f.amount, f.currency, f.order_id, f.charge_id, NULL, f.trace_id, f.at
  FROM fit f CROSS JOIN (VALUES (0), (1)) AS e(entry_no)
  ORDER BY f.number, e.entry_no
),
line AS MATERIALIZED (
  SELECT x.id, x.order_id, x.position, x.claim, x.biller, x.bill_id, x.amount - x.late_fee + x.discount AS principal,
    f.trace_id, f.at, f.number
  FROM fit f JOIN order_lines x ON x.order_id = f.order_id
),
claimed AS (
  INSERT INTO paid_claims (claim, line_id, order_id, at)
  SELECT claim, id, order_id, at FROM line WHERE claim IS NOT NULL
),
paid_whole AS (
  UPDATE bills b SET state = 'paid', paid = b.amount, held_by = NULL, changed_at = l.at
  FROM line l WHERE b.id = l.bill_id AND (b.state || '') IN ({_HELD_WHOLE}) AND b.held_by = l.order_id
    AND b.paid + l.principal >= b.amount
),
paid_part AS (
  UPDATE bills b SET state = 'partly_paid', paid = b.paid + l.principal, held_by = NULL, changed_at = l.at
  FROM line l WHERE b.id = l.bill_id AND (b.state || '') IN ({_HELD_PART}) AND b.held_by = l.order_id
    AND b.paid + l.principal < b.amount
),
told AS (
  INSERT INTO outbox (id, kind, key, dest, payload, state, attempts, due_at, trace_id, created_at)
  SELECT 'job_' || substr(l.id, 5), '{FULFIL}', l.id, l.biller,
    '{{"line_id":"' || l.id || '","order_id":"' || l.order_id || '"}}', 'ready', 0, l.at, l.trace_id, l.at
  FROM line l ORDER BY l.number, l.position
  ON CONFLICT (kind, key) DO NOTHING
)
SELECT number, charge_id, order_id FROM fit
"""  # noqa: S608 - Only names of our own states and kinds are put in, when the module is loaded.


async def credit_many(tx: Tx, items: Sequence[Credit]) -> Sequence[Credited | None]:
    """Credit every ordinary receipt of ``items``; None stands for each that the portable form must look at."""
    chosen = [(number, item) for number, item in enumerate(items) if not item.foreign]
    rows = await tx.rows(
        _SQL,
        [number for number, _ in chosen],
        [item.gateway for _, item in chosen],
        [item.account for _, item in chosen],
        [item.notice_id for _, item in chosen],
        [item.kind for _, item in chosen],
        [item.digest for _, item in chosen],
        [item.out_trade_no for _, item in chosen],
        [item.transaction_id for _, item in chosen],
        [item.amount for _, item in chosen],
        [item.currency for _, item in chosen],
        [item.payer_amount for _, item in chosen],
        [item.settlement_amount for _, item in chosen],
        [item.discounts for _, item in chosen],
        [item.paid_at for _, item in chosen],
        [item.at for _, item in chosen],
    )
    results: list[Credited | None] = [None] * len(items)
    for row in rows:
        results[row["number"]] = Credited(Outcome.APPLIED, None, row["charge_id"], row["order_id"])
    if rows:
        tx.signal(ORDER_CHANNEL)
        tx.signal(CHANNEL)
    return results
