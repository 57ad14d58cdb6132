"""Notes (票据) in custody, with sub-ranges in fen: taken in, divided, moved along their table, never by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from bot.cases.trade.matter import Matter, Unfit
from bot.cases.trade.rates import Discount, discount, months_after
from bot.cases.trade.states import NOTE
from bot.kernel.clock import to_micros
from bot.kernel.ids import new_id
from bot.kernel.money import MAX_FEN
from bot.payments.states import Move
from bot.storage.port import Reader, Row, Tx
from bot.words.identifiers import Kind, mask, range_units

_NUMBER: Final = "notes.number"

_LOCK: Final = """
INSERT INTO note_packages (package_hash, version) VALUES ($1, 1)
ON CONFLICT (package_hash) DO UPDATE SET version = note_packages.version + 1
"""
_PARTS: Final = """
SELECT id, range_start, range_end, face, due_on, customer_id, state, application_id
FROM notes WHERE package_hash = $1 AND state <> 'returned' ORDER BY range_start, id
"""
_INSERT: Final = """
INSERT INTO notes (id, package_hash, number_sealed, number_mask, range_start, range_end, face, due_on, customer_id,
  state, application_id, trace_id, version, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $13)
"""
_NARROW: Final = """
UPDATE notes SET range_start = $2, range_end = $3, face = $4, application_id = $5, version = version + 1,
  changed_at = $6 WHERE id = $1 AND state = 'custody' AND application_id IS NULL
"""
_TAKE: Final = """
UPDATE notes SET application_id = $2, version = version + 1, changed_at = $3
WHERE id = $1 AND state = $4 AND application_id IS NULL
"""
_FREE: Final = """
UPDATE notes SET application_id = NULL, version = version + 1, changed_at = $2 WHERE application_id = $1
"""
_UNDER_WAY: Final = "SELECT id, state, due_on FROM notes WHERE application_id = $1"
_OF: Final = """
SELECT id, number_mask, range_start, range_end, face, due_on, state FROM notes
WHERE customer_id = $1 AND state <> 'returned' ORDER BY due_on, id LIMIT $2
"""
_VERSION: Final = "version = version + 1"
# The part that an application took in hand moves, and lies free again in its new state.
_MINE: Final = "application_id = $3"
_IN_HAND: Final = f"{_VERSION}, application_id = NULL"
_RECEIVE = NOTE.move("registered", to="pre_custody", sets=_VERSION)
_KEEP = NOTE.move("pre_custody", to="custody", sets=_IN_HAND, only=_MINE)
_RETURN = NOTE.move("pre_custody", to="returned", sets=_IN_HAND, only=_MINE)
_DISCOUNT = NOTE.move("custody", to="discounted", sets=_IN_HAND, only=_MINE)
_PLEDGE = NOTE.move("custody", to="pledged", sets=_IN_HAND, only=_MINE)
_FALL_DUE = NOTE.move("custody", to="due", sets=_VERSION, only=_MINE)
_PRESENT = NOTE.move("due", to="presented", sets=_VERSION, only=_MINE)
_SETTLE = NOTE.move("presented", to="settled", sets=_IN_HAND, only=_MINE)
_REFUSE = NOTE.move("presented", to="refused", sets=_IN_HAND, only=_MINE)
_RECOURSE = NOTE.move("refused", to="recourse", sets=_VERSION)
_RECOVER = NOTE.move("recourse", to="settled", sets=_VERSION)


@dataclass(frozen=True, slots=True)
class Held:
    """One part of a package as its holder sees it; ``face`` in fen."""

    id: str
    number_mask: str
    range: str
    face: int
    due_on: date
    state: str


def face_of(matter: Matter) -> int:
    """Return the fen of a note or of a part of it: a sub-range says it itself, one unit being a fen."""
    return range_units(matter.facts["range"]) or int(matter.facts["amount"])


def registered_on(number: str) -> date:
    """Return the day of registration, which a package number carries (domain.md §3.0)."""
    return date.fromisoformat(f"{number[13:17]}-{number[17:19]}-{number[19:21]}")


def check_terms(matter: Matter) -> None:
    """Refuse what no note of the bank's terms can be; raises Unfit."""
    due_on, number = date.fromisoformat(matter.facts["due_on"]), matter.facts["note"]
    if matter.facts["range"] != "0" and "amount" in matter.facts and int(matter.facts["amount"]) != face_of(matter):
        raise Unfit("note_range_amount", range=matter.facts["range"], amount=face_of(matter))
    if face_of(matter) > MAX_FEN:
        raise Unfit("note_too_large")
    if due_on <= matter.today:
        raise Unfit("note_due", due=due_on.isoformat())
    if due_on > months_after(registered_on(number), matter.terms.tenor_months):
        raise Unfit("note_tenor", months=matter.terms.tenor_months)


