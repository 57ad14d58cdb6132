"""An order as it will be if nothing stands against it: all that needs no database is done."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.billers.port import Quote
from bot.kernel.clock import from_micros
from bot.kernel.money import CNY
from bot.payments.gatekeeper import Gatekeeper, Placing
from bot.payments.values import Order, OrderLine


@dataclass(frozen=True, slots=True)
class Draft:
    """What ``Orders.place`` prepares; ``at`` is the moment in microseconds."""

    quote: Quote
    placing: Placing
    gatekeeper: Gatekeeper
    order_id: str
    token: str
    line_ids: tuple[str, ...]
    sealed: tuple[bytes | None, ...]
    claims: tuple[str | None, ...]
    at: int

    def late_fee(self, position: int) -> int:
        """Return the fen of late fee in a line: all of it when the bill is paid whole, else none."""
        line = self.quote.lines[position]
        return line.bill.late_fee if line.bill is not None and line.amount >= line.bill.total else 0

    @property
    def bill_twice(self) -> bool:
        """Whether two lines are for the same bill."""
        hosted = [line.bill.bill_id for line in self.quote.lines if line.bill is not None]
        named = [name for name in (*self.claims, *hosted) if name is not None]
        return len(set(named)) != len(named)

    @property
    def expired(self) -> bool:
        return self.quote.expires_at <= from_micros(self.at)

    def order(self, billers: Mapping[str, str]) -> Order:
        """Return the order that the draft has become; ``billers`` are those that its items named, by line."""
        quote, placing = self.quote, self.placing
        return Order(
            id=self.order_id,
            quote_id=quote.id,
            token=self.token,
            merchant_id=quote.merchant_id,
            store_id=quote.store_id,
            scene=quote.scene,
            origin=placing.origin,
            channel=placing.channel,
            account=placing.account,
            customer_id=placing.customer_id,
            title=quote.title,
            amount=quote.amount,
            currency=CNY,
            state="created",
            paid_charge_id=None,
            trace_id=placing.trace_id,
            created_at=from_micros(self.at),
            expires_at=quote.expires_at,
            paid_at=None,
            closed_at=None,
            refunded=0,
            lines=tuple(self._line(position, billers[id_]) for position, id_ in enumerate(self.line_ids)),
        )

    def _line(self, position: int, biller: str) -> OrderLine:
        line = self.quote.lines[position]
        return OrderLine(
            id=self.line_ids[position],
            order_id=self.order_id,
            position=position,
            item_id=line.item_id,
            biller=biller,
            bill_id=line.bill.bill_id if line.bill else None,
            bill_no=line.bill.bill_no if line.bill else None,
            account_mask=line.account_mask,
            period=self.period(position),
            title=line.title,
            amount=line.amount,
            late_fee=self.late_fee(position),
            claim=self.claims[position],
            state="none",
            biller_ref=None,
            refusal=None,
            changed_at=from_micros(self.at),
            account_sealed=self.sealed[position],
            discount=line.discount,
        )

    def period(self, position: int) -> str | None:
        line = self.quote.lines[position]
        return (line.bill.period if line.bill else None) or line.period
