"""One merchant account at a bank's cashier as the operator configures it, refused with a remedy when it cannot work."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final, Self
from urllib.parse import urlsplit

from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret

_MERCHANT: Final = re.compile(r"[0-9A-Za-z._-]{1,32}", re.ASCII)
_SERIAL: Final = re.compile(r"[0-9A-Za-z._-]{1,64}", re.ASCII)
_PATH: Final = re.compile(r"(?:/[0-9A-Za-z._~-]+)*", re.ASCII)
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_WITHIN_MAX: Final = 600.0
_SECONDS: Final = ("within", "download_within")
_REQUIRED: Final = frozenset({"merchant", "private_key", "serial", "bank_keys", "base_url"})


@dataclass(frozen=True, slots=True, eq=False)
class BankAccount:
    """Settings of one merchant at one bank; construction raises Misconfigured naming every fault and its remedy.

    ``serial`` names our key to the bank. ``bank_keys`` are the bank's public keys (PEM) by their serials, several
    while one follows another. ``within`` and ``download_within`` are seconds for one whole call.
    """

    key: str
    merchant: str
    private_key: Secret
    serial: str
    base_url: str
    bank_keys: Mapping[str, str] = field(default_factory=dict)
    within: float = 5.0
    download_within: float = 120.0

    def __post_init__(self) -> None:
        faults = [*_identity_faults(self), *_wire_faults(self)]
        if faults:
            raise Misconfigured("bankapp_account", f"[{self.key}] " + "; ".join(faults))

    @classmethod
    def from_settings(cls, key: str, table: Mapping[str, object]) -> Self:
        """Read one account's table of the configuration file; secrets may be plain text or Secret already.

        Raises Misconfigured for a missing, unknown or unusable entry.
        """
        known = {entry.name for entry in fields(cls)} - {"key"}
        faults = [f"remove the unknown setting {name!r}" for name in sorted(set(table) - known)]
        faults += [f"set {name!r}" for name in sorted(_REQUIRED - set(table))]
        values = {name: _value(name, value, faults) for name, value in table.items() if name in known}
        if faults:
            raise Misconfigured("bankapp_account", f"[{key}] " + "; ".join(faults))
        return cls(key=key, **values)  # type: ignore[arg-type]  # Each value was read by _value for its field.


def _value(name: str, value: object, faults: list[str]) -> object:
    if name == "private_key":
        if isinstance(value, Secret):
            return value
        if isinstance(value, str):
            return Secret(value)
        faults.append(f"give {name!r} as text")
    elif name == "bank_keys":
        if isinstance(value, Mapping) and all(isinstance(pem, str) for pem in value.values()):
            return {str(serial): pem for serial, pem in value.items()}
        faults.append("give 'bank_keys' as a table of PEM texts by serial")
    elif name in _SECONDS:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        faults.append(f"give {name!r} as seconds")
    elif isinstance(value, str):
        return value.strip()
    else:
        faults.append(f"give {name!r} as text")
    return None


def _identity_faults(account: BankAccount) -> list[str]:
    faults = []
    if not account.key:
        faults.append("give the account a name")
    if not _MERCHANT.fullmatch(account.merchant):
        faults.append("set merchant to the number that the bank gave the merchant")
    if not account.private_key:
        faults.append("set private_key to the PEM text of our signing key")
    if not _SERIAL.fullmatch(account.serial):
        faults.append("set serial to the name under which the bank knows our key")
    if not account.bank_keys:
        # Without a key nothing could be verified, so nothing could ever move money.
        faults.append("set bank_keys to at least one public key of the bank's")
    faults += [f"serial {name!r} is none" for name in account.bank_keys if not _SERIAL.fullmatch(name)]
    return faults


def _wire_faults(account: BankAccount) -> list[str]:
    faults = []
    parts = urlsplit(account.base_url)
    plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or plain):
        faults.append("set base_url to an https address")
    if parts.query or parts.fragment or parts.username or not _PATH.fullmatch(parts.path):
        faults.append("set base_url to scheme, host, port and perhaps a path that does not end in a slash")
    seconds = {name: getattr(account, name) for name in _SECONDS}
    faults += [
        f"set {name} to seconds above 0 and up to {_WITHIN_MAX:.0f}"
        for name, given in seconds.items()
        if not 0 < given <= _WITHIN_MAX
    ]
    return faults
