"""Writes batches of imported bills: one by one in SQLite, where that costs nothing, in one statement elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from bot.billers.lines import NewBill
from bot.kernel.clock import to_micros
from bot.kernel.ids import new_id
from bot.kernel.masking import mask_account, mask_name
from bot.storage.port import Row, Tx

_COLUMNS: Final = """id, item_id, bill_no, account_hash, account_sealed, account_mask, holder_hash, holder_mask, period,
  title, amount, paid, due_on, detail, state, imported_at, changed_at"""
# A bill changes by import as long as nobody has paid or is paying any of it.
_CHANGE: Final = """
ON CONFLICT (item_id, bill_no) DO UPDATE SET account_hash = excluded.account_hash,
  account_sealed = excluded.account_sealed, account_mask = excluded.account_mask, holder_hash = excluded.holder_hash,
  holder_mask = excluded.holder_mask, period = excluded.period, title = excluded.title, amount = excluded.amount,
  due_on = excluded.due_on, detail = excluded.detail, changed_at = excluded.changed_at
WHERE bills.state IN ('open', 'reopened') AND bills.paid = 0
"""
_PUT: Final = f"""
INSERT INTO bills ({_COLUMNS})
VALUES ($3, $1, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13, $14, 'open', $2, $2)
{_CHANGE}"""  # noqa: S608 - Constants of this file are put in, when it is loaded.
_PUT_MANY: Final = f"""
INSERT INTO bills ({_COLUMNS})
SELECT n.id, $1, n.bill_no, n.account_hash, decode(n.account_sealed, 'hex'), n.account_mask, n.holder_hash,
  n.holder_mask, n.period, n.title, n.amount, 0, n.due_on, n.detail, 'open', $2, $2
FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::text[], $12::bigint[], $13::text[], $14::text[])
  AS n(id, bill_no, account_hash, account_sealed, account_mask, holder_hash, holder_mask, period, title, amount,
    due_on, detail)
{_CHANGE}
RETURNING bill_no"""  # noqa: S608 - Constants of this file are put in, when it is loaded.
_STANDING: Final[Mapping[Literal["sqlite", "postgresql"], str]] = {
    "sqlite": """
SELECT bill_no, account_hash, holder_hash, period, title, amount, due_on, detail, state FROM bills
WHERE item_id = $1 AND bill_no IN (SELECT value FROM json_each($2))
""",
    "postgresql": """
SELECT bill_no, account_hash, holder_hash, period, title, amount, due_on, detail, state FROM bills
WHERE item_id = $1 AND bill_no = ANY($2::text[])
""",
}


@dataclass(frozen=True, slots=True)
class ReadyBill:
    """A bill as its row will be; all that needs no database is done."""

    bill: NewBill
    account_hash: str
    account_sealed: bytes
    holder_hash: str | None
    detail: str

    @property
    def number(self) -> str:
        return self.bill.bill_no

    def same(self, row: Row) -> bool:
        """Tell whether a row says already what this bill would make it say."""
        bill = self.bill
        fresh = (self.account_hash, self.holder_hash, bill.period, bill.title, bill.amount, bill.due_on, self.detail)
        known = ("account_hash", "holder_hash", "period", "title", "amount", "due_on", "detail")
        return tuple(row[name] for name in known) == fresh


async def standing(tx: Tx, item_id: str, ready: Sequence[ReadyBill]) -> Mapping[str, Row]:
    """Return what is stored under the numbers of these bills."""
    rows = await tx.rows(_STANDING[tx.engine], item_id, [one.number for one in ready])
    return {row["bill_no"]: row for row in rows}


async def put(tx: Tx, item_id: str, ready: Sequence[ReadyBill], now: datetime) -> frozenset[str]:
    """Write bills of different numbers; return the numbers of those that were not being paid and are now as given."""
    at = to_micros(now)
    # In one order, so that two imports of the same bills never wait for each other.
    rows = [_values(one, now) for one in sorted(ready, key=lambda one: one.number)]
    if tx.engine == "sqlite":
        return frozenset([row[1] for row in rows if await tx.execute(_PUT, item_id, at, *row)])
    if not rows:
        return frozenset()
    # Sealed bytes travel as text, since an array of bytes is no value of the port.
    texts = [(*row[:3], row[3].hex(), *row[4:]) for row in rows]
    written = await tx.rows(_PUT_MANY, item_id, at, *map(list, zip(*texts, strict=True)))
    return frozenset(row["bill_no"] for row in written)


def _values(
    one: ReadyBill, now: datetime
) -> tuple[str, str, str, bytes, str, str | None, str, str, str, int, str | None, str]:
    bill = one.bill
    return (
        new_id("bil", now),
        bill.bill_no,
        one.account_hash,
        one.account_sealed,
        mask_account(bill.account),
        one.holder_hash,
        mask_name(bill.holder),
        bill.period,
        bill.title,
        bill.amount,
        bill.due_on,
        one.detail,
    )
