"""What a scene is: a frozen value that names its words and its steps; the engine does the rest."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from bot.billers.catalogue import Catalogue
from bot.billers.port import Directory, Quote, Refusal
from bot.cases.applications.kinds import Kind
from bot.cases.applications.values import NewApplication, Progress
from bot.cases.trade.notes import Held
from bot.customers.accounts import SavedAccount, SavedAccounts
from bot.customers.identities import Identities
from bot.customers.reminders import Reminders
from bot.dialogue.acts import Act
from bot.dialogue.looking_back import Page
from bot.dialogue.session import Frame
from bot.dialogue.steps import Outcome
from bot.payments.contracts.port import Plan


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


@dataclass(frozen=True, slots=True)
class PaidBefore:
    """What a customer paid last; ``amount`` (fen) only where nothing was billed, for a bill is never the same twice."""

    scene: str
    item_id: str
    store_id: str | None
    account: str = field(repr=False)
    account_mask: str
    title: str
    amount: int | None


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

    async def found(self, customer_id: str, page: Page, limit: int) -> Sequence[PlacedOrder]:
        """Return the customer's paid orders that a search means, newest first, behind the one shown last."""
        ...

    async def own(self, customer_id: str, order_id: str) -> PlacedOrder | None:
        """Return one of the customer's own paid orders; None for any other."""
        ...

    async def last_paid(self, customer_id: str, scene: str | None = None) -> PaidBefore | None:
        """Return what the customer's newest paid order was for; None where there is none."""
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

    async def offers(self, item_id: str) -> Sequence[Plan]:
        """Return what can be agreed for an item; nothing where no contract is possible."""
        ...

    async def sign(
        self, customer_id: str, account: SavedAccount, *, gateway: str, channel: str, told_at: str, trace_id: str
    ) -> str | Refusal | None:
        """Begin a contract for a customer's own account; return where it is signed, None where the wallet is silent."""
        ...

    async def standing(self, customer_id: str) -> Sequence[Agreement]:
        """Return the customer's contracts under which something may still be deducted, newest first."""
        ...

    async def stop(self, agreement_id: str, customer_id: str) -> bool:
        """End a customer's own contract: nothing is deducted from now on. False when there is none of this id."""
        ...


class Applications(Protocol):
    """What the conversation may do with applications; implemented by ``bot.cases.applications``."""

    async def submit(self, new: NewApplication) -> Progress | Refusal:
        """Hand an application in, once for each ``request_key``."""
        ...

    async def estimate(
        self, kind_key: str, customer_id: str, facts: Mapping[str, str]
    ) -> Mapping[str, object] | Refusal:
        """Return what an application would come to, in the values of its message; it binds nobody."""
        ...

    async def of(self, customer_id: str, scene: str | None = None, limit: int = 5) -> Sequence[Progress]:
        """Return a customer's own applications, newest first."""
        ...

    async def notes(self, customer_id: str) -> Sequence[Held]:
        """Return the notes (票据) that lie here for a customer."""
        ...

    async def supplement(self, application_id: str, customer_id: str, media_id: str, trace_id: str) -> bool:
        """Add a paper that was asked for; False where none is."""
        ...

    async def withdraw(self, application_id: str, customer_id: str) -> bool:
        """Take a customer's own application back; False where that is not possible any more."""
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
    customers: Identities
    saved: SavedAccounts
    reminders: Reminders
    orders: Orders
    deductions: Deductions
    lookups: Lookups
    applications: Applications


# A step answers None when its slot is there and the next step may look.
Step = Callable[["Scene", Context, Frame], Awaitable[Outcome | None]]


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene (物业, 电费 …): a value at the end of its file, registered by one line.

    ``words`` are what people call it beyond the table of topics, ``examples`` whole messages with their act; the
    router learns both at start. ``account_words`` are what people call its account. ``steps`` come from a shape; an
    odd scene puts its own between them. ``applying`` are the steps of what is applied for (提取, 预约, 贴现), where
    the scene takes applications, and ``kinds`` what these are.
    """

    key: str
    name: str
    shape: Literal["bill", "amount", "catalogue", "application"]
    words: tuple[str, ...]
    steps: tuple[Step, ...]
    examples: tuple[tuple[str, str], ...] = ()
    account_words: tuple[str, ...] = ()
    applying: tuple[Step, ...] = ()
    kinds: tuple[Kind, ...] = ()

    def steps_for(self, act: Act) -> tuple[Step, ...]:
        """Return the steps that serve an act."""
        return self.applying if act is Act.APPLY and self.applying else self.steps

    def kind_of(self, frame: Frame) -> Kind | None:
        """Return what a frame applies for; None where it applies for nothing, or for nothing yet."""
        chosen = frame.get("kind") if frame.act is Act.APPLY else None
        return next((kind for kind in self.kinds if kind.key == chosen), None)
