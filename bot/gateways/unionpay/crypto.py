"""UnionPay's forms: pairs on the wire, the text that is signed, and RSA over the digest of it (payments.md §4.3)."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote_plus, unquote_to_bytes

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

Pairs = Mapping[str, str]

SIGN_METHOD: Final = "01"
_NAME: Final = re.compile(r"[0-9A-Za-z_]{1,64}", re.ASCII)
_PAIRS_MAX: Final = 128
_SIGNATURE_MAX: Final = 1024
_OPENERS: Final = {"{": "}", "[": "]"}


def signed_text(pairs: Pairs) -> bytes:
    """Return ``k=v&k=v`` in the order of the names, without ``signature``, values as they are and not encoded."""
    return "&".join(f"{name}={pairs[name]}" for name in sorted(pairs) if name != "signature").encode()


def sign(key: RSAPrivateKey, pairs: Pairs) -> str:
    """Return the base64 of RSA PKCS#1 v1.5 SHA-256 over the lower-case hex of the SHA-256 of the signed text.

    Hashed twice on purpose: 5.1.0 signs the 64 characters of the first digest.
    """
    return base64.b64encode(key.sign(_digest(pairs), PKCS1v15(), SHA256())).decode()


def verifies(key: RSAPublicKey, pairs: Pairs) -> bool:
    """Tell whether ``signature`` among the pairs is the key's over all the others."""
    text = pairs.get("signature", "")
    raw = decode_base64(text) if len(text) <= _SIGNATURE_MAX else None
    if raw is None:
        return False
    try:
        key.verify(raw, _digest(pairs), PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _digest(pairs: Pairs) -> bytes:
    return hashlib.sha256(signed_text(pairs)).hexdigest().encode()


def decode_base64(text: str) -> bytes | None:
    """Return the bytes of canonical standard base64, None for anything else (two texts must not be one signature)."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def encode_form(pairs: Pairs) -> bytes:
    """Return the body of a request, names and values percent-encoded, in the order of the names."""
    return "&".join(f"{quote_plus(name)}={quote_plus(pairs[name])}" for name in sorted(pairs)).encode()


def read_form(body: bytes) -> dict[str, str] | None:
    """Return the pairs of a notice, which is an encoded form; None for anything that is not one.

    Each value is decoded exactly once. A name that comes twice is refused: two readers could take two values.
    """
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        return None
    return _collected(text.split("&"), _unquoted)


def read_plain(body: bytes) -> dict[str, str] | None:
    """Return the pairs of an answer, whose values are *not* encoded; None for anything that is not one.

    A value in braces or brackets (cardTransData, a list of records) may hold ``&`` and ``=`` of its own.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return _collected(_split(text), lambda value: value)


def _collected(parts: list[str], read: Callable[[str], str | None]) -> dict[str, str] | None:
    if len(parts) > _PAIRS_MAX:
        return None
    found: dict[str, str] = {}
    for part in parts:
        name, equals, raw = part.partition("=")
        value = read(raw)
        if not equals or value is None or not _NAME.fullmatch(name) or name in found:
            return None
        found[name] = value
    return found


def _split(text: str) -> list[str]:
    """Split at the ampersands that stand outside braces and brackets which open a value."""
    parts: list[str] = []
    start = at = 0
    while at < len(text):
        mark = text.find("&", at)
        if mark < 0:
            break
        value = text.find("=", start, mark) + 1
        closing = _OPENERS.get(text[value : value + 1]) if value else None
        if closing is not None and text[mark - 1] != closing:
            # The bracket is still open; without its end the text is taken as it is and fails its signature.
            at = mark + 1
            continue
        parts.append(text[start:mark])
        start = at = mark + 1
    return [*parts, text[start:]]


def _unquoted(value: str) -> str | None:
    try:
        return unquote_to_bytes(value.replace("+", " ")).decode()
    except UnicodeDecodeError:
        return None
