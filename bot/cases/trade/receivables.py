"""Receivables (应收账款): registered by the creditor, confirmed by the debtor, and only then financed."""

from datetime import date
from typing import Final

from bot.cases.trade.matter import Matter, Unfit
from bot.cases.trade.states import RECEIVABLE
from bot.kernel.clock import to_micros
from bot.kernel.ids import new_id
from bot.kernel.masking import mask_account
from bot.storage.port import Reader, Row, Tx

_INSERT: Final = """
INSERT INTO receivables (id, number_hash, number_mask, creditor_id, debtor_hash, debtor_mask, face, collected, due_on,
  state, trace_id, version, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, 'registered', $9, 1, $10, $10)
ON CONFLICT DO NOTHING
"""
_BY_NUMBER: Final = """
SELECT id, creditor_id, debtor_hash, face, collected, due_on, state FROM receivables
WHERE number_hash = $1 AND state <> 'withdrawn'
"""
_CONFIRM = RECEIVABLE.move("registered", "disputed", to="confirmed", sets="confirmed_by = $3, version = version + 1")
_DISPUTE = RECEIVABLE.move("registered", to="disputed", sets="version = version + 1")


async def find(reader: Reader, matter: Matter) -> Row | None:
    """Return the receivable of the invoice that an application names, whoever brought it."""
    return await reader.row(_BY_NUMBER, matter.blind("invoice", matter.facts["invoice"]))


async def register_in(tx: Tx, matter: Matter) -> None:
    """Put an invoice into the register (登记); an invoice that stands there already raises Unfit."""
    facts, now = matter.facts, to_micros(matter.now)
    if date.fromisoformat(facts["due_on"]) <= matter.today:
        raise Unfit("receivable_due")
    inserted = await tx.execute(
        _INSERT,
        new_id("rcv", matter.now),
        matter.blind("invoice", facts["invoice"]),
        mask_account(facts["invoice"]),
        matter.customer_id,
        matter.blind("uscc", facts["debtor"]),
        mask_account(facts["debtor"]),
        int(facts["amount"]),
        facts["due_on"],
        matter.trace_id,
        now,
    )
    if not inserted:
        raise Unfit("receivable_registered")


async def check_free(reader: Reader, matter: Matter) -> None:
    """Refuse an invoice that stands in the register already, before anybody works on it."""
    if await find(reader, matter) is not None:
        raise Unfit("receivable_registered")


async def check_debtor(reader: Reader, matter: Matter) -> Row:
    """Return the receivable whose debtor applies to confirm it; raises Unfit for any other's, in the same words."""
    row = await find(reader, matter)
    if row is None or row["debtor_hash"] != matter.blind("uscc", matter.facts["uscc"]):
        raise Unfit("receivable_unknown")
    if row["face"] != int(matter.facts["amount"]):
        raise Unfit("receivable_amount")
    if row["state"] not in ("registered", "disputed"):
        raise Unfit("receivable_confirmed")
    return row


async def confirm_in(tx: Tx, matter: Matter) -> None:
    """The debtor owes it and will pay the bank (确权); an application of the debtor itself is what says so."""
    row = await check_debtor(tx, matter)
    if not await _CONFIRM(tx, row["id"], to_micros(matter.now), matter.application_id):
        raise Unfit("receivable_confirmed")


async def dispute_in(tx: Tx, matter: Matter) -> None:
    """The debtor's confirmation was refused; it may be given once more."""
    row = await find(tx, matter)
    if row is not None:
        await _DISPUTE(tx, row["id"], to_micros(matter.now))
