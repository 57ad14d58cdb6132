"""Who may say no to an order before it is made: the risk room, through this port."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from bot.billers.port import Quote, Refusal
from bot.storage.port import Tx


@dataclass(frozen=True, slots=True)
class Placing:
    """From where an order comes. ``origin`` is one of the origins of the orders table.

    ``channel`` and ``account`` say where its messages go; both empty for an order that nobody can be told about.
    """

    origin: str
    trace_id: str
    channel: str | None = None
    account: str | None = None
    customer_id: str | None = None


class Gatekeeper(Protocol):
    """Gives the verdict on an order inside the very transaction that makes it."""

    async def verdict(self, tx: Tx, quote: Quote, placing: Placing) -> Refusal | None:
        """Return None to let the order be made. May write to its own tables; awaits nothing but ``tx``."""
        ...


@runtime_checkable
class Stateless(Protocol):
    """A gatekeeper that needs no database, so that many orders can be judged and placed by one statement."""

    def judged(self, quote: Quote, placing: Placing) -> Refusal | None:
        """Return what ``verdict`` would."""
        ...


class OrderLimit:
    """The least that is always checked: no order above ``maximum`` fen."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum

    async def verdict(self, tx: Tx, quote: Quote, placing: Placing) -> Refusal | None:
        return self.judged(quote, placing)

    def judged(self, quote: Quote, placing: Placing) -> Refusal | None:
        if quote.amount > self._maximum:
            return Refusal("over_limit", {"maximum": self._maximum})
        return None
