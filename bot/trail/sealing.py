"""Seals ranges of immutable tables, and finds the range that no longer matches its seal.

A seal is a hash over the rows of a range and the seal before it, blinded with a key that the database does not hold:
whoever can write to the tables alone can break seals but not make them.
"""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, LiteralString

from bot.kernel.clock import Clock, to_micros
from bot.outside.logging import get_logger
from bot.storage.port import Database, Row, Tx
from bot.storage.vault import Vault

log = get_logger(__name__)

# Rows younger than this wait for the next round, and all behind them: a slow transaction may still commit a lower
# number. No transaction lives that long (the store ends statements and idle transactions after 15 s).
SETTLE_SECONDS: Final = 60
RANGE: Final = 5_000
_ROUNDS: Final = 1_000
_CONTEXT: Final = "seals.digest"


@dataclass(frozen=True, slots=True)
class _Sealed:
    """The statements about one table, written out whole, since SQL is never put together at run time."""

    rows: LiteralString
    columns: tuple[str, ...]
    upto: LiteralString
    before: LiteralString


_TABLES: Final[dict[str, _Sealed]] = {
    "postings": _Sealed(
        rows="""
SELECT seq, journal, entry_no, source, destination, amount, asset, order_id, charge_id, refund_id, trace_id, at
FROM postings WHERE seq > $1 AND seq <= $2 ORDER BY seq
""",
        columns=(
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
        upto="""
WITH span AS (SELECT seq, at FROM postings WHERE seq > $1 ORDER BY seq LIMIT $2)
SELECT MAX(seq) AS upto FROM span WHERE seq < COALESCE((SELECT MIN(seq) FROM span WHERE at > $3), seq + 1)
""",
        before="SELECT MIN(seq) AS first FROM postings WHERE seq <= 0",
    ),
    "audit": _Sealed(
        rows="""
SELECT seq, actor, action, subject, detail, trace_id, at
FROM audit WHERE seq > $1 AND seq <= $2 ORDER BY seq
""",
        columns=("seq", "actor", "action", "subject", "detail", "trace_id", "at"),
        upto="""
WITH span AS (SELECT seq, at FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2)
SELECT MAX(seq) AS upto FROM span WHERE seq < COALESCE((SELECT MIN(seq) FROM span WHERE at > $3), seq + 1)
""",
        before="SELECT MIN(seq) AS first FROM audit WHERE seq <= 0",
    ),
}
SEALED_TABLES: Final = tuple(_TABLES)

_LAST: Final = "SELECT upto_seq, digest FROM seals WHERE sealed_table = $1 ORDER BY from_seq DESC LIMIT 1"
_ALL: Final = """
SELECT from_seq, upto_seq, row_count, digest, previous_digest FROM seals WHERE sealed_table = $1 ORDER BY from_seq
"""
_SEAL: Final = """
INSERT INTO seals (sealed_table, from_seq, upto_seq, row_count, digest, previous_digest, at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (sealed_table, from_seq) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Broken:
    """A sealed range, behind ``from_seq`` up to ``upto_seq``, whose rows were changed, removed or added to since."""

    table: str
    from_seq: int
    upto_seq: int


@dataclass(frozen=True, slots=True)
class Span:
    """A range as it is: behind ``start`` up to ``upto``, after the seal ``previous``."""

    table: str
    start: int
    upto: int
    previous: str


async def seal(database: Database, table: str, vault: Vault, clock: Clock) -> int:
    """Seal the settled rows of ``table`` that have no seal yet; return how many ranges were sealed."""
    for sealed in range(_ROUNDS):
        if not await _seal_next(database, table, vault, clock):
            return sealed
    return _ROUNDS


async def verify(database: Database, table: str, vault: Vault) -> AsyncIterator[Broken]:
    """Yield every sealed range that does not match its rows, or whose chain to the range before it is broken."""
    row = await database.row(_TABLES[table].before)
    if row is not None and row["first"] is not None:
        # The engine numbers rows from 1: these were put in by hand, where no range would cover them.
        yield Broken(table, row["first"] - 1, 0)
    previous, end = "", 0
    async for kept in database.stream(_ALL, table):
        span = Span(table, kept["from_seq"], kept["upto_seq"], kept["previous_digest"])
        chained = span.previous == previous and span.start == end
        if not chained or await _digest(database, span, vault) != (kept["digest"], kept["row_count"]):
            yield Broken(table, span.start, span.upto)
        previous, end = kept["digest"], span.upto


async def _seal_next(database: Database, table: str, vault: Vault, clock: Clock) -> bool:
    last = await database.row(_LAST, table)
    start, previous = (last["upto_seq"], last["digest"]) if last else (0, "")
    settled = to_micros(clock.now() - timedelta(seconds=SETTLE_SECONDS))
    found = await database.row(_TABLES[table].upto, start, RANGE, settled)
    if found is None or found["upto"] is None:
        return False
    span = Span(table, start, found["upto"], previous)
    digest, count = await _digest(database, span, vault)

    async def work(tx: Tx) -> int:
        return await tx.execute(_SEAL, table, start, span.upto, count, digest, previous, to_micros(clock.now()))

    # Another process may have sealed from here on in the meantime; the unique key lets one of the two stand.
    if await database.effect(work) != 1:
        return False
    # The log is kept elsewhere than the database, so it tells when the last seals were taken away with their rows.
    log.info("seal.made", table=table, rows=count, upto=span.upto, seal=digest)
    return True


async def _digest(database: Database, span: Span, vault: Vault) -> tuple[str, int]:
    """Return the seal over the seal before and every row in order, and the number of rows."""
    sealed = _TABLES[span.table]
    digest = hashlib.sha256(f"{span.table}\n{span.start}\n{span.upto}\n{span.previous}\n".encode())
    count = 0
    async for row in database.stream(sealed.rows, span.start, span.upto):
        digest.update(_line(row, sealed.columns))
        count += 1
    return vault.blind(digest.hexdigest(), _CONTEXT), count


def _line(row: Row, columns: tuple[str, ...]) -> bytes:
    values = [row[column] for column in columns]
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
