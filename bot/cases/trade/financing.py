"""What is financed on receivables and on the pool of pledged notes: limits, drawing, interest by day, repayment."""

# ruff: noqa: S608 - Only names of our own states are put into a query, when the module is loaded.

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from bot.cases.trade import receivables
from bot.cases.trade.matter import Matter, Unfit
from bot.cases.trade.rates import Allocation, allocate, financing_limit, interest, pool_limit
from bot.cases.trade.states import FINANCING, RECEIVABLE, USING
from bot.kernel.clock import business_day, to_micros
from bot.kernel.errors import Conflict, NotFound
from bot.kernel.ids import new_id
from bot.payments.states import quoted
from bot.storage.port import Reader, Row, Tx
from bot.trail.audit import record

_LOCK_RECEIVABLE: Final = "UPDATE receivables SET version = version + 1 WHERE id = $1"
_LOCK_POOL: Final = """
INSERT INTO note_pools (customer_id, version) VALUES ($1, 1)
ON CONFLICT (customer_id) DO UPDATE SET version = note_pools.version + 1
"""
_USED_ON: Final = f"""
SELECT COALESCE(SUM(left_to_pay), 0) AS used FROM financings
WHERE receivable_id = $1 AND state IN ({quoted(USING)}) AND application_id <> $2
"""
_USED_BY: Final = f"""
SELECT COALESCE(SUM(left_to_pay), 0) AS used FROM financings
WHERE customer_id = $1 AND receivable_id IS NULL AND state IN ({quoted(USING)}) AND application_id <> $2
"""
# A note that is due stands behind nothing new.
_POOL: Final = """
SELECT face FROM notes WHERE customer_id = $1 AND state = 'pledged' AND due_on > $2
"""
_RESERVE: Final = """
INSERT INTO financings (id, application_id, customer_id, receivable_id, amount, left_to_pay, interest_owed, rate,
  state, trace_id, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $5, 0, $6, 'reserved', $7, $8, $8)
ON CONFLICT (application_id) DO NOTHING
"""
_DRAWN_ON: Final = """
SELECT id, left_to_pay, interest_owed, rate, counted_until FROM financings
WHERE receivable_id = $1 AND state = 'drawn' ORDER BY created_at, id
"""
_COUNT: Final = """
UPDATE financings SET interest_owed = $2, left_to_pay = $3, counted_until = $4, changed_at = $5
WHERE id = $1 AND state = 'drawn'
"""
_RECEIVABLE: Final = "SELECT id, face, collected, state, trace_id FROM receivables WHERE id = $1"
_COLLECT: Final = "UPDATE receivables SET collected = collected + $2, changed_at = $3 WHERE id = $1"
_BOOK: Final = """
INSERT INTO collections (reference, receivable_id, amount, to_interest, to_principal, to_creditor, at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (reference) DO NOTHING
"""
_DRAW = FINANCING.move("reserved", to="drawn", sets="counted_until = $3", key="application_id")
_RELEASE = FINANCING.move("reserved", to="released", key="application_id")
_REPAID = FINANCING.move("drawn", to="repaid", only="left_to_pay = 0 AND interest_owed = 0")
_COLLECTED = RECEIVABLE.move("confirmed", to="collected", only="collected = face")


@dataclass(frozen=True, slots=True)
class Limit:
    """How much may still be financed, in fen, and until which day (YYYY-MM-DD) where there is one."""

    left: int
    until: str = ""


async def receivable_limit(reader: Reader, matter: Matter) -> Limit:
    """Return what may still be financed on the invoice that an application names.

    Raises Unfit where it is not this customer's or its debtor has not confirmed it (确权): that comes first, always.
    """
    row = await _own(reader, matter)
    return await _left_on(reader, matter, row)


async def reserve_on_receivable_in(tx: Tx, matter: Matter) -> None:
    """Set a receivable's room aside for an application; raises Unfit for more than there is."""
    row = await _own(tx, matter)
    await tx.execute(_LOCK_RECEIVABLE, row["id"])
    _fits(matter, await _left_on(tx, matter, await _own(tx, matter)))
    await _reserve(tx, matter, row["id"])


async def pool_left(reader: Reader, matter: Matter) -> Limit:
    """Return what the customer's pool of pledged notes still allows: Σ(face × share) less what is used."""
    pledged = await reader.rows(_POOL, matter.customer_id, matter.today.isoformat())
    used = await reader.row(_USED_BY, matter.customer_id, matter.application_id)
    assert used is not None, "a sum always answers"
    share = matter.terms.pool_share
    return Limit(pool_limit([(row["face"], share) for row in pledged], int(used["used"])))