async def register_in(tx: Tx, matter: Matter) -> None:
    """Take a note into pre-custody for an application (登记, 预托管); once, however often it is handed in.

    Raises Unfit where any unit of it is in somebody's custody already, or the bank's terms do not allow it.
    """
    check_terms(matter)
    start, end = _range(matter)
    package = matter.blind("note", matter.facts["note"])
    await tx.execute(_LOCK, package)
    for part in await tx.rows(_PARTS, package):
        if part["application_id"] == matter.application_id:
            return
        if _overlap(part, start, end):
            raise Unfit("note_taken")
    note_id = new_id("nte", matter.now)
    await _insert(tx, matter, note_id, package, (start, end), face_of(matter), matter.facts["due_on"], "registered")
    await _RECEIVE(tx, note_id, to_micros(matter.now))


async def keep_in(tx: Tx, matter: Matter) -> None:
    """Keep what was taken in (托管); raises Unfit where it is not there any more."""
    await _carry(tx, matter, _KEEP)


async def give_back_in(tx: Tx, matter: Matter) -> None:
    """Let go of a note that was not taken into custody after all."""
    await _carry(tx, matter, _RETURN)


async def take_in(tx: Tx, matter: Matter) -> None:
    """Take the wanted part of a note in custody in hand for an application, dividing the note where it is larger.

    Raises Unfit where it is not in this customer's custody, is under way elsewhere, or is due.
    """
    package = matter.blind("note", matter.facts["note"])
    await tx.execute(_LOCK, package)
    parts = await tx.rows(_PARTS, package)
    if any(part["application_id"] == matter.application_id for part in parts):
        return
    start, end = _range(matter)
    part = _holding(parts, matter, start, end)
    if date.fromisoformat(part["due_on"]) <= matter.today:
        raise Unfit("note_due", due=part["due_on"])
    if (part["range_start"], part["range_end"]) == (start, end) or end == 0:
        if not await tx.execute(_TAKE, part["id"], matter.application_id, to_micros(matter.now), "custody"):
            raise Unfit("note_under_way")
        return
    await _divide(tx, matter, package, part, start, end)


async def release_in(tx: Tx, matter: Matter) -> None:
    """Let go of what an application had in hand: it was refused or withdrawn. A divided note stays divided."""
    await tx.execute(_FREE, matter.application_id, to_micros(matter.now))


async def discount_in(tx: Tx, matter: Matter) -> None:
    """The bank has bought the note (贴现)."""
    await _carry(tx, matter, _DISCOUNT)


async def pledge_in(tx: Tx, matter: Matter) -> None:
    """The note stands in the customer's pool (质押入池)."""
    await _carry(tx, matter, _PLEDGE)


async def take_due_in(tx: Tx, matter: Matter) -> None:
    """Take a note in hand that can be presented (到期托收); raises Unfit before and after its time."""
    package = matter.blind("note", matter.facts["note"])
    await tx.execute(_LOCK, package)
    parts = await tx.rows(_PARTS, package)
    if any(part["application_id"] == matter.application_id for part in parts):
        return
    part = _holding(parts, matter, *_range(matter))
    due_on = date.fromisoformat(part["due_on"])
    days = timedelta(days=matter.terms.present_days)
    if not due_on - days <= matter.today <= due_on + days:
        raise Unfit("note_not_presentable", first=(due_on - days).isoformat(), last=(due_on + days).isoformat())
    if not await tx.execute(_TAKE, part["id"], matter.application_id, to_micros(matter.now), "custody"):
        raise Unfit("note_under_way")


async def present_in(tx: Tx, matter: Matter) -> None:
    """Present it for payment (提示付款): what becomes of it the acceptor's bank says."""
    await _carry(tx, matter, _FALL_DUE)
    await _carry(tx, matter, _PRESENT)


async def settle_in(tx: Tx, matter: Matter) -> None:
    """The acceptor has paid (结清), as the bank's own system answered."""
    await _carry(tx, matter, _SETTLE)


async def refuse_in(tx: Tx, matter: Matter) -> None:
    """The acceptor has refused payment (拒付); recourse is open from here."""
    await _carry(tx, matter, _REFUSE)


async def end_presentation_in(tx: Tx, matter: Matter) -> None:
    """The presentation has failed: refused by the acceptor (拒付) once it was presented, else simply let go."""
    row = await tx.row(_UNDER_WAY, matter.application_id)
    if row is not None and row["state"] == "presented":
        await refuse_in(tx, matter)
    else:
        await release_in(tx, matter)


