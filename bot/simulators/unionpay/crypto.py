"""The platform's half of 5.1.0 cryptography, written from UnionPay's documents (payments.md §4.3)."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID


def new_private_key() -> str:
    """A fresh RSA-2048 key as PKCS#8 PEM; takes some tens of milliseconds."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem(private: str) -> str:
    """The public half of a private key, as SubjectPublicKeyInfo PEM."""
    public = _private(private).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def issue(private: str, name: str, *, by: tuple[str, str] | None, ca: bool, start: datetime, end: datetime) -> str:
    """A certificate as PEM for a key; `by` is the issuer's certificate and key, None for one that signs itself."""
    key = _private(private)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.load_pem_x509_certificate(by[0].encode()).subject if by else subject
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(_private(by[1]) if by else key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def digest(pairs: Mapping[str, str]) -> bytes:
    """What is signed: the hex of the SHA-256 of the sorted pairs without the signature."""
    parts = [f"{name}={value}" for name, value in sorted(pairs.items()) if name != "signature"]
    return hashlib.sha256("&".join(parts).encode("utf-8")).hexdigest().encode("ascii")


def sign(private: str, pairs: Mapping[str, str]) -> str:
    """Base64 of the RSA PKCS#1 v1.5 SHA-256 signature over the pairs."""
    return base64.b64encode(_private(private).sign(digest(pairs), padding.PKCS1v15(), hashes.SHA256())).decode()


def verifies(public: str, pairs: Mapping[str, str]) -> bool:
    """Whether the pairs' signature was made with the key's private half."""
    try:
        raw = base64.b64decode(pairs.get("signature", ""), validate=True)
        _public(public).verify(raw, digest(pairs), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


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
