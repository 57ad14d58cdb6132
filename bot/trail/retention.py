"""Forgets the notes of traces when they are old; the audit and the books are kept for ever."""

from datetime import datetime
from typing import Final

from bot.kernel.clock import to_micros
from bot.storage.port import Database, Tx

_FORGET: Final = """
DELETE FROM traces WHERE seq IN (SELECT seq FROM traces WHERE at < $1 ORDER BY at LIMIT $2)
"""


async def forget_traces(database: Database, before: datetime, most: int) -> int:
    """Delete up to ``most`` notes from before a moment; return how many."""

    async def work(tx: Tx) -> int:
        return await tx.execute(_FORGET, to_micros(before), most)

    return await database.effect(work)
