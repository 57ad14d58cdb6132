"""The open account behind each contract, which knows it blind only: nobody could ask for its bills without it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bot.kernel.clock import Clock, to_micros
from bot.storage.port import Database, Row
from bot.storage.vault import Vault

ACCOUNT: Final = "contract_accounts.account"
FIELDS: Final = "contract_accounts.fields"

_KEEP: Final = """
INSERT INTO contract_accounts (contract_id, account_sealed, fields_sealed, next_at, created_at)
VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (contract_id) DO UPDATE SET account_sealed = excluded.account_sealed,
  fields_sealed = excluded.fields_sealed
"""
_DUE: Final = """
SELECT a.contract_id, a.account_sealed, a.fields_sealed, a.next_at, c.item_id, c.account_mask, c.state, c.trace_id
FROM contract_accounts a JOIN contracts c ON c.id = a.contract_id
WHERE a.next_at <= $1 ORDER BY a.next_at LIMIT $2
"""
# Whoever is first has it, however many workers look.
_TAKE: Final = "UPDATE contract_accounts SET next_at = $3 WHERE contract_id = $1 AND next_at = $2"
_NEXT: Final = "UPDATE contract_accounts SET next_at = $2 WHERE contract_id = $1"
_FORGET: Final = "DELETE FROM contract_accounts WHERE contract_id = $1"


@dataclass(frozen=True, slots=True)
class ContractAccount:
    """What a contract's bills are asked for with; ``state`` is the contract's."""

    contract_id: str
    item_id: str
    account: str = field(repr=False)
    account_mask: str
    fields: Mapping[str, str] = field(repr=False)
    state: str
    trace_id: str
    next_at: int


class ContractAccounts:
    """Kept from the moment of asking for a contract until it has ended."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def keep(self, contract_id: str, account: str, fields: Mapping[str, str]) -> None:
        """Remember the account of a contract, and look at its bills as soon as it stands."""
        sealed = self._vault.seal(json.dumps(dict(fields), ensure_ascii=False), FIELDS) if fields else None
        values = (contract_id, self._vault.seal(account, ACCOUNT), sealed, to_micros(self._clock.now()))
        await self._database.effect(lambda tx: tx.execute(_KEEP, *values))

    async def due(self, limit: int) -> Sequence[ContractAccount]:
        """Return the accounts whose bills are to be looked at now, those that have waited longest first."""
        return [self._of(row) for row in await self._database.rows(_DUE, to_micros(self._clock.now()), limit)]

    async def take(self, due: ContractAccount, until: datetime) -> bool:
        """Take an account for one look; False for who comes second."""
        values = (due.contract_id, due.next_at, to_micros(until))
        return await self._database.effect(lambda tx: tx.execute(_TAKE, *values)) == 1

    async def look_again(self, contract_id: str, at: datetime) -> None:
        await self._database.effect(lambda tx: tx.execute(_NEXT, contract_id, to_micros(at)))

    async def forget(self, contract_id: str) -> None:
        """Forget the account of a contract that has ended."""
        await self._database.effect(lambda tx: tx.execute(_FORGET, contract_id))

    def _of(self, row: Row) -> ContractAccount:
        sealed = row["fields_sealed"]
        return ContractAccount(
            contract_id=row["contract_id"],
            item_id=row["item_id"],
            account=self._vault.open(row["account_sealed"], ACCOUNT),
            account_mask=row["account_mask"],
            fields=json.loads(self._vault.open(sealed, FIELDS)) if sealed else {},
            state=row["state"],
            trace_id=row["trace_id"],
            next_at=row["next_at"],
        )
