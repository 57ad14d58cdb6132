"""Bills that the operator keeps itself: found by account, checked by proof, settled by our own books."""

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from bot.billers import quoting
from bot.billers.catalogue import Catalogue
from bot.billers.items import BillItem, ItemDefinition
from bot.billers.port import (
    Bill,
    BillQuery,
    Found,
    Later,
    Line,
    NotFound,
    PaidLine,
    Pending,
    Quote,
    Refusal,
    Refused,
    Reversed,
    Settled,
    Silent,
)
from bot.billers.quoting import Priced
from bot.kernel.clock import Clock, to_micros
from bot.storage.port import Database, Row, Tx
from bot.storage.vault import Vault

# A bill in one of these states still waits for money; held ones are shown, but belong to an order.
PAYABLE: Final = frozenset({"open", "held", "partly_paid", "reopened"})
ACCOUNT: Final = "bills.account"
HOLDER: Final = "bills.holder"
_SHOWN: Final = 200

_BILLS = """
SELECT id, bill_no, account_mask, holder_hash, holder_mask, period, title, amount, paid, due_on, detail, state, held_by
FROM bills WHERE item_id = $1 AND account_hash = $2
ORDER BY period, bill_no LIMIT $3
"""
_SETTLE = """
UPDATE bills SET state = 'settled', changed_at = $2 WHERE id = $1 AND state = 'paid'
"""
_STATE = "SELECT state FROM bills WHERE id = $1"
_REOPEN = """
UPDATE bills SET state = 'reopened', paid = paid - $2, changed_at = $3
WHERE id = $1 AND state IN ('paid', 'settled', 'partly_paid') AND paid >= $2
"""
_TOLD = "SELECT state FROM order_lines WHERE id = $1"


class HostedBiller:
    """Implements ``SceneBiller`` on our own tables, and for items that have no bills at all (a meal, a donation)."""

    def __init__(self, database: Database, catalogue: Catalogue, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._catalogue = catalogue
        self._vault = vault
        self._clock = clock

    async def find(self, query: BillQuery) -> Found | NotFound | Later:
        """Return the payable bills of an account. A wrong proof costs and answers what an unknown account does."""
        item = await self._catalogue.item(query.item_id)
        rows = await self._rows(item.id, query.account)
        if not rows or not self._proven(item.definition, rows, query.fields):
            return NotFound()
        at = self._clock.now()
        bills = (_bill(item.definition, row, at) for row in rows if row["state"] in PAYABLE)
        return Found(
            account=query.account,
            account_mask=rows[-1]["account_mask"],
            holder_mask=rows[-1]["holder_mask"],
            bills=tuple(bill for bill in bills if query.period is None or bill.period == query.period),
        )

    async def quote(self, lines: Sequence[Line], at: datetime, store_id: str | None = None) -> Quote | Refusal | Later:
        if not lines:
            return Refusal("nothing_chosen")
        item = await self._catalogue.item(lines[0].item_id)
        now_owed: dict[str, Bill] = {}
        for account in {line.account for line in lines if line.bill is not None}:
            rows = await self._rows(item.id, account)
            now_owed |= {row["bill_no"]: _bill(item.definition, row, at) for row in rows if row["state"] in PAYABLE}
        if item.definition.oldest_first and _skips_older(lines, now_owed):
            return Refusal("oldest_first")
        priced = [Priced(line, now_owed.get(line.bill.bill_no) if line.bill else None) for line in lines]
        return quoting.quote(item, priced, at, store_id)

    async def settle(self, line: PaidLine) -> Settled | Pending | Refused | Silent:
        """Our own books are the biller's: what credit marked as paid becomes settled."""
        bill_id = line.bill_id
        if bill_id is None:
            return Settled(ref=line.id)

        async def work(tx: Tx) -> Settled | Refused:
            await tx.execute(_SETTLE, bill_id, to_micros(self._clock.now()))
            row = await tx.row(_STATE, bill_id)
            if row is None or row["state"] not in ("settled", "partly_paid"):
                return Refused("closed", "" if row is None else str(row["state"]))
            return Settled(ref=bill_id)

        return await self._database.effect(work)

    async def settle_status(self, line: PaidLine) -> Settled | Pending | Refused | Silent | None:
        return await self.settle(line)

    async def undo(self, line: PaidLine, reason: str) -> Reversed | Pending | Refused | Silent:
        """Open the bill again; repeated for a line that is already reversed it changes nothing."""
        bill_id = line.bill_id
        if bill_id is None:
            return Reversed(ref=line.id)

        async def work(tx: Tx) -> Reversed | Refused:
            told = await tx.row(_TOLD, line.id)
            if told is not None and told["state"] == "reversed":
                return Reversed(ref=bill_id)
            if await tx.execute(_REOPEN, bill_id, line.amount - line.late_fee, to_micros(self._clock.now())) != 1:
                return Refused("closed")
            return Reversed(ref=bill_id)

        return await self._database.effect(work)

    async def undo_status(self, line: PaidLine) -> Reversed | Pending | Refused | Silent | None:
        return None

    async def _rows(self, item_id: str, account: str) -> Sequence[Row]:
        blind = self._vault.blind(account, f"{ACCOUNT}:{item_id}")
        return await self._database.rows(_BILLS, item_id, blind, _SHOWN)

    def _proven(self, definition: ItemDefinition, rows: Sequence[Row], fields: Mapping[str, str]) -> bool:
        proofs = definition.proofs
        if not proofs:
            return True
        given = self._vault.blind(fields.get(proofs[0].key, ""), HOLDER)
        return any(hmac.compare_digest(given, row["holder_hash"] or "") for row in rows)


def _bill(definition: ItemDefinition, row: Row, at: datetime) -> Bill:
    owed = row["amount"] - row["paid"]
    due_on = date.fromisoformat(row["due_on"]) if row["due_on"] else None
    return Bill(
        bill_no=row["bill_no"],
        title=row["title"],
        period=row["period"] or None,
        amount=owed,
        late_fee=definition.late_fee.due(owed, due_on, at) if definition.late_fee else 0,
        due_on=due_on,
        bill_id=row["id"],
        held_by=row["held_by"],
        detail=json.loads(row["detail"]),
    )


def _skips_older(lines: Sequence[Line], owed: Mapping[str, Bill]) -> bool:
    """Tell whether an unchosen bill is older than a chosen one, by period."""
    chosen = {line.bill.bill_no for line in lines if line.bill}
    newest = max((owed[number].period or "" for number in chosen if number in owed), default="")
    return any(number not in chosen and (bill.period or "") < newest for number, bill in owed.items())


def hosted_item(item: BillItem) -> bool:
    """Tell whether the operator itself keeps the bills of this item."""
    return item.biller == "hosted"
