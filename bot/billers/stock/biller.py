"""The biller of what can run out: a quote takes it off the shelf, a payment sells it, and what is unpaid goes back."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bot.billers import quoting
from bot.billers.catalogue import Catalogue
from bot.billers.items import BillItem
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
from bot.billers.selling import Selling
from bot.billers.stock import book
from bot.billers.stock.values import Offer, Wish
from bot.kernel.clock import Clock
from bot.kernel.ids import random_text
from bot.storage.port import Database
from bot.storage.vault import Vault

PERSON: Final = "passes.person"


class StockBiller:
    """Implements ``SceneBiller`` and ``Shelf`` on our own stock.

    The one line of a quote says in its ``fields`` what is wanted: ``offer`` (its id), ``quantity``, ``people``
    (identity numbers by commas, where the item sells by real name) and ``hold`` (one that this quote replaces). The
    line that comes back names the hold as its bill, and no identity number any more.
    """

    def __init__(self, database: Database, catalogue: Catalogue, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._catalogue = catalogue
        self._vault = vault
        self._clock = clock

    async def offers(self, item_id: str, at: datetime, own: str = "") -> Sequence[Offer]:
        """Return what can be bought of an item at a moment, the earliest first; what is sold out is left out."""
        return await book.on_sale(self._database, item_id, at, own)

    async def find(self, query: BillQuery) -> Found | NotFound | Later:
        """Nobody owes anything here."""
        return NotFound()

    async def quote(self, lines: Sequence[Line], at: datetime, store_id: str | None = None) -> Quote | Refusal | Later:
        """Take what is wanted off the shelf for as long as the quote holds, and a little longer for a late notice."""
        if len(lines) != 1:
            return Refusal("one_at_a_time" if lines else "nothing_chosen")
        item = await self._catalogue.item(lines[0].item_id)
        store = await self._catalogue.store(store_id) if store_id is not None else None
        wish = self._wish(item, lines[0])
        refusal = quoting.unavailable(item, at, store)
        if refusal is not None:
            return refusal
        if isinstance(wish, Refusal):
            return wish
        expires_at = at + timedelta(seconds=item.definition.quote_seconds)
        until = expires_at + timedelta(seconds=_selling(item).grace_seconds)
        try:
            held = await self._database.effect(lambda tx: book.hold(tx, item.id, wish, at, until))
        except book.OverQuota:
            return Refusal("over_quota")
        if isinstance(held, Refusal):
            return held
        hold_id, offer = held
        line = _line(item, offer, wish.quantity, hold_id)
        return Quote(
            id=f"quo_{random_text(24)}",
            merchant_id=item.merchant_id,
            store_id=store_id,
            scene=item.scene,
            title=line.title,
            payee=item.merchant_name,
            lines=(line,),
            amount=line.amount,
            expires_at=expires_at,
        )

    def _wish(self, item: BillItem, line: Line) -> Wish | Refusal:
        """Read what is wanted; a number of people that is not that of the pieces is no wish."""
        selling, fields = _selling(item), line.fields
        said = fields.get("quantity", "")
        quantity = int(said) if said.isdecimal() and len(said) < len("100") else 0
        if not 0 < quantity <= selling.most:
            return Refusal("too_many", {"most": selling.most})
        people = tuple(filter(None, fields.get("people", "").split(",")))
        if selling.real_name and len(set(people)) != quantity:
            return Refusal("nothing_chosen")
        blind = tuple(self._vault.blind(person, f"{PERSON}:{item.id}") for person in people)
        return Wish(fields.get("offer", ""), quantity, blind if selling.real_name else (), fields.get("hold", ""))

    async def settle(self, line: PaidLine) -> Settled | Pending | Refused | Silent:
        """Sell the hold to the line; the answer names the voucher that its holder shows."""
        return await self._database.effect(lambda tx: book.settle(tx, line, self._clock.now()))

    async def settle_status(self, line: PaidLine) -> Settled | Pending | Refused | Silent | None:
        return await book.settlement(self._database, line)

    async def undo(self, line: PaidLine, reason: str) -> Reversed | Pending | Refused | Silent:
        """Take it back while nobody has used it and its terms still return the whole price.

        Where they return a part only, a person decides with the customer: ``closed``.
        """
        offer = await book.offer_behind(self._database, line.bill_no or "")
        if offer is None:
            return Refused("not_found")
        now = self._clock.now()
        selling = _selling(await self._catalogue.item(line.item_id))
        if await book.reversal(self._database, line) is None:
            returned = selling.refundable(line.amount, offer.starts_at, now)
            if returned < line.amount:
                return Refused("closed", f"{returned}")
        return await self._database.effect(lambda tx: book.undo(tx, line, now))

    async def undo_status(self, line: PaidLine) -> Reversed | Pending | Refused | Silent | None:
        return await book.reversal(self._database, line)


def _selling(item: BillItem) -> Selling:
    selling = item.definition.selling
    assert selling is not None, "an item of the stock says how it is sold"
    return selling


def _line(item: BillItem, offer: Offer, quantity: int, hold_id: str) -> Line:
    amount = offer.price * quantity
    title = f"{offer.title} {quantity}{_selling(item).unit}"
    bill = Bill(bill_no=hold_id, title=offer.title, period=None, amount=amount)
    return Line(item_id=item.id, amount=amount, title=title, bill=bill)
