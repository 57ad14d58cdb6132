"""The form of our own code addresses, ``{public_url}/q/{token}``, and the check that refuses a damaged one.

A token is 22 random base62 characters (over 130 bits) and one check character. Nothing is derived from it: which
merchant or order it stands for, and whether it still does, is a row elsewhere.
"""

import re
import secrets
import string
from collections.abc import Callable
from typing import Final
from urllib.parse import SplitResult, urlsplit

ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_CHARS: Final = 22
TOKEN_CHARS: Final = RANDOM_CHARS + 1
URL_CHARS_MAX: Final = 512

_VALUE: Final = {character: value for value, character in enumerate(ALPHABET)}
# The smallest prime above 62: modulo a prime every non-zero difference times a non-zero weight is non-zero.
_MODULUS: Final = 67
# Powers of 2, a primitive root of 67, so that no two positions weigh the same: with the prime this finds every
# single wrong character (a flipped case too) and every exchange of two, adjacent or not.
_WEIGHTS: Final = tuple(pow(2, position + 1, _MODULUS) for position in range(RANDOM_CHARS))
_TOKEN: Final = re.compile(rf"[0-9A-Za-z]{{{TOKEN_CHARS}}}", re.ASCII)
_PORTS: Final = {"http": 80, "https": 443}


def new_token(below: Callable[[int], int] = secrets.randbelow) -> str:
    """Return a fresh token; ``below(n)`` gives a uniform integer in [0, n) and must be unpredictable in production."""
    while True:
        body = "".join(ALPHABET[below(len(ALPHABET))] for _ in range(RANDOM_CHARS))
        check = _check_value(body)
        # Five of the 67 remainders have no character. Drawing again costs a tenth of a bit and keeps the prime.
        if check < len(ALPHABET):
            return body + ALPHABET[check]


def is_token(text: str) -> bool:
    """Tell whether the text has the form of a token and its check character agrees; no database is asked."""
    if _TOKEN.fullmatch(text) is None:
        return False
    return _check_value(text[:RANDOM_CHARS]) == _VALUE[text[RANDOM_CHARS]]


def code_url(public_url: str, token: str) -> str:
    """Return the address that a code carries. Raises ValueError for a malformed base address or token."""
    base = _base(public_url)
    if not is_token(token):
        raise ValueError("not a token")
    return f"{base.scheme}://{base.netloc}{base.path.rstrip('/')}/q/{token}"


def token_of(url: str, public_url: str) -> str | None:
    """Return the token of a scanned address of ours, or None for another's or a damaged one.

    What a wallet hangs on after ``?`` or ``#`` is ignored. Raises ValueError for a malformed ``public_url``.
    """
    base = _base(public_url)
    if len(url) > URL_CHARS_MAX:
        return None
    try:
        parts = urlsplit(url.strip())
        same = _origin(parts) == _origin(base)
    except ValueError:
        return None
    prefix = f"{base.path.rstrip('/')}/q/"
    if not same or not parts.path.startswith(prefix):
        return None
    token = parts.path.removeprefix(prefix)
    return token if is_token(token) else None


def _check_value(body: str) -> int:
    return sum(weight * _VALUE[character] for weight, character in zip(_WEIGHTS, body, strict=True)) % _MODULUS


def _base(public_url: str) -> SplitResult:
    parts = urlsplit(public_url)
    # Reading the port is what checks it: urlsplit itself lets "host:port" pass.
    if parts.scheme not in _PORTS or not parts.hostname or parts.port == 0:
        raise ValueError("the public address must be an absolute http or https address")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("the public address must carry no user, query or fragment")
    return parts


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    """Return what two addresses of one server share; a user name makes it nobody's, for it only ever misleads."""
    if "@" in parts.netloc:
        raise ValueError("an address with a user name")
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
