"""Writes jobs into the outbox as part of the transaction that makes them necessary."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from bot.jobs.payload import pack
from bot.jobs.port import NewJob
from bot.kernel.clock import to_micros
from bot.kernel.ids import new_id
from bot.storage.port import Tx
from bot.storage.vault import Vault

CHANNEL: Final = "outbox"

_INSERT: Final = """
INSERT INTO outbox (id, kind, key, dest, payload, state, attempts, due_at, trace_id, created_at)
VALUES ($1, $2, $3, $4, $5, 'ready', 0, $6, $7, $8)
ON CONFLICT (kind, key) DO NOTHING
"""
_INSERT_MANY: Final = """
INSERT INTO outbox (id, kind, key, dest, payload, state, attempts, due_at, trace_id, created_at)
SELECT id, kind, key, dest, payload, 'ready', 0, due_at, trace_id, created_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[])
  AS new(id, kind, key, dest, payload, due_at, trace_id, created_at)
ON CONFLICT (kind, key) DO NOTHING
"""


async def enqueue(tx: Tx, jobs: Sequence[NewJob], now: datetime, vault: Vault | None = None) -> None:
    """Add jobs that are not there yet (same kind and key) and wake the workers after the commit.

    Raises ValueError for a private job without a vault.
    """
    # In one order everywhere, so that two transactions that enqueue the same jobs cannot wait for each other.
    rows = [_row(job, now, vault) for job in sorted(jobs, key=lambda job: (job.kind, job.key))]
    if not rows:
        return
    if tx.engine == "postgresql" and len(rows) > 1:
        columns: Iterable[Any] = zip(*rows, strict=True)
        await tx.execute(_INSERT_MANY, *(list(column) for column in columns))
    else:
        for row in rows:
            await tx.execute(_INSERT, *row)
    tx.signal(CHANNEL)


def _row(job: NewJob, now: datetime, vault: Vault | None) -> tuple[str | int, ...]:
    return (
        new_id("job", now),
        job.kind,
        job.key,
        job.dest,
        pack(job.payload, private=job.private, vault=vault),
        to_micros(job.due_at or now),
        job.trace_id,
        to_micros(now),
    )
