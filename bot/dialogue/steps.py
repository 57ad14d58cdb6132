"""What a step of a scene can answer: ask, offer, price, look again, finish or give up; nothing else moves a frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.billers.port import Quote

Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for one slot. ``code`` names the message; ``kind`` says how the answer is read."""

    slot: str
    code: str
    kind: Literal["text", "amount", "field", "document"]
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Option:
    """One numbered choice: what the slot becomes, and how the choice is shown.

    An option that is a sum shows ``amount`` (fen), any other its ``label``. Choosing it fills the slots ``also``
    besides its own; ``period`` (YYYY-MM) lets it be chosen by its month.
    """

    value: str
    label: str = ""
    amount: int | None = None
    period: str | None = None
    also: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Menu:
    """Offer numbered choices for a slot. ``free`` also takes an answer of that kind that is none of the choices."""

    slot: str
    code: str
    options: tuple[Option, ...]
    facts: Facts = field(default_factory=dict)
    several: bool = False
    free: Literal["", "amount", "field", "document"] = ""


@dataclass(frozen=True, slots=True)
class Pay:
    """Show a price and ask for an explicit yes; only then does an order come to be."""

    quote: Quote
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Again:
    """Say ``code`` and walk the steps anew; the step has emptied the slots that are to be filled otherwise."""

    code: str
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """The frame has reached its end; ``code`` names the last message."""

    code: str
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Abort:
    """The frame cannot go on; ``code`` names the message that says why and what to do instead."""

    code: str
    facts: Facts = field(default_factory=dict)


Outcome = Ask | Menu | Pay | Again | Done | Abort
