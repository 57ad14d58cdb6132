"""A park with tickets in a database, and short ways to hold, pay and count them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from bot.billers.catalogue import Catalogue
from bot.billers.items import STOCK, AmountKind, AmountRule, BillItem, Flow, ItemDefinition
from bot.billers.port import Line, PaidLine, Quote, Refusal
from bot.billers.selling import RefundStep, Selling
from bot.billers.stock import book
from bot.billers.stock.biller import StockBiller
from bot.billers.stock.invariants import CHECKS
from bot.billers.stock.values import Offer
from bot.kernel.clock import ManualClock
from bot.kernel.ids import new_id
from bot.ledger.invariants import inspect
from bot.storage.port import Database
from bot.storage.vault import Vault
from tests.billers import samples

PEOPLE = ("110101199003070011", "110101198509120026", "110101197801230033")
SELLING = Selling(most=3, refunds=(RefundStep(hours=48, rate=Decimal(1)), RefundStep(hours=0, rate=Decimal("0.5"))))


def ticket(**changes: object) -> BillItem:
    """An item of the stock; ``changes`` replace terms of its sale."""
    defined = ItemDefinition(
        flow=Flow.DIRECT, amount=AmountRule(kind=AmountKind.ANY), selling=SELLING.model_copy(update=changes)
    )
    return samples.item(defined, id_="itm_ticket", scene="tourism", name="门票", biller=STOCK)


def offer(capacity: int = 2, per_person: int = 1, kind: str = "成人票", days: int = 4) -> Offer:
    """Tickets of a day that begins ``days`` days after the start of the test."""
    starts_at = samples.START + timedelta(days=days)
    return Offer(
        id=f"off_{kind}_{days}",
        item_id="itm_ticket",
        kind=kind,
        day=f"{starts_at:%Y-%m-%d}",
        slot="",
        starts_at=starts_at,
        ends_sale_at=starts_at + timedelta(hours=6),
        price=12_000,
        capacity=capacity,
        per_person=per_person,
    )


@dataclass
class Park:
    """The biller of the stock over a database, with one item."""

    database: Database
    clock: ManualClock
    keys: Vault
    item: BillItem = field(default_factory=ticket)

    def __post_init__(self) -> None:
        self.biller = StockBiller(self.database, Catalogue(self.database, self.clock), self.keys, self.clock)

    async def open(self, *offers: Offer) -> None:
        """Put the item and its offers in."""
        await samples.put(self.database, self.clock, self.item)
        for each in offers:
            await self.database.effect(partial(book.put, offer=each, now=self.clock.now()))

    async def hold(self, of: Offer, *people: str, quantity: int | None = None, instead_of: str = "") -> Quote | Refusal:
        """Ask for a price, as the conversation does."""
        count = len(people) if quantity is None else quantity
        fields = {"offer": of.id, "quantity": str(count), "people": ",".join(people), "hold": instead_of}
        answer = await self.biller.quote([Line(self.item.id, 0, "", fields=fields)], self.clock.now())
        assert isinstance(answer, Quote | Refusal)
        return answer

    async def held(self, of: Offer, *people: str) -> Quote:
        """Ask for a price that there must be."""
        answer = await self.hold(of, *people)
        assert isinstance(answer, Quote), answer
        return answer

    def paid(self, quote: Quote, line_id: str = "", amount: int | None = None) -> PaidLine:
        """The paid line of a quote."""
        bill = quote.lines[0].bill
        assert bill is not None
        return PaidLine(
            id=line_id or new_id("oln", self.clock.now()),
            order_id="ord_1",
            item_id=self.item.id,
            account="",
            bill_id=None,
            bill_no=bill.bill_no,
            period=None,
            amount=quote.amount if amount is None else amount,
            paid_at=self.clock.now(),
            trace_id="",
        )

    async def taken(self, of: Offer) -> int:
        """How many pieces of an offer its own row counts."""
        row = await self.database.row("SELECT taken FROM offers WHERE id = $1", of.id)
        assert row is not None
        return int(row["taken"])

    async def faults(self, now: datetime | None = None) -> list[str]:
        """The broken invariants of the stock."""
        found = await inspect(self.database, now or self.clock.now(), CHECKS)
        return [each.check for each in found]
