"""The application's signing key, and the keys by which Alipay is believed: bare public keys or certificates."""

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from bot.gateways.alipay.account import AlipayAccount
from bot.gateways.alipay.crypto import cert_sn, decode_base64, pem_blocks, root_cert_sn, verifies
from bot.kernel.errors import Misconfigured

RSA_BITS_MIN: Final = 2048
_BEGIN: Final = "-----BEGIN"
_BLANKS: Final = re.compile(r"\s+")


class AppKey:
    """The application's private key, and in certificate mode the two names that every request carries.

    Loading costs about 40 ms, so it is loaded once, when the gateway is built. Signing is done on the event loop: it
    takes 0.3 ms, and handing it to a thread costs as much again.
    """

    def __init__(self, account: AlipayAccount) -> None:
        key = _private(account)
        if not isinstance(key, RSAPrivateKey) or key.key_size < RSA_BITS_MIN:
            raise _trouble(account, "private_key", "the application's private key")
        self._key = key
        self.names: Mapping[str, str] = _names(account, key) if account.by_certificate else {}

    def sign(self, message: bytes) -> str:
        """Return the base64 RSA PKCS#1 v1.5 SHA-256 signature over the message."""
        return base64.b64encode(self._key.sign(message, PKCS1v15(), SHA256())).decode()


class AlipayKeys:
    """All keys that are trusted: chosen by the serial that an answer names, or tried in turn where none is named.

    A serial that is not here makes a message unverified; it never causes a call (payments.md, trap 11).
    """

    def __init__(self, account: AlipayAccount) -> None:
        self._by_certificate = account.by_certificate
        self._certificates = _certificates(account) if account.by_certificate else {}
        self._bare = () if account.by_certificate else _public_keys(account)

    def answer_fault(self, message: bytes, signature: str, serial: str, now: datetime) -> str:
        """Return why an answer's bytes are not proven to be Alipay's, or an empty text when they are.

        In certificate mode an answer names the certificate that signed it (``alipay_cert_sn``).
        """
        if not signature:
            return "unsigned"
        if not self._by_certificate:
            return "" if any(verifies(key, message, signature) for key in self._bare) else "bad_signature"
        return self._certificate_fault(message, signature, serial, now)

    def notice_fault(self, message: bytes, signature: str, serial: str, now: datetime) -> str:
        """Return the like for a notice, which need not name its certificate."""
        if not signature:
            return "unsigned"
        if serial or not self._by_certificate:
            return self.answer_fault(message, signature, serial, now)
        faults = [self._certificate_fault(message, signature, each, now) for each in self._certificates]
        return "" if "" in faults else "bad_signature"

    def _certificate_fault(self, message: bytes, signature: str, serial: str, now: datetime) -> str:
        certificate = self._certificates.get(serial)
        if certificate is None:
            return "unknown_serial"
        key, starts, ends = certificate
        if not starts <= now <= ends:
            return "expired_key"
        return "" if verifies(key, message, signature) else "bad_signature"


def _private(account: AlipayAccount) -> object:
    text = account.private_key.reveal().strip()
    try:
        if text.startswith(_BEGIN):
            return load_pem_private_key(text.encode(), password=None)
        raw = decode_base64(_BLANKS.sub("", text))
        return load_der_private_key(raw, password=None) if raw else None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Without the cause: its text may quote the key.
        return None


def _public_keys(account: AlipayAccount) -> tuple[RSAPublicKey, ...]:
    text = account.alipay_public_key
    blocks = pem_blocks(text) if text.startswith(_BEGIN) else [text]
    found = []
    for block in blocks:
        try:
            key = load_pem_public_key(block.encode()) if block.startswith(_BEGIN) else _bare(block)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS_MIN:
            raise _trouble(account, "alipay_public_key", "Alipay's public key, not the application's own")
        found.append(key)
    return tuple(found)


def _bare(text: str) -> object:
    raw = decode_base64(_BLANKS.sub("", text))
    return load_der_public_key(raw) if raw else None


def _certificates(account: AlipayAccount) -> Mapping[str, tuple[RSAPublicKey, datetime, datetime]]:
    found = {}
    for block in pem_blocks(account.alipay_cert):
        certificate = _loaded(block)
        key = certificate.public_key() if certificate else None
        if certificate is None or _is_authority(certificate):
            continue  # The file names beneath the certificate who issued it; an issuer signs no answers.
        if isinstance(key, RSAPublicKey) and key.key_size >= RSA_BITS_MIN:
            found[cert_sn(certificate)] = (key, certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    if not found:
        raise _trouble(account, "alipay_cert", "alipayCertPublicKey_RSA2.crt")
    return found


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, ValueError):
        return False


def _names(account: AlipayAccount, key: RSAPrivateKey) -> Mapping[str, str]:
    blocks = pem_blocks(account.app_cert)
    certificate = _loaded(blocks[0]) if blocks else None
    public = certificate.public_key() if certificate else None
    if certificate is None or not isinstance(public, RSAPublicKey):
        raise _trouble(account, "app_cert", "appCertPublicKey.crt")
    if public.public_numbers() != key.public_key().public_numbers():
        raise Misconfigured("alipay_key", f"[{account.key}] set app_cert to the certificate of private_key's own key")
    root = root_cert_sn(account.alipay_root_cert)
    if not root:
        raise _trouble(account, "alipay_root_cert", "alipayRootCert.crt")
    return {"app_cert_sn": cert_sn(certificate), "alipay_root_cert_sn": root}


def _loaded(block: str) -> x509.Certificate | None:
    try:
        certificate = x509.load_pem_x509_certificate(block.encode())
        certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return certificate


def _trouble(account: AlipayAccount, setting: str, what: str) -> Misconfigured:
    remedy = f"[{account.key}] set {setting} to the whole content of {what} (RSA of 2048 bits or more)"
    return Misconfigured("alipay_key", remedy)
