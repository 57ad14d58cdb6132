"""The schema, one file a room; importing this package fills ``METADATA``."""

from bot.storage.tables import (
    applications,
    billers,
    cases,
    contracts,
    customers,
    devices,
    jobs,
    keeping,
    ledger,
    payments,
    reconciliation,
    sharing,
    stock,
    trail,
)
from bot.storage.tables.base import METADATA

__all__ = [
    "METADATA",
    "applications",
    "billers",
    "cases",
    "contracts",
    "customers",
    "devices",
    "jobs",
    "keeping",
    "ledger",
    "payments",
    "reconciliation",
    "sharing",
    "stock",
    "trail",
]
