"""The closed sets that conversations are made of: acts, scenes, and what a message was understood to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol


class Act(StrEnum):
    """What the customer wants done; exactly one a message (acts-and-scenes.md)."""

    PAY = "pay"
    QUERY = "query"
    HISTORY = "history"
    RECEIPT = "receipt"
    REFUND = "refund"
    BIND = "bind"
    AUTOPAY = "autopay"
    APPLY = "apply"
    COLLECT = "collect"
    HELP = "help"
    NOT_CREDITED = "not_credited"
    WRONG_ACCOUNT = "wrong_account"
    DUPLICATE = "duplicate"
    HUMAN = "human"
    CANCEL = "cancel"
    CONFIRM = "confirm"
    DENY = "deny"
    GREET = "greet"
    OOS = "oos"


# Acts that are about the conversation itself and therefore about no scene.
SCENELESS: Final = frozenset({Act.HUMAN, Act.CANCEL, Act.CONFIRM, Act.DENY, Act.GREET, Act.OOS})

SCENES: Final = (
    "property",
    "travel",
    "district",
    "tourism",
    "dining",
    "housing",
    "campus",
    "hospital",
    "insurance",
    "government",
    "treasury",
    "social_security",
    "judicial",
    "provident_fund",
    "interbank",
    "emergency",
    "electricity",
    "water",
    "gas",
    "heating",
    "telecom",
    "cable_tv",
    "account_opening",
    "collection",
    "bills",
    "financing",
)


@dataclass(frozen=True, slots=True)
class Understanding:
    """One request in a message. ``slots`` are normalised: amount in fen as digits, phone, period, account, name.

    ``confidence`` lies between 0 and 1; below the router's threshold the engine offers choices and never guesses.
    """

    act: Act
    scene: str | None
    confidence: float
    slots: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heard:
    """A whole message: the first request and those that wait behind it."""

    first: Understanding
    more: tuple[Understanding, ...] = ()


class Router(Protocol):
    """Understands text. Synchronous and quick (at most a millisecond), since every message passes here."""

    threshold: float

    def understand(self, text: str) -> Heard: ...
