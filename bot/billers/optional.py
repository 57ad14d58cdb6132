"""Bills that may be left out (选缴) beside those that may not (必缴): the latter are never left behind."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from bot.billers.port import Bill
from bot.billers.rule import Rule


class Leavable(Rule):
    """Bills whose detail ``column`` says one of ``words`` are paid or left as the customer likes (N/M modes of §2.3).

    The others come first: nobody pays for a uniform while the tuition stands. And 全部 is never taken to mean more
    than was listed and counted.
    """

    column: Annotated[str, Field(min_length=1, max_length=20)] = "类型"
    words: tuple[str, ...] = ("选缴",)

    def may_be_left(self, bill: Bill) -> bool:
        return bill.detail.get(self.column, "") in self.words

    def left_behind(self, owed: Iterable[Bill], paying: frozenset[str]) -> bool:
        """Tell whether an optional bill is to be paid while a mandatory one is neither paid with it nor held."""
        bills = list(owed)
        optional = any(self.may_be_left(bill) and bill.bill_no in paying for bill in bills)
        return optional and any(
            not self.may_be_left(bill) and bill.held_by is None and bill.bill_no not in paying for bill in bills
        )
