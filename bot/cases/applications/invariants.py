"""What must be true of applications and of the books behind them at any moment."""

# ruff: noqa: S608 - Only names of our own states are put into a query, when the module is loaded.

from typing import Final

from bot.cases.trade.states import USING
from bot.ledger.invariants import Check
from bot.payments.states import quoted

_DAY: Final = 86_400.0
_USING: Final = quoted(USING)

CHECKS: Final = (
    Check(
        "application_one_name",
        "an application was approved by one name only, or by nobody",
        """
SELECT id FROM applications WHERE state IN ('approved', 'done')
  AND (first_by IS NULL OR second_by IS NULL OR first_by = second_by)
""",
    ),
    Check(
        "application_without_authority",
        "somebody applied for a company without the paper that proves the authority to",
        """
SELECT a.id FROM applications a WHERE a.authority <> '' AND a.state NOT IN ('draft', 'withdrawn')
  AND NOT EXISTS (SELECT 1 FROM application_documents d WHERE d.application_id = a.id AND d.kind = a.authority)
""",
    ),
    Check(
        "application_unreferenced",
        "an application counts as carried out without the answer of the bank's own system",
        "SELECT id FROM applications WHERE state = 'done' AND COALESCE(reference, '') = ''",
    ),
    Check(
        "application_forgotten",
        "an application waits for the desk and lies there no more",
        """
SELECT a.id FROM applications a WHERE a.state IN ('submitted', 'checking', 'first_approval', 'approved')
  AND a.changed_at < $1
  AND NOT EXISTS (SELECT 1 FROM cases c WHERE c.kind = 'application' AND c.key = a.id AND c.state <> 'resolved')
""",
        older_than=_DAY,
    ),
    Check(
        "note_twice",
        "two parts of one package of notes share a unit",
        """
SELECT a.id FROM notes a JOIN notes b ON b.package_hash = a.package_hash AND b.id > a.id
WHERE a.state <> 'returned' AND b.state <> 'returned'
  AND (a.range_end = 0 OR b.range_end = 0 OR (a.range_start <= b.range_end AND b.range_start <= a.range_end))
""",
    ),
    Check(
        "note_of_nobody",
        "a note is under way for an application that has come to its end",
        """
SELECT n.id FROM notes n JOIN applications a ON a.id = n.application_id
WHERE a.state IN ('rejected', 'done', 'withdrawn')
""",
    ),
    Check(
        "financed_unconfirmed",
        "money was set aside or paid out on a receivable that its debtor has not confirmed",
        f"""
SELECT f.id FROM financings f JOIN receivables r ON r.id = f.receivable_id
WHERE f.state IN ({_USING}) AND r.confirmed_by IS NULL
""",
    ),
    Check(
        "financed_over_face",
        "more is financed on a receivable than its debtor owes",
        f"""
SELECT r.id FROM receivables r JOIN financings f ON f.receivable_id = r.id AND f.state IN ({_USING})
GROUP BY r.id, r.face, r.collected HAVING SUM(f.left_to_pay) > r.face - r.collected
""",
    ),
    Check(
        "financing_inconsistent",
        "a financing and its application contradict each other",
        """
SELECT f.id FROM financings f LEFT JOIN applications a ON a.id = f.application_id
WHERE a.id IS NULL OR (f.state = 'reserved' AND a.state IN ('rejected', 'withdrawn', 'done'))
  OR (f.state IN ('drawn', 'repaid') AND a.state <> 'done') OR (f.state = 'repaid' AND f.left_to_pay <> 0)
""",
    ),
)
