"""Opens cases and shows them; the same trouble twice is one case."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bot.jobs.port import Done, Job
from bot.kernel.clock import Clock, from_micros, to_micros
from bot.kernel.errors import NotFound
from bot.kernel.ids import new_id
from bot.storage.port import Database, Reader, Row, Tx
from bot.storage.vault import Undecipherable, Vault

# Hours until a case is overdue. Complaints have 15 days by rule (domain.md §4); money should move much sooner.
HOURS: Final[Mapping[str, int]] = {
    # The payer's bank has to be asked, which takes its time.
    "refund_abnormal": 48,
}
_DEFAULT_HOURS: Final = 24
# The fact that holds a customer's own words, sealed: they may tell anything about anybody.
SAID: Final = "said_sealed"
_SAID_CONTEXT: Final = "cases.said"

# A trouble that comes back after its case was resolved opens the case again. A job that is told twice does not: its
# moment lies before the end of what it opened.
_OPEN: Final = """
INSERT INTO cases (id, kind, key, subject, facts, state, trace_id, opened_at, due_at)
VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8)
ON CONFLICT (kind, key) DO UPDATE SET state = 'open', subject = excluded.subject, facts = excluded.facts,
  trace_id = excluded.trace_id, opened_at = excluded.opened_at, due_at = excluded.due_at,
  action = NULL, proposed_by = NULL, decided_by = NULL, note = NULL, closed_at = NULL
WHERE cases.state = 'resolved' AND cases.closed_at <= $9
"""
_LIST: Final = """
SELECT id, kind, key, subject, facts, state, action, proposed_by, decided_by, note, trace_id, opened_at, due_at
FROM cases WHERE state IN ('open', 'proposed') ORDER BY due_at, id LIMIT $1
"""
_COUNT: Final = "SELECT COUNT(*) AS waiting FROM cases WHERE state IN ('open', 'proposed')"
_SHOW: Final = """
SELECT id, kind, key, subject, facts, state, action, proposed_by, decided_by, note, trace_id, opened_at, due_at
FROM cases WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One matter for a person; ``subject`` is the id it is about, ``facts`` hold masked and sealed values only."""

    id: str
    kind: str
    key: str
    subject: str
    facts: Mapping[str, Any]
    state: str
    action: str | None
    proposed_by: str | None
    decided_by: str | None
    note: str | None
    trace_id: str
    opened_at: datetime
    due_at: datetime


def _case(row: Row) -> Case:
    return Case(
        id=row["id"],
        kind=row["kind"],
        key=row["key"],
        subject=row["subject"],
        facts=json.loads(row["facts"]),
        state=row["state"],
        action=row["action"],
        proposed_by=row["proposed_by"],
        decided_by=row["decided_by"],
        note=row["note"],
        trace_id=row["trace_id"],
        opened_at=from_micros(row["opened_at"]),
        due_at=from_micros(row["due_at"]),
    )


async def open_case(
    tx: Tx,
    *,
    kind: str,
    key: str,
    subject: str,
    facts: Mapping[str, object],
    trace_id: str,
    told_at: datetime,
    now: datetime,
    due_at: datetime | None = None,
) -> bool:
    """Open a case, or open it again; False where one of this kind and key waits already.

    ``told_at`` is when the trouble was found: one that was found before the case's last end does not open it again.
    ``due_at`` is for a case that has a clock of its own.
    """
    due = due_at or now + timedelta(hours=HOURS.get(kind, _DEFAULT_HOURS))
    opened = await tx.execute(
        _OPEN,
        new_id("cas", now),
        kind,
        key,
        subject,
        json.dumps(facts, ensure_ascii=False, sort_keys=True),
        trace_id,
        to_micros(now),
        to_micros(due),
        to_micros(told_at),
    )
    return opened == 1


async def waiting(database: Database, limit: int = 100) -> Sequence[Case]:
    """Return up to ``limit`` cases that wait for a person, most urgent first."""
    return [_case(row) for row in await database.rows(_LIST, limit)]


async def count_waiting(database: Database) -> int:
    """Return how many cases wait for a person."""
    row = await database.row(_COUNT)
    return int(row["waiting"]) if row is not None else 0


async def show(reader: Reader, case_id: str) -> Case:
    """Return one case; raises NotFound."""
    row = await reader.row(_SHOW, case_id)
    if row is None:
        raise NotFound("case_unknown", "list the cases with `python -m bot desk list`")
    return _case(row)


def seal_words(vault: Vault, words: Sequence[str]) -> str:
    """Return what a customer said as the value of the fact ``SAID``."""
    return base64.b64encode(vault.seal(json.dumps(list(words), ensure_ascii=False), _SAID_CONTEXT)).decode("ascii")


def words_of(vault: Vault, case: Case) -> tuple[str, ...]:
    """Return what the customer said; nothing where the case holds no words. Raises Undecipherable."""
    sealed = case.facts.get(SAID)
    if sealed is None:
        return ()
    try:
        blob = base64.b64decode(str(sealed), validate=True)
    except binascii.Error:
        raise Undecipherable("not base64") from None
    return tuple(json.loads(vault.open(blob, _SAID_CONTEXT)))


class CaseOpener:
    """Deliverer of ``case`` jobs: what a transaction found to be a person's matter becomes a case."""

    kind = "case"

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def deliver(self, job: Job) -> Done:
        matter = job.payload

        async def work(tx: Tx) -> None:
            await open_case(
                tx,
                kind=matter["kind"],
                key=matter["key"],
                subject=matter["subject"],
                facts=matter["facts"],
                trace_id=job.trace_id,
                told_at=job.created_at,
                now=self._clock.now(),
            )

        await self._database.effect(work)
        return Done()
