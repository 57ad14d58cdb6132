"""Accounts that a customer saved (户号, 房号, 车牌): found again without typing, shown only masked."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.kernel.clock import Clock, to_micros
from bot.kernel.ids import new_id
from bot.storage.port import Database, Question, Reader, Row, Tx
from bot.storage.sharing import by_place
from bot.storage.vault import Vault

ACCOUNT: Final = "saved_accounts.account"
FIELDS: Final = "saved_accounts.fields"
NICKNAME: Final = "saved_accounts.nickname"
# As many accounts of one customer are kept; the one that was not used for longest makes room.
KEPT_MAX: Final = 50

_OF_SCENE: Final = """
SELECT id, item_id, scene, account_sealed, account_mask, fields_sealed, nickname_sealed FROM saved_accounts
WHERE customer_id = $1 AND scene = $2 ORDER BY used_at DESC, id DESC
"""
_OF_SCENE_MANY: Final = """
SELECT asked.place, s.id, s.item_id, s.scene, s.account_sealed, s.account_mask, s.fields_sealed, s.nickname_sealed
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked(customer, scene, place)
JOIN saved_accounts s ON s.customer_id = asked.customer AND s.scene = asked.scene
ORDER BY asked.place, s.used_at DESC, s.id DESC
"""
_ALL: Final = """
SELECT id, item_id, scene, account_sealed, account_mask, fields_sealed, nickname_sealed FROM saved_accounts
WHERE customer_id = $1 ORDER BY used_at DESC, id DESC
"""
# Sealed anew with every use, so that what is in use follows the current key.
_SAVE: Final = """
INSERT INTO saved_accounts
  (id, customer_id, scene, item_id, account_hash, account_sealed, account_mask, fields_sealed, used_at, created_at,
   remind_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9,
  (SELECT CAST($9 AS BIGINT) FROM reminder_wishes WHERE customer_id = $2 AND stopped_at IS NULL))
ON CONFLICT (customer_id, item_id, account_hash) DO UPDATE SET used_at = excluded.used_at,
  account_sealed = excluded.account_sealed, account_mask = excluded.account_mask,
  fields_sealed = excluded.fields_sealed
"""
_NAME: Final = "UPDATE saved_accounts SET nickname_sealed = $3 WHERE customer_id = $1 AND id = $2"
_MAKE_ROOM: Final = """
DELETE FROM saved_accounts WHERE customer_id = $1 AND id IN (
  SELECT id FROM saved_accounts WHERE customer_id = $1 ORDER BY used_at DESC, id DESC LIMIT 1000 OFFSET $2)
"""
_FORGET: Final = "DELETE FROM saved_accounts WHERE customer_id = $1 AND id = $2"


@dataclass(frozen=True, slots=True)
class SavedAccount:
    id: str
    item_id: str
    scene: str
    account: str = field(repr=False)
    account_mask: str
    nickname: str = field(default="", repr=False)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


async def _one(reader: Reader, asked: tuple[str, str]) -> Sequence[Row]:
    return await reader.rows(_OF_SCENE, *asked)


async def _many(reader: Reader, asked: Sequence[tuple[str, str]]) -> Sequence[Sequence[Row]]:
    customers, scenes = [customer for customer, _ in asked], [scene for _, scene in asked]
    return by_place(await reader.rows(_OF_SCENE_MANY, customers, scenes), len(asked))


_SAVED_OF: Final[Question[tuple[str, str], Sequence[Row]]] = Question("saved_accounts.of_scene", _one, _many)


class SavedAccounts:
    """A customer's own accounts; one of another customer is never found by any id."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def of(self, customer_id: str, scene: str | None = None) -> Sequence[SavedAccount]:
        """Return the accounts, the one used last first; of all scenes when none is named."""
        if scene is None:
            rows = await self._database.rows(_ALL, customer_id)
        else:
            rows = await self._database.ask(_SAVED_OF, (customer_id, scene))
        return [self.opened(row) for row in rows]

    async def save(
        self, customer_id: str, *, scene: str, item_id: str, account: str, mask: str, fields: Mapping[str, str]
    ) -> None:
        """Remember an account, given in canonical form, or mark it as used now; ``fields`` replace those of before."""
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
            to_micros(now),
        )

        async def work(tx: Tx) -> None:
            await tx.execute(_SAVE, *values)
            await tx.execute(_MAKE_ROOM, customer_id, KEPT_MAX)

        await self._database.effect(work)

    async def name(self, customer_id: str, saved_id: str, nickname: str) -> bool:
        """Give one of the customer's own accounts a nickname; accounts of one nickname are a group. Empty takes it off.

        False when the customer has no account of this id.
        """
        sealed = self._vault.seal(nickname, NICKNAME) if nickname else None
        return await self._database.effect(lambda tx: tx.execute(_NAME, customer_id, saved_id, sealed)) == 1

    async def forget(self, customer_id: str, saved_id: str) -> bool:
        """Remove one of the customer's own accounts; False when there is none of this id."""
        return await self._database.effect(lambda tx: tx.execute(_FORGET, customer_id, saved_id)) == 1

    def opened(self, row: Row) -> SavedAccount:
        """Return a row of the table as what it says."""
        fields = json.loads(self._vault.open(row["fields_sealed"], FIELDS)) if row["fields_sealed"] else {}
        return SavedAccount(
            id=row["id"],
            item_id=row["item_id"],
            scene=row["scene"],
            account=self._vault.open(row["account_sealed"], ACCOUNT),
            account_mask=row["account_mask"],
            nickname=self._vault.open(row["nickname_sealed"], NICKNAME) if row["nickname_sealed"] else "",
            fields=fields,
        )
