"""Coupons of a store: so much off from a certain sum on (满减), within their days."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from bot.billers.rule import Fen, Rule
from bot.kernel.clock import business_day


class Coupon(Rule):
    """``off`` fen less from ``threshold`` fen on, within its days in Shanghai; the merchant bears what is let off."""

    label: Annotated[str, Field(min_length=1, max_length=30)]
    threshold: Fen
    off: Fen
    starts: date | None = None
    ends: date | None = None

    @model_validator(mode="after")
    def _less(self) -> Self:
        if not 0 < self.off < self.threshold:
            raise ValueError("a coupon takes off something, and less than its threshold")
        if self.starts is not None and self.ends is not None and self.starts > self.ends:
            raise ValueError("a coupon ends after it starts")
        return self

    def valid_on(self, day: date) -> bool:
        return (self.starts is None or self.starts <= day) and (self.ends is None or day <= self.ends)


def best(coupons: Iterable[Coupon], amount: int, at: datetime) -> Coupon | None:
    """Return the one coupon that takes most off ``amount`` fen at a moment; coupons are never combined."""
    day = business_day(at)
    fitting = [coupon for coupon in coupons if coupon.threshold <= amount and coupon.valid_on(day)]
    return max(fitting, key=lambda coupon: coupon.off, default=None)
