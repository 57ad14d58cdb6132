"""Takes jobs from the outbox for a while, and gives back what a dead worker held."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.jobs.port import Job
from bot.kernel.clock import from_micros, to_micros
from bot.storage.port import Batch, Database, Row, Tx

_CLAIM_POSTGRESQL = """
UPDATE outbox SET state = 'leased', lease_until = $2, lease_owner = $3, attempts = attempts + 1
WHERE id IN (
  SELECT id FROM outbox
  WHERE state = 'ready' AND due_at <= $1 AND dest <> ALL($4::text[]) AND kind = ANY($5::text[])
  ORDER BY due_at LIMIT $6 FOR UPDATE SKIP LOCKED)
RETURNING id, kind, key, dest, payload, trace_id, attempts, created_at
"""

_CLAIM_SQLITE = """
UPDATE outbox SET state = 'leased', lease_until = $2, lease_owner = $3, attempts = attempts + 1
WHERE id IN (
  SELECT id FROM outbox
  WHERE state = 'ready' AND due_at <= $1
    AND dest NOT IN (SELECT value FROM json_each($4)) AND kind IN (SELECT value FROM json_each($5))
  ORDER BY due_at LIMIT $6)
RETURNING id, kind, key, dest, payload, trace_id, attempts, created_at
"""

_RENEW_POSTGRESQL = "UPDATE outbox SET lease_until = $1 WHERE id = ANY($3::text[]) AND lease_owner = $2"
_RENEW_SQLITE = "UPDATE outbox SET lease_until = $1 WHERE id IN (SELECT value FROM json_each($3)) AND lease_owner = $2"

_RECLAIM = """
UPDATE outbox SET state = 'ready', lease_owner = NULL, lease_until = NULL, last_error = 'lease expired'
WHERE state = 'leased' AND lease_until < $1
"""

_PUT_BACK = """
UPDATE outbox SET state = 'ready', attempts = attempts - 1, lease_owner = NULL, lease_until = NULL
WHERE id = $1 AND lease_owner = $2
"""

_FINISH = """
UPDATE outbox SET state = $3, due_at = $4, last_error = $5, done_at = $6, lease_owner = NULL, lease_until = NULL
WHERE id = $1 AND lease_owner = $2
"""

_FINISH_MANY = """
UPDATE outbox SET state = f.state, due_at = f.due_at, last_error = f.error, done_at = f.done_at,
  lease_owner = NULL, lease_until = NULL
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[])
  AS f(id, owner, state, due_at, error, done_at)
WHERE outbox.id = f.id AND outbox.lease_owner = f.owner
RETURNING outbox.id
"""


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a leased job: ``done``, ``dead``, or ``ready`` again at ``due_at`` (microseconds)."""

    id: str
    owner: str
    state: str
    due_at: int
    error: str | None
    done_at: int | None


def _job(row: Row) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        key=row["key"],
        dest=row["dest"],
        payload=json.loads(row["payload"]),
        trace_id=row["trace_id"],
        attempt=row["attempts"],
        created_at=from_micros(row["created_at"]),
    )


async def claim(
    database: Database,
    *,
    owner: str,
    kinds: Sequence[str],
    full: Sequence[str],
    limit: int,
    now: datetime,
    lease: float,
) -> list[Job]:
    """Lease up to ``limit`` due jobs of these kinds whose receiver is not in ``full``, oldest first."""
    until = to_micros(now + timedelta(seconds=lease))

    async def work(tx: Tx) -> list[Job]:
        if tx.engine == "postgresql":
            rows = await tx.rows(_CLAIM_POSTGRESQL, to_micros(now), until, owner, list(full), list(kinds), limit)
        else:
            rows = await tx.rows(
                _CLAIM_SQLITE, to_micros(now), until, owner, json.dumps(list(full)), json.dumps(list(kinds)), limit
            )
        return [_job(row) for row in rows]

    return await database.effect(work)


async def renew(database: Database, *, owner: str, ids: Sequence[str], now: datetime, lease: float) -> None:
    """Extend the leases of jobs that are still under way."""
    until = to_micros(now + timedelta(seconds=lease))

    async def work(tx: Tx) -> None:
        if tx.engine == "postgresql":
            await tx.execute(_RENEW_POSTGRESQL, until, owner, list(ids))
        else:
            await tx.execute(_RENEW_SQLITE, until, owner, json.dumps(list(ids)))

    await database.effect(work)


async def reclaim(database: Database, now: datetime) -> int:
    """Make ready again what a worker leased and did not live to finish; return how many."""
    return await database.effect(lambda tx: tx.execute(_RECLAIM, to_micros(now)))


async def put_back(database: Database, *, owner: str, ids: Sequence[str]) -> None:
    """Return jobs that were leased but not begun, without counting an attempt."""

    async def work(tx: Tx) -> None:
        for id_ in ids:
            await tx.execute(_PUT_BACK, id_, owner)

    await database.effect(work)


async def _finish_one(tx: Tx, item: Finished) -> bool:
    changed = await tx.execute(_FINISH, item.id, item.owner, item.state, item.due_at, item.error, item.done_at)
    return changed == 1


async def _finish_many(tx: Tx, items: Sequence[Finished]) -> Sequence[bool]:
    rows = await tx.rows(
        _FINISH_MANY,
        [item.id for item in items],
        [item.owner for item in items],
        [item.state for item in items],
        [item.due_at for item in items],
        [item.error for item in items],
        [item.done_at for item in items],
    )
    finished = {row["id"] for row in rows}
    return [item.id in finished for item in items]


FINISH: Batch[Finished, bool] = Batch("outbox.finish", one=_finish_one, many=_finish_many)
