"""Turns a quote into an order, once, in one transaction with the verdict and the holds; finds orders again."""

from collections.abc import Sequence
from typing import Final

from bot.billers.port import Bill, Line, Quote, Refusal
from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import Conflict, NotFound
from bot.kernel.ids import new_id, random_text
from bot.kernel.money import CNY
from bot.ledger import accounts
from bot.payments import bills, orders_many, values
from bot.payments.draft import Draft
from bot.payments.gatekeeper import Gatekeeper, Placing
from bot.payments.values import Order, OrderLine
from bot.storage.port import Batch, Database, Reader, Row, Tx
from bot.storage.vault import Vault

# What the vault binds a line's sealed account to, and what a claim is blinded under.
ACCOUNT: Final = "order_lines.account_sealed"
CLAIM: Final = "order_lines.claim"
LINES_MAX: Final = 50
_TOKEN_LENGTH: Final = 32

_INSERT: Final = """
INSERT INTO orders (id, quote_id, token, merchant_id, store_id, scene, origin, channel, account, customer_id, title,
  amount, currency, state, trace_id, created_at, expires_at, refunded)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'created', $14, $15, $16, 0)
ON CONFLICT (quote_id) DO NOTHING
"""
# The item says who must be told of the payment; an item that is not there inserts nothing.
_INSERT_LINE: Final = """
INSERT INTO order_lines (id, order_id, position, item_id, biller, bill_id, bill_no, account_sealed, account_mask,
  period, title, amount, late_fee, claim, state, attempts, changed_at, discount)
SELECT $1, $2, $3, i.id, i.biller, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'none', 0, $14, $15
FROM bill_items i WHERE i.id = $4
"""
_LINES: Final = "SELECT * FROM order_lines WHERE order_id = $1 ORDER BY position"
_BY_ID: Final = "SELECT * FROM orders WHERE id = $1"
_BY_TOKEN: Final = "SELECT * FROM orders WHERE token = $1"  # noqa: S105 - A column's name.
_BY_QUOTE: Final = "SELECT * FROM orders WHERE quote_id = $1"
_BY_CUSTOMER: Final = "SELECT * FROM orders WHERE customer_id = $1 ORDER BY created_at DESC LIMIT $2"
_CLAIMED: Final = "SELECT order_id FROM paid_claims WHERE claim = $1"
_HOLDER: Final = "SELECT state, held_by FROM bills WHERE id = $1"


class Orders:
    """Places and finds orders."""

    def __init__(self, database: Database, clock: Clock, vault: Vault, gatekeeper: Gatekeeper) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._gatekeeper = gatekeeper

    async def place(self, quote: Quote, placing: Placing) -> Order | Refusal:
        """Make the order of a quote; the same quote gives the same order however often it is placed.

        Refusals: ``quote_expired``, ``bill_twice``, ``already_paid``, ``bill_held`` (with ``order_id``),
        ``bill_changed``, and those of the gatekeeper.
        Raises Conflict(``quote_conflict``) when the quote's id stands for another price, NotFound(``item_unknown``),
        BadRequest(``account_path``) for a merchant whose id the ledger does not take.
        """
        if not 0 < len(quote.lines) <= LINES_MAX:
            raise ValueError(f"an order has 1 to {LINES_MAX} lines")
        if quote.amount != sum(line.amount for line in quote.lines) or min(x.amount for x in quote.lines) <= 0:
            raise ValueError("a quote's amount is the sum of its lines, each above zero")
        accounts.merchant_due(quote.merchant_id)
        return await self._database.batch(PLACE, self.draft(quote, placing))

    def claim(self, line: Line) -> str | None:
        """Return the blind name of a remote bill that can be paid once only.

        None for a part of a bill and for a free amount; and for a hosted bill, whose own row says what it still owes.
        """
        bill = line.bill
        if bill is None or bill.bill_id is not None or line.amount + line.discount < bill.total:
            return None
        which = bill.claim or bill.bill_no or bill.period
        if not which:
            return None
        return self._vault.blind(f"{line.item_id}\x1f{line.account}\x1f{which}", CLAIM)

    def account(self, line: OrderLine) -> str:
        """Open the account number of a line, for its biller only."""
        if line.account_sealed is None:
            return ""
        return self._vault.open(line.account_sealed, ACCOUNT)

    async def get(self, order_id: str) -> Order:
        """Return an order with its lines; raises NotFound(``order_unknown``)."""
        return await load(self._database, order_id)

    async def by_token(self, token: str) -> Order:
        """Return the order that a payment link names; raises NotFound(``order_unknown``)."""
        return await _complete(self._database, await self._database.row(_BY_TOKEN, token))

    async def of_customer(self, customer_id: str, limit: int = 10) -> list[Order]:
        """Return a customer's newest orders."""
        rows = await self._database.rows(_BY_CUSTOMER, customer_id, limit)
        return [await _complete(self._database, row) for row in rows]

    def draft(self, quote: Quote, placing: Placing) -> Draft:
        """Do all that needs no database: ids, a token, sealed accounts, blind claims."""
        now = self._clock.now()
        ids = tuple(new_id("oln", now) for _ in quote.lines)
        sealed = tuple(self._vault.seal(line.account, ACCOUNT) if line.account else None for line in quote.lines)
        claims = tuple(self.claim(line) for line in quote.lines)
        order_id, token = new_id("ord", now), random_text(_TOKEN_LENGTH)
        return Draft(quote, placing, self._gatekeeper, order_id, token, ids, sealed, claims, to_micros(now))


