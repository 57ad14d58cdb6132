"""Keeps differences: found again they stay as they are, found no more they are void, changed they are open again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.kernel.errors import Busy, NotFound
from bot.payments.reconciliation.days import AccountDay, Terms, near_midnight
from bot.payments.reconciliation.judging import Finding
from bot.payments.reconciliation.kinds import DIFFERENCE, UNRESOLVED
from bot.payments.states import quoted
from bot.storage.port import Reader, Row, Tx, Value

_UNRESOLVED: Final = quoted(UNRESOLVED)

_FACTS: Final = (
    "out_trade_no",
    "currency",
    "ours_currency",
    "ours",
    "theirs",
    "ours_fee",
    "theirs_fee",
    "ours_state",
    "theirs_state",
    "other_day",
    "our_id",
)
_SETS: Final = (
    "out_trade_no = $3, currency = $4, ours_currency = $5, ours = $6, theirs = $7, ours_fee = $8, theirs_fee = $9, "
    "ours_state = $10, theirs_state = $11, other_day = $12, our_id = $13, line_no = $14, seen = $15, told = 0, "
    "asked = 0, disposition = NULL, proposed_by = NULL, decided_by = NULL, note = ''"
)
_STANDING: Final = "SELECT * FROM recon_differences WHERE id = $1"
_INSERT: Final = """
INSERT INTO recon_differences (id, out_trade_no, currency, ours_currency, ours, theirs, ours_fee, theirs_fee,
  ours_state, theirs_state, other_day, our_id, line_no, seen, gateway, account, day, kind, measure, number, copy, state,
  pool_until, note, found_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, '',
  $24, $24)
"""
# A line keeps its place in a bill only as long as the bill stays; what it says is what counts.
_SEEN: Final = "UPDATE recon_differences SET seen = $2, line_no = $3 WHERE id = $1"
# One statement for each state that a finding can bring a row into; the table of transitions checks each.
_ANEW: Final = {
    "open": DIFFERENCE.move("pooled", "working", "explained", "paired", "void", to="open", sets=_SETS),
    "pooled": DIFFERENCE.move("open", "explained", "paired", "void", to="pooled", sets=_SETS),
    "paired": DIFFERENCE.move("pooled", "open", "working", "explained", "void", to="paired", sets=_SETS),
}
# A row whose facts changed without leaving its state.
_CHANGED: Final = f"UPDATE recon_differences SET changed_at = $2, {_SETS} WHERE id = $1"  # noqa: S608 - The names of our own columns.
_VOID: Final = f"""
UPDATE recon_differences SET state = 'void', changed_at = $4
WHERE gateway = $1 AND account = $2 AND day = $3 AND seen < $5
  AND state IN ({DIFFERENCE.listed(("pooled", "open", "working", "explained", "paired"), "void")})
"""  # noqa: S608 - The names of our own states.
_EXPIRE: Final = """
UPDATE recon_differences SET state = 'open', changed_at = $4
WHERE gateway = $1 AND account = $2 AND day = $3 AND state = 'pooled' AND pool_until < $5
"""
# The gateway was asked and the sides differ all the same: two names have to decide anew.
_IN_VAIN: Final = """
UPDATE recon_differences SET state = 'open', changed_at = $4, told = 0, asked = 0
WHERE gateway = $1 AND account = $2 AND day = $3 AND state = 'working' AND asked = 1
"""
_UNTOLD: Final = """
SELECT * FROM recon_differences WHERE gateway = $1 AND account = $2 AND day = $3 AND state = 'open' AND told = 0
ORDER BY id LIMIT $4
"""
_TOLD: Final = "UPDATE recon_differences SET told = 1 WHERE id = $1"
_WAITING: Final = """
SELECT COUNT(*) AS count FROM recon_differences
WHERE gateway = $1 AND account = $2 AND day = $3 AND state = 'open' AND told = 1
"""
_LEFT: Final = f"""
SELECT COUNT(*) AS count FROM recon_differences
WHERE gateway = $1 AND account = $2 AND day = $3 AND state IN ({_UNRESOLVED})
"""  # noqa: S608 - The names of our own states.
_SHOW: Final = """
SELECT * FROM recon_differences WHERE gateway = $1 AND account = $2 AND day = $3 AND state <> 'void'
  AND state <> 'paired' ORDER BY measure, kind, number, copy LIMIT $4
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """What one side has and the other has not, or has otherwise; fen, and what was decided about it."""

    id: str
    day: str
    gateway: str
    account: str
    kind: str
    measure: str
    number: str
    copy: int
    out_trade_no: str
    currency: str
    ours_currency: str
    ours: int
    theirs: int
    ours_fee: int
    theirs_fee: int
    ours_state: str
    theirs_state: str
    other_day: str
    our_id: str | None
    line_no: int | None
    state: str
    disposition: str | None
    note: str


