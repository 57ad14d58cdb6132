"""Opens cases and shows them; the same trouble twice is one case."""

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

# Hours until a case is overdue; complaints have 15 days by rule (domain.md §4), money should move much sooner.
HOURS: Final[Mapping[str, int]] = {
    "suspense": 24,
    "settlement_refused": 24,
    "settlement_silent": 24,
    "undo_refused": 24,
    "refund_abnormal": 48,
    "refund_approval": 24,
    "dead_letter": 24,
    "customer": 24,
}
_DEFAULT_HOURS: Final = 24

_OPEN = """
INSERT INTO cases (id, kind, key, subject, facts, state, trace_id, opened_at, due_at)
VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8)
ON CONFLICT (kind, key) DO NOTHING
"""
_LIST = """
SELECT id, kind, key, subject, facts, state, action, proposed_by, decided_by, note, trace_id, opened_at, due_at
FROM cases WHERE state IN ('open', 'proposed') ORDER BY due_at LIMIT $1
"""
_SHOW = """
SELECT id, kind, key, subject, facts, state, action, proposed_by, decided_by, note, trace_id, opened_at, due_at
FROM cases WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One matter for a person; ``subject`` is the id it is about, ``facts`` hold masked values only."""

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
    tx: Tx, *, kind: str, key: str, subject: str, facts: Mapping[str, object], trace_id: str, now: datetime
) -> None:
    """Open a case unless one of this kind and key was ever opened."""
    due = now + timedelta(hours=HOURS.get(kind, _DEFAULT_HOURS))
    await tx.execute(
        _OPEN,
        new_id("cas", now),
        kind,
        key,
        subject,
        json.dumps(facts, ensure_ascii=False, sort_keys=True),
        trace_id,
        to_micros(now),
        to_micros(due),
    )


async def waiting(database: Database, limit: int = 100) -> Sequence[Case]:
    """Return the cases that wait for a person, most urgent first."""
    return [_case(row) for row in await database.rows(_LIST, limit)]


async def show(reader: Reader, case_id: str) -> Case:
    """Return one case; raises NotFound."""
    row = await reader.row(_SHOW, case_id)
    if row is None:
        raise NotFound("case_unknown", "list the cases with `python -m bot desk list`")
    return _case(row)


class CaseOpener:
    """Deliverer of ``case`` jobs: what a transaction found to be a person's matter becomes a case."""

    kind = "case"

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def deliver(self, job: Job) -> Done:
        facts = job.payload

        async def work(tx: Tx) -> None:
            await open_case(
                tx,
                kind=facts["kind"],
                key=facts["key"],
                subject=facts["subject"],
                facts=facts["facts"],
                trace_id=job.trace_id,
                now=self._clock.now(),
            )

        await self._database.effect(work)
        return Done()
