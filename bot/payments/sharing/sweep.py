"""Finds the shares and returns that are due to be asked about."""

from typing import Final

from bot.payments import due
from bot.payments.due import Due

_SHARES: Final = due.statements("shares")
_RETURNS: Final = due.statements("share_returns")


class SharingSweep:
    """What the rounds of the worker take; nobody else gets them for a while."""

    def __init__(self, due: Due) -> None:
        self._due = due

    async def due_shares(self, limit: int) -> list[str]:
        """Take up to ``limit`` shares that are due to be asked about."""
        return await self._due.take(_SHARES, limit)

    async def due_returns(self, limit: int) -> list[str]:
        """Take up to ``limit`` returns that are due to be asked about."""
        return await self._due.take(_RETURNS, limit)
