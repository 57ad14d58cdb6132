"""Money that a bank keeps in a supervised account until it may be released (资金监管): never with the platform."""

from typing import Annotated

from pydantic import Field

from bot.billers.rule import Rule


class Escrow(Rule):
    """The supervised account into which the bank's connector books; the platform holds nothing (no 二清).

    ``bank`` keeps the account, ``supervisor`` says who releases from it. The tail of its number is shown to payers.
    """

    bank: Annotated[str, Field(min_length=2, max_length=40)]
    supervisor: Annotated[str, Field(min_length=2, max_length=40)]
    account_tail: Annotated[str, Field(pattern=r"^[0-9]{4}$")]

    @property
    def words(self) -> str:
        """What a payer is told before the payment."""
        return f"资金进入{self.bank}监管账户（尾号 {self.account_tail}），由{self.supervisor}监管"
