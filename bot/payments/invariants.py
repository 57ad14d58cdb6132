"""What must be true of orders, charges, refunds and suspense, among themselves and against the ledger."""

# ruff: noqa: S608 - Only names of our own states and accounts are put into a query, when the module is loaded.

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.ledger import invariants as ledger
from bot.ledger.invariants import Check, Finding, movements
from bot.payments.policy import Policy
from bot.payments.states import LIVE, RESERVING, UNPAID, quoted
from bot.storage.port import Database, Row

_LIVE: Final = quoted(LIVE)
_RESERVING: Final = quoted(RESERVING)
_HOUR: Final = 3600.0

# A posting by which a merchant came to be due an order's amount.
_APPLIED: Final = "(substr(p.journal, 1, 7) = 'credit:' OR substr(p.journal, 1, 6) = 'apply:')"
_TO_MERCHANT: Final = f"substr(p.destination, 1, 9) = 'merchant:' AND {_APPLIED}"
# A line whose money went back, alone or with its whole order.
_GIVEN_BACK: Final = """EXISTS (SELECT 1 FROM refunds r WHERE r.order_id = l.order_id AND r.suspense_id IS NULL
    AND (r.line_id IS NULL OR r.line_id = l.id) AND r.state = 'succeeded')"""
_GOING_BACK: Final = f"""EXISTS (SELECT 1 FROM refunds r WHERE r.order_id = l.order_id AND r.suspense_id IS NULL
    AND (r.line_id IS NULL OR r.line_id = l.id) AND r.state IN ({_RESERVING}))"""
# A refund that failed has its case, and one that was rejected was a person's decision.
_ASKED_BACK: Final = """EXISTS (SELECT 1 FROM refunds r WHERE r.order_id = l.order_id AND r.suspense_id IS NULL
    AND (r.line_id IS NULL OR r.line_id = l.id))"""
# A case that was decided waits for nobody.
_ON_A_DESK: Final = """EXISTS (SELECT 1 FROM cases k WHERE k.state IN ('open', 'proposed')
      AND (k.key = l.id OR k.subject = l.id OR k.subject = l.order_id))
    OR EXISTS (SELECT 1 FROM outbox j WHERE j.kind = 'case' AND j.key IN
      ('settle_refused:' || l.id, 'reversal_refused:' || l.id))"""
# Two people closed the case of a refusal: what their note says was done is not in these books.
_SETTLED_BY_HAND: Final = """EXISTS (SELECT 1 FROM cases k WHERE k.kind = 'settle_refused' AND k.key = l.id
    AND k.state = 'resolved')"""

