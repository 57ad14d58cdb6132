"""What must be true of customers' complaints at any moment."""

from typing import Final

from bot.ledger.invariants import Check

_MICROSECONDS: Final = 1_000_000
# The longest clock that an operator may set, in days (domain.md §4: 60 at the most).
_DAYS_MAX: Final = 60
_HOUR: Final = 3600.0

CHECKS: Final = (
    Check(
        "ticket_without_clock",
        "an open complaint has no clock that runs, or one that runs longer than any rule allows",
        f"""
SELECT t.id FROM tickets t WHERE t.state = 'open'
  AND (t.due_at <= t.counted_at OR t.due_at > t.counted_at + {_DAYS_MAX * 86_400 * _MICROSECONDS})
""",  # noqa: S608 - A number of our own.
    ),
    Check(
        "ticket_on_no_desk",
        "an open complaint is on nobody's desk",
        """
SELECT t.id FROM tickets t WHERE t.state = 'open' AND NOT EXISTS (
  SELECT 1 FROM cases k WHERE k.kind = 'customer' AND k.key = t.id AND k.state IN ('open', 'proposed'))
""",
    ),
    Check(
        "ticket_ended_on_the_desk",
        "a complaint has ended and its case waits all the same",
        """
SELECT t.id FROM tickets t JOIN cases k ON k.kind = 'customer' AND k.key = t.id
WHERE t.state <> 'open' AND k.state IN ('open', 'proposed')
""",
    ),
    Check(
        "ticket_of_another",
        "a complaint is about another customer's order",
        """
SELECT t.id FROM tickets t JOIN orders o ON o.id = t.order_id
WHERE o.customer_id IS NULL OR o.customer_id <> t.customer_id
""",
    ),
    Check(
        "ticket_not_escalated",
        "a complaint is overdue and nobody was told: does a worker run?",
        "SELECT t.id FROM tickets t WHERE t.state = 'open' AND t.overdue_at IS NULL AND t.due_at < $1",
        older_than=_HOUR,
    ),
)
