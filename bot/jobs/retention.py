"""Forgets jobs that are done and old; those that died stay, for a case speaks of them."""

from datetime import datetime
from typing import Final

from bot.kernel.clock import to_micros
from bot.kernel.ids import first_id
from bot.storage.port import Database, Tx

# Ids sort by birth: the bound on them lets the oldest be found without looking at all that stay.
_FORGET: Final = """
DELETE FROM outbox WHERE id IN (
  SELECT id FROM outbox WHERE id < $1 AND state = 'done' AND done_at < $2 ORDER BY id LIMIT $3)
"""


async def forget_done(database: Database, before: datetime, most: int) -> int:
    """Delete up to ``most`` jobs that were born and done before a moment; return how many."""

    async def work(tx: Tx) -> int:
        return await tx.execute(_FORGET, first_id("job", before), to_micros(before), most)

    return await database.effect(work)
