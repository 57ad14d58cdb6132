"""Every state of the payment rooms and every transition that exists: tables as data, and one way to move through them.

The tables are DESIGN §4. A ``Move`` is made when its module is loaded and checks itself against the table, so a
transition outside the table cannot be written down, and each is one compare-and-set statement for both engines.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bot.storage.port import Tx, Value


@dataclass(frozen=True, slots=True)
class Move:
    """One compare-and-set: from any of some states to one other."""

    machine: str
    sources: frozenset[str]
    target: str
    sql: str

    async def __call__(self, tx: Tx, key: str, *values: Value) -> bool:
        """Carry it out; False says that the row was in none of the source states, or a further condition failed.

        ``values`` begin with the moment in microseconds where the machine keeps ``changed_at``, then come those of
        the move's own columns.
        """
        return await tx.execute(self.sql, key, *values) > 0


@dataclass(frozen=True, slots=True)
class Machine:
    """The states of one table and where each may lead."""

    table: str
    transitions: Mapping[str, frozenset[str]]
    # Whether the table keeps the moment of its last transition in ``changed_at``.
    dated: bool = True

    @property
    def states(self) -> frozenset[str]:
        return frozenset(self.transitions)

    @property
    def final(self) -> frozenset[str]:
        """The states that nothing leaves."""
        return frozenset(state for state, targets in self.transitions.items() if not targets)

    def allows(self, source: str, target: str) -> bool:
        return target in self.transitions[source]

    def listed(self, sources: Iterable[str], target: str) -> str:
        """Return ``'a', 'b'`` for a statement that moves from those states to ``target``.

        Raises ValueError for a transition that the table does not have.
        """
        known = sorted(sources)
        wrong = [source for source in known if not self.allows(source, target)]
        if wrong or not known:
            raise ValueError(f"{self.table} has no transition from {', '.join(wrong) or 'nothing'} to {target}")
        return ", ".join(f"'{source}'" for source in known)

    def move(self, *sources: str, to: str, sets: str = "", only: str = "", key: str = "id") -> Move:
        """Declare a transition. ``sets`` and ``only`` add assignments and conditions, with placeholders from ``$3``
        on (``$2`` where the machine is not dated); ``key`` is the column that ``$1`` is compared with."""
        dated = ", changed_at = $2" if self.dated else ""
        more = f", {sets}" if sets else ""
        condition = f" AND {only}" if only else ""
        sql = (
            f"UPDATE {self.table} SET state = '{to}'{dated}{more} "  # noqa: S608 - Literals of our own modules.
            f"WHERE {key} = $1 AND state IN ({self.listed(sources, to)}){condition}"
        )
        return Move(self.table, frozenset(sources), to, sql)


def _table(**targets: str) -> Mapping[str, frozenset[str]]:
    return {source: frozenset(listed.split()) for source, listed in targets.items()}


ORDER: Final = Machine(
    "orders",
    _table(
        created="closing paid",
        closing="closed paid",
        closed="paid_late",
        paid_late="paid",
        paid="",
    ),
    dated=False,
)

LINE: Final = Machine(
    "order_lines",
    _table(
        none="sent",
        sent="settled refused unknown",
        unknown="settled refused",
        settled="reversing",
        refused="",
        reversing="reversed reversal_refused",
        reversed="",
        reversal_refused="",
    ),
)

CHARGE: Final = Machine(
    "charges",
    _table(
        created="pending paid failed unknown closing reversing",
        pending="paid failed unknown closing reversing",
        unknown="pending paid failed closing reversing",
        closing="closed paid",
        reversing="reversed paid",
        # The gateway's word came late; the money goes to suspense first (DESIGN §4).
        failed="paid",
        closed="paid",
        reversed="paid",
        paid="",
    ),
)

REFUND: Final = Machine(
    "refunds",
    _table(
        requested="approved rejected",
        # Approved and then impossible: the biller refuses to take the payment back, or the money went another way.
        approved="pending rejected",
        pending="succeeded failed abnormal unknown",
        unknown="pending succeeded failed abnormal",
        abnormal="succeeded failed",
        succeeded="",
        failed="",
        rejected="",
    ),
)

# Only what payments do to a hosted bill; importing, settling and withdrawing belong to the billers' room.
BILL: Final = Machine(
    "bills",
    _table(
        open="held",
        reopened="held",
        partly_paid="held reopened",
        held="open partly_paid paid",
        paid="reopened",
        settled="",
        withdrawn="",
        superseded="",
        paid_elsewhere="",
    ),
)

SUSPENSE: Final = Machine(
    "suspense",
    _table(held="refunding applied", refunding="refunded held", refunded="", applied=""),
)

MACHINES: Final = (ORDER, LINE, CHARGE, REFUND, BILL, SUSPENSE)

# A charge in one of these can still be paid in the ordinary way; an order has at most one (a unique index sees to it).
LIVE: Final = ("created", "pending", "unknown", "closing", "reversing")
# These may take money for their order directly; any other paid charge goes through suspense.
CREDITABLE: Final = ("created", "pending", "unknown", "closing")
# An order in one of these waits for its payment.
UNPAID: Final = ("created", "closing")
# Refunds that take or still reserve their amount.
RESERVING: Final = ("requested", "approved", "pending", "unknown", "abnormal", "succeeded")


def quoted(states: Iterable[str]) -> str:
    """Return states as the inside of an SQL ``IN ( )``."""
    return ", ".join(f"'{state}'" for state in states)
