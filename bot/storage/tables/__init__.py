"""The schema, one file a room; importing this package fills ``METADATA``."""

from bot.storage.tables import (
    billers,
    cases,
    contracts,
    customers,
    devices,
    jobs,
    ledger,
    payments,
    reconciliation,
    sharing,
    trail,
)
from bot.storage.tables.base import METADATA

__all__ = [
    "METADATA",
    "billers",
    "cases",
    "contracts",
    "customers",
    "devices",
    "jobs",
    "ledger",
    "payments",
    "reconciliation",
    "sharing",
    "trail",
]
