"""The steps of a history, as values that hypothesis draws and shrinks: small numbers choose among what there is."""

from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st


@dataclass(frozen=True, slots=True)
class Place:
    """Order a meal, an electricity bill and hosted bills, in whatever combination ``lines`` chooses."""

    lines: int
    amount: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Open:
    """Somebody opens the cashier of an order with a wallet and presses pay."""

    order: int
    gateway: int
    way: int
    payer: int


@dataclass(frozen=True, slots=True)
class Pay:
    """Somebody pays what was handed over, however long ago that was."""

    handover: int
    payer: int


@dataclass(frozen=True, slots=True)
class Scan:
    """A cashier scans a payer's code."""

    order: int
    gateway: int
    behaviour: int


@dataclass(frozen=True, slots=True)
class Decide:
    """The payer of a scanned code types the password, or cancels."""

    charge: int
    entered: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The cashier gives up a scanned charge."""

    charge: int


@dataclass(frozen=True, slots=True)
class Post:
    """A letter of the bag arrives; one that is kept will arrive again."""

    letter: int
    keep: bool


@dataclass(frozen=True, slots=True)
class Again:
    """A platform sends a genuine notice once more, signed afresh."""

    gateway: int
    notice: int


@dataclass(frozen=True, slots=True)
class Forge:
    """Somebody sends a notice that no merchant may believe."""

    charge: int
    kind: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """One round of the sweeping worker."""


@dataclass(frozen=True, slots=True)
class Work:
    """One round of the outbox."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """The customer cancels an order."""

    order: int


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Somebody asks for the refund of an order, of one of its lines, or of an amount."""

    order: int
    what: int


@dataclass(frozen=True, slots=True)
class Judge:
    """A second person decides about a refund."""

    refund: int
    yes: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """The next call of some stage at a platform meets a fault."""

    gateway: int
    fault: int


@dataclass(frozen=True, slots=True)
class Mood:
    """The next call to the biller gets an unwelcome answer."""

    call: int
    answer: int


@dataclass(frozen=True, slots=True)
class Crash:
    """A step is cut off after so many of its waits, and the process starts anew over the same database."""

    step: "Step"
    after: int


@dataclass(frozen=True, slots=True)
class Both:
    """Two steps at once."""

    first: "Step"
    second: "Step"


Step = (
    Place | Open | Pay | Scan | Decide | GiveUp | Post | Again | Forge | Sweep | Work | Cancel | GiveBack | Judge
    | Wait | Trouble | Mood | Crash | Both
)  # fmt: skip

KINDS: Final = (
    *(Place, Open, Pay, Scan, Decide, GiveUp, Post, Again, Forge, Sweep, Work, Cancel, GiveBack, Judge),
    *(Wait, Trouble, Mood, Crash, Both),
)

_SOME: Final = st.integers(0, 7)
# Within a payer's patience, within an order's life, past it, and past a day's end.
SECONDS: Final = (1, 4, 6, 16, 40, 130, 400, 1000, 4000, 90_000)


_GATEWAY: Final = st.integers(0, 3)
# What persons and platforms do, and how often in comparison.
_OUTSIDE: Final[tuple[tuple[int, st.SearchStrategy[Step]], ...]] = (
    (2, st.builds(Place, _SOME, _SOME, st.integers(0, 2))),
    (5, st.builds(Pay, _SOME, st.integers(0, 2))),
    (2, st.builds(Decide, _SOME, st.booleans())),
    (2, st.builds(Again, _GATEWAY, _SOME)),
    (1, st.builds(Forge, _SOME, _SOME)),
    (1, st.builds(Judge, _SOME, st.booleans())),
    (3, st.builds(Wait, st.integers(0, len(SECONDS) - 1))),
    (3, st.builds(Trouble, _GATEWAY, st.integers(0, 40))),
    (2, st.builds(Mood, _GATEWAY, st.integers(0, 2))),
)
# What the process itself carries out, so that a crash can cut it off.
_INSIDE: Final[tuple[tuple[int, st.SearchStrategy[Step]], ...]] = (
    (5, st.builds(Open, _SOME, _GATEWAY, _SOME, st.integers(0, 2))),
    (4, st.builds(Scan, _SOME, _GATEWAY, _SOME)),
    (1, st.builds(GiveUp, _SOME)),
    (4, st.builds(Post, _SOME, st.booleans())),
    (3, st.builds(Sweep)),
    (3, st.builds(Work)),
    (2, st.builds(Cancel, _SOME)),
    (3, st.builds(GiveBack, _SOME, _SOME)),
)


def _of(*weighted: tuple[int, st.SearchStrategy[Step]]) -> st.SearchStrategy[Step]:
    """Draw by weight; hypothesis counts equal alternatives of ``one_of`` once."""
    places = [at for at, (weight, _) in enumerate(weighted) for _ in range(weight)]
    return st.sampled_from(places).flatmap(lambda at: weighted[at][1])


def _any() -> st.SearchStrategy[Step]:
    plain, inside = _of(*_OUTSIDE, *_INSIDE), _of(*_INSIDE)
    crash = st.builds(Crash, inside, st.integers(0, 8))
    return _of((7, plain), (1, crash), (1, st.builds(Both, inside, plain)))


def histories() -> st.SearchStrategy[list[Step]]:
    """Lists of about thirty steps that shrink to none: hypothesis makes one list only about five long."""
    part = st.lists(_any(), max_size=10)
    return st.tuples(*(part for _ in range(6))).map(lambda parts: [step for each in parts for step in each])
