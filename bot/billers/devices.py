"""The devices of a till: who may scan payers' codes for a store, and how each of them proves itself."""

import asyncio
import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import Final, Literal

from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import BadRequest, NotFound, Unauthorized
from bot.kernel.ids import new_id, random_text
from bot.kernel.masking import Secret
from bot.storage.port import Database, Row
from bot.storage.vault import Vault

KEY_CHARS: Final = 43
PIN_DIGITS: Final = 8
_CONTEXT: Final = "devices.key_sealed"
# About 60 ms and 16 MiB a try (RFC 7914): a stolen table of 8-digit PINs costs months, and tries are counted besides.
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 1 << 14, 8, 1
_SALT_BYTES: Final = 16

_ADD: Final = """
INSERT INTO devices (id, merchant_id, store_id, item_id, name, key_sealed, pin_hash, state, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $8, $8)
"""
_GET: Final = "SELECT * FROM devices WHERE id = $1"
_OF: Final = "SELECT * FROM devices WHERE store_id = $1 ORDER BY id"
_REVOKE: Final = "UPDATE devices SET state = 'revoked', changed_at = $2 WHERE id = $1 AND state = 'active'"


@dataclass(frozen=True, slots=True)
class Device:
    """A machine with a key, or a page with a PIN; what it takes is for one item of one store."""

    id: str
    merchant_id: str
    store_id: str
    item_id: str
    name: str
    kind: Literal["machine", "page"]
    state: Literal["active", "revoked"]


class Devices:
    """Makes devices and tells whether a caller is one."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def add_machine(self, *, merchant_id: str, store_id: str, item_id: str, name: str) -> tuple[str, Secret]:
        """Make a machine; return its id and the key that it signs with, which is shown this once."""
        key = Secret(random_text(KEY_CHARS))
        sealed = self._vault.seal(key.reveal(), _CONTEXT)
        return await self._add(merchant_id, store_id, item_id, name, sealed, None), key

    async def add_page(self, *, merchant_id: str, store_id: str, item_id: str, name: str) -> tuple[str, Secret]:
        """Make a cashier's page; return its id and the PIN that opens it, which is shown this once."""
        pin = Secret("".join(str(int.from_bytes(os.urandom(8)) % 10) for _ in range(PIN_DIGITS)))
        hashed = await asyncio.to_thread(_hashed, pin.reveal(), os.urandom(_SALT_BYTES))
        return await self._add(merchant_id, store_id, item_id, name, None, hashed), pin

    async def get(self, device_id: str) -> Device:
        """Return an active device. Raises NotFound(``device_unknown``), for a revoked one too."""
        return _device(await self._row(device_id))

    async def of_store(self, store_id: str) -> list[Device]:
        """Return the devices of a store, revoked ones too."""
        return [_device(row) for row in await self._database.rows(_OF, store_id)]

    async def revoke(self, device_id: str) -> bool:
        """End a device for good; False when there is no active one of that id."""
        at = to_micros(self._clock.now())
        return await self._database.effect(lambda tx: tx.execute(_REVOKE, device_id, at)) > 0

    async def machine(self, device_id: str) -> tuple[Device, Secret]:
        """Return an active machine with its key. Raises Unauthorized(``device_unknown``) for anything else."""
        try:
            row = await self._row(device_id)
        except NotFound:
            raise Unauthorized("device_unknown") from None
        if row["key_sealed"] is None:
            raise Unauthorized("device_unknown")
        return _device(row), Secret(self._vault.open(row["key_sealed"], _CONTEXT))

    async def sign_in(self, device_id: str, pin: str) -> Device:
        """Return the page that a PIN opens. Raises Unauthorized(``pin_wrong``), also where there is no such page.

        The caller counts tries: a guess costs time here and nothing else.
        """
        row = await self._database.row(_GET, device_id)
        kept = row["pin_hash"] if row is not None and row["state"] == "active" else None
        # A page that is not there costs what a wrong PIN costs.
        salt = bytes.fromhex(kept.partition("$")[0]) if kept else b"\0" * _SALT_BYTES
        found = await asyncio.to_thread(_hashed, pin, salt)
        if row is None or kept is None or not hmac.compare_digest(found, kept):
            raise Unauthorized("pin_wrong")
        return _device(row)

    async def _row(self, device_id: str) -> Row:
        row = await self._database.row(_GET, device_id)
        if row is None or row["state"] != "active":
            raise NotFound("device_unknown")
        return row

    async def _add(
        self, merchant_id: str, store_id: str, item_id: str, name: str, key: bytes | None, pin: str | None
    ) -> str:
        if not 0 < len(name) <= 40:
            raise BadRequest("device_name", "name the device in 1 to 40 characters")
        now = self._clock.now()
        device_id = new_id("dev", now)
        await self._database.effect(
            lambda tx: tx.execute(_ADD, device_id, merchant_id, store_id, item_id, name, key, pin, to_micros(now))
        )
        return device_id


def _hashed(pin: str, salt: bytes) -> str:
    hashed = hashlib.scrypt(pin.encode(), salt=salt, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P, dklen=32)
    return f"{salt.hex()}${hashed.hex()}"


def _device(row: Row) -> Device:
    return Device(
        id=row["id"],
        merchant_id=row["merchant_id"],
        store_id=row["store_id"],
        item_id=row["item_id"],
        name=row["name"],
        kind="machine" if row["key_sealed"] is not None else "page",
        state=row["state"],
    )
