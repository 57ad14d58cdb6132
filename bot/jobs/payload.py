"""How a job's payload is written into its row: as JSON, or sealed where it is personal data."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

from bot.storage.vault import Vault

_CONTEXT: Final = "outbox.payload"
# JSON of an object begins with a brace; a sealed payload begins with this.
SEALED: Final = "sealed:"
# What is left of a private job that is done.
WIPED: Final = "{}"


def pack(payload: Mapping[str, Any], *, private: bool, vault: Vault | None) -> str:
    """Return the text for the row. Raises ValueError for a private payload without a vault to seal it."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    if not private:
        return text
    if vault is None:
        raise ValueError("a private job is enqueued with a vault")
    return SEALED + base64.b64encode(vault.seal(text, _CONTEXT)).decode("ascii")


def unpack(text: str, vault: Vault | None) -> Mapping[str, Any]:
    """Return the payload. Raises ValueError for what is none, Undecipherable where the key is missing."""
    if text.startswith(SEALED):
        if vault is None:
            raise ValueError("a private job is read with a vault")
        try:
            blob = base64.b64decode(text.removeprefix(SEALED), validate=True)
        except binascii.Error:
            raise ValueError("not base64") from None
        text = vault.open(blob, _CONTEXT)
    payload = json.loads(text)
    if not isinstance(payload, dict):
        raise ValueError("a payload is a JSON object")
    return payload
