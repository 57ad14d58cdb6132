"""AES of pushed messages: 256-bit CBC, padded to 32 bytes, the app id inside (消息加解密说明)."""

import binascii
import hmac
import os
from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from bot.kernel.errors import Forbidden, Misconfigured
from bot.kernel.masking import Secret

_BLOCK: Final = 32
_RANDOM: Final = 16
_START: Final = _RANDOM + 4
_PADDING: Final = tuple(bytes([size]) * size for size in range(_BLOCK + 1))


class MessageKey:
    """One EncodingAESKey, bound to the app id that every message must name.

    A message begins with a block of random bytes that its reader throws away, and in CBC only that block depends on
    what was processed before. So one context for each direction serves all messages, each going on where the last one
    ended: what is read and written is as valid as with the documented vector, at half of the price. A key therefore
    belongs to one thread.
    """

    def __init__(self, encoding_key: Secret, app_id: str) -> None:
        """Raise Misconfigured unless the key is the 43 characters that the console shows."""
        try:
            key = binascii.a2b_base64(encoding_key.reveal() + "=")
        except (binascii.Error, ValueError):
            key = b""
        if len(encoding_key.reveal()) != 43 or len(key) != 32:
            raise Misconfigured("bad_encoding_aes_key", "EncodingAESKey has 43 letters and digits")
        # The vendor fixes the vector to the key's first half.
        self._cipher = Cipher(AES(key), CBC(key[:16]))
        self._encryptor = self._cipher.encryptor()
        self._decryptor = self._cipher.decryptor()
        self._app_id = app_id.encode()

    def encrypt(self, message: bytes, random: bytes | None = None) -> str:
        """Return the base64 text of a message; ``random`` (16 bytes) is given only to reproduce documented samples."""
        encryptor = self._encryptor if random is None else self._cipher.encryptor()
        size = _START + len(message) + len(self._app_id)
        whole = b"".join(
            (
                random or os.urandom(_RANDOM),
                len(message).to_bytes(4, "big"),
                message,
                self._app_id,
                _PADDING[_BLOCK - size % _BLOCK],
            )
        )
        return binascii.b2a_base64(encryptor.update(whole), newline=False).decode("ascii")

    def decrypt(self, encrypted: str) -> bytes | None:
        """Return the message, or None when any part of it is wrong.

        Which part is told to nobody: block length, the whole padding, the inner length and the app id all count.
        """
        try:
            blocks = binascii.a2b_base64(encrypted, strict_mode=True)
        except (binascii.Error, ValueError):
            return None
        if not blocks or len(blocks) % _BLOCK:
            return None
        whole = self._decryptor.update(blocks)
        padding = whole[-1]
        if not 1 <= padding <= _BLOCK or not hmac.compare_digest(whole[-padding:], _PADDING[padding]):
            return None
        end = _START + int.from_bytes(whole[_RANDOM:_START], "big")
        if not hmac.compare_digest(whole[end : len(whole) - padding], self._app_id):
            return None
        return whole[_START:end]


class MessageCipher:
    """The present EncodingAESKey and, after a change in the console, the one before."""

    def __init__(self, encoding_keys: Sequence[Secret], app_id: str) -> None:
        self._keys = tuple(MessageKey(key, app_id) for key in encoding_keys)

    def open(self, encrypted: str) -> tuple[bytes, MessageKey]:
        """Return the message and the key that opened it, with which its answer is sealed; raise Forbidden."""
        for key in self._keys:
            message = key.decrypt(encrypted)
            if message is not None:
                return message, key
        raise Forbidden("undecryptable")
