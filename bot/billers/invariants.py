"""What must be true of hosted bills at any moment, beside what the ledger and the payments check."""

from typing import Final

from bot.ledger.invariants import Check

CHECKS: Final = (
    Check(
        "bill_overbooked",
        "more is booked on a bill than the payments noted on it, so that somebody's payment was lost",
        """
SELECT b.id FROM bills b
WHERE b.paid < (SELECT COALESCE(SUM(k.principal), 0) FROM bookings k WHERE k.bill_id = b.id AND k.state = 'settled')
""",
    ),
    Check(
        "bill_settled_unbooked",
        "a bill counts as settled and its bookings do not add up to it",
        """
SELECT b.id FROM bills b WHERE b.state = 'settled' AND b.amount <>
  (SELECT COALESCE(SUM(k.principal), 0) FROM bookings k WHERE k.bill_id = b.id AND k.state = 'settled')
""",
    ),
    Check(
        "line_settled_unbooked",
        "an order line on a hosted bill says one thing and the booking of its biller another",
        """
SELECT l.id FROM order_lines l JOIN bill_items i ON i.id = l.item_id LEFT JOIN bookings k ON k.line_id = l.id
WHERE i.biller = 'hosted' AND l.bill_id IS NOT NULL AND (
  (l.state = 'settled' AND (k.state IS NULL OR k.state <> 'settled'))
  OR (l.state = 'reversed' AND (k.state IS NULL OR k.state <> 'reversed'))
  OR (l.state IN ('none', 'refused') AND k.state IN ('settled', 'reversed')))
""",
    ),
)
