"""The platform's half of APIv3 cryptography, written from WeChat Pay's documents (payments.md §4.1)."""

import base64
import binascii
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

SCHEME = "WECHATPAY2-SHA256-RSA2048"
NONCE_BYTES = 12


def new_private_key() -> str:
    """A fresh RSA-2048 key as PKCS#8 PEM; takes some tens of milliseconds."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem(private_pem: str) -> str:
    """The public half of a private key, as SubjectPublicKeyInfo PEM."""
    return (
        _private(private_pem)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def self_signed(private_pem: str, *, common_name: str, start: datetime, end: datetime) -> tuple[str, str]:
    """A self-signed certificate: (serial as upper-case hex, PEM)."""
    key = _private(private_pem)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Simulator"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    return f"{certificate.serial_number:040X}", certificate.public_bytes(serialization.Encoding.PEM).decode()


def sign(private_pem: str, message: bytes) -> str:
    """Base64 of the RSA PKCS#1 v1.5 SHA-256 signature over the message."""
    return base64.b64encode(_private(private_pem).sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


def verifies(public_key_pem: str, message: bytes, signature: str) -> bool:
    """Whether the base64 signature over the message was made with the key's private half."""
    try:
        raw = base64.b64decode(signature, validate=True)
        _public(public_key_pem).verify(raw, message, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def lines(*parts: str | bytes) -> bytes:
    """The message that APIv3 signs: each part followed by a line feed."""
    return b"".join((part.encode() if isinstance(part, str) else part) + b"\n" for part in parts)


def encrypt(apiv3_key: str, *, nonce: str, associated_data: str, plain: bytes) -> str:
    """AEAD_AES_256_GCM as base64 of ciphertext followed by the 16-byte tag; the nonce is 12 characters."""
    sealed = AESGCM(apiv3_key.encode()).encrypt(nonce.encode(), plain, associated_data.encode())
    return base64.b64encode(sealed).decode()


def encrypt_file(key: str, *, nonce: str, plain: bytes) -> bytes:
    """A file as AEAD_AES_256_GCM leaves it: ciphertext and tag, in bytes, with no associated data."""
    return AESGCM(key.encode()).encrypt(nonce.encode(), plain, b"")


def sealed(public_key_pem: str, text: str) -> str:
    """Base64 of RSA-OAEP with SHA-1 over a text, for whoever holds the private half."""
    scheme = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303
    return base64.b64encode(_public(public_key_pem).encrypt(text.encode(), scheme)).decode()


def opened(private_pem: str, sealed: str) -> str | None:
    """The text behind base64 of RSA-OAEP with SHA-1, None where it does not open under this key."""
    scheme = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303
    try:
        return _private(private_pem).decrypt(base64.b64decode(sealed, validate=True), scheme).decode()
    except (binascii.Error, ValueError):
        return None


@lru_cache(maxsize=64)
def _private(pem: str) -> rsa.RSAPrivateKey:
    # The keys are our own: checking their primes would hold the event loop for 0.2 s each.
    key = serialization.load_pem_private_key(pem.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("an RSA private key is needed")
    return key


@lru_cache(maxsize=64)
def _public(pem: str) -> rsa.RSAPublicKey:
    key = serialization.load_pem_public_key(pem.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("an RSA public key is needed")
    return key
