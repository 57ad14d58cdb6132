"""Encrypts personal data at rest, and blinds it where it has to be looked up."""

import hmac
import os
from collections.abc import Mapping, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.kernel.errors import BotError, Misconfigured
from bot.kernel.masking import Secret

_VERSION: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_HEAD_BYTES: Final = len(_VERSION) + _KEY_ID_BYTES + _NONCE_BYTES
_SECRET_MIN: Final = 32
_SALT: Final = b"scenepay vault"


class Undecipherable(BotError):
    """A sealed value that no configured key opens, that was changed, or that was sealed for another column."""

    def __init__(self, reason: str) -> None:
        super().__init__("undecipherable", "put the secret that sealed it back among the previous keys", reason=reason)


class Vault:
    """Seals with the current key, opens with every key it was given, and blinds with a key that never changes.

    A blob is a version byte, four bytes that name the key, twelve of nonce, then AES-256-GCM's ciphertext and tag.
    The context (``table.column``) is authenticated but not stored, so that a blob moved elsewhere does not open.
    Random nonces allow about 2**32 seals a key; rotate long before.
    """

    def __init__(self, keys: Mapping[bytes, bytes], current: bytes, index_key: bytes) -> None:
        """Take 32-byte keys by their 4-byte ids. Raises Misconfigured for keys of other sizes."""
        if current not in keys:
            raise Misconfigured("vault_keys", "name one of the keys as the current one")
        if any(len(name) != _KEY_ID_BYTES or len(key) != 32 for name, key in keys.items()) or len(index_key) != 32:
            raise Misconfigured("vault_keys", "give keys of 32 bytes, named by 4 bytes")
        self._ciphers = {name: AESGCM(key) for name, key in keys.items()}
        self._current = current
        self._index_key = index_key

    @classmethod
    def from_secrets(cls, secrets: Sequence[Secret], index: Secret | None = None) -> "Vault":
        """Derive a vault from the current secret and, behind it, the previous ones, newest first.

        The index key must outlive every rotation, because a blinded value cannot be computed anew from itself. It
        comes from ``index``, or else from the *oldest* secret in the list. So put a new secret in front, rotate, and
        before dropping the oldest set ``index`` to it. ``index_id`` lets a start-up check notice the contrary.

        Raises Misconfigured for secrets shorter than 32 characters and for two that are the same.
        """
        texts = [secret.reveal() for secret in secrets]
        if not texts or any(len(text) < _SECRET_MIN for text in [*texts, *([index.reveal()] if index else [])]):
            raise Misconfigured("vault_keys", f"set SECRET_KEY to at least {_SECRET_MIN} random characters")
        names = [_derived(text, b"key id", _KEY_ID_BYTES) for text in texts]
        if len(set(names)) != len(names):
            raise Misconfigured("vault_keys", "list every secret once")
        keys = {name: _derived(text, b"encryption", 32) for name, text in zip(names, texts, strict=True)}
        oldest = index.reveal() if index else texts[-1]
        return cls(keys, names[0], _derived(oldest, b"index", 32))

    @property
    def index_id(self) -> str:
        """Name the index key without telling it: eight hexadecimal digits that change when it does."""
        return hmac.digest(self._index_key, b"index id", "sha256")[:4].hex()

    def seal(self, plain: str, context: str) -> bytes:
        """Encrypt a text for one column, named ``table.column``."""
        nonce = os.urandom(_NONCE_BYTES)
        head = _VERSION + self._current + nonce
        return head + self._ciphers[self._current].encrypt(nonce, plain.encode(), _bound(head, context))

    def open(self, blob: bytes, context: str) -> str:
        """Decrypt what was sealed for the same column. Raises Undecipherable."""
        if len(blob) < _HEAD_BYTES + _TAG_BYTES or not blob.startswith(_VERSION):
            raise Undecipherable("not a sealed value")
        head, body = blob[:_HEAD_BYTES], blob[_HEAD_BYTES:]
        cipher = self._ciphers.get(_key_id(blob))
        if cipher is None:
            raise Undecipherable("unknown key")
        try:
            return cipher.decrypt(head[-_NONCE_BYTES:], body, _bound(head, context)).decode()
        except InvalidTag:
            raise Undecipherable("changed, or sealed for another column") from None

    def needs_rotation(self, blob: bytes) -> bool:
        """Tell whether a value was sealed with another key than the current one."""
        return _key_id(blob) != self._current

    def blind(self, plain: str, context: str) -> str:
        """Return 32 hexadecimal digits that are the same for the same text and column, and tell nothing of it."""
        return hmac.digest(self._index_key, f"{context}\0{plain}".encode(), "sha256")[:16].hex()


def _key_id(blob: bytes) -> bytes:
    return blob[len(_VERSION) : len(_VERSION) + _KEY_ID_BYTES]


def _bound(head: bytes, context: str) -> bytes:
    return head[: len(_VERSION) + _KEY_ID_BYTES] + context.encode()


def _derived(secret: str, purpose: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, _SALT, purpose).derive(secret.encode())
