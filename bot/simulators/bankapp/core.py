"""The simulator's parts put together."""

import asyncio
import secrets
from datetime import datetime
from functools import lru_cache
from typing import Any

from bot.simulators.background import Background
from bot.simulators.bankapp import crypto
from bot.simulators.bankapp.book import Book
from bot.simulators.bankapp.faults import BANKAPP_FAULTS
from bot.simulators.bankapp.plan import BankPlan, Key, Merchant
from bot.simulators.clock import Clock
from bot.simulators.courier import Courier
from bot.simulators.faults import Faults


@lru_cache(maxsize=1)
def _strangers_key() -> str:
    # One for the whole process, since making it is slow and nobody trusts it anyway.
    return crypto.new_private_key()


class Simulator:
    """One bank's cashier: its plan, records, keys, faults and messengers."""

    def __init__(self, plan: BankPlan, clock: Clock) -> None:
        self.plan = plan
        self.clock = clock
        self.closing = asyncio.Event()
        self.background = Background()
        self.faults = Faults(BANKAPP_FAULTS, seed=plan.seed, by_suffix=plan.faults_by_amount, rates=plan.rates)
        self.book = Book()
        self.files: dict[str, bytes] = {}
        self.courier = Courier(
            clock, self.background, schedule=plan.retry_schedule, timeout=plan.notice_timeout, accepted=(200,)
        )
        self._current = 0

    async def open(self) -> None:
        """Open the client that carries notices."""
        await self.courier.open()

    async def close(self) -> None:
        """Cancel all that waits and release what open() took."""
        await self.background.close()
        await self.courier.close()

    def merchant(self, number: str) -> Merchant | None:
        return next((each for each in self.plan.merchants if each.number == number), None)

    @property
    def key(self) -> Key:
        """The key that signs now."""
        return self.plan.keys[self._current]

    def stranger(self) -> Key:
        """Somebody else's key under the serial of the one that signs."""
        return Key(self.key.serial, _strangers_key())

    def rotate(self) -> dict[str, Any]:
        """Sign with the next key from now on."""
        self._current = (self._current + 1) % len(self.plan.keys)
        return {"serial": self.key.serial}

    def headers(self, key: Key, now: datetime, body: bytes, *first: str) -> dict[str, str]:
        """The four headers over a body; ``first`` are the lines that come before time and nonce."""
        timestamp, nonce = str(int(now.timestamp())), secrets.token_hex(16)
        return {
            "Scenepay-Serial": key.serial,
            "Scenepay-Timestamp": timestamp,
            "Scenepay-Nonce": nonce,
            "Scenepay-Signature": crypto.sign(key.private, crypto.text(*first, timestamp, nonce, body)),
        }
