"""What must be true of the stock at any moment."""

from typing import Final

from bot.ledger.invariants import Check

CHECKS: Final = (
    Check(
        "stock_miscounted",
        "an offer counts more or fewer pieces as taken than are held and sold of it",
        """
SELECT o.id FROM offers o WHERE o.taken <>
  (SELECT COALESCE(SUM(h.quantity), 0) FROM holds h WHERE h.offer_id = o.id AND h.state IN ('held', 'sold'))
""",
    ),
    Check(
        "stock_settled_unsold",
        "an order line says that its tickets were sold or given back, and the stock says otherwise",
        """
SELECT l.id FROM order_lines l LEFT JOIN holds h ON h.line_id = l.id
WHERE l.biller = 'stock' AND (
  (l.state = 'settled' AND (h.state IS NULL OR h.state <> 'sold'))
  OR (l.state = 'reversed' AND (h.state IS NULL OR h.state <> 'refunded'))
  OR (l.state IN ('none', 'refused') AND h.state IN ('sold', 'refunded')))
""",
    ),
    Check(
        "stock_named_for_nothing",
        "an identity number is counted for tickets that nobody holds any more",
        """
SELECT p.hold_id AS id FROM passes p JOIN holds h ON h.id = p.hold_id WHERE h.state NOT IN ('held', 'sold')
""",
    ),
)
