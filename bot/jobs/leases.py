"""Takes jobs from the outbox for a while, and gives back what a dead worker held.

Every statement finds its rows by an index that holds only rows in that state, however many jobs are done. A lease
belongs to an owner, and whatever an owner says about a job that is no longer its own changes nothing.

Leases on PostgreSQL run by the server's clock: machines whose clocks differ by seconds must not take each other's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.jobs.payload import SEALED, WIPED
from bot.kernel.clock import to_micros
from bot.storage.port import Batch, Database, Row, Tx

_SERVER_NOW: Final = "CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS BIGINT)"

# The receivers that have jobs waiting, found by leaping from one to the next in the index: as many steps as there
# are receivers, not jobs.
_RECEIVERS: Final = """
WITH RECURSIVE receiver(dest) AS (
  SELECT MIN(dest) FROM outbox WHERE state = 'ready'
  UNION ALL
  SELECT (SELECT MIN(o.dest) FROM outbox o WHERE o.state = 'ready' AND o.dest > r.dest)
  FROM receiver r WHERE r.dest IS NOT NULL
)
SELECT dest FROM receiver WHERE dest IS NOT NULL
"""
_DUE_OF: Final = """
SELECT id, due_at FROM outbox
WHERE state = 'ready' AND dest = $1 AND due_at <= $2 AND kind IN (SELECT value FROM json_each($3))
ORDER BY due_at LIMIT $4
"""
_TAKE: Final = """
UPDATE outbox SET state = 'leased', lease_until = $2, lease_owner = $3, attempts = attempts + 1
WHERE id IN (SELECT value FROM json_each($1)) AND state = 'ready'
RETURNING id, kind, key, dest, payload, trace_id, attempts, due_at, created_at
"""
# The same in one round trip. The last condition compares with an array because the planner then uses the primary key
# whatever it believes about the number of rows.
_CLAIM: Final = f"""
WITH RECURSIVE receiver(dest) AS (
  (SELECT dest FROM outbox WHERE state = 'ready' ORDER BY dest LIMIT 1)
  UNION ALL
  SELECT (SELECT o.dest FROM outbox o WHERE o.state = 'ready' AND o.dest > r.dest ORDER BY o.dest LIMIT 1)
  FROM receiver r WHERE r.dest IS NOT NULL
),
chosen AS MATERIALIZED (
  SELECT due.id FROM receiver r
  LEFT JOIN unnest($4::text[], $5::bigint[]) AS busy(dest, jobs) ON busy.dest = r.dest
  CROSS JOIN LATERAL (
    SELECT o.id, o.due_at FROM outbox o
    WHERE o.state = 'ready' AND o.dest = r.dest AND o.due_at <= $1 AND o.kind = ANY($6::text[])
    ORDER BY o.due_at LIMIT GREATEST($7::bigint - COALESCE(busy.jobs, 0), 0) FOR UPDATE OF o SKIP LOCKED
  ) AS due
  ORDER BY due.due_at LIMIT $8
)
UPDATE outbox SET state = 'leased', lease_until = {_SERVER_NOW} + $2, lease_owner = $3, attempts = attempts + 1
WHERE id = ANY(ARRAY(SELECT id FROM chosen))
RETURNING id, kind, key, dest, payload, trace_id, attempts, due_at, created_at
"""  # noqa: S608 - Constants of this room are put in, when the module is loaded.

# Locks are taken in the order of ids wherever one statement changes several leased jobs, so that no two of them can
# wait for each other.
_RENEW_POSTGRESQL: Final = f"""
WITH mine AS MATERIALIZED (
  SELECT id FROM outbox WHERE id = ANY($3::text[]) AND state = 'leased' AND lease_owner = $2 ORDER BY id FOR UPDATE
)
UPDATE outbox SET lease_until = {_SERVER_NOW} + $1 WHERE id = ANY(ARRAY(SELECT id FROM mine)) RETURNING id
"""  # noqa: S608 - Constants of this room are put in, when the module is loaded.
_RENEW_SQLITE: Final = """
UPDATE outbox SET lease_until = $1
WHERE id IN (SELECT value FROM json_each($3)) AND state = 'leased' AND lease_owner = $2
RETURNING id
"""

_RECLAIM_POSTGRESQL: Final = f"""
UPDATE outbox SET state = 'ready', lease_owner = NULL, lease_until = NULL, last_error = 'lease expired'
WHERE id = ANY(ARRAY(
  SELECT id FROM outbox WHERE state = 'leased' AND lease_until < {_SERVER_NOW} LIMIT 1000 FOR UPDATE SKIP LOCKED))
"""  # noqa: S608 - Constants of this room are put in, when the module is loaded.
_ANY_RUN_OUT: Final = "SELECT 1 FROM outbox WHERE state = 'leased' AND lease_until < $1 LIMIT 1"
_RECLAIM_SQLITE: Final = """
UPDATE outbox SET state = 'ready', lease_owner = NULL, lease_until = NULL, last_error = 'lease expired'
WHERE state = 'leased' AND lease_until < $1
"""
_TAKE_OVER: Final = """
UPDATE outbox SET state = 'ready', lease_owner = NULL, lease_until = NULL, last_error = 'worker ended'
WHERE state = 'leased' AND lease_owner <> $1
"""
_RELEASE: Final = """
UPDATE outbox SET state = 'ready', lease_owner = NULL, lease_until = NULL, last_error = 'worker ended'
WHERE state = 'leased' AND lease_owner = $1
"""

_FINISH: Final = f"""
UPDATE outbox SET state = $3, due_at = $4, last_error = $5, done_at = $6, lease_owner = NULL, lease_until = NULL,
  payload = CASE WHEN $3 = 'done' AND substr(payload, 1, {len(SEALED)}) = '{SEALED}' THEN '{WIPED}' ELSE payload END
