"""How things that can run out are sold: how many at once, to whom by name, and what a ticket given back is worth."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from bot.billers.rule import Rule
from bot.kernel.money import share_of


class RefundStep(Rule):
    """Given back at least ``hours`` before it begins, ``rate`` of the price is returned."""

    hours: Annotated[int, Field(ge=0, le=8760)]
    rate: Annotated[Decimal, Field(ge=0, le=1)]


class Selling(Rule):
    """The terms of an item whose stock is counted (tickets, a doctor's hours; domain.md §3.1, cards 4 and 8).

    ``kind`` is what its sorts are called (票种), ``unit`` what one of them is (张), ``most`` how many go into one
    order. With ``real_name`` every one needs an identity number. A hold outlives its quote by ``grace_seconds``, so
    that a payment at the last moment whose notice is late still finds it.
    """

    kind: Annotated[str, Field(min_length=1, max_length=10)] = "票种"
    unit: Annotated[str, Field(min_length=1, max_length=4)] = "张"
    most: Annotated[int, Field(ge=1, le=9)] = 5
    real_name: bool = True
    grace_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    refunds: tuple[RefundStep, ...] = ()

    @model_validator(mode="after")
    def _falling(self) -> Self:
        if any(early.hours <= late.hours or early.rate < late.rate for early, late in pairwise(self.refunds)):
            raise ValueError("the steps of a refund ladder fall: the later it is, the less is returned")
        return self

    def refundable(self, amount: int, starts_at: datetime, at: datetime) -> int:
        """Return the fen of ``amount`` that are returned when it is given back at a moment."""
        left = starts_at - at
        step = next((step for step in self.refunds if left >= timedelta(hours=step.hours)), None)
        return 0 if step is None else share_of(amount, step.rate)
