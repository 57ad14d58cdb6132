"""Seals ranges of immutable tables with a hash, and finds the range that no longer matches its seal."""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, LiteralString

from bot.kernel.clock import Clock, to_micros
from bot.storage.port import Database, Row, Tx

# Rows younger than this are left for the next round: a slow transaction may still commit a lower number.
SETTLE_SECONDS: Final = 60
_RANGE: Final = 5_000
_ROUNDS: Final = 1_000

# Written out per table, since SQL is never put together at run time.
_ROWS: Final[dict[str, LiteralString]] = {
    "postings": """
        SELECT seq, journal, entry_no, source, destination, amount, asset, order_id, charge_id, refund_id, trace_id, at
        FROM postings WHERE seq > $1 AND seq <= $2 ORDER BY seq""",
    "audit": """
        SELECT seq, actor, action, subject, detail, trace_id, at
        FROM audit WHERE seq > $1 AND seq <= $2 ORDER BY seq""",
}
_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "postings": (
        "seq",
        "journal",
        "entry_no",
        "source",
        "destination",
        "amount",
        "asset",
        "order_id",
        "charge_id",
        "refund_id",
        "trace_id",
        "at",
    ),
    "audit": ("seq", "actor", "action", "subject", "detail", "trace_id", "at"),
}
_UPTO: Final[dict[str, LiteralString]] = {
    "postings": """
        SELECT MAX(seq) AS upto FROM (
          SELECT seq, at FROM postings WHERE seq > $1 ORDER BY seq LIMIT $2) AS span WHERE at <= $3""",
    "audit": """
        SELECT MAX(seq) AS upto FROM (
          SELECT seq, at FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2) AS span WHERE at <= $3""",
}

_LAST = "SELECT upto_seq, digest FROM seals WHERE sealed_table = $1 ORDER BY from_seq DESC LIMIT 1"
_ALL = """
SELECT seq, from_seq, upto_seq, row_count, digest, previous_digest FROM seals
WHERE sealed_table = $1 ORDER BY from_seq
"""
_SEAL = """
INSERT INTO seals (sealed_table, from_seq, upto_seq, row_count, digest, previous_digest, at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (sealed_table, from_seq) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Broken:
    """A sealed range whose rows were changed, removed or added to since."""

    table: str
    from_seq: int
    upto_seq: int


async def _digest(rows: AsyncIterator[Row], table: str, previous: str) -> tuple[str, int]:
    """Return the hash over the previous digest and every row in order, and the number of rows."""
    digest = hashlib.sha256(previous.encode())
    count = 0
    async for row in rows:
        values = [row[column] for column in _COLUMNS[table]]
        digest.update(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode())
        digest.update(b"\n")
        count += 1
    return digest.hexdigest(), count


async def seal(database: Database, table: str, clock: Clock) -> int:
    """Seal the settled rows of ``table`` that have no seal yet; return how many ranges were sealed."""
    for sealed in range(_ROUNDS):
        if not await _seal_next(database, table, clock):
            return sealed
    return _ROUNDS


async def _seal_next(database: Database, table: str, clock: Clock) -> bool:
    last = await database.row(_LAST, table)
    start, previous = (last["upto_seq"], last["digest"]) if last else (0, "")
    settled = to_micros(clock.now() - timedelta(seconds=SETTLE_SECONDS))
    found = await database.row(_UPTO[table], start, _RANGE, settled)
    upto = found["upto"] if found else None
    if upto is None:
        return False
    digest, count = await _digest(database.stream(_ROWS[table], start, upto), table, previous)

    async def work(tx: Tx) -> int:
        return await tx.execute(_SEAL, table, start, upto, count, digest, previous, to_micros(clock.now()))

    return await database.effect(work) == 1


async def verify(database: Database, table: str) -> AsyncIterator[Broken]:
    """Yield every sealed range that does not match its rows, or whose chain to the range before it is broken."""
    previous, end = "", 0
    async for row in database.stream(_ALL, table):
        digest, count = await _digest(
            database.stream(_ROWS[table], row["from_seq"], row["upto_seq"]), table, row["previous_digest"]
        )
        chained = row["previous_digest"] == previous and row["from_seq"] == end
        if not chained or digest != row["digest"] or count != row["row_count"]:
            yield Broken(table, row["from_seq"], row["upto_seq"])
        previous, end = row["digest"], row["upto_seq"]


SEALED_TABLES: Final = tuple(_ROWS)