WHERE id = $1 AND state = 'leased' AND lease_owner = $2
"""  # noqa: S608 - Constants of this room are put in, when the module is loaded.
_FINISH_MANY: Final = f"""
WITH ended AS (
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[])
    AS f(id, owner, state, due_at, error, done_at)
),
mine AS MATERIALIZED (
  SELECT o.id AS mine_id FROM outbox o JOIN ended e ON e.id = o.id
  WHERE o.state = 'leased' AND o.lease_owner = e.owner ORDER BY o.id FOR UPDATE OF o
)
UPDATE outbox SET state = e.state, due_at = e.due_at, last_error = e.error, done_at = e.done_at,
  lease_owner = NULL, lease_until = NULL,
  payload = CASE WHEN e.state = 'done' AND substr(payload, 1, {len(SEALED)}) = '{SEALED}' THEN '{WIPED}'
    ELSE payload END
FROM ended e
WHERE outbox.id = e.id AND outbox.id = ANY(ARRAY(SELECT mine_id FROM mine))
RETURNING outbox.id
"""  # noqa: S608 - Constants of this room are put in, when the module is loaded.


@dataclass(frozen=True, slots=True)
class Leased:
    """A job's row as it was leased; ``payload`` is still packed, times are in microseconds."""

    id: str
    kind: str
    key: str
    dest: str
    payload: str
    trace_id: str
    attempt: int
    due_at: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a leased job: ``done``, ``dead``, or ``ready`` again at ``due_at`` (microseconds)."""

    id: str
    owner: str
    state: str
    due_at: int
    error: str | None
    done_at: int | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a worker can take: jobs of these kinds, ``limit`` in all, ``per_dest`` a receiver less those in ``busy``."""

    kinds: Sequence[str]
    busy: Mapping[str, int]
    per_dest: int
    limit: int


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _leased(row: Row) -> Leased:
    return Leased(
        id=row["id"],
        kind=row["kind"],
        key=row["key"],
        dest=row["dest"],
        payload=row["payload"],
        trace_id=row["trace_id"],
        attempt=row["attempts"],
        due_at=row["due_at"],
        created_at=row["created_at"],
    )


async def claim(database: Database, owner: str, wanted: Wanted, now: datetime, lease: float) -> list[Leased]:
    """Lease due jobs for ``lease`` seconds, those that have waited longest first."""
    at, length = to_micros(now), _micros(lease)

    async def work(tx: Tx) -> Sequence[Row]:
        if tx.engine == "postgresql":
            busy, counts = list(wanted.busy), list(wanted.busy.values())
            kinds, per_dest, limit = list(wanted.kinds), wanted.per_dest, wanted.limit
            return await tx.rows(_CLAIM, at, length, owner, busy, counts, kinds, per_dest, limit)
        chosen = await _due(tx, wanted, at)
        return await tx.rows(_TAKE, chosen, at + length, owner) if chosen else ()

    rows = await database.effect(work)
    return sorted(map(_leased, rows), key=lambda job: (job.due_at, job.id))


async def _due(tx: Tx, wanted: Wanted, at: int) -> list[str]:
    """Return the ids to take, step by step: SQLite lacks lateral joins, and a step costs it microseconds."""
    found: list[tuple[int, str]] = []
    for receiver in await tx.rows(_RECEIVERS):
        room = wanted.per_dest - wanted.busy.get(receiver["dest"], 0)
        if room > 0:
            rows = await tx.rows(_DUE_OF, receiver["dest"], at, list(wanted.kinds), room)
            found += [(row["due_at"], row["id"]) for row in rows]
    return [id_ for _, id_ in sorted(found)[: wanted.limit]]


async def renew(database: Database, owner: str, ids: Sequence[str], now: datetime, lease: float) -> frozenset[str]:
    """Extend the leases of jobs that are still under way; return those that are still ours."""

    async def work(tx: Tx) -> Sequence[Row]:
        if tx.engine == "postgresql":
            return await tx.rows(_RENEW_POSTGRESQL, _micros(lease), owner, list(ids))
        return await tx.rows(_RENEW_SQLITE, to_micros(now) + _micros(lease), owner, list(ids))

    return frozenset(row["id"] for row in await database.effect(work))


async def reclaim(database: Database, now: datetime) -> int:
    """Make ready again what a worker leased and did not live to finish; return how many."""
    if database.engine == "postgresql":
        return await database.effect(lambda tx: tx.execute(_RECLAIM_POSTGRESQL))
    # Asked of a reader first: there is one writer, which has better things to do several times a second.
    if await database.row(_ANY_RUN_OUT, to_micros(now)) is None:
        return 0
    return await database.effect(lambda tx: tx.execute(_RECLAIM_SQLITE, to_micros(now)))


async def take_over(database: Database, owner: str) -> int:
    """Make ready again, at once, what every other owner holds: for the only worker of a database, when it starts."""
    return await database.effect(lambda tx: tx.execute(_TAKE_OVER, owner))


async def release(database: Database, owner: str) -> int:
    """Give back, at once, what this owner still holds: for a worker that ends."""
    return await database.effect(lambda tx: tx.execute(_RELEASE, owner))


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


# Tells whether the job was still the owner's to finish.
FINISH: Final[Batch[Finished, bool]] = Batch("outbox.finish", one=_finish_one, many=_finish_many, single_statement=True)
