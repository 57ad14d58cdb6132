"""Brings what the outbox has for the desk onto it, as the relay would."""

import json

from bot.cases.book import CaseOpener
from bot.jobs.port import Job
from bot.kernel.clock import Clock, from_micros
from bot.storage.port import Database, Tx


async def file_cases(database: Database, clock: Clock) -> None:
    """Deliver the case jobs that are ready."""
    opener = CaseOpener(database, clock)
    for row in await database.rows("SELECT * FROM outbox WHERE kind = 'case' AND state = 'ready' ORDER BY id"):
        job = Job(
            id=row["id"],
            kind=row["kind"],
            key=row["key"],
            dest=row["dest"],
            payload=json.loads(row["payload"]),
            trace_id=row["trace_id"],
            attempt=1,
            created_at=from_micros(row["created_at"]),
        )
        await opener.deliver(job)

        async def done(tx: Tx, id_: str = job.id) -> None:
            await tx.execute("UPDATE outbox SET state = 'done' WHERE id = $1", id_)

        await database.effect(done)
