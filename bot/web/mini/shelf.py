"""Keeps found bills and quotes between two calls of one customer, sealed: a price never comes back from the phone."""

from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec

from bot.billers.port import Found, Quote
from bot.kernel.errors import NotFound
from bot.storage.ephemeral_port import Ephemeral
from bot.storage.vault import Undecipherable, Vault

QUERY_SECONDS: Final = 900.0
_CONTEXT: Final = "web.mini.shelf"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a look-up found, with the inputs that found it."""

    item_id: str
    found: Found
    fields: dict[str, str] = field(default_factory=dict, repr=False)


class Shelf:
    """A customer reaches what was kept for them, and for anybody else it is not there."""

    def __init__(self, store: Ephemeral, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def keep(self, customer_id: str, name: str, value: Asked | Quote, seconds: float) -> None:
        sealed = self._vault.seal(msgspec.json.encode(value).decode(), _CONTEXT)
        await self._store.put(self._key(customer_id, name), sealed, seconds)

    async def asked(self, customer_id: str, name: str) -> Asked:
        """Raises NotFound(``query_unknown``)."""
        return await self._find(customer_id, name, Asked, "query_unknown")

    async def quote(self, customer_id: str, name: str) -> Quote:
        """Raises NotFound(``quote_unknown``)."""
        return await self._find(customer_id, name, Quote, "quote_unknown")

    async def _find(self, customer_id: str, name: str, shape: type[T], code: str) -> T:
        stored = await self._store.get(self._key(customer_id, name))
        try:
            if stored is not None:
                return msgspec.json.decode(self._vault.open(stored, _CONTEXT), type=shape)
        except (msgspec.MsgspecError, Undecipherable):
            # A release changed the shape: as good as expired.
            pass
        raise NotFound(code, "ask again: it is unknown or has expired")

    def _key(self, customer_id: str, name: str) -> str:
        return f"mini:kept:{self._vault.blind(f'{customer_id}:{name}', _CONTEXT)}"
