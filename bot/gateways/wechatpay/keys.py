"""The merchant's signing key, and the keys by which WeChat Pay is believed: certificates and the public key."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.crypto import SCHEME, decode_base64, lines
from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret

FRESH_SECONDS: Final = 300  # payments.md, trap 13: on both sides.
RSA_BITS_MIN: Final = 2048
_TIMESTAMP: Final = re.compile(r"[0-9]{1,11}", re.ASCII)
_NONCE: Final = re.compile(r"[\x21-\x7e]{1,64}", re.ASCII)
_SIGNATURE_MAX: Final = 1024
_SIGNED_BY: Final = ("timestamp", "nonce", "serial", "signature")
# Made once: what they stand for does not change, and every notice is verified with them.
_PADDING: Final = PKCS1v15()
_HASH: Final = SHA256()
_OAEP: Final = OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None)  # noqa: S303 - WeChat Pay's choice.


class MerchantKey:
    """The merchant's private key. Loading costs about 40 ms, so it is loaded once, when the gateway is built.

    Signing costs about 0.27 ms of processor time; that is done on the event loop, since handing it to a thread
    costs as much again and the interpreter lock would be fought over (reliability.md §4 f).
    """

    def __init__(self, account: WeChatPayAccount) -> None:
        self.serial = account.serial
        try:
            key = load_pem_private_key(account.private_key.reveal().encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # Without the cause: its text may quote the key.
            raise _key_trouble(account, "private_key", "apiclient_key.pem") from None
        if not isinstance(key, RSAPrivateKey) or key.key_size < RSA_BITS_MIN:
            raise _key_trouble(account, "private_key", "apiclient_key.pem")
        self._key = key

    def sign(self, message: bytes) -> bytes:
        """Return the RSA PKCS#1 v1.5 SHA-256 signature over the message."""
        return self._key.sign(message, PKCS1v15(), SHA256())

    def opened(self, sealed: str) -> bytes | None:
        """Return what base64 of RSA-OAEP under our certificate holds, None when it does not open."""
        raw = decode_base64(sealed)
        try:
            return self._key.decrypt(raw, _OAEP) if raw is not None else None
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class PlatformKey:
    """One key that WeChat Pay signs with; the public key of public-key mode has no validity of its own."""

    key: RSAPublicKey
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def valid(self, now: datetime) -> bool:
        return (self.valid_from is None or self.valid_from <= now) and (
            self.valid_until is None or now <= self.valid_until
        )


@dataclass(frozen=True, slots=True)
class Sealing:
    """Encrypts a field of a request; its serial goes into the request's Wechatpay-Serial (payments.md §4.1)."""

    serial: str
    key: RSAPublicKey

    def seal(self, secret: Secret) -> str:
        """Return the base64 of RSA-OAEP with SHA-1, WeChat Pay's choice, over the UTF-8 text."""
        sealed = self.key.encrypt(secret.reveal().encode(), _OAEP)
        return base64.b64encode(sealed).decode()


class PlatformKeys:
    """All keys that are trusted at present, chosen by the serial that a message names (payments.md, trap 11).

    Certificates and the public key stand side by side, for both kinds of serial arrive while a merchant switches.
    A serial that is not here makes a message unverified; it never causes a call, only a hint to ``refresh``.
    """

    def __init__(self, account: WeChatPayAccount) -> None:
        self._fixed = {account.public_key_id: PlatformKey(_load_public_key(account))} if account.public_key_id else {}
        self._certificates: Mapping[str, PlatformKey] = {}
        self._missed = False

    def fault(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """Return why these raw bytes are not proven to come from WeChat Pay, or an empty text when they are."""
        fault = signature_fault(headers, body, now, self.all())
        self._missed = self._missed or fault == "unknown_serial"
        return fault

    def all(self) -> Mapping[str, PlatformKey]:
        """Return every key by its serial."""
        return {**self._certificates, **self._fixed}

    def replace(self, certificates: Mapping[str, PlatformKey]) -> None:
        """Take these certificates for the ones before, as one step; what WeChat Pay lists no longer is not trusted.

        During a rotation the list names the old and the new one, which is the overlap.
        """
        self._certificates = dict(certificates)
        self._missed = False

    @property
    def missed(self) -> bool:
        """Whether a serial was named that is not here, since the certificates were last replaced."""
        return self._missed

    def sealing(self, now: datetime) -> Sealing | None:
        """Return the key under which fields are encrypted for WeChat Pay now, None where none is valid.

        The public key where there is one; else the certificate that is valid longest, the newest in a rotation.
        """
        fixed = [(serial, key) for serial, key in self._fixed.items() if key.valid(now)]
        certificates = [(serial, key) for serial, key in self._certificates.items() if key.valid(now)]
        certificates.sort(key=lambda pair: pair[1].valid_until or now)
        found = (*certificates, *fixed)
        return Sealing(found[-1][0], found[-1][1].key) if found else None

    def usable(self, now: datetime) -> bool:
        """Whether anything can be verified now."""
        return any(key.valid(now) for key in self.all().values())


def signature_fault(headers: Mapping[str, str], body: bytes, now: datetime, keys: Mapping[str, PlatformKey]) -> str:
    """Return why none of these keys proves the raw bytes genuine and fresh, or an empty text when one does.

    ``headers`` have lower-case names. Source: payments.md §4.1, traps 11, 12 and 13.
    """
    timestamp, nonce, serial, signature = (headers.get(f"wechatpay-{name}", "") for name in _SIGNED_BY)
    if not (timestamp and nonce and serial and signature):
        return "unsigned"
    if headers.get("wechatpay-signature-type", SCHEME) != SCHEME:
        return "signature_type"
    if not (_TIMESTAMP.fullmatch(timestamp) and _NONCE.fullmatch(nonce)):
        return "malformed_headers"
    if abs(now.timestamp() - int(timestamp)) > FRESH_SECONDS:
        return "stale"
    key = keys.get(serial)
    if key is None:
        return "unknown_serial"
    if not key.valid(now):
        return "expired_key"
    raw = decode_base64(signature) if len(signature) <= _SIGNATURE_MAX else None
    genuine = raw is not None and _verifies(key.key, raw, lines(timestamp.encode(), nonce.encode(), body))
    return "" if genuine else "bad_signature"


def _verifies(key: RSAPublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message, _PADDING, _HASH)
    except InvalidSignature:
        return False
    return True


def _load_public_key(account: WeChatPayAccount) -> RSAPublicKey:
    try:
        key = load_pem_public_key(account.public_key.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _key_trouble(account, "public_key", "pub_key.pem") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS_MIN:
        raise _key_trouble(account, "public_key", "pub_key.pem")
    return key


def _key_trouble(account: WeChatPayAccount, setting: str, file: str) -> Misconfigured:
    remedy = f"[{account.key}] set {setting} to the whole content of {file}, an RSA key of 2048 bits or more in PEM"
    return Misconfigured("wechatpay_key", remedy)
