"""Writes jobs into the outbox as part of the transaction that makes them necessary."""

import json
from collections.abc import Sequence
from datetime import datetime

from bot.jobs.port import NewJob
from bot.kernel.clock import to_micros
from bot.kernel.ids import new_id
from bot.storage.port import Tx

CHANNEL = "outbox"

_INSERT = """
INSERT INTO outbox (id, kind, key, dest, payload, state, attempts, due_at, trace_id, created_at)
VALUES ($1, $2, $3, $4, $5, 'ready', 0, $6, $7, $8)
ON CONFLICT (kind, key) DO NOTHING
"""


async def enqueue(tx: Tx, jobs: Sequence[NewJob], now: datetime) -> None:
    """Add jobs that are not there yet (same kind and key) and wake the workers after the commit."""
    for job in jobs:
        await tx.execute(
            _INSERT,
            new_id("job", now),
            job.kind,
            job.key,
            job.dest,
            json.dumps(job.payload, ensure_ascii=False, separators=(",", ":")),
            to_micros(job.due_at or now),
            job.trace_id,
            to_micros(now),
        )
    if jobs:
        tx.signal(CHANNEL)
