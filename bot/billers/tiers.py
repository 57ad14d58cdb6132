"""Contribution tiers (缴费档次): shares of a base or plain sums, of which a customer chooses one."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from bot.billers.rule import Fen, Rule
from bot.kernel.money import share_of


class Tiers(Rule):
    """Tiers of ``base`` × percent × ``rate`` a month for ``months`` months, each rounded to a fen at its end.

    Base, rate and percentages are set anew every year by the region, hence configuration (domain.md §3.1, card 12).
    """

    base: Fen
    rate: Annotated[Decimal, Field(gt=0, le=1)] = Decimal(1)
    months: Annotated[int, Field(ge=1, le=12)] = 1
    # Whether people know the tiers by their percentage of the base (60%), and not just by their sums (300 元档).
    shares: bool = True
    percents: Annotated[tuple[Annotated[int, Field(ge=1, le=10_000)], ...], Field(min_length=1, max_length=9)]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        amounts = self.amounts()
        if list(amounts) != sorted(set(amounts)) or amounts[0] < 1:
            raise ValueError("tiers rise, and the lowest is at least 1 fen")
        return self

    def amount(self, percent: int) -> int:
        """Return the fen of one tier."""
        return share_of(self.base, self.rate * self.months * percent / 100)

    def amounts(self) -> tuple[int, ...]:
        """Return the fen of all tiers, the lowest first."""
        return tuple(self.amount(percent) for percent in self.percents)
