"""Accounts that a customer saved (户号, 房号, 车牌): found again without typing, shown only masked."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.kernel.clock import Clock, to_micros
from bot.kernel.ids import new_id
from bot.storage.port import Database, Row
from bot.storage.vault import Vault

ACCOUNT = "saved_accounts.account"
FIELDS = "saved_accounts.fields"
MOST = 20

_OF_SCENE = """
SELECT id, item_id, scene, account_sealed, account_mask, fields_sealed, nickname FROM saved_accounts
WHERE customer_id = $1 AND scene = $2 ORDER BY used_at DESC LIMIT $3
"""
_ALL = """
SELECT id, item_id, scene, account_sealed, account_mask, fields_sealed, nickname FROM saved_accounts
WHERE customer_id = $1 ORDER BY used_at DESC LIMIT $2
"""
_SAVE = """
INSERT INTO saved_accounts
  (id, customer_id, scene, item_id, account_hash, account_sealed, account_mask, fields_sealed, nickname, used_at,
   created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
ON CONFLICT (customer_id, item_id, account_hash) DO UPDATE SET used_at = excluded.used_at,
  fields_sealed = excluded.fields_sealed
"""
_FORGET = "DELETE FROM saved_accounts WHERE customer_id = $1 AND id = $2"


@dataclass(frozen=True, slots=True)
class SavedAccount:
    id: str
    item_id: str
    scene: str
    account: str
    account_mask: str
    nickname: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


class SavedAccounts:
    """A customer's own accounts; one of another customer is never found by any id."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def of(self, customer_id: str, scene: str | None = None) -> Sequence[SavedAccount]:
        """Return the accounts, the one used last first; of all scenes when none is named."""
        if scene is None:
            rows = await self._database.rows(_ALL, customer_id, MOST)
        else:
            rows = await self._database.rows(_OF_SCENE, customer_id, scene, MOST)
        return [self._saved(row) for row in rows]

    async def save(
        self, customer_id: str, *, scene: str, item_id: str, account: str, mask: str, fields: Mapping[str, str]
    ) -> None:
        """Remember an account, or mark it as used now."""
        now = self._clock.now()
        values = (
            new_id("acc", now),
            customer_id,
            scene,
            item_id,
            self._vault.blind(account, f"{ACCOUNT}:{item_id}"),
            self._vault.seal(account, ACCOUNT),
            mask,
            self._vault.seal(json.dumps(dict(fields), ensure_ascii=False), FIELDS) if fields else None,
            "",
            to_micros(now),
        )
        await self._database.effect(lambda tx: tx.execute(_SAVE, *values))

    async def forget(self, customer_id: str, saved_id: str) -> bool:
        """Remove one of the customer's own accounts; False when there is none of this id."""
        return await self._database.effect(lambda tx: tx.execute(_FORGET, customer_id, saved_id)) == 1

    def _saved(self, row: Row) -> SavedAccount:
        fields = json.loads(self._vault.open(row["fields_sealed"], FIELDS)) if row["fields_sealed"] else {}
        return SavedAccount(
            id=row["id"],
            item_id=row["item_id"],
            scene=row["scene"],
            account=self._vault.open(row["account_sealed"], ACCOUNT),
            account_mask=row["account_mask"],
            nickname=row["nickname"],
            fields=fields,
        )
