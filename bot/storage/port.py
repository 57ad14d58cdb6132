"""What the rest of the house may ask of a database, whichever engine stands behind it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, LiteralString, Protocol, TypeVar

Value = str | int | bytes | None | Sequence[str] | Sequence[int] | Sequence[str | None] | Sequence[int | None]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Row(Protocol):
    """One row of an answer; columns are reached by name."""

    def __getitem__(self, column: str, /) -> Any: ...


class Reader(Protocol):
    """Reads. SQL is written once, for both engines, with ``$1`` placeholders, and is never put together at run time."""

    async def rows(self, sql: LiteralString, *values: Value) -> Sequence[Row]: ...

    async def row(self, sql: LiteralString, *values: Value) -> Row | None: ...


class Tx(Reader, Protocol):
    """One open transaction.

    Work inside it awaits nothing but the transaction itself: no network, no sleep, no lock. SQLite's engine enforces
    this, because there the work runs to its end in the writer's thread; so it also leaves alone whatever tasks of the
    loop may be changing meanwhile, and hands its findings back as its result.

    A statement that fails ends the transaction: catching its error inside the work saves nothing, on either engine.
    Write ``ON CONFLICT DO NOTHING`` and look at the number of rows where a conflict is an ordinary answer. A sequence
    among the values is an array on PostgreSQL and JSON text on SQLite, for ``json_each``.
    """

    engine: Literal["sqlite", "postgresql"]

    async def execute(self, sql: LiteralString, *values: Value) -> int:
        """Run a statement and return how many rows it changed."""
        ...

    def signal(self, channel: str) -> None:
        """Wake, after the commit and in every process, whoever listens on ``channel``."""
        ...


@dataclass(frozen=True, slots=True)
class Batch(Generic[Item, Result]):
    """An effect that is common enough to share commits with others of its kind.

    ``one`` is the portable form. ``many`` is the set-based form for PostgreSQL: one round trip for all items, results
    in the order of the items. Both must leave the same rows behind; the contract tests compare them. An item that
    raises spoils nothing but itself: when ``many`` raises, the engine runs ``one`` for each item on its own.

    ``single_statement`` promises that ``many`` issues exactly one statement and then only builds the results. The
    engine then lets that statement be its own transaction, which spares the round trips of BEGIN and COMMIT.

    Items of one group may name the same rows in any order; sort inside ``many`` where that could deadlock.
    """

    name: str
    one: Callable[[Tx, Item], Awaitable[Result]]
    many: Callable[[Tx, Sequence[Item]], Awaitable[Sequence[Result]]] | None = None
    single_statement: bool = False


@dataclass(frozen=True, slots=True)
class Question(Generic[Item, Result]):
    """A read that is common enough to share round trips with others of its kind.

    ``one`` is the portable form. ``many`` answers several items by one statement, in their order; where many
    customers ask at once, PostgreSQL is asked once for all who wait.
    """

    name: str
    one: Callable[[Reader, Item], Awaitable[Result]]
    many: Callable[[Reader, Sequence[Item]], Awaitable[Sequence[Result]]]


class Database(Reader, Protocol):
    """A durable store. ``effect`` and ``batch`` return only after the commit is on disk."""

    engine: Literal["sqlite", "postgresql"]

    async def effect(self, work: Callable[[Tx], Awaitable[Result]]) -> Result:
        """Run ``work`` in one transaction; roll back on any exception, cancellation included.

        A serialization failure or deadlock repeats the work a bounded number of times, so ``work`` must be free of
        effects outside the transaction. Signals go out after the commit only. A caller who is cancelled while the
        commit is under way learns nothing of it; whole or nothing it is all the same.

        Raises Duplicate, Violated, Immutable (the row is refused); StoreAway, Contended (nothing was changed);
        MaybeCommitted (the connection broke during the commit: read before repeating); see storage.errors.
        """
        ...

    async def batch(self, form: Batch[Item, Result], item: Item) -> Result:
        """Run one item of a form inside a commit that it may share with its neighbours."""
        ...

    async def ask(self, question: Question[Item, Result], item: Item) -> Result:
        """Answer one item of a question, together with its neighbours where that is cheaper."""
        ...

    def stream(self, sql: LiteralString, *values: Value, chunk: int = 500) -> AsyncIterator[Row]:
        """Read a result of any size in constant memory."""
        ...

    async def heard(self, channel: str, within: float) -> bool:
        """Wait until ``channel`` is signalled or ``within`` seconds pass; tell which of the two it was.

        A signal between two calls is kept for the second. It is a wake-up, not a promise: poll behind it.
        """
        ...

    async def ping(self) -> None:
        """Raise when the store cannot answer."""
        ...

    async def close(self) -> None: ...
