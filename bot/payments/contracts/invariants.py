"""What must be true of contracts and deductions at any moment."""

# ruff: noqa: S608 - Only names of our own states are put into a query, when the module is loaded.

from typing import Final

from bot.ledger.invariants import Check
from bot.payments.contracts.states import STANDING
from bot.payments.states import quoted

_STANDING: Final = quoted(STANDING)
_HOUR: Final = 3_600.0

CHECKS: Final = (
    Check(
        "deduction_twice",
        "more than one deduction was made or planned in one period of a contract, or for one bill",
        f"""
SELECT contract_id AS id FROM deductions WHERE state IN ({_STANDING}) GROUP BY contract_id, period HAVING COUNT(*) > 1
UNION
SELECT contract_id FROM deductions WHERE state IN ({_STANDING}) GROUP BY contract_id, bill_key HAVING COUNT(*) > 1
""",
    ),
    Check(
        "deduction_over_cap",
        "more was asked for than the contract allows or than the customer was told",
        """
SELECT d.id FROM deductions d JOIN contracts k ON k.id = d.contract_id LEFT JOIN charges c ON c.id = d.charge_id
WHERE d.amount > k.maximum OR c.amount > d.amount OR c.amount > k.maximum
""",
    ),
    Check(
        "deduction_untold",
        "money was asked for of which its customer had not been told in time",
        """
SELECT d.id FROM deductions d JOIN contracts k ON k.id = d.contract_id JOIN charges c ON c.id = d.charge_id
WHERE d.announced_at IS NULL OR (k.notice_days > 0 AND c.created_at - d.announced_at < 3600000000)
""",
    ),
    Check(
        "deduction_inconsistent",
        "a deduction, its order and its charge contradict each other, or nobody asks how it stands",
        """
SELECT d.id FROM deductions d LEFT JOIN charges c ON c.id = d.charge_id
WHERE (d.state IN ('charging', 'paid', 'failed') AND (c.id IS NULL OR c.way <> 'contract' OR c.order_id <> d.order_id))
  OR (d.state = 'paid' AND c.state <> 'paid') OR (d.state IN ('planned', 'announced', 'cancelled') AND c.id IS NOT NULL)
  OR (d.state IN ('planned', 'announced', 'charging') AND d.next_at IS NULL)
""",
    ),
    Check(
        "deduction_of_nobody",
        "a charge was made by contract and no deduction is about it",
        """
SELECT c.id FROM charges c WHERE c.way = 'contract'
  AND NOT EXISTS (SELECT 1 FROM deductions d WHERE d.charge_id = c.id)
""",
    ),
    Check(
        "deduction_after_the_end",
        "a deduction is still planned under a contract that its customer or merchant has ended",
        """
SELECT d.id FROM deductions d JOIN contracts k ON k.id = d.contract_id
WHERE d.state IN ('planned', 'announced') AND k.state IN ('ending', 'ended')
""",
    ),
    Check(
        "contract_inconsistent",
        "a contract's state and its other facts contradict each other, or nobody asks how it stands",
        """
SELECT id FROM contracts WHERE (state IN ('active', 'ending') AND (contract_id IS NULL OR signed_at IS NULL))
  OR (state = 'ended' AND (ended_at IS NULL OR ended_by = ''))
  OR (state IN ('created', 'signing', 'active', 'ending') AND next_query_at IS NULL)
""",
    ),
    Check(
        "contract_overdue",
        "nobody has looked at a contract or a deduction that was due: does a worker run?",
        """
SELECT id FROM contracts WHERE next_query_at < $1
UNION ALL SELECT id FROM deductions WHERE next_at < $1
""",
        older_than=_HOUR,
    ),
)
