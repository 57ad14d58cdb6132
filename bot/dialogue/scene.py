"""What a scene is: a frozen value that names its words and its steps; the engine does the rest."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from bot.billers.catalogue import Catalogue
from bot.billers.port import Directory, Quote, Refusal
from bot.customers.accounts import SavedAccounts
from bot.dialogue.acts import Act
from bot.dialogue.session import Frame
from bot.dialogue.steps import Outcome


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order as the conversation shows it; ``token`` opens the cashier, ``bill_nos`` are the bills it pays."""

    id: str
    token: str
    title: str
    amount: int
    state: str
    created_at: datetime
    bill_nos: tuple[str, ...] = ()


class Orders(Protocol):
    """What the conversation may do with payments; implemented by a thin adapter over ``bot.payments``."""

    async def place(
        self, quote: Quote, *, customer_id: str, channel: str, account: str, trace_id: str
    ) -> PlacedOrder | Refusal:
        """Make the order of a quote, once however often it is asked for."""
        ...

    async def paid(self, customer_id: str, limit: int, scene: str | None = None) -> Sequence[PlacedOrder]:
        """Return the customer's paid orders, newest first."""
        ...

    async def waiting(self, customer_id: str, item_id: str | None = None) -> Sequence[PlacedOrder]:
        """Return the customer's orders that wait for payment, newest first; those over one item where it is named."""
        ...

    async def cancel(self, order_id: str, customer_id: str) -> bool:
        """Begin to close a customer's own order that waits for payment; False when there is none of this id."""
        ...


@dataclass(frozen=True, slots=True)
class Agreement:
    """A customer's standing leave to deduct (代扣): at most ``maximum`` fen a time, for one account of an item."""

    id: str
    title: str
    account_mask: str
    maximum: int


class Deductions(Protocol):
    """What the conversation may do with contracts for deduction."""

    async def standing(self, customer_id: str) -> Sequence[Agreement]:
        """Return the customer's contracts under which something may still be deducted, newest first."""
        ...

    async def stop(self, agreement_id: str, customer_id: str) -> bool:
        """End a customer's own contract: nothing is deducted from now on. False when there is none of this id."""
        ...


class Lookups(Protocol):
    """Bounds how many accounts a customer may ask after, so that nobody finds out which ones exist."""

    async def allow(self, context: "Context", item_id: str, account: str) -> bool:
        """Count one question for an account that is not the customer's own; False when it must not be asked."""
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
    deductions: Deductions
    lookups: Lookups


# A step answers None when its slot is there and the next step may look.
Step = Callable[["Scene", Context, Frame], Awaitable[Outcome | None]]


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene (物业, 电费 …): a value at the end of its file, registered by one line.

    ``words`` are what people call it beyond the table of topics, ``examples`` whole messages with their act; the
    router learns both at start. ``account_words`` are what people call its account. ``steps`` come from a shape; an
    odd scene puts its own between them. ``applying`` are the steps of what is applied for (提取, 预约, 贴现), where
    the scene takes applications.
    """

    key: str
    name: str
    shape: Literal["bill", "amount", "catalogue", "application"]
    words: tuple[str, ...]
    steps: tuple[Step, ...]
    examples: tuple[tuple[str, str], ...] = ()
    account_words: tuple[str, ...] = ()
    applying: tuple[Step, ...] = ()

    def steps_for(self, act: Act) -> tuple[Step, ...]:
        """Return the steps that serve an act."""
        return self.applying if act is Act.APPLY and self.applying else self.steps
