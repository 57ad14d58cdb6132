"""Limits on asking after accounts, so that walking through numbers tells nobody which exist (reliability.md §5)."""

import asyncio
from dataclasses import dataclass
from typing import Final

from bot.dialogue.scene import Context
from bot.outside.logging import get_logger
from bot.storage.ephemeral_port import Ephemeral
from bot.storage.vault import Vault
from bot.trail.port import Trail

log = get_logger(__name__)

_CUSTOMER: Final = "lookups.customer"
_ACCOUNT: Final = "lookups.account"


@dataclass(frozen=True, slots=True)
class LookupLimits:
    """How many questions are answered in ``window`` seconds.

    ``customer`` counts one customer's questions for accounts that are not saved as their own, found or not: a
    household has few, a scanner has many. ``account`` counts strangers' questions for one account, so that many
    customers cannot guess a proof together.
    """

    customer: int = 5
    account: int = 10
    window: float = 3600.0


class LookupGuard:
    """Implements ``Lookups`` on the ephemeral store; while that is away nobody is answered."""

    def __init__(self, store: Ephemeral, vault: Vault, trail: Trail, limits: LookupLimits | None = None) -> None:
        self._store = store
        self._vault = vault
        self._trail = trail
        self._limits = limits or LookupLimits()

    async def allow(self, context: Context, item_id: str, account: str) -> bool:
        """Count one question of a conversation."""
        return await self.ask(context.customer_id, context.trace_id, item_id, account)

    async def ask(self, customer_id: str, trace_id: str, item_id: str, account: str) -> bool:
        """Count one question; both counters are asked in one round trip, whether the account exists or not."""
        limits = self._limits
        mine = self._vault.blind(customer_id, _CUSTOMER)
        theirs = self._vault.blind(f"{item_id}\x1f{account}", _ACCOUNT)
        of_customer, of_account = await asyncio.gather(
            self._store.allow(f"look:c:{mine}", limits.customer, limits.window),
            self._store.allow(f"look:a:{theirs}", limits.account, limits.window),
        )
        if of_customer and of_account:
            return True
        which = "account" if of_customer else "customer"
        log.warning("lookup.limited", limit=which, item=item_id, customer=customer_id)
        self._trail.note(trace_id, "case", "account look-ups limited", {"limit": which, "item": item_id})
        return False
