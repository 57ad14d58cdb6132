"""Message push codec written from WeChat's documents: signatures, AES-256-CBC envelopes, XML and JSON bodies."""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PAD_BLOCK = 32
AES_KEY_CHARS = 43
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class CodecError(ValueError):
    """A body or an envelope that WeChat would not understand."""


def signature(*parts: str) -> str:
    """SHA-1 over the sorted and joined parts (message push document, 验证消息的确来自微信服务器)."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def _cipher(encoding_aes_key: str) -> Cipher[modes.CBC]:
    if len(encoding_aes_key) != AES_KEY_CHARS:
        raise CodecError("EncodingAESKey has 43 characters")
    key = base64.b64decode(encoding_aes_key + "=")
    return Cipher(algorithms.AES(key), modes.CBC(key[:16]))


def encrypt(encoding_aes_key: str, appid: str, message: bytes) -> str:
    """Base64 of AES over random16 | length | message | appid, padded to 32 (message push, 加解密方案)."""
    text = secrets.token_bytes(16) + len(message).to_bytes(4, "big") + message + appid.encode()
    pad = PAD_BLOCK - len(text) % PAD_BLOCK
    encryptor = _cipher(encoding_aes_key).encryptor()
    return base64.b64encode(encryptor.update(text + bytes([pad]) * pad) + encryptor.finalize()).decode()


def decrypt(encoding_aes_key: str, appid: str, envelope: str) -> bytes:
    """The message inside an envelope; raises CodecError when any byte of the frame is not as documented."""
    try:
        raw = base64.b64decode(envelope, validate=True)
    except (binascii.Error, ValueError) as fault:
        raise CodecError("the envelope is not base64") from fault
    if not raw or len(raw) % 16:
        raise CodecError("the envelope is no multiple of the cipher block")
    decryptor = _cipher(encoding_aes_key).decryptor()
    padded = decryptor.update(raw) + decryptor.finalize()
    pad = padded[-1]
    if not 1 <= pad <= PAD_BLOCK or padded[-pad:] != bytes([pad]) * pad:
        raise CodecError("the padding is not PKCS7 over 32 bytes")
    text = padded[:-pad]
    length = int.from_bytes(text[16:20], "big")
    message, owner = text[20 : 20 + length], text[20 + length :]
    if len(text) < 20 or len(message) != length or not hmac.compare_digest(owner, appid.encode()):
        raise CodecError("the envelope is for another appid")
    return message


def _cdata(text: str) -> str:
    # WeChat drops characters that XML 1.0 cannot carry before it pushes a message.
    legal = NOT_XML.sub("", text)
    return "<![CDATA[" + legal.replace("]]>", "]]]]><![CDATA[>") + "]]>"


def _element(name: str, value: Any) -> str:
    if isinstance(value, list | tuple):
        return "".join(_element(name, item) for item in value)
    if isinstance(value, Mapping):
        inner = "".join(_element(key, item) for key, item in value.items())
    elif isinstance(value, int | float):
        inner = str(value)
    else:
        inner = _cdata(str(value))
    return f"<{name}>{inner}</{name}>"


def to_xml(message: Mapping[str, Any]) -> bytes:
    """`<xml>` with strings as CDATA, numbers bare, mappings nested and lists as repeated elements."""
    return _element("xml", message).encode()


def to_json(message: Mapping[str, Any]) -> bytes:
    """The JSON body of a push: UTF-8, not escaped to ASCII."""
    return json.dumps(message, ensure_ascii=False).encode()


def from_xml(body: bytes) -> dict[str, Any]:
    """A reply as a dict: leaves are text, nested elements dicts, repeated elements lists.

    Raises CodecError on anything that is no `<xml>` document or declares a document type.
    """
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise CodecError("a document type is not accepted")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314  (document types are refused above)
    except ElementTree.ParseError as fault:
        raise CodecError("the reply is no XML") from fault
    if root.tag != "xml":
        raise CodecError("the root of a reply is <xml>")
    parsed = _read(root)
    return parsed if isinstance(parsed, dict) else {}


def _read(element: ElementTree.Element) -> Any:
    children = list(element)
    if not children:
        return element.text or ""
    result: dict[str, Any] = {}
    for child in children:
        value = _read(child)
        if child.tag in result:
            known = result[child.tag]
            result[child.tag] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            result[child.tag] = value
    return result


def from_json(body: bytes) -> dict[str, Any]:
    """A reply in JSON format; raises CodecError unless it is an object."""
    try:
        value = json.loads(body)
    except ValueError as fault:
        raise CodecError("the reply is no JSON") from fault
    if not isinstance(value, dict):
        raise CodecError("the reply is no JSON object")
    return value
