"""A counter that guards something says no, or nothing, while its store is away (style.md §7.8)."""

from types import SimpleNamespace
from typing import Any

import pytest

from bot.dialogue.lookups import LookupGuard
from bot.kernel.errors import Busy
from bot.kernel.masking import Secret
from bot.storage.errors import StoreAway
from bot.storage.vault import Vault


class Away:
    """A store of which one counter cannot be reached."""

    def __init__(self, away: str) -> None:
        self._away = away

    async def allow(self, key: str, limit: int, ttl: float, by: int = 1) -> bool:
        if key.startswith(self._away):
            raise StoreAway("store_away")
        return True


@pytest.mark.parametrize("away", ["look:c:", "look:a:", "look:"])
async def test_no_account_is_looked_up_uncounted(away: str) -> None:
    store: Any = Away(away)
    context: Any = SimpleNamespace(customer_id="cus_1", trace_id="trc_1")
    notes: Any = SimpleNamespace(note=lambda *_: None)
    guard = LookupGuard(store, Vault.from_secrets([Secret("s" * 40)]), notes)

    with pytest.raises(Busy):
        await guard.allow(context, "itm_power", "0511111111")