async def reserve_on_pool_in(tx: Tx, matter: Matter) -> None:
    """Set a pool's room aside for an application; raises Unfit for more than there is."""
    await tx.execute(_LOCK_POOL, matter.customer_id)
    _fits(matter, await pool_left(tx, matter))
    await _reserve(tx, matter, None)


async def release_in(tx: Tx, matter: Matter) -> None:
    """Give room free that an application had set aside."""
    await _RELEASE(tx, matter.application_id, to_micros(matter.now))


async def draw_in(tx: Tx, matter: Matter) -> None:
    """The bank's own system has paid out: interest runs from today."""
    if not await _DRAW(tx, matter.application_id, to_micros(matter.now), matter.today.isoformat()):
        raise Unfit("financing_not_reserved")


async def collect_in(tx: Tx, matter: Matter, receivable_id: str, amount: int, *, actor: str) -> Allocation:
    """Book what a debtor has paid to the bank, ``amount`` fen under the bank's ``matter.reference``, once.

    Oldest financing first, interest before principal; what is left is the creditor's own. Moves no money: it notes
    what the bank's own system has done. Raises Conflict for a reference booked with another sum, or for more than is
    owed on the receivable; NotFound for none.
    """
    await tx.execute(_LOCK_RECEIVABLE, receivable_id)
    row = await tx.row(_RECEIVABLE, receivable_id)
    if row is None:
        raise NotFound("receivable_unknown")
    if amount <= 0 or not matter.reference or row["collected"] + amount > row["face"]:
        raise Conflict("collection_impossible", "more than the debtor owes, or without the bank's reference")
    now, whole = to_micros(matter.now), Allocation(0, 0, 0)
    for financing in await tx.rows(_DRAWN_ON, receivable_id):
        owed = financing["interest_owed"] + _since(financing, matter.today)
        part = allocate(amount - whole.to_interest - whole.to_principal, owed, financing["left_to_pay"])
        whole = Allocation(whole.to_interest + part.to_interest, whole.to_principal + part.to_principal, 0)
        left = financing["left_to_pay"] - part.to_principal
        await tx.execute(_COUNT, financing["id"], owed - part.to_interest, left, matter.today.isoformat(), now)
        await _REPAID(tx, financing["id"], now)
    whole = Allocation(whole.to_interest, whole.to_principal, amount - whole.to_interest - whole.to_principal)
    values = (amount, whole.to_interest, whole.to_principal, whole.to_creditor, now)
    if not await tx.execute(_BOOK, matter.reference, receivable_id, *values):
        raise Conflict("collection_booked", "this reference of the bank was booked already")
    await tx.execute(_COLLECT, receivable_id, amount, now)
    await _COLLECTED(tx, receivable_id, now)
    detail = {"amount": amount, "reference": matter.reference, "to_creditor": whole.to_creditor}
    await record(
        tx,
        actor=actor,
        action="receivable.collected",
        subject=receivable_id,
        detail=detail,
        trace_id=row["trace_id"],
        now=matter.now,
    )
    return whole


def accrued(left: int, rate: Decimal, days: int) -> int:
    """Return the fen of interest on ``left`` fen over so many days; nothing for days that have not come."""
    return interest(left, rate, max(0, days))


def _since(row: Row, today: date) -> int:
    days = (today - date.fromisoformat(row["counted_until"])).days
    return accrued(row["left_to_pay"], Decimal(row["rate"]), days)


async def _own(reader: Reader, matter: Matter) -> Row:
    row = await receivables.find(reader, matter)
    if row is None or row["creditor_id"] != matter.customer_id:
        raise Unfit("receivable_unknown")
    if row["state"] != "confirmed":
        raise Unfit("receivable_not_confirmed")
    if date.fromisoformat(row["due_on"]) <= business_day(matter.now):
        raise Unfit("receivable_due")
    return row


async def _left_on(reader: Reader, matter: Matter, row: Row) -> Limit:
    used = await reader.row(_USED_ON, row["id"], matter.application_id)
    assert used is not None, "a sum always answers"
    share = matter.terms.financing_share
    return Limit(financing_limit(row["face"], row["collected"], share, int(used["used"])), row["due_on"])


def _fits(matter: Matter, limit: Limit) -> None:
    if int(matter.facts["amount"]) > limit.left:
        raise Unfit("financing_over_limit", limit=limit.left)


async def _reserve(tx: Tx, matter: Matter, receivable_id: str | None) -> None:
    await tx.execute(
        _RESERVE,
        new_id("fin", matter.now),
        matter.application_id,
        matter.customer_id,
        receivable_id,
        int(matter.facts["amount"]),
        str(matter.terms.financing_rate),
        matter.trace_id,
        to_micros(matter.now),
    )
