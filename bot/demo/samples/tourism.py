"""The sample scenic area: day tickets by kind, two a day for an identity number, given back by a falling ladder."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from bot.billers.items import STOCK, AmountKind, AmountRule, Flow, ItemDefinition
from bot.billers.selling import RefundStep, Selling
from bot.billers.stock.values import Offer
from bot.demo.samples.value import Sample, item, merchant
from bot.kernel.clock import SHANGHAI

PARK: Final = merchant("mer_park", "示范山景区管理有限公司", "示范山景区")
TICKET: Final = ItemDefinition(
    flow=Flow.DIRECT,
    amount=AmountRule(kind=AmountKind.ANY),
    words=("门票", "景区票"),
    selling=Selling(
        kind="票种",
        unit="张",
        most=5,
        # The park's own terms: the whole price until two days before, half of it until the gates open.
        refunds=(RefundStep(hours=48, rate=Decimal(1)), RefundStep(hours=0, rate=Decimal("0.5"))),
    ),
)
TICKETS: Final = item("itm_park_ticket", PARK, "tourism", "门票", TICKET, biller=STOCK)
# Kind, price in fen, how many a day.
_KINDS: Final = (("成人票", 12_000, 200), ("学生票", 6_000, 100), ("夜游票", 8_000, 3))
_DAYS: Final = 7
_OPENS: Final = time(8, 0)
_LAST_ENTRY: Final = time(16, 0)
_PER_PERSON: Final = 2


def _offers(today: date) -> tuple[Offer, ...]:
    """Return the tickets of the week that begins tomorrow."""
    days = [today + timedelta(days=ahead) for ahead in range(1, _DAYS + 1)]
    return tuple(
        Offer(
            id=f"off_park_{day:%Y%m%d}_{number}",
            item_id=TICKETS.id,
            kind=kind,
            day=day.isoformat(),
            slot="",
            starts_at=datetime.combine(day, _OPENS, SHANGHAI),
            ends_sale_at=datetime.combine(day, _LAST_ENTRY, SHANGHAI),
            price=price,
            capacity=capacity,
            per_person=_PER_PERSON,
        )
        for day in days
        for number, (kind, price, capacity) in enumerate(_KINDS)
    )


SAMPLE: Final = Sample(merchants=(PARK,), items=(TICKETS,), offers=_offers)
