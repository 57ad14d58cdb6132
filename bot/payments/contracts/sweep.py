"""Finds the contracts and deductions that are due."""

from typing import Final

from bot.payments import due
from bot.payments.due import Due

_CONTRACTS: Final = due.statements("contracts")
_DEDUCTIONS: Final = due.statements("deductions", "next_at")


class ContractSweep:
    """What the rounds of the worker take; nobody else gets them for a while."""

    def __init__(self, due: Due) -> None:
        self._due = due

    async def due_contracts(self, limit: int) -> list[str]:
        """Take up to ``limit`` contracts that are due to be asked about."""
        return await self._due.take(_CONTRACTS, limit)

    async def due_deductions(self, limit: int) -> list[str]:
        """Take up to ``limit`` deductions of which a step is due."""
        return await self._due.take(_DEDUCTIONS, limit)
