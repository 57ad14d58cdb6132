"""Puts the numbered choices of after-sales, outside any frame, as ``bot.dialogue.offers`` puts its own."""

from collections.abc import Mapping, Sequence
from typing import Final

from bot.dialogue.session import Awaiting
from bot.dialogue.steps import Option
from bot.dialogue.turn import Turn
from bot.kernel.clock import SHANGHAI
from bot.payments.values import Order

# How many choices are readable at once.
MOST: Final = 6
LEAVE: Final = Option("asis:", "leave")
HUMAN: Final = Option("act:human", "human")


def put(turn: Turn, code: str, options: Sequence[Option], facts: Mapping[str, object] | None = None) -> None:
    """Offer choices and remember that they were asked last."""
    turn.state.menu = Awaiting("menu", "choice", list(options))
    turn.ask(code, {**(facts or {}), "options": options})


def order_option(order: Order, value: str) -> Option:
    """Return an order as a choice: its title, when it was paid, its amount."""
    at = (order.paid_at or order.created_at).astimezone(SHANGHAI)
    return Option(value, f"{order.title} {at:%m-%d %H:%M}", order.amount)
