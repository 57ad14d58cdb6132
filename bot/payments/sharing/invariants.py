"""What must be true of shares, parts and returns at any moment, among themselves and against the ledger."""

# ruff: noqa: S608 - Only names of our own states are put into a query, when the module is loaded.

from typing import Final

from bot.ledger.invariants import Check, movements
from bot.payments.sharing.states import COMING, GOING
from bot.payments.states import quoted

_HOUR: Final = 3_600.0
_DAYS: Final = 14 * 86_400.0

CHECKS: Final = (
    Check(
        "share_sum_differs",
        "the parts of a payment and the merchant's rest are not what was paid",
        """
SELECT id FROM (SELECT s.id, s.paid, s.rest, s.state,
    COALESCE((SELECT SUM(p.amount) FROM share_parts p WHERE p.share_id = s.id), 0) AS given FROM shares s) AS x
WHERE (state = 'planned' AND (rest IS NOT NULL OR given <> 0))
  OR (state <> 'planned' AND (rest IS NULL OR paid <> rest + given))
""",
    ),
    Check(
        "share_of_another",
        "a share is not about the charge that it names",
        """
SELECT s.id FROM shares s JOIN charges c ON c.id = s.charge_id
WHERE s.paid <> c.amount OR s.order_id <> c.order_id OR s.out_trade_no <> c.out_trade_no
  OR (s.state <> 'planned' AND (c.state <> 'paid' OR s.transaction_id <> c.transaction_id))
""",
    ),
    Check(
        "share_undated",
        "a part was given or came back on no day, or on one without having been: no bill can be held against it",
        """
SELECT id FROM share_parts WHERE (state = 'succeeded') <> (succeeded_at IS NOT NULL)
UNION ALL SELECT id FROM share_returns WHERE (state = 'succeeded') <> (succeeded_at IS NOT NULL)
""",
    ),
    Check(
        "share_over_cap",
        "more was given to others than the rule that was kept with the payment allows",
        """
SELECT id FROM (SELECT s.id, s.paid, SUM(p.amount) AS given, MAX(r.cap) AS cap
  FROM shares s JOIN share_parts p ON p.share_id = s.id JOIN share_rules r ON r.id = p.rule_id
  GROUP BY s.id, s.paid) AS x
WHERE given * 10000 > paid * cap
""",
    ),
    Check(
        "share_inconsistent",
        "a share's state and its parts contradict each other, or nobody asks how it stands",
        """
SELECT s.id FROM shares s
WHERE (s.state IN ('sent', 'unknown', 'unfreezing') AND s.next_query_at IS NULL)
  OR (s.state IN ('done', 'unfreezing', 'stuck') AND EXISTS (
    SELECT 1 FROM share_parts p WHERE p.share_id = s.id AND p.state = 'pending'))
  OR (s.state IN ('sent', 'unknown') AND NOT EXISTS (
    SELECT 1 FROM share_parts p WHERE p.share_id = s.id AND p.state = 'pending'))
""",
    ),
    Check(
        "sharing_differs",
        "the balance of money on its way to receivers is not the sum of the parts under way",
        f"""
SELECT account || ' ' || asset AS id FROM (
  SELECT account, asset, amount FROM {movements("sharing", "")}
  UNION ALL
  SELECT 'sharing:' || s.gateway || ':' || s.gateway_account, 'CNY', -p.amount
  FROM share_parts p JOIN shares s ON s.id = p.share_id WHERE p.state = 'pending') AS m
GROUP BY account, asset HAVING SUM(amount) <> 0
""",
    ),
    Check(
        "shared_differs",
        "what a receiver has by the ledger is not the sum of its parts less what it gave back",
        f"""
SELECT account || ' ' || asset AS id FROM (
  SELECT account, asset, amount FROM {movements("shared", "")}
  UNION ALL
  SELECT 'shared:' || s.merchant_id || ':' || p.receiver, 'CNY', -p.amount
  FROM share_parts p JOIN shares s ON s.id = p.share_id WHERE p.state = 'succeeded'
  UNION ALL
  SELECT 'shared:' || s.merchant_id || ':' || p.receiver, 'CNY', t.amount
  FROM share_returns t JOIN share_parts p ON p.id = t.part_id JOIN shares s ON s.id = t.share_id
  WHERE t.state = 'succeeded') AS m
GROUP BY account, asset HAVING SUM(amount) <> 0
""",
    ),
    Check(
        "share_returned_too_much",
        "more came back of a part than was given, or it came back of one that was not",
        """
SELECT p.id FROM share_parts p JOIN share_returns t ON t.part_id = p.id AND t.share_id = p.share_id
WHERE t.state NOT IN ('failed', 'replaced')
GROUP BY p.id, p.amount, p.state HAVING SUM(t.amount) > p.amount OR p.state <> 'succeeded'
""",
    ),
    Check(
        "refund_before_return",
        "a refund went out while shares of its payment were still to come back",
        f"""
SELECT r.id FROM refunds r JOIN share_returns t ON t.refund_id = r.id
WHERE r.source = 'order' AND r.state NOT IN ('requested', 'approved', 'rejected')
  AND t.state IN ({quoted((*COMING, "failed"))})
""",
    ),
    Check(
        "share_return_silent",
        "nobody asks about a share that is on its way back",
        """
SELECT t.id FROM share_returns t WHERE (t.state IN ('sent', 'unknown') AND t.next_query_at IS NULL)
  OR (t.state = 'planned' AND NOT EXISTS (
    SELECT 1 FROM outbox j WHERE j.kind = 'share_return' AND j.key = t.id AND j.state <> 'done'))
""",
    ),
    Check(
        "share_rule_of_one_name",
        "a rule is in force that was adopted by the one who proposed it, or by nobody",
        """
SELECT id FROM share_rules WHERE state IN ('active', 'ended') AND (decided_by IS NULL OR decided_by = proposed_by)
""",
    ),
    Check(
        "share_off_desk",
        "money stays frozen or with a receiver and neither a case nor a job is about it",
        """
SELECT id FROM (
  SELECT s.id, 'share_stuck' AS kind FROM shares s WHERE s.state = 'stuck'
  UNION ALL SELECT t.id, 'share_return_failed' FROM share_returns t WHERE t.state = 'failed') AS x
WHERE NOT EXISTS (SELECT 1 FROM cases k WHERE k.kind = x.kind AND k.key = x.id AND k.state <> 'resolved')
  AND NOT EXISTS (SELECT 1 FROM outbox j WHERE j.kind = 'case' AND j.key = x.kind || ':' || x.id
    AND j.state <> 'done')
""",
    ),
    Check(
        "share_forgotten",
        "a payment was to be shared, its billers have answered long ago, and nothing was sent: does a worker run?",
        f"""
SELECT s.id FROM shares s JOIN orders o ON o.paid_charge_id = s.charge_id
WHERE s.state = 'planned' AND o.paid_at < $1 AND NOT EXISTS (
  SELECT 1 FROM order_lines l WHERE l.order_id = o.id AND (l.state IN ('sent', 'unknown', 'reversing')
    OR (l.state = 'none' AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.order_id = o.id AND r.suspense_id IS NULL
      AND (r.line_id IS NULL OR r.line_id = l.id) AND r.state IN ({quoted(GOING)})))))
""",
        older_than=_DAYS,
    ),
    Check(
        "share_overdue",
        "nobody has asked about a share or a return that was due to be asked about: does a worker run?",
        """
SELECT id FROM shares WHERE next_query_at < $1
UNION ALL SELECT id FROM share_returns WHERE next_query_at < $1
""",
        older_than=_HOUR,
    ),
)
