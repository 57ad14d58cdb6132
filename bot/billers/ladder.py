"""A fee that grows by brackets with the sum in dispute (诉讼费), for an estimate before the court has said its own."""

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from bot.billers.rule import Fen, Rule
from bot.kernel.money import share_of


class Bracket(Rule):
    """What of a sum lies above ``over`` fen costs ``rate`` of it, up to the next bracket."""

    over: Fen
    rate: Annotated[Decimal, Field(ge=0, le=1)]


class Ladder(Rule):
    """A lump sum for the first bracket and a rate for each further one.

    The figures are law of a place and a time, hence configuration with its source (domain.md §3.1, card 13); what
    comes out is told to customers as an estimate only.
    """

    lump: Fen
    brackets: Annotated[tuple[Bracket, ...], Field(min_length=1)]
    # What a simplified procedure or a withdrawn suit costs of the whole fee.
    reduced: Annotated[Decimal, Field(ge=0, le=1)] = Decimal("0.5")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(low.over >= high.over for low, high in pairwise(self.brackets)):
            raise ValueError("brackets rise")
        return self

    def fee(self, claim: int) -> int:
        """Return the fen of fee on a sum in dispute of ``claim`` fen, rounded once at the end."""
        ends = [bracket.over for bracket in self.brackets[1:]] + [claim]
        parts = (
            (max(min(claim, end) - bracket.over, 0), bracket.rate)
            for bracket, end in zip(self.brackets, ends, strict=True)
        )
        # One rounding: a fee is no sum of rounded brackets.
        return self.lump + share_of(1, sum((Decimal(part) * rate for part, rate in parts), Decimal(0)))

    def reduced_fee(self, claim: int) -> int:
        """Return the fen of the reduced fee."""
        return share_of(self.fee(claim), self.reduced)