_CREDIT: Final = (
    Check(
        "order_credited_twice",
        "one order's amount was credited to its merchant more than once",
        f"""
SELECT p.order_id AS id FROM postings p WHERE {_TO_MERCHANT}
GROUP BY p.order_id HAVING COUNT(*) > 1
""",
    ),
    Check(
        "paid_order_not_credited",
        "an order is paid and its amount was not credited from its own charge",
        f"""
SELECT o.id FROM orders o WHERE o.state = 'paid' AND NOT EXISTS (
  SELECT 1 FROM postings p WHERE p.order_id = o.id AND {_TO_MERCHANT}
    AND p.amount = o.amount AND p.asset = o.currency AND p.charge_id = o.paid_charge_id
    AND p.destination = 'merchant:' || o.merchant_id || ':due')
""",
    ),
    Check(
        "credited_order_not_paid",
        "an order's amount was credited and the order is not paid",
        f"""
SELECT p.order_id AS id FROM postings p LEFT JOIN orders o ON o.id = p.order_id
WHERE {_TO_MERCHANT} AND (o.id IS NULL OR o.state <> 'paid')
""",
    ),
    Check(
        "credit_without_notice",
        "money was credited or suspended without a notice or an answer that told of it",
        """
SELECT p.journal AS id FROM postings p
WHERE p.entry_no = 0 AND p.charge_id IS NOT NULL
  AND (substr(p.journal, 1, 7) = 'credit:' OR substr(p.journal, 1, 8) = 'suspend:')
  AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.charge_id = p.charge_id)
""",
    ),
    Check(
        "bill_paid_twice",
        "one remote bill (biller, item, account, period) was paid by two orders and neither was refunded",
        f"""
SELECT l.claim AS id FROM order_lines l JOIN orders o ON o.id = l.order_id
WHERE o.state = 'paid' AND l.claim IS NOT NULL AND NOT {_GIVEN_BACK}
GROUP BY l.claim HAVING COUNT(*) > 1
""",
    ),
    Check(
        "claim_missing",
        "a bill was paid and its claim is free, so that it could be paid again",
        f"""
SELECT l.id FROM order_lines l JOIN orders o ON o.id = l.order_id
WHERE o.state = 'paid' AND l.claim IS NOT NULL AND NOT {_GIVEN_BACK}
  AND NOT EXISTS (SELECT 1 FROM paid_claims c WHERE c.claim = l.claim AND c.line_id = l.id)
""",
    ),
    Check(
        "claim_without_payment",
        "a bill's claim is taken by an order that is not paid",
        """
SELECT c.line_id AS id FROM paid_claims c LEFT JOIN orders o ON o.id = c.order_id
WHERE o.id IS NULL OR o.state <> 'paid'
""",
    ),
)

_SUMS: Final = (
    Check(
        "received_differs",
        "received, by gateway account, is not what was applied to orders plus what was put into suspense",
        """
SELECT account || ' ' || asset AS id FROM (
  SELECT p.destination AS account, p.asset, p.amount FROM postings p
  WHERE substr(p.source, 1, 7) = 'payers:' AND substr(p.destination, 1, 9) = 'clearing:'
  UNION ALL
  SELECT p.source, p.asset, -p.amount FROM postings p
  WHERE substr(p.destination, 1, 7) = 'payers:' AND substr(p.source, 1, 9) = 'clearing:'
  UNION ALL
  SELECT 'clearing:' || c.gateway || ':' || c.gateway_account, c.currency, -c.amount
  FROM orders o JOIN charges c ON c.id = o.paid_charge_id WHERE o.state = 'paid'
  UNION ALL
  SELECT 'clearing:' || s.gateway || ':' || s.gateway_account, s.currency, -s.amount
  FROM suspense s WHERE s.state <> 'applied') AS m
GROUP BY account, asset HAVING SUM(amount) <> 0
""",
    ),
    Check(
        "suspense_differs",
        "the balance of a suspense account is not the sum of the receipts held in it",
        f"""
SELECT account || ' ' || asset AS id FROM (
  SELECT account, asset, amount FROM {movements("suspense", "")}
  UNION ALL
  SELECT 'suspense:' || gateway || ':' || gateway_account, currency, -amount FROM suspense WHERE state = 'held') AS s
GROUP BY account, asset HAVING SUM(amount) <> 0
""",
    ),
    Check(
        "refunding_differs",
        "the balance of money under way to payers is not the sum of the refunds under way",
        f"""
SELECT account || ' ' || asset AS id FROM (
  SELECT account, asset, amount FROM {movements("refunding", "")}
  UNION ALL
  SELECT 'refunding:' || gateway || ':' || gateway_account, currency, -amount FROM refunds
  WHERE state IN ('approved', 'pending', 'unknown', 'abnormal')) AS s
GROUP BY account, asset HAVING SUM(amount) <> 0
""",
    ),
    Check(
        "refunded_differs",
        "what went back to payers, by gateway account, is not the sum of the refunds that succeeded",
        """
SELECT account || ' ' || asset AS id FROM (
  SELECT p.source AS account, p.asset, p.amount FROM postings p
  WHERE substr(p.source, 1, 10) = 'refunding:' AND substr(p.destination, 1, 7) = 'payers:'
  UNION ALL
  SELECT 'refunding:' || gateway || ':' || gateway_account, currency, -amount FROM refunds
  WHERE state = 'succeeded') AS m
GROUP BY account, asset HAVING SUM(amount) <> 0
""",
    ),
    Check(
        "reserved_differs",
        "an order's counter of refunds is not the sum of its refunds that have not finally failed",
        f"""
SELECT id FROM (
  SELECT o.id, o.amount, o.refunded, COALESCE((SELECT SUM(r.amount) FROM refunds r
    WHERE r.order_id = o.id AND r.suspense_id IS NULL AND r.state IN ({_RESERVING})), 0) AS reserved
  FROM orders o) AS x
WHERE refunded <> CASE WHEN reserved > amount THEN amount ELSE reserved END
""",
    ),
    Check(
        "refunded_too_much",
        "more went back to a payer than the payer had paid",
        """
SELECT r.out_trade_no AS id FROM refunds r WHERE r.state = 'succeeded'
GROUP BY r.gateway, r.gateway_account, r.out_trade_no HAVING SUM(r.amount) > MAX(r.total)
""",
    ),
)

