"""What is on offer, and who can show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing to be had on one day, and at one hour where ``slot`` names it; ``price`` in fen.

    ``per_person`` bounds how many one identity number may have of the item on that day, whatever their kind; 0 for
    any number. Nobody buys it from ``ends_sale_at`` on.
    """

    id: str
    item_id: str
    kind: str
    day: str  # YYYY-MM-DD, in Shanghai.
    slot: str
    starts_at: datetime
    ends_sale_at: datetime
    price: int
    capacity: int
    taken: int = 0
    per_person: int = 0

    @property
    def left(self) -> int:
        return self.capacity - self.taken

    @property
    def when(self) -> str:
        return f"{self.day} {self.slot}".strip()

    @property
    def title(self) -> str:
        return f"{self.kind} {self.when}"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a customer wants of an offer; ``people`` are identity numbers, blinded, one for each piece, or none.

    ``instead_of`` is a hold of the same customer that this one replaces.
    """

    offer_id: str
    quantity: int
    people: tuple[str, ...] = ()
    instead_of: str = ""


@runtime_checkable
class Shelf(Protocol):
    """A biller that can say what is to be had."""

    async def offers(self, item_id: str, at: datetime, own: str = "") -> Sequence[Offer]:
        """Return what can be bought of an item at a moment, the earliest first; what is sold out is left out.

        ``own`` is a hold of the asker, who can exchange it: its pieces count as free.
        """
        ...
