"""Loads each key once a run: checking a private key costs some 50 ms, and each test builds a gateway."""

from collections.abc import Iterator
from functools import cache

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.gateways.bankapp import crypto


@pytest.fixture(autouse=True, scope="session")
def loaded_keys() -> Iterator[None]:
    """A loaded key never changes, so sharing it hides nothing; a text that does not load raises each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crypto, "load_pem_private_key", cache(load_pem_private_key))
        yield