_STATES: Final = (
    Check(
        "order_inconsistent",
        "an order's state and its other facts contradict each other",
        f"""
SELECT o.id FROM orders o LEFT JOIN charges c ON c.id = o.paid_charge_id
WHERE (o.state = 'paid' AND (c.id IS NULL OR c.order_id <> o.id OR c.state <> 'paid' OR o.paid_at IS NULL))
  OR (o.state <> 'paid' AND (o.paid_charge_id IS NOT NULL OR o.paid_at IS NOT NULL))
  OR (o.state IN ('closed', 'paid_late') AND o.closed_at IS NULL)
  OR (o.state = 'closed' AND EXISTS (
    SELECT 1 FROM charges x WHERE x.order_id = o.id AND x.state IN ({_LIVE})))
""",
    ),
    Check(
        "order_amount_differs",
        "an order's amount is not the sum of its lines",
        """
SELECT o.id FROM orders o
WHERE o.amount <> COALESCE((SELECT SUM(l.amount) FROM order_lines l WHERE l.order_id = o.id), 0)
""",
    ),
    Check(
        "charge_inconsistent",
        "a charge's state and its other facts contradict each other",
        f"""
SELECT c.id FROM charges c WHERE (c.state = 'paid' AND (c.transaction_id IS NULL OR c.paid_at IS NULL))
  OR (c.state <> 'paid' AND c.transaction_id IS NOT NULL)
  OR (c.state IN ({_LIVE}) AND c.next_query_at IS NULL)
  OR (c.state = 'pending' AND c.handover_sealed IS NULL AND c.way NOT IN ('code', 'contract'))
""",
    ),
    Check(
        "charge_paid_for_nothing",
        "a charge is paid and its money is neither its order's nor in suspense",
        """
SELECT c.id FROM charges c JOIN orders o ON o.id = c.order_id
WHERE c.state = 'paid' AND (o.paid_charge_id IS NULL OR o.paid_charge_id <> c.id)
  AND NOT EXISTS (SELECT 1 FROM suspense s WHERE s.charge_id = c.id)
""",
    ),
    Check(
        "refund_inconsistent",
        "a refund's state and its other facts contradict each other, or nobody asks how it stands",
        """
SELECT r.id FROM refunds r WHERE (r.state = 'succeeded' AND r.succeeded_at IS NULL)
  OR (r.state NOT IN ('requested', 'rejected') AND r.approved_by IS NULL)
  OR (r.state IN ('pending', 'unknown', 'abnormal') AND r.next_query_at IS NULL)
  OR (r.approved_by = r.requested_by AND r.source = 'order')
""",
    ),
    Check(
        "suspense_forgotten",
        "money lies in suspense and neither a job nor a case is about it",
        """
SELECT s.id FROM suspense s WHERE s.state = 'held'
  AND NOT EXISTS (SELECT 1 FROM outbox j WHERE (j.kind = 'refund_surplus' AND j.key = s.id AND j.state <> 'dead')
    OR (j.kind = 'case' AND j.key = 'suspense:' || s.id))
  AND NOT EXISTS (SELECT 1 FROM cases k WHERE k.key = s.id OR k.subject = s.id)
  AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.suspense_id = s.id)
""",
    ),
    Check(
        "suspense_stuck",
        "money in suspense is being refunded and no refund under way is about it",
        """
SELECT s.id FROM suspense s WHERE s.state = 'refunding' AND NOT EXISTS (
  SELECT 1 FROM refunds r WHERE r.suspense_id = s.id AND r.state IN ('approved', 'pending', 'unknown', 'abnormal'))
""",
    ),
    Check(
        "bill_held_by_nobody",
        "a bill is held for an order that is not being paid, or names a holder without being held",
        f"""
SELECT b.id FROM bills b LEFT JOIN orders o ON o.id = b.held_by
WHERE (b.state = 'held' AND (o.id IS NULL OR o.state NOT IN ({quoted(UNPAID)})))
  OR (b.state <> 'held' AND b.held_by IS NOT NULL)
""",
    ),
    Check(
        "bill_paid_differs",
        "what a hosted bill shows as paid is not the sum of the lines that paid it and were not taken back",
        f"""
SELECT id FROM (
  SELECT b.id, b.amount, b.paid, COALESCE((
    SELECT SUM(l.amount - l.late_fee + l.discount) FROM order_lines l JOIN orders o ON o.id = l.order_id
    WHERE l.bill_id = b.id AND o.state = 'paid' AND l.state <> 'reversed'
      AND NOT (l.state IN ('none', 'refused') AND {_GIVEN_BACK})), 0) AS lines
  FROM bills b) AS x
WHERE paid <> CASE WHEN lines > amount THEN amount ELSE lines END
""",
    ),
    Check(
        "line_refused_forgotten",
        "a biller refused a paid line and neither a refund nor a case is about it",
        f"""
SELECT l.id FROM order_lines l JOIN orders o ON o.id = l.order_id
WHERE o.state = 'paid' AND l.state = 'refused' AND NOT {_ASKED_BACK} AND NOT {_SETTLED_BY_HAND}
  AND NOT ({_ON_A_DESK})
""",
    ),
)


