"""Places many ordinary orders on PostgreSQL by one statement: orders, lines and holds together.

Whatever is not ordinary (placed before, a bill held or changed, a claim taken, an unknown item) is left alone and
answered with None; the portable form then decides. Bills are locked before anything is written, in one order.
States are compared as ``(state || '')`` for the reason given in ``credit_many``.
"""

from collections.abc import Sequence
from typing import Final

from bot.kernel.clock import to_micros
from bot.kernel.money import CNY
from bot.payments.draft import Draft
from bot.payments.gatekeeper import Stateless
from bot.payments.states import BILL
from bot.payments.values import Order
from bot.storage.port import Tx

_FREE: Final = BILL.listed(("open", "partly_paid", "reopened"), "held")

_SQL: Final = f"""
WITH draft AS (
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::text[], $12::bigint[], $13::text[], $14::bigint[], $15::bigint[])
  WITH ORDINALITY AS d(id, quote_id, token, merchant_id, store_id, scene, origin, channel, account, customer_id, title,
    amount, trace_id, created_at, expires_at, number)
),
line AS (
  SELECT * FROM unnest($16::text[], $17::text[], $18::bigint[], $19::text[], $20::text[], $21::text[], $22::text[],
    $23::text[], $24::text[], $25::text[], $26::bigint[], $27::bigint[], $28::text[], $29::bigint[], $30::bigint[])
  AS l(id, order_id, position, item_id, bill_id, bill_no, account_hex, account_mask, period, title, amount, late_fee,
    claim, owed, discount)
),
locked AS MATERIALIZED (
  SELECT b.id AS bill_id, d.id AS order_id, d.number
  FROM draft d JOIN line l ON l.order_id = d.id JOIN bills b ON b.id = l.bill_id
  WHERE (b.state || '') IN ({_FREE}) AND b.amount - b.paid = l.owed
  ORDER BY b.id, d.number
  FOR UPDATE OF b
),
fit AS MATERIALIZED (
  SELECT d.* FROM draft d
  WHERE NOT EXISTS (SELECT 1 FROM draft e WHERE e.quote_id = d.quote_id AND e.number < d.number)
    AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.quote_id = d.quote_id)
    AND NOT EXISTS (
      SELECT 1 FROM line l LEFT JOIN bill_items i ON i.id = l.item_id LEFT JOIN paid_claims p ON p.claim = l.claim
      WHERE l.order_id = d.id AND (i.id IS NULL OR p.claim IS NOT NULL))
    AND (SELECT COUNT(*) FROM line l WHERE l.order_id = d.id AND l.bill_id IS NOT NULL)
      = (SELECT COUNT(DISTINCT k.bill_id) FROM locked k WHERE k.order_id = d.id)
    AND NOT EXISTS (
      SELECT 1 FROM locked k JOIN locked f ON f.bill_id = k.bill_id AND f.number < k.number WHERE k.order_id = d.id)
),
placed AS (
  INSERT INTO orders (id, quote_id, token, merchant_id, store_id, scene, origin, channel, account, customer_id, title,
    amount, currency, state, trace_id, created_at, expires_at, refunded)
  SELECT id, quote_id, token, merchant_id, store_id, scene, origin, channel, account, customer_id, title,
    amount, '{CNY}', 'created', trace_id, created_at, expires_at, 0
  FROM fit ORDER BY number
  ON CONFLICT (quote_id) DO NOTHING
  RETURNING id, created_at
),
held AS (
  UPDATE bills b SET state = 'held', held_by = p.id, changed_at = p.created_at
  FROM locked k JOIN placed p ON p.id = k.order_id
  WHERE b.id = k.bill_id AND (b.state || '') IN ({_FREE})
),
written AS (
  INSERT INTO order_lines (id, order_id, position, item_id, biller, bill_id, bill_no, account_sealed, account_mask,
    period, title, amount, late_fee, claim, state, attempts, changed_at, discount)
  SELECT l.id, l.order_id, l.position, i.id, i.biller, l.bill_id, l.bill_no, decode(l.account_hex, 'hex'),
    l.account_mask, l.period, l.title, l.amount, l.late_fee, l.claim, 'none', 0, p.created_at,
    l.discount
  FROM line l JOIN placed p ON p.id = l.order_id JOIN bill_items i ON i.id = l.item_id
  RETURNING id, order_id, biller
)
SELECT id, order_id, biller FROM written
"""  # noqa: S608 - Only names of our own states are put in, when the module is loaded.


async def place_many(tx: Tx, drafts: Sequence[Draft]) -> Sequence[Order | None]:
    """Place every ordinary draft; None stands for each that the portable form must look at.

    A gatekeeper that needs the database judges in the portable form only.
    """
    chosen = [draft for draft in drafts if _ordinary(draft)]
    if not chosen:
        return [None] * len(drafts)
    rows = await tx.rows(_SQL, *_draft_columns(chosen), *_line_columns(chosen))
    billers: dict[str, dict[str, str]] = {}
    for row in rows:
        billers.setdefault(row["order_id"], {})[row["id"]] = row["biller"]
    return [draft.order(billers[draft.order_id]) if draft.order_id in billers else None for draft in drafts]


def _ordinary(draft: Draft) -> bool:
    keeper = draft.gatekeeper
    if draft.expired or draft.bill_twice or not isinstance(keeper, Stateless):
        return False
    return keeper.judged(draft.quote, draft.placing) is None


def _draft_columns(drafts: Sequence[Draft]) -> tuple[list[str] | list[str | None] | list[int], ...]:
    return (
        [draft.order_id for draft in drafts],
        [draft.quote.id for draft in drafts],
        [draft.token for draft in drafts],
        [draft.quote.merchant_id for draft in drafts],
        [draft.quote.store_id for draft in drafts],
        [draft.quote.scene for draft in drafts],
        [draft.placing.origin for draft in drafts],
        [draft.placing.channel for draft in drafts],
        [draft.placing.account for draft in drafts],
        [draft.placing.customer_id for draft in drafts],
        [draft.quote.title for draft in drafts],
        [draft.quote.amount for draft in drafts],
        [draft.placing.trace_id for draft in drafts],
        [draft.at for draft in drafts],
        [to_micros(draft.quote.expires_at) for draft in drafts],
    )


def _line_columns(
    drafts: Sequence[Draft],
) -> tuple[list[str] | list[str | None] | list[int] | list[int | None], ...]:
    every = [(draft, position, line) for draft in drafts for position, line in enumerate(draft.quote.lines)]
    sealed = [draft.sealed[position] for draft, position, _ in every]
    return (
        [draft.line_ids[position] for draft, position, _ in every],
        [draft.order_id for draft, _, _ in every],
        [position for _, position, _ in every],
        [line.item_id for _, _, line in every],
        [line.bill.bill_id if line.bill else None for _, _, line in every],
        [line.bill.bill_no if line.bill else None for _, _, line in every],
        [None if account is None else account.hex() for account in sealed],
        [line.account_mask for _, _, line in every],
        [draft.period(position) for draft, position, _ in every],
        [line.title for _, _, line in every],
        [line.amount for _, _, line in every],
        [draft.late_fee(position) for draft, position, _ in every],
        [draft.claims[position] for draft, position, _ in every],
        [line.bill.amount if line.bill else None for _, _, line in every],
        [line.discount for _, _, line in every],
    )
