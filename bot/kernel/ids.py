"""Identifiers that sort by time and carry their kind, and numbers and tokens that nobody can guess."""

import secrets
from datetime import datetime
from typing import Final

from bot.kernel.clock import SHANGHAI, to_micros

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_DIGITS: Final = 14

# Two digits at a time: an id costs a third of what it costs digit by digit, and every message makes several.
_PAIRS: Final = tuple(high + low for high in _CROCKFORD for low in _CROCKFORD)
# Each of the 256 bytes as one of the 32 digits, every digit eight times: random digits by one call, all as likely.
_DIGIT_OF_BYTE: Final = (_CROCKFORD * 8).encode()
# Bytes below this are as many for each of the 62 characters; the others are thrown away, or some would be likelier.
_FAIR: Final = 248
_CHARACTER: Final = tuple(_BASE62[byte % 62] for byte in range(_FAIR))


def _base32(value: int, length: int) -> str:
    """Return ``length`` digits, an even number of them."""
    pairs = []
    for _ in range(length // 2):
        value, pair = divmod(value, 1024)
        pairs.append(_PAIRS[pair])
    return "".join(reversed(pairs))


def new_id(kind: str, now: datetime) -> str:
    """Return ``kind_`` and 26 characters: the microsecond and 70 random bits, so that ids sort by birth."""
    return f"{kind}_{_base32(to_micros(now), 12)}{_random_digits()}"


def _random_digits() -> str:
    return secrets.token_bytes(_RANDOM_DIGITS).translate(_DIGIT_OF_BYTE).decode()


def first_id(kind: str, at: datetime) -> str:
    """Return what every id of the kind from this moment on is greater than, and every earlier one smaller."""
    return f"{kind}_{_base32(to_micros(at), 12)}"


def new_out_number(prefix: str, now: datetime) -> str:
    """Return a 28-character number for a gateway: prefix letter(s), Shanghai time, random digits and letters.

    Gateways take 6 to 32 characters of letters, digits, ``_`` and ``-``; UnionPay takes neither of the signs
    (payments.md §4.3), so we use ``[0-9A-Za-z]`` only.
    """
    stamp = now.astimezone(SHANGHAI).strftime("%Y%m%d%H%M%S")
    return f"{prefix}{stamp}{random_text(28 - len(prefix) - len(stamp))}"


def random_text(length: int) -> str:
    """Return that many characters of base 62 from the system's secure source."""
    text = ""
    while len(text) < length:
        text += "".join([_CHARACTER[byte] for byte in secrets.token_bytes(length + 8) if byte < _FAIR])
    return text[:length]


def random_digits(length: int) -> str:
    """Return that many decimal digits from the system's secure source."""
    return f"{secrets.randbelow(10**length):0{length}d}"
