"""Opens what WeChat pushes to an account's URL, and seals the answer; what each mode accepts is decided here.

========== ======================================================= ===================================================
mode       accepts                                                 refuses
========== ======================================================= ===================================================
plain      a plaintext body under a valid ``signature``            anything that says ``encrypt_type=aes``
compatible the above, and ``encrypt_type=aes`` with a body whose   an ``Encrypt`` element without ``encrypt_type``
           ``Encrypt`` verifies under ``msg_signature``; the       (somebody took the mark away), and a valid
           plaintext elements beside it are not looked at          ``signature`` in place of ``msg_signature``
safe       only the encrypted form under ``msg_signature``;        every plaintext body, signed or not
           ``signature`` is not looked at, as the document asks
========== ======================================================= ===================================================

``signature`` does not cover the body, so plain and compatible mode are for trying out and for changing over. What can
be done for them is done: the signed timestamp must be fresh, and one signature serves one body (``Push.signed_by``).
Answers of 401 mean that no valid signature came, 403 that a valid one was used for something that it does not allow.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from bot.channels.wire import jsontext, xmltext
from bot.channels.wire.crypto import MessageCipher, MessageKey
from bot.channels.wire.fields import BYTES_MAX, Fields, text
from bot.channels.wire.signature import genuine, sign
from bot.kernel.errors import BadRequest, Forbidden, TooLarge, Unauthorized
from bot.kernel.masking import Secret

_ECHO_MAX: Final = 1024
# Base64 alone, so that what is found in an envelope's bytes is the same that a parser would find.
_ENCRYPT: Final = re.compile(rb"<Encrypt><!\[CDATA\[([0-9A-Za-z+/=]+)]]></Encrypt>")


class Mode(StrEnum):
    """How the console is set to encrypt (消息加解密方式)."""

    PLAIN = "plain"
    COMPATIBLE = "compat"
    SAFE = "safe"


class Format(StrEnum):
    """How the console is set to write messages (数据格式); an answer takes the form of its question."""

    XML = "xml"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Door:
    """What one account's URL lets in. ``window`` is in seconds; ``format`` None takes both."""

    app_id: str
    token: Secret
    mode: Mode
    cipher: MessageCipher | None
    window: float
    format: Format | None = None


@dataclass(frozen=True, slots=True)
class Push:
    """A verified message. ``key`` is equal for redeliveries of it and different for all else (wechat.md §2.1)."""

    fields: Fields
    format: Format
    key: str
    nonce: str
    sealed_by: MessageKey | None
    signed_by: str  # Identifies the signature that let a plaintext body in; empty where the body was signed itself.


def verify_url(door: Door, query: Mapping[str, str], now: datetime) -> str:
    """Return the echostr of the console's GET verification, which is plaintext in every mode; raise Unauthorized."""
    timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
    if not genuine(query.get("signature", ""), door.token, timestamp, nonce):
        raise Unauthorized("bad_signature")
    _require_fresh(timestamp, door, now)
    echo = query.get("echostr", "")
    if len(echo) > _ECHO_MAX:
        raise BadRequest("echostr_too_long")
    return echo


def open_push(door: Door, query: Mapping[str, str], body: bytes, now: datetime) -> Push:
    """Verify, decrypt and parse one POST.

    Raises Unauthorized (no valid signature), Forbidden (not in this mode, stale, undecryptable), BadRequest and
    TooLarge (not a message). Nothing of the body is believed before its signature is checked.
    """
    if len(body) > BYTES_MAX:
        raise TooLarge("message_too_large")
    encryption = query.get("encrypt_type", "raw")
    if encryption == "aes":
        return _open_sealed(door, query, body, now)
    if encryption not in ("raw", ""):
        raise BadRequest("unknown_encrypt_type")
    return _open_plain(door, query, body, now)


def seal(door: Door, push: Push, answer: bytes, now: datetime) -> bytes:
    """Return the answer in the form of its question: as it is, or encrypted and signed with the URL's nonce."""
    if push.sealed_by is None:
        return answer
    encrypted = push.sealed_by.encrypt(answer)
    timestamp = int(now.timestamp())
    signature = sign(door.token, str(timestamp), push.nonce, encrypted)
    if push.format is Format.JSON:
        return jsontext.dump(
            {"Encrypt": encrypted, "MsgSignature": signature, "TimeStamp": timestamp, "Nonce": push.nonce}
        )
    return (
        f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>"
        f"<TimeStamp>{timestamp}</TimeStamp><Nonce>{xmltext.cdata(push.nonce)}</Nonce></xml>"
    ).encode()


def _open_sealed(door: Door, query: Mapping[str, str], body: bytes, now: datetime) -> Push:
    if door.mode is Mode.PLAIN or door.cipher is None:
        raise Forbidden("encrypted_in_plain_mode")
    timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
    encrypted = _encrypted(door, body)
    if not genuine(query.get("msg_signature", ""), door.token, timestamp, nonce, encrypted):
        raise Unauthorized("bad_msg_signature")
    _require_fresh(timestamp, door, now)
    message, key = door.cipher.open(encrypted)
    fields, form = _parse(door, message)
    return Push(fields, form, _key(door, message), nonce, key, "")


def _encrypted(door: Door, body: bytes) -> str:
    """Return what stands in an envelope's Encrypt element.

    It is looked for before anything is parsed: nothing else of an envelope is used, and its own signature proves it.
    """
    found = _ENCRYPT.search(body)
    if found is not None:
        return found[1].decode("ascii")
    envelope, _ = _parse(door, body)
    return text(envelope, "Encrypt")


def _open_plain(door: Door, query: Mapping[str, str], body: bytes, now: datetime) -> Push:
    if door.mode is Mode.SAFE:
        raise Forbidden("plaintext_in_safe_mode")
    timestamp, nonce, signature = query.get("timestamp", ""), query.get("nonce", ""), query.get("signature", "")
    if not genuine(signature, door.token, timestamp, nonce):
        raise Unauthorized("bad_signature")
    _require_fresh(timestamp, door, now)
    fields, form = _parse(door, body)
    if "Encrypt" in fields:
        raise Forbidden("encrypted_without_encrypt_type")
    return Push(fields, form, _key(door, body), nonce, None, signature)


def _parse(door: Door, body: bytes) -> tuple[Fields, Format]:
    form = Format.JSON if body.lstrip()[:1] == b"{" else Format.XML
    if door.format is not None and form is not door.format:
        raise BadRequest("other_format")
    return (jsontext.parse(body) if form is Format.JSON else xmltext.parse(body)), form


def _key(door: Door, message: bytes) -> str:
    return hashlib.sha256(b"%b|%b" % (door.app_id.encode(), message)).hexdigest()


def _require_fresh(timestamp: str, door: Door, now: datetime) -> None:
    """Refuse what was signed too long ago or ahead; redeliveries repeat the first timestamp 5 and 10 s later."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise Forbidden("stale")
    if abs(now.timestamp() - int(timestamp)) > door.window:
        raise Forbidden("stale")
