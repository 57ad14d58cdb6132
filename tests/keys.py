"""Loads every private key once a process: its primes are checked each time, which takes longer than most tests."""

import functools
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_load = serialization.load_pem_private_key


@functools.lru_cache(maxsize=512)
def _loaded(data: bytes, password: bytes | None) -> PrivateKeyTypes:
    return _load(data, password)


def _load_once(data: Any, password: Any, *_: Any, **__: Any) -> PrivateKeyTypes:
    return _loaded(bytes(data), None if password is None else bytes(password))


def load_each_once() -> None:
    """Give out the key that was loaded before; to be called before anybody imports the loader by its name.

    Keys cannot be changed, so that sharing one is safe; what cannot be loaded is tried anew each time.
    """
    serialization.load_pem_private_key = _load_once
