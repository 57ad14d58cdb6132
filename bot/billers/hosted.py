"""Bills that the operator keeps itself: found by account, checked by proof, booked in our own tables."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from bot.billers import bookings, quoting
from bot.billers.asking import BILLS_OF, Asked
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
from bot.billers.quoting import Owed
from bot.kernel.clock import Clock
from bot.kernel.masking import mask_account
from bot.storage.port import Database, Row
from bot.storage.vault import Vault

# A bill in one of these states still waits for money; held ones are shown, but belong to an order.
PAYABLE: Final = frozenset({"open", "held", "partly_paid", "reopened"})
ACCOUNT: Final = "bills.account"
HOLDER: Final = "bills.holder"


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
        account, rows = await self._rows(item, query.account, query.fields)
        if not rows:
            return NotFound()
        bills = _payable(item.definition, rows, self._clock.now())
        return Found(
            account=account,
            account_mask=mask_account(account),
            holder_mask=str(rows[0]["holder_mask"]),
            bills=tuple(bill for bill in bills if query.period is None or bill.period == query.period),
        )

    async def quote(self, lines: Sequence[Line], at: datetime, store_id: str | None = None) -> Quote | Refusal | Later:
        async def ask(item: BillItem, line: Line) -> Owed:
            _, rows = await self._rows(item, line.account, line.fields)
            bills = _payable(item.definition, rows, at)
            return Owed({bill.bill_no: bill for bill in bills}, known=bool(rows))

        return await quoting.quote(self._catalogue, lines, at, store_id, ask)

    async def settle(self, line: PaidLine) -> Settled | Pending | Refused | Silent:
        """Book what the payments have noted on the bill. What is paid on no bill leaves nothing to book."""
        if line.bill_id is None:
            return Settled(ref=line.id)
        return await self._database.effect(lambda tx: bookings.settle(tx, line, self._clock.now()))

    async def settle_status(self, line: PaidLine) -> Settled | Pending | Refused | Silent | None:
        return await bookings.settlement(self._database, line)

    async def undo(self, line: PaidLine, reason: str) -> Reversed | Pending | Refused | Silent:
        """Take the payment off the bill, once for each line, and open the bill again."""
        if line.bill_id is None:
            return Reversed(ref=line.id)
        return await self._database.effect(lambda tx: bookings.undo(tx, line, self._clock.now()))

    async def undo_status(self, line: PaidLine) -> Reversed | Pending | Refused | Silent | None:
        return await bookings.reversal(self._database, line)

    async def _rows(self, item: BillItem, account: str, fields: Mapping[str, str]) -> tuple[str, Sequence[Row]]:
        """Return the account in its canonical form, and its bills if the fields prove that it is the asker's."""
        field = item.definition.account
        account = account if field is None else field.canonical(account)
        blind = account_blind(self._vault, item.id, account)
        proof = next(iter(item.definition.proofs), None)
        holder = "" if proof is None else holder_blind(self._vault, blind, proof.canonical(fields.get(proof.key, "")))
        return account, await self._database.ask(BILLS_OF, Asked(item.id, blind, holder))


def account_blind(vault: Vault, item_id: str, account: str) -> str:
    """Return what the bills of an account, in canonical form, are found by."""
    return vault.blind(account, f"{ACCOUNT}:{item_id}")


def holder_blind(vault: Vault, account_hash: str, holder: str) -> str:
    """Return a proof in canonical form as it is stored: bound to its account, so that equal names do not show."""
    return vault.blind(holder, f"{HOLDER}:{account_hash}")


def _payable(definition: ItemDefinition, rows: Sequence[Row], at: datetime) -> list[Bill]:
    return [_bill(definition, row, at) for row in rows if row["state"] in PAYABLE]


def _bill(definition: ItemDefinition, row: Row, at: datetime) -> Bill:
    owed = row["amount"] - row["paid"]
    due_on = date.fromisoformat(row["due_on"]) if row["due_on"] else None
    for relief in definition.relief:
        due_on = relief.due(due_on)
    charged = definition.late_fee if not any(relief.waives(at) for relief in definition.relief) else None
    parts = definition.instalments.left(row["amount"], row["paid"]) if definition.instalments else ()
    return Bill(
        bill_no=row["bill_no"],
        title=row["title"],
        period=row["period"] or None,
        amount=owed,
        late_fee=charged.due(owed, due_on, at) if charged else 0,
        due_on=due_on,
        bill_id=row["id"],
        held_by=row["held_by"],
        detail=json.loads(row["detail"]),
        parts=parts,
    )
