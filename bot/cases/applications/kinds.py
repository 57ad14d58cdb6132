"""What can be applied for, as values: its fields, its papers, whether a company applies, and what moves with it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, Literal

from bot.billers.items import AmountKind, AmountRule, Flow, InputField, ItemDefinition
from bot.cases.applications.states import CORPORATE, PERSONAL
from bot.cases.trade.matter import Matter
from bot.kernel.masking import mask_name
from bot.payments.states import Machine
from bot.storage.port import Reader, Tx
from bot.words.identifiers import Kind as Identifier
from bot.words.identifiers import mask, read

# Moves along with an application inside its transaction; raises Unfit where the books do not allow it.
Hook = Callable[[Tx, Matter], Awaitable[None]]
# What an application would come to, before it is handed in: the message's values. Raises Unfit.
Estimate = Callable[[Reader, Matter], Awaitable[Mapping[str, object]]]

LETTER: Final = "letter"
LEGAL_PERSON: Final = "legal_person"
_DAY: Final = re.compile(r"(\d{4})\D{0,2}(\d{1,2})\D{0,2}(\d{1,2})\D?", re.ASCII)
# A date so far ahead that no identifier is of after it; what is of today is checked when it is handed in.
_FAR: Final = date.max - timedelta(days=1)


class Blank(InputField):
    """One thing that an applicant must give.

    ``identifier`` has it checked by the rule of its kind; ``sort`` says what else it may be: an ``amount`` in fen or a
    ``day`` as YYYY-MM-DD.
    """

    identifier: Identifier | None = None
    sort: Literal["text", "amount", "day"] = "text"

    def canonical(self, text: str) -> str:
        """Return ``text`` in the one form in which this blank is kept."""
        if self.identifier is not None:
            found = read(self.identifier, text, _FAR)
            return found if isinstance(found, str) else ""
        if self.sort == "day":
            found_day = _DAY.fullmatch(text.strip())
            return f"{found_day[1]}-{int(found_day[2]):02}-{int(found_day[3]):02}" if found_day else ""
        return super().canonical(text)

    def accepts(self, value: str) -> bool:
        """Tell whether a value in canonical form may stand here."""
        if self.identifier is not None:
            return isinstance(read(self.identifier, value, _FAR), str)
        if self.sort == "day":
            return _is_day(value)
        return value.isdecimal() and int(value) > 0 if self.sort == "amount" else super().accepts(value)

    def valid(self, value: str, today: date) -> bool:
        """Tell whether a value may stand here on a day: no number of a future year, for one."""
        if self.identifier is not None:
            return read(self.identifier, value, today) == value
        return self.accepts(value)

    def shown(self, value: str) -> str:
        """Return as much of a value as may be echoed; an amount stays as it is, in fen."""
        if self.identifier is not None:
            return mask(self.identifier, value)
        if self.choices:
            return next((choice.label for choice in self.choices if choice.value == value), value)
        return mask_name(value) if self.proof else value

    def hinted(self, value: str) -> str:
        """Return so much of a value that the desk can tell two applications apart in a list."""
        if self.identifier is not None:
            return mask(self.identifier, value)
        return f"{value[:2]}***{value[-2:]}" if len(value) > 5 else mask_name(value)


def _is_day(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Paper:
    """A document that goes with an application, sent as a picture; ``needed`` ones before it can be handed in."""

    key: str
    label: str
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of application: a value in the file of its scene.

    ``on`` names what moves in the books when the application comes into a state, in the same transaction.
    ``amount_of`` is the blank that says how much it is about. ``titled`` is the blank whose value, masked, names the
    applicant on the desk.
    """

    key: str
    scene: str
    name: str
    words: tuple[str, ...]
    blanks: tuple[Blank, ...]
    papers: tuple[Paper, ...] = ()
    corporate: bool = True
    titled: str = ""
    amount_of: str = ""
    on: Mapping[str, Hook] = field(default_factory=dict)
    estimate: Estimate | None = None

    @property
    def machine(self) -> Machine:
        return CORPORATE if self.corporate else PERSONAL

    @property
    def definition(self) -> ItemDefinition:
        """Return the blanks as an item's fields, for those who read and correct answers."""
        # Not validated anew: a model of an item would keep of a blank only what a field of an item has.
        return _PLAIN.model_copy(update={"fields": self.blanks})


_PLAIN: Final = ItemDefinition(flow=Flow.DIRECT, amount=AmountRule(kind=AmountKind.ANY, maximum=5_000_000))
