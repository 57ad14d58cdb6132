"""Writes journals: immutable postings between two accounts, once for each business fact."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.kernel.clock import to_micros
from bot.kernel.errors import Conflict, NotFound
from bot.kernel.money import CNY
from bot.ledger.accounts import checked
from bot.storage.port import Row, Tx

ENTRIES_MAX: Final = 20

_INSERT: Final = """
INSERT INTO postings
  (journal, entry_no, source, destination, amount, asset, order_id, charge_id, refund_id, trace_id, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (journal, entry_no) DO NOTHING
"""
_INSERT_PAIR: Final = """
INSERT INTO postings
  (journal, entry_no, source, destination, amount, asset, order_id, charge_id, refund_id, trace_id, at)
VALUES ($1, 0, $2, $3, $4, $5, $6, $7, $8, $9, $10), ($1, 1, $3, $11, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (journal, entry_no) DO NOTHING
"""
_JOURNAL: Final = """
SELECT entry_no, source, destination, amount, asset, order_id, charge_id, refund_id, trace_id
FROM postings WHERE journal = $1 ORDER BY entry_no
"""


@dataclass(frozen=True, slots=True)
class Posting:
    """``amount`` (fen, or the smallest unit of ``asset``) leaves ``source`` and reaches ``destination``."""

    source: str
    destination: str
    amount: int
    asset: str = CNY

    def __post_init__(self) -> None:
        checked(self.source)
        checked(self.destination)
        if self.source == self.destination:
            raise ValueError("a posting needs two accounts")
        if self.amount < 0:
            raise ValueError("a posting is never negative; post the other way round")

    def reverse(self) -> "Posting":
        """Return the posting that undoes this one."""
        return Posting(self.destination, self.source, self.amount, self.asset)


@dataclass(frozen=True, slots=True)
class Refs:
    """Which things of the other rooms a journal is about."""

    trace_id: str
    order_id: str | None = None
    charge_id: str | None = None
    refund_id: str | None = None


async def post(tx: Tx, journal: str, postings: Sequence[Posting], refs: Refs, now: datetime) -> bool:
    """Write a journal; return False when the very same one stands already.

    Idempotent by ``journal``: the same name with other postings raises Conflict(``journal_conflict``). What a journal
    is about (``refs``) is not compared, because a repeat may come by another way.
    """
    if not 0 < len(postings) <= ENTRIES_MAX:
        raise ValueError(f"a journal has 1 to {ENTRIES_MAX} postings")
    written = await _write(tx, journal, postings, refs, to_micros(now))
    if written == len(postings):
        return True
    if written == 0 and await entries(tx, journal) == tuple(postings):
        return False
    # Some entries were new and some were not, or an old one differs: raising rolls back whatever was written.
    raise Conflict("journal_conflict", journal=journal)


async def reverse(tx: Tx, journal: str, by: str, refs: Refs, now: datetime) -> bool:
    """Undo ``journal`` by a new journal ``by``; raises NotFound(``journal_unknown``).

    Corrections are always more postings, never less (DESIGN §4).
    """
    standing = await entries(tx, journal)
    if not standing:
        raise NotFound("journal_unknown", journal=journal)
    return await post(tx, by, [posting.reverse() for posting in reversed(standing)], refs, now)


async def entries(tx: Tx, journal: str) -> tuple[Posting, ...]:
    """Return the postings of a journal in their order; empty when there is none."""
    return tuple(_posting(row) for row in await tx.rows(_JOURNAL, journal))


async def _write(tx: Tx, journal: str, postings: Sequence[Posting], refs: Refs, at: int) -> int:
    if len(postings) == 2 and _chained(*postings):
        first, second = postings
        return await tx.execute(
            _INSERT_PAIR,
            journal,
            first.source,
            first.destination,
            first.amount,
            first.asset,
            refs.order_id,
            refs.charge_id,
            refs.refund_id,
            refs.trace_id,
            at,
            second.destination,
        )
    written = 0
    for number, posting in enumerate(postings):
        written += await tx.execute(
            _INSERT,
            journal,
            number,
            posting.source,
            posting.destination,
            posting.amount,
            posting.asset,
            refs.order_id,
            refs.charge_id,
            refs.refund_id,
            refs.trace_id,
            at,
        )
    return written


def _chained(first: Posting, second: Posting) -> bool:
    """Tell whether money only passes through a middle account, the commonest journal: one statement writes it."""
    return (first.destination, first.amount, first.asset) == (second.source, second.amount, second.asset)


def _posting(row: Row) -> Posting:
    return Posting(row["source"], row["destination"], row["amount"], row["asset"])
