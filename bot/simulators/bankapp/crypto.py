"""The bank's half of the protocol's signatures, written from docs/bankapp.md."""

import base64
import binascii
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


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


def text(*parts: str | bytes) -> bytes:
    """What is signed: each part followed by a line feed."""
    return b"".join((part.encode() if isinstance(part, str) else part) + b"\n" for part in parts)


def sign(private: str, message: bytes) -> str:
    """Base64 of the RSA PKCS#1 v1.5 SHA-256 signature over the message."""
    return base64.b64encode(_private(private).sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


def verifies(public: str, message: bytes, signature: str) -> bool:
    """Whether the base64 signature over the message was made with the key's private half."""
    try:
        raw = base64.b64decode(signature, validate=True)
        _public(public).verify(raw, message, padding.PKCS1v15(), hashes.SHA256())
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
