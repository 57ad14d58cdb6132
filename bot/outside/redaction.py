"""Takes secrets and personal data out of whatever is about to be written down."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from bot.kernel.masking import mask_account, mask_id, mask_openid, mask_phone

_HIDDEN: Final = "****"
_DEPTH_MAX: Final = 6

# Compared with a key's letters and digits only, so that ``auth_code``, ``authCode`` and ``X-Auth-Code`` are one.
_SECRET_WORDS: Final = (
    "secret",
    "token",
    "password",
    "passwd",
    "authcode",
    "authorization",
    "signature",
    "cookie",
    "privatekey",
    "apikey",
    "aeskey",
    "paysign",
    "dsn",
)
_SECRET_KEYS: Final = frozenset({"sign", "ticket", "jsapiticket"})
_PERSONAL_WORDS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("openid", mask_openid),
    ("unionid", mask_openid),
    ("phone", mask_phone),
    ("mobile", mask_phone),
    ("idcard", mask_id),
    ("idnumber", mask_id),
    ("account", mask_account),
    ("cardno", mask_account),
)
_NOT_LETTERS: Final = re.compile(r"[^a-z0-9]")

# 18-digit identity numbers (GB 11643), mobile numbers, and bank cards or payment codes (16 to 24 digits).
_ID_NUMBER: Final = re.compile(r"(?<!\d)\d{17}[\dXx](?![\dXx])")
_LONG_CODE: Final = re.compile(r"(?<![0-9A-Za-z])\d{16,24}(?![0-9A-Za-z])")
_PHONE: Final = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
# A secret inside a text: a query string, a header, or a dump of JSON. It begins at the telling word itself and every
# part of it is bounded, so that the time is linear in a text that a stranger may have written.
_ASSIGNED: Final = re.compile(
    r"""(?ix)
    ( (?: secret | token | openid | unionid | passwo?r?d | signature | paysign | auth_?code | authorization
        | api_?key | aes_?key | private_?key ) [\w-]{0,40} ["']? \s{0,8} [=:] \s{0,8} (?: ["'] | Bearer\s | Basic\s )? )
    ( [^&\s"',;}<]+ )
    """
)
_PASSWORD_IN_URL: Final = re.compile(r"(?<=://)([^/\s:@]*):([^/\s@]+)@")


# Without one of these no rule below finds anything: a password or a secret is assigned, and a number has 11 digits.
_TELLING: Final = re.compile(r"[:=]|\d{11}")


def redact_text(text: str) -> str:
    """Return the text without secrets, identity numbers, phone numbers and payment codes."""
    if _TELLING.search(text) is None:
        return text
    text = _PASSWORD_IN_URL.sub(rf"\1:{_HIDDEN}@", text)
    text = _ASSIGNED.sub(rf"\1{_HIDDEN}", text)
    text = _ID_NUMBER.sub(lambda found: mask_id(found[0]), text)
    text = _LONG_CODE.sub(lambda found: mask_account(found[0]), text)
    return _PHONE.sub(lambda found: mask_phone(found[0]), text)


def redact(value: Any, key: str = "", depth: int = 0) -> Any:
    """Return a value fit to be written down: by the name it stands under, and by what it looks like."""
    if depth > _DEPTH_MAX:
        return "…"
    if isinstance(value, str):
        rule = _rule_of(key)
        return redact_text(value) if rule is None else rule(value)
    if isinstance(value, Mapping):
        return {name: redact(inner, str(name), depth + 1) for name, inner in value.items()}
    rule = _rule_of(key)
    # Whether there is a secret at all may be told. Values are not compared: some refuse it (kernel.masking.Secret).
    if rule is not None and value is not None and not isinstance(value, bool):
        return rule(value)
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes | bytearray | memoryview):
        return [redact(inner, "", depth + 1) for inner in value]
    return _redact_one(value)


def _redact_one(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    return redact_text(value if isinstance(value, str) else str(value))


@lru_cache(maxsize=512)
def _rule_of(key: str) -> Callable[[Any], Any] | None:
    if not key:
        return None
    name = _NOT_LETTERS.sub("", key.lower())
    if name in _SECRET_KEYS or any(word in name for word in _SECRET_WORDS):
        return lambda _: _HIDDEN
    for word, mask in _PERSONAL_WORDS:
        if word in name:
            return lambda value: _masked(value, mask)
    return None


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str | int):
        return mask(str(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, Sequence | set | frozenset):
        return [_masked(inner, mask) for inner in value]
    return _HIDDEN
