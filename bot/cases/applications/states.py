"""The states of an application and every transition that exists: tables as data, one for people, one for companies."""

from collections.abc import Mapping
from typing import Final

from bot.payments.states import Machine

TABLE: Final = "applications"


def _table(**targets: str) -> Mapping[str, frozenset[str]]:
    return {source: frozenset(listed.split()) for source, listed in targets.items()}


# What a person applies for: the desk's two names decide at once.
PERSONAL: Final = Machine(
    TABLE,
    _table(
        draft="submitted withdrawn",
        submitted="checking needs_documents approved rejected withdrawn",
        checking="needs_documents approved rejected withdrawn",
        needs_documents="submitted rejected withdrawn",
        approved="done rejected",
        rejected="",
        done="",
        withdrawn="",
    ),
)

# What a company applies for: nothing is approved without a first approval by another name.
CORPORATE: Final = Machine(
    TABLE,
    _table(
        draft="submitted withdrawn",
        submitted="checking needs_documents first_approval rejected withdrawn",
        checking="needs_documents first_approval rejected withdrawn",
        needs_documents="submitted rejected withdrawn",
        # A first approval that the second name does not share goes back.
        first_approval="approved checking",
        # Approved, and then the bank's own system carries it out or refuses to.
        approved="done rejected",
        rejected="",
        done="",
        withdrawn="",
    ),
)

MACHINES: Final = (PERSONAL, CORPORATE)
# In these the customer may still take it back.
REVOCABLE: Final = ("draft", "submitted", "checking", "needs_documents")
# In these somebody at the desk has to do something.
WAITING: Final = ("submitted", "checking", "first_approval", "approved")
FINAL: Final = ("rejected", "done", "withdrawn")
