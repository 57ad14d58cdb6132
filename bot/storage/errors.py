"""What can go wrong in a store, in our words: vendors' texts stay behind, for they can quote the values of a row."""

from bot.kernel.errors import BotError, Busy, Conflict


class Duplicate(Conflict):
    """A unique constraint refused a row; ``constraint`` has the same name on both engines."""

    def __init__(self, constraint: str) -> None:
        super().__init__("duplicate", constraint=constraint)
        self.constraint = constraint


class Violated(Conflict):
    """A check, a foreign key or NOT NULL refused a row; ``constraint`` is empty where the engine does not tell."""

    def __init__(self, kind: str, constraint: str = "") -> None:
        super().__init__("constraint_violated", kind=kind, constraint=constraint)
        self.kind = kind
        self.constraint = constraint


class Immutable(Conflict):
    """Somebody tried to change or delete a row that stays as it is for ever."""

    def __init__(self) -> None:
        super().__init__("immutable_row")


class StoreAway(Busy):
    """The store cannot be reached or cannot serve now; nothing was changed."""


class Contended(Busy):
    """Others held what this needed for too long, as often as it was tried; nothing was changed."""


class MaybeCommitted(BotError):
    """The connection broke while the commit was under way: look before doing it again."""

    http_status = 503

    def __init__(self) -> None:
        super().__init__("maybe_committed", "read the state before repeating")


class WorkAwaited(BotError):
    """Work inside a transaction awaited something other than the transaction; it was rolled back."""

    def __init__(self) -> None:
        super().__init__("work_awaited", "work inside a transaction awaited something else; do that before or after")


class TransactionOver(BotError):
    """A transaction was used after its end, or after one of its statements had failed."""

    def __init__(self) -> None:
        super().__init__("transaction_over", "a failed statement ends its transaction; let the error out of the work")


class StoreFault(BotError):
    """The engine refused a statement: a mistake of ours. The facts say which; the engine's own text may be left out."""
