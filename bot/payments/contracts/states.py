"""The states of contracts and deductions, and every transition that exists: tables as data."""

from collections.abc import Mapping
from typing import Final

from bot.payments.states import Machine


def _table(**targets: str) -> Mapping[str, frozenset[str]]:
    return {source: frozenset(listed.split()) for source, listed in targets.items()}


CONTRACT: Final = Machine(
    "contracts",
    _table(
        # The intent is committed; a notice may overtake the answer.
        created="signing failed active lapsed ended",
        signing="active lapsed ended",
        # Nobody signed in time, as far as we know: a signature told of later counts all the same.
        lapsed="active",
        # From here on nothing is deducted any more, whatever the vendor answers.
        active="ending ended",
        ending="ended",
        failed="",
        ended="",
    ),
)

DEDUCTION: Final = Machine(
    "deductions",
    _table(
        planned="announced cancelled",
        announced="charging cancelled",
        # The order and its charge exist and the request may be under way.
        charging="paid failed",
        paid="",
        failed="",
        cancelled="",
    ),
)

MACHINES: Final = (CONTRACT, DEDUCTION)
ALIVE: Final = ("created", "signing", "active", "ending")
STANDING: Final = ("planned", "announced", "charging", "paid")
