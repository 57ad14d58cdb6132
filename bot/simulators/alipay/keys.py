"""The platform's signing keys: one signs, and others may stand beside it while they are rotated."""

import asyncio
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from bot.simulators.alipay import crypto
from bot.simulators.alipay.plan import SigningKey, new_signing_key

Step = Literal["introduce", "switch", "retire", "all"]
STEPS: tuple[Step, ...] = ("introduce", "switch", "retire", "all")


@lru_cache(maxsize=1)
def strangers_key() -> str:
    """One for the whole process, since making it is slow and nobody trusts it anyway."""
    return crypto.new_private_key()


class KeyRing:
    """Signs answers and notices."""

    def __init__(self, keys: tuple[SigningKey, ...], root_private_pem: str) -> None:
        self._listed = list(keys)
        self._current = keys[-1]
        self._root = root_private_pem

    @property
    def serial(self) -> str:
        return self._current.serial

    def sign(self, message: str) -> str:
        """The signature of the key in force."""
        return crypto.sign(self._current.private_pem, message)

    @staticmethod
    async def strange(message: str) -> str:
        """A signature that nobody can have a key for."""
        return crypto.sign(await asyncio.to_thread(strangers_key), message)

    async def rotate(self, step: Step, now: datetime) -> dict[str, Any]:
        """Introduce a key beside the old one, let it sign, or retire all others; "all" does the three."""
        if step in ("introduce", "all"):
            self._listed.append(await asyncio.to_thread(new_signing_key, self._root, now.replace(microsecond=0)))
        if step in ("switch", "all"):
            self._current = self._listed[-1]
        if step in ("retire", "all"):
            self._listed = [self._current]
        return self.describe()

    def describe(self) -> dict[str, Any]:
        """Serials and public halves, by which a merchant would be told of a rotation."""
        return {
            "current": self._current.serial,
            "listed": [
                {"serial": key.serial, "public_key": key.public_pem, "certificate": key.certificate_pem}
                for key in self._listed
            ],
        }
