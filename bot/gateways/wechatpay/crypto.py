"""The two operations of APIv3 on bytes: the lines that are signed, and AEAD_AES_256_GCM."""

import binascii
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SCHEME: Final = "WECHATPAY2-SHA256-RSA2048"
ALGORITHM: Final = "AEAD_AES_256_GCM"
_NONCE_BYTES: Final = 12
_FILE_NONCE_BYTES: Final = (12, 16)
_TAG_BYTES: Final = 16


def lines(*parts: bytes) -> bytes:
    """Return the parts, each ended by a line feed, the last one too (payments.md §4.1)."""
    return b"\n".join(parts) + b"\n"


def decode_base64(text: str) -> bytes | None:
    """Return the bytes of canonical standard base64, None for anything else.

    Canonical, because base64 leaves spare bits in its last character: two texts for one signature would let a
    changed header pass as the genuine one.
    """
    try:
        given = text.encode("ascii")
        raw = binascii.a2b_base64(given, strict_mode=True)
    except ValueError:
        return None
    return raw if binascii.b2a_base64(raw, newline=False) == given else None


def unseal_file(key: bytes, nonce: str, sealed: bytes) -> bytes | None:
    """Return what an encrypted file holds (tag at its end), None when it does not open.

    Files come with nonces of 16 characters, as their documents show, or of the usual 12.
    """
    try:
        iv = nonce.encode("ascii")
    except UnicodeEncodeError:
        return None
    if len(iv) not in _FILE_NONCE_BYTES or len(sealed) < _TAG_BYTES:
        return None
    try:
        return AESGCM(key).decrypt(iv, sealed, b"")
    except InvalidTag:
        return None


def unseal(key: bytes, *, nonce: str, associated_data: str, ciphertext: str) -> bytes | None:
    """Return the plaintext of base64 ``ciphertext`` (tag at its end), None when it does not open.

    Nonce and associated data enter as the UTF-8 bytes of their texts. The nonce must have 12 bytes, for GCM would
    take any length and derive another counter from it (payments.md, trap 14).
    """
    try:
        iv, extra = nonce.encode(), associated_data.encode()
    except UnicodeEncodeError:  # JSON can spell lone surrogates.
        return None
    sealed = decode_base64(ciphertext)
    if sealed is None or len(iv) != _NONCE_BYTES or len(sealed) < _TAG_BYTES:
        return None
    try:
        return AESGCM(key).decrypt(iv, sealed, extra)
    except InvalidTag:
        return None
