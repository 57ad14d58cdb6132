"""RSA2 over the texts that Alipay signs, the names of certificates, and the spans of an answer as they were sent."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

SIGN_TYPE: Final = "RSA2"
_SIGNATURE_MAX: Final = 1024
_PEM: Final = re.compile(r"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL)
# Alipay counts a root whose signature algorithm is RSA with any digest; the SM2 ones in the file are left out.
_RSA_SIGNATURES: Final = "1.2.840.113549.1.1."
_SPACE: Final = b" \t\r\n"
# A quote that no string takes up is the beginning of one without an end.
_TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]"]', re.DOTALL)
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PLAIN: Final = re.compile(rb"[-+.0-9A-Za-z]+")
_MEMBERS_MAX: Final = 16


def text_to_sign(parameters: Mapping[str, str]) -> bytes:
    """Return the raw, not encoded values as sorted ``name=value`` joined by ``&`` (payments.md §4.2).

    Empty values and ``sign`` are left out of requests by whoever builds them; a notice keeps its empty ones.
    """
    return "&".join(f"{name}={parameters[name]}" for name in sorted(parameters)).encode()


def decode_base64(text: str) -> bytes | None:
    """Return the bytes of canonical standard base64, None for anything else.

    Canonical, because base64 leaves spare bits in its last character: two texts for one signature would let a
    changed message pass as the genuine one.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def verifies(key: RSAPublicKey, message: bytes, signature: str) -> bool:
    """Whether the base64 signature (RSA PKCS#1 v1.5, SHA-256) over the message is this key's."""
    raw = decode_base64(signature) if len(signature) <= _SIGNATURE_MAX else None
    if raw is None:
        return False
    try:
        key.verify(raw, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def pem_blocks(text: str) -> list[str]:
    """Return the PEM blocks of a text, in order."""
    return [match[0] for match in _PEM.finditer(text)]


def cert_sn(certificate: x509.Certificate) -> str:
    """Return Alipay's name of a certificate: MD5 of its issuer (RFC 2253) and its decimal serial number."""
    named = f"{certificate.issuer.rfc4514_string()}{certificate.serial_number}"
    return hashlib.md5(named.encode(), usedforsecurity=False).hexdigest()  # Alipay's definition, no protection.


def root_cert_sn(text: str) -> str:
    """Return Alipay's name of its file of root certificates: those signed with RSA, joined by ``_``; may be empty."""
    names = []
    for block in pem_blocks(text):
        try:
            certificate = x509.load_pem_x509_certificate(block.encode())
            algorithm = certificate.signature_algorithm_oid.dotted_string
        except ValueError:
            continue  # The file holds certificates of other schemes, which a reader of RSA need not understand.
        if algorithm.startswith(_RSA_SIGNATURES):
            names.append(cert_sn(certificate))
    return "_".join(names)


def members(body: bytes) -> Mapping[str, bytes] | None:
    """Return the members of a JSON object, each value as the very bytes that were sent; None for anything else.

    Alipay signs the bytes of one member. They are cut out with regard to quotes and escapes, since a subject may hold
    braces and quotes, and never made anew, since nobody could spell them again as they were. A name that comes twice
    is refused: two readers would believe two different ones.
    """
    at = _skip(body, 0)
    if body[at : at + 1] != b"{":
        return None
    found: dict[str, bytes] = {}
    at = _skip(body, at + 1)
    while len(found) < _MEMBERS_MAX:
        name = _STRING.match(body, at)
        colon = _skip(body, name.end()) if name else -1
        if name is None or body[colon : colon + 1] != b":":
            return None
        start = _skip(body, colon + 1)
        end = _end_of_value(body, start)
        key = _text(name[0])
        if end is None or key is None or key in found:
            return None
        found[key] = body[start:end]
        at = _skip(body, end)
        if body[at : at + 1] == b"}":
            return found if _skip(body, at + 1) == len(body) else None
        if body[at : at + 1] != b",":
            return None
        at = _skip(body, at + 1)
    return None


def _skip(body: bytes, at: int) -> int:
    while at < len(body) and body[at] in _SPACE:
        at += 1
    return at


def _end_of_value(body: bytes, start: int) -> int | None:
    """Return where the value that starts here ends, None where it does not."""
    first = body[start : start + 1]
    if first not in (b"{", b"["):
        plain = (_STRING if first == b'"' else _PLAIN).match(body, start)
        return plain.end() if plain else None
    depth = 0
    for token in _TOKENS.finditer(body, start):
        mark = token[0]
        if mark == b'"':
            return None
        if mark in (b"{", b"["):
            depth += 1
        elif mark in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return token.end()
    return None


def _text(raw: bytes) -> str | None:
    try:
        value = json.loads(raw.decode())
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def read_object(raw: bytes) -> Mapping[str, object] | None:
    """Return a JSON object whose numbers stay texts, so that no amount ever is a float; None for anything else."""
    try:
        data = json.loads(raw.decode(), parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None
