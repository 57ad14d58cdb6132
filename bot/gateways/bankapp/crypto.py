"""Signatures of the bank protocol (docs/bankapp.md): the lines that are signed, our key, and the bank's keys."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from bot.gateways.bankapp.account import BankAccount
from bot.kernel.errors import Misconfigured

FRESH_SECONDS: Final = 300
RSA_BITS_MIN: Final = 2048
HEADERS: Final = ("serial", "timestamp", "nonce", "signature")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,11}", re.ASCII)
_NONCE: Final = re.compile(r"[0-9A-Za-z]{16,64}", re.ASCII)
_SIGNATURE_MAX: Final = 1024


def request_text(method: str, target: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """Return what is signed of a request; ``target`` is path and query as they are sent."""
    return _lines(method.encode(), target.encode(), timestamp.encode(), nonce.encode(), body)


def answer_text(status: int, asked: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """Return what is signed of an answer; ``asked`` is the nonce of the request that it answers."""
    return _lines(b"ANSWER", str(status).encode(), asked.encode(), timestamp.encode(), nonce.encode(), body)


def notice_text(merchant: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """Return what is signed of a notice, which names the merchant and no path: we may stand behind any."""
    return _lines(b"NOTICE", merchant.encode(), timestamp.encode(), nonce.encode(), body)


def _lines(*parts: bytes) -> bytes:
    return b"".join(part + b"\n" for part in parts)


class Signer:
    """Our own key, loaded once, when the gateway is built."""

    def __init__(self, account: BankAccount) -> None:
        """Raises Misconfigured for a key that is unusable."""
        self.serial = account.serial
        try:
            key = load_pem_private_key(account.private_key.reveal().encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # Without the cause: its text may quote the key.
            raise _trouble(account, "private_key") from None
        if not isinstance(key, RSAPrivateKey) or key.key_size < RSA_BITS_MIN:
            raise _trouble(account, "private_key")
        self._key = key

    def sign(self, message: bytes) -> str:
        return base64.b64encode(self._key.sign(message, PKCS1v15(), SHA256())).decode()


class BankKeys:
    """The bank's public keys; a message names the one that signed it, and one that is not here proves nothing."""

    def __init__(self, account: BankAccount) -> None:
        """Raises Misconfigured for a key that is unusable."""
        self._keys = {serial: _public(account, pem) for serial, pem in account.bank_keys.items()}

    def answer_fault(self, headers: Mapping[str, str], status: int, asked: str, body: bytes, now: datetime) -> str:
        """Return why an answer is not proven to be the bank's to this very request, or an empty text when it is."""
        return self._fault(headers, lambda at, nonce: answer_text(status, asked, at, nonce, body), now)

    def notice_fault(self, headers: Mapping[str, str], merchant: str, body: bytes, now: datetime) -> str:
        """Return why a notice is not proven to be the bank's for this merchant, or an empty text when it is."""
        return self._fault(headers, lambda at, nonce: notice_text(merchant, at, nonce, body), now)

    def _fault(self, headers: Mapping[str, str], text: Callable[[str, str], bytes], now: datetime) -> str:
        """Judge the headers before the text is made of them: a web server may decode any bytes into them."""
        serial, timestamp, nonce, signature = _named(headers)
        if not (serial and timestamp and nonce and signature):
            return "unsigned"
        if not (_TIMESTAMP.fullmatch(timestamp) and _NONCE.fullmatch(nonce)):
            return "malformed_headers"
        if abs(now.timestamp() - int(timestamp)) > FRESH_SECONDS:
            return "stale"
        key = self._keys.get(serial)
        if key is None:
            return "unknown_serial"
        raw = _decoded(signature) if len(signature) <= _SIGNATURE_MAX else None
        if raw is None:
            return "bad_signature"
        try:
            key.verify(raw, text(timestamp, nonce), PKCS1v15(), SHA256())
        except InvalidSignature:
            return "bad_signature"
        return ""


def _named(headers: Mapping[str, str]) -> tuple[str, str, str, str]:
    serial, timestamp, nonce, signature = (headers.get(f"scenepay-{name}", "") for name in HEADERS)
    return serial, timestamp, nonce, signature


def _decoded(text: str) -> bytes | None:
    """Return the bytes of canonical standard base64, None for anything else (two texts must not be one signature)."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def _public(account: BankAccount, pem: str) -> RSAPublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _trouble(account, "bank_keys") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS_MIN:
        raise _trouble(account, "bank_keys")
    return key


def _trouble(account: BankAccount, setting: str) -> Misconfigured:
    remedy = f"[{account.key}] set {setting} to RSA keys of 2048 bits or more in PEM"
    return Misconfigured("bankapp_key", remedy)
