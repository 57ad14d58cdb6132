"""What must be true of the ledger at any moment, as queries that return whatever offends."""

# ruff: noqa: S608 - Only names of our own states and accounts are put into a query, when the module is loaded.

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.kernel.clock import to_micros
from bot.ledger.accounts import KINDS, Sign
from bot.storage.port import Database


@dataclass(frozen=True, slots=True)
class Check:
    """A query whose every row, in its column ``id``, names something that must not be.

    With ``older_than`` (seconds) the query's ``$1`` is the moment so long ago: it is about what took too long.
    """

    name: str
    meaning: str
    sql: str
    older_than: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that found something; ``ids`` are the first offenders and ``count`` is how many there are."""

    check: str
    ids: tuple[str, ...]
    count: int


IDS_SHOWN_MAX: Final = 100

_FAMILIES: Final = ", ".join(f"'{name}'" for name in KINDS)
_FAMILY: Final = "substr({0}, 1, length({0}) - length(ltrim({0}, 'abcdefghijklmnopqrstuvwxyz')))"


def movements(family: str, columns: str) -> str:
    """Every movement of a family's accounts, received positive and given negative.

    Compared by ``substr``, since an order of text such as ``>=`` depends on the collation of a PostgreSQL cluster.
    """
    prefix = f"'{family}:'"
    return f"""(
  SELECT {columns}destination AS account, asset, amount FROM postings
  WHERE substr(destination, 1, {len(family) + 1}) = {prefix}
  UNION ALL
  SELECT {columns}source, asset, -amount FROM postings
  WHERE substr(source, 1, {len(family) + 1}) = {prefix}) AS m"""


def _never_negative(family: str) -> Check:
    return Check(
        f"{family}_negative",
        f"an account {family}:… gave more than it received",
        f"SELECT account AS id FROM {movements(family, '')} GROUP BY account, asset HAVING SUM(amount) < 0",
    )


CHECKS: Final[tuple[Check, ...]] = (
    Check(
        "clearing_not_zero",
        "a journal left money in a clearing account",
        f"""
SELECT journal AS id FROM {movements("clearing", "journal, ")}
GROUP BY journal, account, asset HAVING SUM(amount) <> 0
""",
    ),
    Check(
        "journal_gap",
        "a journal lacks an entry, so that only a part of a business fact was written",
        """
SELECT journal AS id FROM postings
GROUP BY journal HAVING MIN(entry_no) <> 0 OR MAX(entry_no) <> COUNT(*) - 1
""",
    ),
    Check(
        "account_unknown",
        "a posting names an account that is not in the chart",
        f"""
SELECT CAST(seq AS TEXT) AS id FROM postings
WHERE {_FAMILY.format("source")} NOT IN ({_FAMILIES}) OR {_FAMILY.format("destination")} NOT IN ({_FAMILIES})
""",
    ),
    Check(
        "checkpoint_wrong",
        "a checkpoint differs from the sum of the postings that it stands for",
        """
SELECT k.account AS id FROM balance_checkpoints k
WHERE k.upto_seq = (SELECT MAX(n.upto_seq) FROM balance_checkpoints n
    WHERE n.account = k.account AND n.asset = k.asset)
  AND k.balance <>
  COALESCE((SELECT SUM(p.amount) FROM postings p
    WHERE p.destination = k.account AND p.asset = k.asset AND p.seq <= k.upto_seq), 0)
  - COALESCE((SELECT SUM(p.amount) FROM postings p
    WHERE p.source = k.account AND p.asset = k.asset AND p.seq <= k.upto_seq), 0)
""",
    ),
    *(_never_negative(kind.name) for kind in KINDS.values() if kind.sign is Sign.NEVER_NEGATIVE),
)


async def offenders(database: Database, check: Check, now: datetime) -> AsyncIterator[str]:
    """Stream the ids that a check complains of."""
    values = () if check.older_than is None else (to_micros(now - timedelta(seconds=check.older_than)),)
    async for row in database.stream(check.sql, *values):
        yield str(row["id"])


async def inspect(database: Database, now: datetime, checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """Run checks one after another; an empty list says that all is well."""
    findings = []
    for check in checks:
        ids: list[str] = []
        count = 0
        async for offender in offenders(database, check, now):
            count += 1
            if count <= IDS_SHOWN_MAX:
                ids.append(offender)
        if count:
            findings.append(Finding(check.name, tuple(ids), count))
    return findings
