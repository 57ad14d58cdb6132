"""Balances: the last checkpoint and the postings behind it, so that no row is written by every payment."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from bot.kernel.clock import to_micros
from bot.kernel.money import CNY
from bot.storage.port import Database, Reader, Tx

_BALANCE: Final = """
WITH last AS (
  SELECT balance, upto_seq FROM balance_checkpoints WHERE account = $1 AND asset = $2
  ORDER BY upto_seq DESC LIMIT 1)
SELECT CAST(
  COALESCE((SELECT balance FROM last), 0)
  + COALESCE((SELECT SUM(amount) FROM postings WHERE destination = $1 AND asset = $2
      AND seq > COALESCE((SELECT upto_seq FROM last), 0)), 0)
  - COALESCE((SELECT SUM(amount) FROM postings WHERE source = $1 AND asset = $2
      AND seq > COALESCE((SELECT upto_seq FROM last), 0)), 0)
  AS BIGINT) AS balance
"""

# A row with a lower number may still be uncommitted when a higher one is already seen. The lock waits for the writers
# of the moment and lets nobody begin, so that below the highest number nothing can appear any more.
_WAIT_FOR_WRITERS: Final = "LOCK TABLE postings IN SHARE MODE"
_HIGHEST: Final = "SELECT COALESCE(MAX(seq), 0) AS seq FROM postings"

_CHECKPOINT: Final = """
INSERT INTO balance_checkpoints (account, asset, upto_seq, balance, at)
SELECT m.account, m.asset, $1, CAST(SUM(m.amount) + COALESCE((
    SELECT k.balance FROM balance_checkpoints k WHERE k.account = m.account AND k.asset = m.asset
    ORDER BY k.upto_seq DESC LIMIT 1), 0) AS BIGINT), $3
FROM (
  SELECT destination AS account, asset, amount FROM postings WHERE seq > $2 AND seq <= $1
  UNION ALL
  SELECT source, asset, -amount FROM postings WHERE seq > $2 AND seq <= $1) AS m
GROUP BY m.account, m.asset
ON CONFLICT (account, asset, upto_seq) DO NOTHING
"""
_LAST: Final = "SELECT COALESCE(MAX(upto_seq), 0) AS seq FROM balance_checkpoints"
_BY_PREFIX: Final = """
SELECT account, asset, CAST(SUM(amount) AS BIGINT) AS balance FROM (
  SELECT destination AS account, asset, amount FROM postings
  WHERE substr(destination, 1, length(CAST($1 AS TEXT))) = $1
  UNION ALL
  SELECT source, asset, -amount FROM postings WHERE substr(source, 1, length(CAST($1 AS TEXT))) = $1) AS m
GROUP BY account, asset ORDER BY account, asset
"""


async def balance(reader: Reader, account: str, asset: str = CNY) -> int:
    """Return what an account received minus what it gave, in fen (or the smallest unit of ``asset``)."""
    row = await reader.row(_BALANCE, account, asset)
    assert row is not None
    return int(row["balance"])


async def of_family(reader: Reader, family: str) -> Mapping[tuple[str, str], int]:
    """Return the balances of all accounts of a family such as ``suspense``, by (account, asset), summed afresh."""
    rows = await reader.rows(_BY_PREFIX, f"{family}:")
    return {(row["account"], row["asset"]): int(row["balance"]) for row in rows}


async def checkpoint(database: Database, now: datetime, *, postings_min: int = 10_000) -> int:
    """Write a checkpoint of every account that moved since the last one; return up to which number.

    Does nothing and returns 0 while fewer than ``postings_min`` numbers have been given since. Two workers at once do
    no harm: the second finds nothing new.
    """
    highest = await database.effect(_horizon)

    async def work(tx: Tx) -> int:
        if tx.engine == "postgresql":
            await tx.execute("LOCK TABLE balance_checkpoints IN SHARE ROW EXCLUSIVE MODE")
        last = await tx.row(_LAST)
        assert last is not None
        if highest - int(last["seq"]) < max(1, postings_min):
            return 0
        await tx.execute(_CHECKPOINT, highest, last["seq"], to_micros(now))
        return highest

    return await database.effect(work)


async def _horizon(tx: Tx) -> int:
    """Return the highest number below which every posting is committed or never will be."""
    if tx.engine == "postgresql":
        await tx.execute(_WAIT_FOR_WRITERS)
    row = await tx.row(_HIGHEST)
    assert row is not None
    return int(row["seq"])
