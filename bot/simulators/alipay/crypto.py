"""The platform's half of RSA2 and of certificates, written from Alipay's documents (payments.md §4.2)."""

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

_SHORT = {
    NameOID.COMMON_NAME: "CN",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.COUNTRY_NAME: "C",
}


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


def certificate(private_pem: str, common_name: str, issuer: tuple[str, str], start: datetime, end: datetime) -> str:
    """A certificate as PEM, signed by the issuer (private key, common name); its own name makes it a root."""
    key, issued_by = _private(private_pem), _private(issuer[0])
    root = common_name == issuer[1]
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .issuer_name(_name(issuer[1]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
        .sign(issued_by, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def serial_of(certificate_pem: str) -> str:
    """The name of a certificate: MD5 over its issuer, last part first, and its decimal serial number."""
    loaded = x509.load_pem_x509_certificate(certificate_pem.encode())
    parts = [f"{_SHORT[entry.oid]}={entry.value!s}" for entry in reversed(list(loaded.issuer))]
    text = ",".join(parts) + str(loaded.serial_number)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def text(parameters: Mapping[str, str]) -> str:
    """What is signed: sorted names with their raw values, without `sign`."""
    return "&".join(f"{name}={parameters[name]}" for name in sorted(parameters) if name != "sign")


def sign(private_pem: str, message: str) -> str:
    """Base64 of the RSA PKCS#1 v1.5 SHA-256 signature over the message."""
    raw = _private(private_pem).sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(raw).decode()


def verifies(public_key_pem: str, message: str, signature: str) -> bool:
    """Whether the base64 signature over the message was made with the key's private half."""
    try:
        raw = base64.b64decode(signature, validate=True)
        _public(public_key_pem).verify(raw, message.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _name(common_name: str) -> x509.Name:
    parts = [
        (NameOID.COUNTRY_NAME, "CN"),
        (NameOID.ORGANIZATION_NAME, "Simulator"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Certification Authority"),
        (NameOID.COMMON_NAME, common_name),
    ]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


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