async def load(reader: Reader, order_id: str) -> Order:
    """Return an order with its lines; raises NotFound(``order_unknown``)."""
    return await _complete(reader, await reader.row(_BY_ID, order_id))


async def _complete(reader: Reader, row: Row | None) -> Order:
    if row is None:
        raise NotFound("order_unknown")
    return values.order(row, await reader.rows(_LINES, row["id"]))


async def _one(tx: Tx, draft: Draft) -> Order | Refusal:
    standing = await _standing(tx, draft.quote)
    if standing is not None:
        return standing
    refusal = await _refused(tx, draft)
    if refusal is not None:
        return refusal
    held = await _hold(tx, draft)
    if held is not None:
        # Lost to a twin of this very request, perhaps: then its order is the answer.
        return await _standing(tx, draft.quote) or held
    if not await _insert(tx, draft):
        await bills.release(tx, draft.order_id, draft.at)
        twin = await _standing(tx, draft.quote)
        assert twin is not None
        return twin
    return await load(tx, draft.order_id)


async def _standing(tx: Tx, quote: Quote) -> Order | None:
    row = await tx.row(_BY_QUOTE, quote.id)
    if row is None:
        return None
    if (row["amount"], row["merchant_id"]) != (quote.amount, quote.merchant_id):
        raise Conflict("quote_conflict")
    return await _complete(tx, row)


async def _refused(tx: Tx, draft: Draft) -> Refusal | None:
    if draft.expired:
        return Refusal("quote_expired")
    if draft.bill_twice:
        return Refusal("bill_twice")
    for claim in filter(None, draft.claims):
        if await tx.row(_CLAIMED, claim) is not None:
            return Refusal("already_paid")
    return await draft.gatekeeper.verdict(tx, draft.quote, draft.placing)


async def _hold(tx: Tx, draft: Draft) -> Refusal | None:
    """Hold every hosted bill of the draft or none."""
    for bill in _hosted(draft.quote.lines):
        assert bill.bill_id is not None
        if await bills.hold(tx, bill.bill_id, draft.order_id, bill.amount, draft.at):
            continue
        await bills.release(tx, draft.order_id, draft.at)
        return _not_held(await tx.row(_HOLDER, bill.bill_id))
    return None


def _not_held(row: Row | None) -> Refusal:
    if row is not None and row["held_by"] is not None:
        return Refusal("bill_held", {"order_id": row["held_by"]})
    return Refusal("already_paid" if row is not None and row["state"] in ("paid", "settled") else "bill_changed")


def _hosted(lines: Sequence[Line]) -> list[Bill]:
    """The bills to hold, always in one order, so that two orders never wait for each other."""
    hosted = [line.bill for line in lines if line.bill is not None and line.bill.bill_id is not None]
    return sorted(hosted, key=lambda bill: bill.bill_id or "")


async def _many(tx: Tx, drafts: Sequence[Draft]) -> Sequence[Order | Refusal]:
    """Place what is ordinary by one statement and look at the rest one by one, in the same transaction."""
    placed = await orders_many.place_many(tx, drafts)
    return [order if order is not None else await _one(tx, draft) for draft, order in zip(drafts, placed, strict=True)]


async def _insert(tx: Tx, draft: Draft) -> bool:
    quote, placing = draft.quote, draft.placing
    inserted = await tx.execute(
        _INSERT,
        draft.order_id,
        quote.id,
        draft.token,
        quote.merchant_id,
        quote.store_id,
        quote.scene,
        placing.origin,
        placing.channel,
        placing.account,
        placing.customer_id,
        quote.title,
        quote.amount,
        CNY,
        placing.trace_id,
        draft.at,
        to_micros(quote.expires_at),
    )
    if not inserted:
        return False
    for position in range(len(quote.lines)):
        await _insert_line(tx, draft, position)
    return True


async def _insert_line(tx: Tx, draft: Draft, position: int) -> None:
    line = draft.quote.lines[position]
    inserted = await tx.execute(
        _INSERT_LINE,
        draft.line_ids[position],
        draft.order_id,
        position,
        line.item_id,
        line.bill.bill_id if line.bill else None,
        line.bill.bill_no if line.bill else None,
        draft.sealed[position],
        line.account_mask,
        draft.period(position),
        line.title,
        line.amount,
        draft.late_fee(position),
        draft.claims[position],
        draft.at,
        line.discount,
    )
    if not inserted:
        raise NotFound("item_unknown")


PLACE: Final[Batch[Draft, Order | Refusal]] = Batch("orders.place", one=_one, many=_many)