async def recourse_in(tx: Tx, note_id: str, matter: Matter) -> bool:
    """Begin recourse (追索) on a refused note; False where it is none."""
    return await _RECOURSE(tx, note_id, to_micros(matter.now))


async def recover_in(tx: Tx, note_id: str, matter: Matter) -> bool:
    """Recourse was successful: the note is settled; False where none was begun."""
    return await _RECOVER(tx, note_id, to_micros(matter.now))


async def held(reader: Reader, customer_id: str, limit: int = 9) -> Sequence[Held]:
    """Return a customer's notes, those that fall due first in front."""
    return [
        Held(
            row["id"],
            row["number_mask"],
            f"{row['range_start']}-{row['range_end']}" if row["range_end"] else "0",
            row["face"],
            date.fromisoformat(row["due_on"]),
            row["state"],
        )
        for row in await reader.rows(_OF, customer_id, limit)
    ]


async def wanted(reader: Reader, matter: Matter) -> Row:
    """Return the part of a package that an application is about; raises Unfit as ``take_in`` does."""
    package = matter.blind("note", matter.facts["note"])
    return _holding(await reader.rows(_PARTS, package), matter, *_range(matter))


async def estimate(reader: Reader, matter: Matter) -> Discount:
    """Return what discounting the wanted part today would come to; raises Unfit as ``take_in`` does."""
    part = await wanted(reader, matter)
    due_on = date.fromisoformat(part["due_on"])
    if due_on <= matter.today:
        raise Unfit("note_due", due=part["due_on"])
    start, end = _range(matter)
    return discount(end - start + 1 if end else part["face"], matter.terms.discount_rate, matter.today, due_on)


def _range(matter: Matter) -> tuple[int, int]:
    """Return the first and the last unit; 0 and 0 for the whole of what there is."""
    start, joint, end = matter.facts["range"].partition("-")
    return (int(start), int(end)) if joint else (0, 0)


def _overlap(part: Row, start: int, end: int) -> bool:
    """Tell whether two parts share a unit; a note that cannot be divided is all of its package."""
    if not end or not part["range_end"]:
        return True
    return bool(part["range_start"] <= end and start <= part["range_end"])


def _holding(parts: Sequence[Row], matter: Matter, start: int, end: int) -> Row:
    """Return the customer's own free part that holds the wanted units; "0" is the only free part there is.

    One answer for "not there" and "not yours".
    """
    mine = [part for part in parts if part["customer_id"] == matter.customer_id and part["state"] == "custody"]
    fitting = [part for part in mine if not end or _within(part, start, end)]
    free = [part for part in fitting if part["application_id"] in (None, matter.application_id)]
    if not fitting:
        raise Unfit("note_not_in_custody")
    if not free:
        raise Unfit("note_under_way")
    if len(free) > 1:
        raise Unfit("note_range_needed")
    return free[0]


def _within(part: Row, start: int, end: int) -> bool:
    return bool(part["range_end"] and part["range_start"] <= start and end <= part["range_end"])


async def _divide(tx: Tx, matter: Matter, package: str, part: Row, start: int, end: int) -> None:
    """Cut the wanted units out: the row itself becomes the wanted part, what is left over keeps lying in custody."""
    changed = await tx.execute(
        _NARROW, part["id"], start, end, end - start + 1, matter.application_id, to_micros(matter.now)
    )
    if not changed:
        raise Unfit("note_under_way")
    for first, last in ((part["range_start"], start - 1), (end + 1, part["range_end"])):
        if first <= last:
            rest = new_id("nte", matter.now)
            await _insert(
                tx, matter, rest, package, (first, last), last - first + 1, part["due_on"], "custody", taken=False
            )


async def _insert(
    tx: Tx,
    matter: Matter,
    note_id: str,
    package: str,
    units: tuple[int, int],
    face: int,
    due_on: str,
    state: str,
    *,
    taken: bool = True,
) -> None:
    await tx.execute(
        _INSERT,
        note_id,
        package,
        matter.vault.seal(matter.facts["note"], _NUMBER),
        mask(Kind.NOTE_NUMBER, matter.facts["note"]),
        *units,
        face,
        due_on,
        matter.customer_id,
        state,
        matter.application_id if taken else None,
        matter.trace_id,
        to_micros(matter.now),
    )


async def _carry(tx: Tx, matter: Matter, move: Move) -> None:
    """Move what the application has in hand; raises Unfit where it is in another state than it must be."""
    row = await tx.row(_UNDER_WAY, matter.application_id)
    if row is None or not await move(tx, row["id"], to_micros(matter.now), matter.application_id):
        raise Unfit("note_not_in_hand")
