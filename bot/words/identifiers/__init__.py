"""Every identifier of the field by its rule: brought into one form, checked, masked, and told what is wrong with it."""

from datetime import date
from typing import Final

from bot.words.identifiers.accounts import ACCOUNTS, is_virtual, mobile_form
from bot.words.identifiers.model import Flaw, Identifier, Kind, Remedy, Wrong
from bot.words.identifiers.papers import PAPERS, case_form, range_units
from bot.words.identifiers.persons import PERSONS, organisation_check
from bot.words.identifiers.vehicles import VEHICLES, is_new_energy, plate_form, vin_check

RULES: Final = {rule.kind: rule for rule in (*PERSONS, *VEHICLES, *PAPERS, *ACCOUNTS)}

__all__ = [
    "RULES",
    "Flaw",
    "Identifier",
    "Kind",
    "Remedy",
    "Wrong",
    "case_form",
    "is_new_energy",
    "is_virtual",
    "kinds_of",
    "mask",
    "mobile_form",
    "organisation_check",
    "plate_form",
    "range_units",
    "read",
    "vin_check",
]


def read(kind: Kind, text: str, today: date) -> str | Flaw:
    """Return the canonical form of an identifier of a kind, or what is wrong with it. ``today`` is Shanghai's."""
    return RULES[kind].read(text, today)


def mask(kind: Kind, value: str) -> str:
    """Return as much of a canonical value as may be echoed before it is used (JR/T 0171-2020)."""
    return RULES[kind].mask(value)


def kinds_of(text: str, today: date, *, certain: bool = False) -> tuple[Kind, ...]:
    """Return every kind that ``text`` may be; only those with a check digit behind them if they must be ``certain``."""
    found = (rule for rule in RULES.values() if rule.certain or not certain)
    return tuple(rule.kind for rule in found if isinstance(rule.read(text, today), str))