def difference(row: Row) -> Difference:
    return Difference(
        id=row["id"],
        day=row["day"],
        gateway=row["gateway"],
        account=row["account"],
        kind=row["kind"],
        measure=row["measure"],
        number=row["number"],
        copy=row["copy"],
        out_trade_no=row["out_trade_no"],
        currency=row["currency"],
        ours_currency=row["ours_currency"],
        ours=row["ours"],
        theirs=row["theirs"],
        ours_fee=row["ours_fee"],
        theirs_fee=row["theirs_fee"],
        ours_state=row["ours_state"],
        theirs_state=row["theirs_state"],
        other_day=row["other_day"],
        our_id=row["our_id"],
        line_no=row["line_no"],
        state=row["state"],
        disposition=row["disposition"],
        note=row["note"],
    )


def key_of(day: AccountDay, finding: Finding) -> str:
    """Return the id of a finding: the same one however often it is found."""
    return f"{day.key}:{finding.measure}:{finding.kind}:{finding.number}:{finding.copy}"


async def note(
    tx: Tx, day: AccountDay, findings: Sequence[Finding], terms: Terms, run: int, now: int, today: str
) -> None:
    """Keep what a step found; ``run`` marks it as seen, ``now`` is in microseconds, ``today`` a business day."""
    for finding in findings:
        await _note(tx, day, finding, _wanted(day, finding, terms, today), run, now, terms.pool_until(day))


def _wanted(day: AccountDay, finding: Finding, terms: Terms, today: str) -> str:
    """Return the state of a difference that is found for the first time."""
    if finding.paired:
        return "paired"
    may_wait = finding.waits or near_midnight(finding.at, terms.pool_edge)
    return "pooled" if may_wait and _comes_alone(finding) and today <= terms.pool_until(day) else "open"


def _comes_alone(finding: Finding) -> bool:
    """Only what one side lacks can still come; what both have and differ in will not change by waiting."""
    return "missing" in finding.kind or finding.kind == "flow_extra" or finding.waits


async def _note(tx: Tx, day: AccountDay, finding: Finding, wanted: str, run: int, now: int, until: str) -> None:
    key = key_of(day, finding)
    standing = await tx.row(_STANDING, key)
    facts: tuple[Value, ...] = tuple(getattr(finding, name) for name in _FACTS)
    if standing is None:
        rest = (*day.row, finding.kind, finding.measure, finding.number, finding.copy, wanted, until, now)
        await tx.execute(_INSERT, key, *facts, finding.line_no, run, *rest)
        return
    same = all(standing[name] == value for name, value in zip(_FACTS, facts, strict=True))
    if same and (standing["state"] == wanted or standing["state"] not in ("void", "paired")):
        await tx.execute(_SEEN, key, run, finding.line_no)
    elif standing["state"] == wanted:
        await tx.execute(_CHANGED, key, now, *facts, finding.line_no, run)
    else:
        # Two names have decided about it: with other facts it is theirs to decide again, not the pool's.
        target = "open" if standing["state"] == "working" and wanted == "pooled" else wanted
        if not await _ANEW[target](tx, key, now, *facts, finding.line_no, run):
            raise Busy("difference_moved", "the desk decided about it at this moment; the step is taken again")


async def settle(tx: Tx, day: AccountDay, run: int, now: int, today: str) -> Mapping[str, int]:
    """End a run: what it did not see is void, what waited long enough or was asked in vain is open; return counts."""
    void = await tx.execute(_VOID, *day.row, now, run)
    expired = await tx.execute(_EXPIRE, *day.row, now, today)
    vain = await tx.execute(_IN_VAIN, *day.row, now)
    return Counter(void=void, expired=expired, asked_in_vain=vain)


async def untold(tx: Tx, day: AccountDay, limit: int) -> list[Difference]:
    """Return open differences that no case tells of yet, as many as the desk has room for, and mark them as told."""
    waiting = await tx.row(_WAITING, *day.row)
    room = max(0, limit - int(waiting["count"] if waiting is not None else 0))
    found = [difference(row) for row in await tx.rows(_UNTOLD, *day.row, room)]
    for each in found:
        await tx.execute(_TOLD, each.id)
    return found


async def left(reader: Reader, day: AccountDay) -> int:
    """Return how many differences of a day are not explained."""
    row = await reader.row(_LEFT, *day.row)
    return int(row["count"]) if row is not None else 0


async def listed(reader: Reader, day: AccountDay, limit: int) -> list[Difference]:
    """Return the differences that people have to explain or have explained."""
    return [difference(row) for row in await reader.rows(_SHOW, *day.row, limit)]


async def show(reader: Reader, difference_id: str) -> Difference:
    """Return one difference; raises NotFound(``difference_unknown``)."""
    row = await reader.row(_STANDING, difference_id)
    if row is None:
        raise NotFound("difference_unknown")
    return difference(row)
