"""Gifts of money: only to a holder of a public fund-raising certificate, for a campaign that is on file."""

from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from bot.billers.rule import Rule
from bot.kernel.clock import business_day
from bot.words.identifiers import Kind, read


def _registered(number: str) -> str:
    if not isinstance(read(Kind.USCC, number, date.max), str):
        raise ValueError("a charity is registered under a unified social credit code with right check digits")
    return number


class Donation(Rule):
    """``register_no`` is the charity's 统一社会信用代码, ``filing_no`` the number of its campaign (公开募捐备案编号).

    ``valid_until`` is the last Shanghai day of certificate and campaign, whichever ends first; after it nothing is
    taken. Numbers and days come from the charity's papers and are configuration.
    """

    holder: Annotated[str, Field(min_length=2, max_length=60)]
    register_no: Annotated[str, AfterValidator(_registered)]
    filing_no: Annotated[str, Field(pattern=r"^[0-9A-Z]{16,32}$")]
    valid_until: date

    def lapsed(self, at: datetime) -> bool:
        """Tell whether certificate or campaign is over at a moment."""
        return business_day(at) > self.valid_until
