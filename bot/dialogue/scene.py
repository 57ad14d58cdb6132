"""What a scene is: a frozen value that names its words and its steps; the engine does the rest."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from bot.billers.catalogue import Catalogue
from bot.billers.port import Directory, Quote, Refusal
from bot.customers.accounts import SavedAccounts
from bot.dialogue.session import Frame
from bot.dialogue.steps import Outcome
from bot.kernel.clock import Clock


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order as the conversation shows it; ``token`` opens the cashier."""

    id: str
    token: str
    title: str
    amount: int
    state: str
    created_at: datetime
    payee: str = ""


class Orders(Protocol):
    """What the conversation may do with payments; implemented by a thin adapter over ``bot.payments``."""

    async def place(
        self, quote: Quote, *, customer_id: str, channel: str, account: str, trace_id: str
    ) -> PlacedOrder | Refusal: ...

    async def mine(self, customer_id: str, limit: int, scene: str | None = None) -> Sequence[PlacedOrder]: ...

    async def live(self, order_id: str, customer_id: str) -> PlacedOrder | None:
        """Return an order that still waits for this customer's payment."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a step may use."""

    customer_id: str
    channel: str
    account: str
    trace_id: str
    at: datetime
    merchants: tuple[str, ...]
    catalogue: Catalogue
    billers: Directory
    saved: SavedAccounts
    orders: Orders
    clock: Clock


# A step answers None when its slot is there and the next step may look.
Step = Callable[["Scene", Context, Frame], Awaitable[Outcome | None]]


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene (物业, 电费 …): a value at the end of its file, registered by one line.

    ``words`` are what people call it, ``examples`` whole messages with their act; the router learns both at start.
    ``steps`` come from a shape; an odd scene puts its own between them. ``asks_place`` marks a scene that is paid
    at a store.
    """

    key: str
    name: str
    shape: Literal["bill", "amount", "catalogue", "application"]
    words: tuple[str, ...]
    steps: tuple[Step, ...]
    examples: tuple[tuple[str, str], ...] = ()
    account_words: tuple[str, ...] = ()
    hints: tuple[str, ...] = field(default=())
