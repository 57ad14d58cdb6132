"""Platform certificates: fetched, opened with the APIv3 key, checked and put in place of the ones before."""

import re
from collections.abc import Mapping
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.client import Bad, Client, Good, Silent, read_object, read_reply
from bot.gateways.wechatpay.crypto import ALGORITHM, unseal
from bot.gateways.wechatpay.keys import RSA_BITS_MIN, PlatformKey, PlatformKeys
from bot.kernel.clock import Clock
from bot.outside.logging import get_logger

PATH: Final = "/v3/certificates"
# WeChat Pay asks for a renewal more often than every 12 hours and lists a new certificate days before it signs.
RENEW_SECONDS: Final = 6 * 3600.0
# Between two attempts, so that a flood of made-up serials causes one call a minute and not one a message.
PAUSE_SECONDS: Final = 60.0
_FIRST_PAUSE_SECONDS: Final = 5.0
_ENTRIES_MAX: Final = 16
_SERIAL: Final = re.compile(r"[0-9A-F]{1,40}", re.ASCII)
_NONE_LISTED: Final = "RESOURCE_NOT_EXISTS"


class Renewal:
    """Keeps one account's certificates current. Called by a worker as often as it likes; goes out when due."""

    def __init__(self, account: WeChatPayAccount, keys: PlatformKeys, client: Client, clock: Clock) -> None:
        self._account = account
        self._keys = keys
        self._client = client
        self._clock = clock
        self._attempted: float | None = None
        self._succeeded: float | None = None

    async def run(self) -> None:
        """Make at most one call; a failure leaves the certificates as they are and is logged, never raised."""
        if not self._due():
            return
        self._attempted = self._clock.monotonic()
        if trouble := await self._renew():
            get_logger(__name__).warning("wechatpay.certificates_kept", account=self._account.key, reason=trouble)
            return
        self._succeeded = self._attempted

    def _due(self) -> bool:
        if not self._account.certificates:
            return False
        now = self._clock.monotonic()
        pause = PAUSE_SECONDS if self._keys.usable(self._clock.now()) else _FIRST_PAUSE_SECONDS
        if self._attempted is not None and now - self._attempted < pause:
            return False
        return self._succeeded is None or self._keys.missed or now - self._succeeded >= RENEW_SECONDS

    async def _renew(self) -> str:
        """Return what went wrong, or an empty text."""
        answer = await self._client.send("GET", PATH)
        if isinstance(answer, Silent):
            return answer.reason
        found = read_certificates(read_object(answer.body) or {}, self._account.apiv3_key.reveal().encode())
        # The first answer is signed with a key that only it brings. That key is believed because it came sealed
        # with the APIv3 key, and the signature then proves that the list is whole and fresh.
        now = self._clock.now()
        reply = read_reply(answer, {**found, **self._keys.all()}, now)
        if isinstance(reply, Bad) and reply.code == _NONE_LISTED and self._account.public_key_id:
            return ""  # A merchant in public-key mode has no certificates, and needs none.
        if not isinstance(reply, Good):
            return reply.reason if isinstance(reply, Silent) else (reply.code or str(reply.status))
        current = {serial: key for serial, key in found.items() if key.valid_until and now <= key.valid_until}
        if not current:
            # A list that names nothing usable must not take away what still serves.
            return "none_listed"
        self._keys.replace(current)
        return ""


def read_certificates(data: Mapping[str, object], apiv3_key: bytes) -> Mapping[str, PlatformKey]:
    """Return the certificates of a ``/v3/certificates`` answer by serial.

    Each is sealed with the APIv3 key, which only WeChat Pay and the merchant know. An entry that does not open, is
    no RSA certificate, or bears another serial than it is listed under is left out.
    """
    entries = data.get("data")
    found: dict[str, PlatformKey] = {}
    if not isinstance(entries, list):
        return found
    for entry in entries[:_ENTRIES_MAX]:
        serial = entry.get("serial_no") if isinstance(entry, dict) else None
        if isinstance(serial, str) and _SERIAL.fullmatch(serial) and (key := _read(entry, serial, apiv3_key)):
            found[serial] = key
    return found


def _read(entry: Mapping[str, object], serial: str, apiv3_key: bytes) -> PlatformKey | None:
    sealed = entry.get("encrypt_certificate")
    if not isinstance(sealed, dict) or sealed.get("algorithm") != ALGORITHM:
        return None
    nonce, extra, text = sealed.get("nonce"), sealed.get("associated_data", ""), sealed.get("ciphertext")
    if not (isinstance(nonce, str) and isinstance(extra, str) and isinstance(text, str)):
        return None
    pem = unseal(apiv3_key, nonce=nonce, associated_data=extra, ciphertext=text)
    try:
        certificate = x509.load_pem_x509_certificate(pem) if pem else None
        key = certificate.public_key() if certificate else None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if certificate is None or not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS_MIN:
        return None
    if certificate.serial_number != int(serial, 16):
        return None
    return PlatformKey(key, certificate.not_valid_before_utc, certificate.not_valid_after_utc)
