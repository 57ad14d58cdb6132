"""A bank's cashier in miniature, written from docs/bankapp.md: signed JSON, a page, notices, statements and faults."""

from bot.simulators.bankapp.app import SIMULATOR, make
from bot.simulators.bankapp.core import Simulator
from bot.simulators.bankapp.plan import (
    BankPlan,
    Credentials,
    Key,
    Merchant,
    generate_credentials,
    plan_from_settings,
)

__all__ = [
    "SIMULATOR",
    "BankPlan",
    "Credentials",
    "Key",
    "Merchant",
    "Simulator",
    "generate_credentials",
    "make",
    "plan_from_settings",
]
