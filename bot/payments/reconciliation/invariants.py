"""What must be true of bills, days and differences at any moment, beside what the ledger and the payments check."""

from typing import Final

from bot.ledger.invariants import Check

_LATE: Final = 2 * 86_400.0

CHECKS: Final = (
    Check(
        "statement_cut",
        "a bill that counts has more or fewer lines than were taken in",
        """
SELECT s.id FROM statements s WHERE s.state = 'ready' AND s.kind = 'trade'
  AND s.lines <> (SELECT COUNT(*) FROM statement_lines l WHERE l.statement_id = s.id)
UNION ALL
SELECT s.id FROM statements s WHERE s.state = 'ready' AND s.kind = 'flow'
  AND s.lines <> (SELECT COUNT(*) FROM flow_lines l WHERE l.statement_id = s.id)
""",
    ),
    Check(
        "difference_of_one_name",
        "a difference was decided by the one who proposed it, or by nobody",
        """
SELECT d.id FROM recon_differences d
WHERE (d.state IN ('explained', 'working') AND (d.disposition IS NULL OR d.proposed_by IS NULL OR d.decided_by IS NULL))
  OR d.proposed_by = d.decided_by
""",
    ),
    Check(
        "difference_untold",
        "a difference counts as told and neither a case nor a job is about it",
        """
SELECT d.id FROM recon_differences d WHERE d.state = 'open' AND d.told = 1
  AND NOT EXISTS (SELECT 1 FROM cases k WHERE k.kind = 'reconciliation' AND k.key = d.id)
  AND NOT EXISTS (SELECT 1 FROM outbox j WHERE j.kind = 'case'
    AND substr(j.key, 1, length(d.id) + 16) = 'reconciliation:' || d.id || ':')
""",
    ),
    Check(
        "difference_unasked",
        "two names decided to ask the gateway and no job is about it",
        """
SELECT d.id FROM recon_differences d WHERE d.state = 'working' AND d.asked = 0
  AND NOT EXISTS (SELECT 1 FROM outbox j WHERE j.kind = 'reconcile_ask'
    AND substr(j.key, 1, length(d.id) + 1) = d.id || ':')
""",
    ),
    Check(
        "fee_written_off_unposted",
        "a fee was written off and no posting says so",
        """
SELECT d.id FROM recon_differences d WHERE d.state = 'explained' AND d.disposition = 'write_off_fee'
  AND NOT EXISTS (SELECT 1 FROM postings p
    WHERE p.journal = 'fee:' || d.id || ':' || CAST(d.changed_at AS TEXT))
""",
    ),
    Check(
        "reconciliation_overdue",
        "a day was due to be reconciled two days ago: does a worker run, does the gateway give its bill?",
        """
SELECT d.gateway || ':' || d.account || ':' || d.day AS id FROM recon_days d WHERE d.due_at < $1
""",
        older_than=_LATE,
    ),
)