def checks(policy: Policy) -> tuple[Check, ...]:
    """Return every check of these rooms; what is late depends on the policy's times."""
    return (*_CREDIT, *_SUMS, *_STATES, *_late(policy))


def _late(policy: Policy) -> tuple[Check, ...]:
    return (
        Check(
            "line_late",
            "a paid line is neither settled nor undone nor on a desk within its time",
            f"""
SELECT l.id FROM order_lines l JOIN orders o ON o.id = l.order_id
WHERE o.state = 'paid' AND l.state IN ('none', 'sent', 'unknown', 'reversing') AND l.changed_at < $1
  AND o.paid_at < $1 AND NOT ({_ON_A_DESK}) AND NOT (l.state = 'none' AND {_GOING_BACK})
""",
            older_than=policy.fulfil_within,
        ),
        Check(
            "order_overdue",
            "an order should have been closed long ago: does a worker run?",
            "SELECT o.id FROM orders o WHERE o.state = 'created' AND o.expires_at < $1",
            older_than=_HOUR,
        ),
        Check(
            "charge_overdue",
            "nobody has asked about a charge that was due to be asked about: does a worker run?",
            "SELECT c.id FROM charges c WHERE c.next_query_at < $1",
            older_than=_HOUR,
        ),
        Check(
            "refund_overdue",
            "nobody has asked about a refund that was due to be asked about: does a worker run?",
            "SELECT r.id FROM refunds r WHERE r.next_query_at < $1",
            older_than=_HOUR,
        ),
    )


