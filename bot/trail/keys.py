"""Remembers which key blinds the indexes, and notices when the configured one is another."""

import json
from typing import Final

from bot.kernel.clock import Clock
from bot.kernel.errors import Misconfigured
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault
from bot.trail import audit

_SUBJECT: Final = "vault"
_ACTION: Final = "vault.index"
_LAST: Final = "SELECT detail FROM audit WHERE subject = $1 AND action = $2 ORDER BY seq DESC LIMIT 1"
_REMEDY: Final = (
    "SECRET_KEY and previous_secret_keys do not hold the key that this database was begun with, so that no customer "
    "would be found: put the oldest secret back as the last of previous_secret_keys"
)


async def check_index(database: Database, vault: Vault) -> bool:
    """Tell whether a key is remembered. Raises Misconfigured when it is another than the vault's.

    Blinded values (whose openid, whose account) cannot be computed anew: under another key everybody is a stranger.
    """
    found = await database.row(_LAST, _SUBJECT, _ACTION)
    if found is None:
        return False
    if json.loads(found["detail"])["index_id"] != vault.index_id:
        raise Misconfigured("vault_index", _REMEDY)
    return True


async def keep_index(database: Database, vault: Vault, clock: Clock) -> None:
    """Remember the key of a database that was not used yet. Raises Misconfigured for another key than remembered."""
    if await check_index(database, vault):
        return

    async def work(tx: Tx) -> None:
        detail = {"index_id": vault.index_id}
        await audit.record(
            tx, actor="system", action=_ACTION, subject=_SUBJECT, detail=detail, trace_id="", now=clock.now()
        )

    await database.effect(work)
