"""Sessions of mini-program customers: an opaque token, kept blind, that ends by time, by logout and all at once."""

import json
import re
from dataclasses import dataclass, field
from typing import Final

from bot.channels.miniprogram.client import Visitor
from bot.kernel.errors import Unauthorized
from bot.kernel.ids import random_text
from bot.storage.ephemeral_port import Ephemeral
from bot.storage.vault import Vault

SESSION_SECONDS: Final = 3 * 86_400
_CHARS: Final = 43
_TOKEN: Final = re.compile(rf"Bearer ([0-9A-Za-z]{{{_CHARS}}})", re.ASCII)
_CONTEXT: Final = "web.mini.session"


@dataclass(frozen=True, slots=True)
class Session:
    """Who calls. ``name`` is the blind form of the token; the session_key stays sealed in the store."""

    name: str = field(repr=False)
    customer_id: str
    account: str
    app_id: str
    openid: str = field(repr=False)
    unionid: str | None = field(repr=False)


class Sessions:
    """Begins, finds and ends sessions; a lost store ends all of them, and wx.login begins new ones unseen."""

    def __init__(self, store: Ephemeral, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def begin(self, customer_id: str, account: str, app_id: str, visitor: Visitor) -> str:
        """Return the token of a new session."""
        era = await self._store.get(self._era(customer_id))
        if era is None:
            era = random_text(16).encode()
        # Kept longer than any session that names it.
        await self._store.put(self._era(customer_id), era, 2 * SESSION_SECONDS)
        token = random_text(_CHARS)
        kept = {
            "customer": customer_id,
            "account": account,
            "app": app_id,
            "openid": visitor.openid,
            "unionid": visitor.unionid,
            "session_key": visitor.session_key.reveal(),
            "era": era.decode(),
        }
        await self._store.put(
            self._key(self.name(token)), self._vault.seal(json.dumps(kept), _CONTEXT), SESSION_SECONDS
        )
        return token

    async def find(self, authorization: str) -> Session:
        """Return the session of a header; raises Unauthorized(``signed_out``), alike for unknown, old and ended."""
        found = _TOKEN.fullmatch(authorization)
        name = self.name(found[1]) if found else ""
        stored = await self._store.get(self._key(name)) if found else None
        if stored is None:
            raise Unauthorized("signed_out", "call wx.login and log in again")
        kept = json.loads(self._vault.open(stored, _CONTEXT))
        era = await self._store.get(self._era(kept["customer"]))
        if era is None or era.decode() != kept["era"]:
            raise Unauthorized("signed_out", "call wx.login and log in again")
        return Session(name, kept["customer"], kept["account"], kept["app"], kept["openid"], kept["unionid"])

    async def end(self, session: Session) -> None:
        await self._store.drop(self._key(session.name))

    async def end_all(self, customer_id: str) -> None:
        """End every session of a customer, as when a phone is lost."""
        await self._store.drop(self._era(customer_id))

    def name(self, token: str) -> str:
        # The token is the bearer's secret, so only its blind form is a key in the store.
        return self._vault.blind(token, _CONTEXT)

    def _key(self, name: str) -> str:
        return f"mini:session:{name}"

    def _era(self, customer_id: str) -> str:
        return f"mini:era:{self._vault.blind(customer_id, _CONTEXT)}"