async def inspect(database: Database, now: datetime, policy: Policy) -> list[Finding]:
    """Run the checks of the ledger and of the payment rooms; an empty list says that all is well."""
    return await ledger.inspect(database, now, (*ledger.CHECKS, *checks(policy)))


@dataclass(frozen=True, slots=True)
class Totals:
    """One gateway account in one currency, in its smallest unit: ``received`` is the sum of the other four."""

    account: str
    asset: str
    received: int
    applied: int
    suspense: int
    refunding: int
    refunded: int

    @property
    def balanced(self) -> bool:
        return self.received == self.applied + self.suspense + self.refunding + self.refunded


# Each posting is sorted by the gateway account that it names on either side; what a merchant is due is told apart by
# where it came from and where it goes back to.
_TOTALS: Final = """
SELECT account, asset,
  CAST(SUM(CASE flow WHEN 'in' THEN amount WHEN 'out' THEN -amount ELSE 0 END) AS BIGINT) AS received,
  CAST(SUM(CASE flow WHEN 'due' THEN amount WHEN 'undue' THEN -amount ELSE 0 END) AS BIGINT) AS applied,
  CAST(SUM(CASE flow WHEN 'hold' THEN amount WHEN 'let' THEN -amount ELSE 0 END) AS BIGINT) AS suspense,
  CAST(SUM(CASE flow WHEN 'take' THEN amount WHEN 'give' THEN -amount ELSE 0 END) AS BIGINT) AS refunding,
  CAST(SUM(CASE flow WHEN 'back' THEN amount ELSE 0 END) AS BIGINT) AS refunded
FROM (
  SELECT substr(destination, 10) AS account, asset, amount, 'in' AS flow FROM postings
  WHERE substr(destination, 1, 9) = 'clearing:' AND substr(source, 1, 7) = 'payers:'
  UNION ALL SELECT substr(source, 10), asset, amount, 'out' FROM postings
  WHERE substr(source, 1, 9) = 'clearing:' AND substr(destination, 1, 7) = 'payers:'
  UNION ALL SELECT substr(source, 10), asset, amount, 'due' FROM postings
  WHERE substr(source, 1, 9) IN ('clearing:', 'suspense:') AND substr(destination, 1, 9) = 'merchant:'
  UNION ALL SELECT substr(source, 11), asset, amount, 'due' FROM postings
  WHERE substr(source, 1, 10) = 'refunding:' AND substr(destination, 1, 9) = 'merchant:'
  UNION ALL SELECT substr(destination, 11), asset, amount, 'undue' FROM postings
  WHERE substr(destination, 1, 10) = 'refunding:' AND substr(source, 1, 9) = 'merchant:'
  UNION ALL SELECT substr(destination, 10), asset, amount, 'hold' FROM postings
  WHERE substr(destination, 1, 9) = 'suspense:'
  UNION ALL SELECT substr(source, 10), asset, amount, 'let' FROM postings WHERE substr(source, 1, 9) = 'suspense:'
  UNION ALL SELECT substr(destination, 11), asset, amount, 'take' FROM postings
  WHERE substr(destination, 1, 10) = 'refunding:'
  UNION ALL SELECT substr(source, 11), asset, amount, 'give' FROM postings WHERE substr(source, 1, 10) = 'refunding:'
  UNION ALL SELECT substr(source, 11), asset, amount, 'back' FROM postings
  WHERE substr(source, 1, 10) = 'refunding:' AND substr(destination, 1, 7) = 'payers:') AS m
GROUP BY account, asset ORDER BY account, asset
"""


async def totals(database: Database) -> Sequence[Totals]:
    """Return what was received and what became of it, by gateway account, as the ledger tells it."""
    return [_totals(row) for row in await database.rows(_TOTALS)]


def _totals(row: Row) -> Totals:
    return Totals(
        account=row["account"],
        asset=row["asset"],
        received=row["received"],
        applied=row["applied"],
        suspense=row["suspense"],
        refunding=row["refunding"],
        refunded=row["refunded"],
    )
