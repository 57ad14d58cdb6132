"""The platform's signing keys: overlapping certificates, public-key mode, and rotation while running."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from bot.simulators.wechatpay import crypto
from bot.simulators.wechatpay.plan import PlatformCertificate, PlatformPublicKey, Signing, new_platform_certificate

Step = Literal["introduce", "switch", "retire", "all"]
STEPS: tuple[Step, ...] = ("introduce", "switch", "retire", "all")


@dataclass(frozen=True, slots=True)
class Signer:
    """One key that signs, with the serial that names it in Wechatpay-Serial."""

    serial: str
    private_pem: str

    def headers(self, body: bytes, now: datetime) -> dict[str, str]:
        """The five signature headers over a body, for an answer or a notice."""
        timestamp, nonce = str(int(now.timestamp())), secrets.token_hex(16)
        return {
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Serial": self.serial,
            "Wechatpay-Signature": crypto.sign(self.private_pem, crypto.lines(timestamp, nonce, body)),
            "Wechatpay-Signature-Type": crypto.SCHEME,
        }


@lru_cache(maxsize=1)
def _strangers_key() -> str:
    # One for the whole process, since making it is slow and nobody trusts it anyway.
    return crypto.new_private_key()


class KeyRing:
    """Chooses the key for each answer and notice."""

    def __init__(
        self,
        certificates: tuple[PlatformCertificate, ...],
        public_key: PlatformPublicKey | None,
        notice_signing: Signing,
    ) -> None:
        self._listed = list(certificates)
        self._current = certificates[-1] if certificates else None
        self._public = public_key
        self._notice_signing = notice_signing
        self._turn = 0
        self._stranger: Signer | None = None

    @property
    def certificates(self) -> tuple[PlatformCertificate, ...]:
        """The certificates that /v3/certificates lists, two while they overlap."""
        return tuple(self._listed)

    def answer_signer(self, requested: str) -> Signer | None:
        """The key for an answer, by the request's Wechatpay-Serial ("" when absent); None if it names none."""
        if requested.startswith("PUB_KEY_ID_"):
            if self._public is None or self._public.key_id != requested:
                return None
            return Signer(self._public.key_id, self._public.private_pem)
        if requested and requested not in {certificate.serial for certificate in self._listed}:
            return None
        return self._certificate_signer() or self._public_signer()

    def opened(self, serial: str, sealed: str) -> str | None:
        """A field that a merchant encrypted under the key with this serial; None where it does not open."""
        keys = {certificate.serial: certificate.private_pem for certificate in self._listed}
        if self._public is not None:
            keys[self._public.key_id] = self._public.private_pem
        return crypto.opened(keys[serial], sealed) if serial in keys else None

    def notice_signer(self) -> Signer:
        """The key for the next notice delivery."""
        self._turn += 1
        by_public = self._notice_signing == "public_key" or (
            self._notice_signing == "alternate" and self._turn % 2 == 0
        )
        first, second = self._certificate_signer(), self._public_signer()
        chosen = (second or first) if by_public else (first or second)
        assert chosen is not None, "a plan has at least one platform key"
        return chosen

    async def stranger(self) -> Signer:
        """A key that is not the platform's, under a serial that nobody was told; made at the first use."""
        if self._stranger is None:
            self._stranger = Signer(secrets.token_hex(20).upper(), await asyncio.to_thread(_strangers_key))
        return self._stranger

    async def rotate(self, step: Step, now: datetime) -> dict[str, Any]:
        """Introduce a certificate beside the old one, let it sign, or retire all others; "all" does the three."""
        if step in ("introduce", "all"):
            self._listed.append(await asyncio.to_thread(new_platform_certificate, now.replace(microsecond=0)))
        if step in ("switch", "all") and self._listed:
            self._current = self._listed[-1]
        if step in ("retire", "all") and self._current:
            self._listed = [self._current]
        return self.describe()

    def set_notice_signing(self, signing: Signing) -> None:
        """Choose between certificate, public key and alternation for the notices to come."""
        self._notice_signing = signing

    def describe(self) -> dict[str, Any]:
        """Serials, without any key."""
        return {
            "listed": [certificate.serial for certificate in self._listed],
            "current": self._current.serial if self._current else None,
            "public_key_id": self._public.key_id if self._public else None,
            "notice_signing": self._notice_signing,
        }

    def _certificate_signer(self) -> Signer | None:
        return Signer(self._current.serial, self._current.private_pem) if self._current else None

    def _public_signer(self) -> Signer | None:
        return Signer(self._public.key_id, self._public.private_pem) if self._public else None
