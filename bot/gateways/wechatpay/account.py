"""One merchant account at WeChat Pay as the operator configures it, refused with a remedy when it cannot work."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Self
from urllib.parse import urlsplit

from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret

APIV3_KEY_BYTES: Final = 32
PUBLIC_KEY_PREFIX: Final = "PUB_KEY_ID_"
_MCHID: Final = re.compile(r"\d{6,32}", re.ASCII)
_APPID: Final = re.compile(r"wx[0-9A-Za-z]{16}", re.ASCII)
_SERIAL: Final = re.compile(r"[0-9A-F]{8,40}", re.ASCII)
_PUBLIC_KEY_ID: Final = re.compile(r"PUB_KEY_ID_[0-9A-Za-z]{1,64}", re.ASCII)
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_WITHIN_MAX: Final = 600.0


@dataclass(frozen=True, slots=True, eq=False)
class WeChatPayAccount:
    """Settings of one merchant number; construction raises Misconfigured naming every fault and its remedy.

    ``key`` is the name by which charges and notify URLs call this account. ``appids`` are those bound to the
    merchant number; the first one serves ways without a payer's app (Native, H5). ``certificates`` tells whether
    platform certificates are downloaded; a merchant that WeChat Pay started in public-key mode has none.
    ``within`` and ``download_within`` are seconds for one whole call.
    """

    key: str
    mchid: str
    appids: tuple[str, ...]
    private_key: Secret  # PEM of apiclient_key.pem
    serial: str  # of the merchant's API certificate, upper-case hexadecimal
    apiv3_key: Secret
    public_key_id: str = ""
    public_key: str = ""  # PEM of pub_key.pem; public, so no Secret
    certificates: bool = True
    base_url: str = "https://api.mch.weixin.qq.com"
    within: float = 5.0
    download_within: float = 120.0

    def __post_init__(self) -> None:
        faults = [*_identity_faults(self), *_key_faults(self), *_wire_faults(self)]
        if faults:
            raise Misconfigured("wechatpay_account", f"[{self.key}] " + "; ".join(faults))

    @classmethod
    def from_settings(cls, key: str, table: Mapping[str, object]) -> Self:
        """Read one account's table of the configuration file; secrets may be plain text or Secret already.

        Raises Misconfigured for a missing, unknown or unusable entry.
        """
        known = {field.name for field in fields(cls)} - {"key"}
        required = {"mchid", "appids", "private_key", "serial", "apiv3_key"}
        faults = [f"remove the unknown setting {name!r}" for name in sorted(set(table) - known)]
        faults += [f"set {name!r}" for name in sorted(required - set(table))]
        values = {name: _value(name, value, faults) for name, value in table.items() if name in known}
        if faults:
            raise Misconfigured("wechatpay_account", f"[{key}] " + "; ".join(faults))
        return cls(key=key, **values)  # type: ignore[arg-type]  # Each value was read by _value for its field.


def _value(name: str, value: object, faults: list[str]) -> object:
    if name in ("private_key", "apiv3_key"):
        if isinstance(value, Secret):
            return value
        if isinstance(value, str):
            return Secret(value)
        faults.append(f"give {name!r} as text")
    elif name == "appids":
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
        faults.append("give 'appids' as a list of texts")
    elif name == "certificates":
        if isinstance(value, bool):
            return value
        faults.append("give 'certificates' as true or false")
    elif name in ("within", "download_within"):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        faults.append(f"give {name!r} as seconds")
    elif isinstance(value, str):
        return value.strip().upper() if name == "serial" else value.strip()
    else:
        faults.append(f"give {name!r} as text")
    return None


def _identity_faults(account: WeChatPayAccount) -> list[str]:
    faults = []
    if not account.key:
        faults.append("give the account a name")
    if not _MCHID.fullmatch(account.mchid):
        faults.append("set mchid to the merchant number, digits only")
    if not account.appids:
        faults.append("set appids to at least one appid that is bound to the merchant number")
    faults += [f"appid {appid!r} is not of the form wx and 16 characters" for appid in account.appids if _bad(appid)]
    return faults


def _bad(appid: str) -> bool:
    return _APPID.fullmatch(appid) is None


def _key_faults(account: WeChatPayAccount) -> list[str]:
    faults = []
    if len(account.apiv3_key.reveal().encode()) != APIV3_KEY_BYTES:
        faults.append("set apiv3_key to the 32 characters chosen on the merchant platform under API security")
    if not account.private_key:
        faults.append("set private_key to the content of apiclient_key.pem")
    if not _SERIAL.fullmatch(account.serial):
        faults.append("set serial to the merchant certificate's serial number in hexadecimal")
    if bool(account.public_key_id) != bool(account.public_key):
        faults.append("set public_key_id and public_key together, or neither")
    if account.public_key_id and not _PUBLIC_KEY_ID.fullmatch(account.public_key_id):
        faults.append(f"set public_key_id to the identifier that starts with {PUBLIC_KEY_PREFIX}")
    if not account.public_key_id and not account.certificates:
        # Without a key nothing could be verified, so nothing could ever move money.
        faults.append("set public_key_id and public_key, or let certificates be true")
    return faults


def _wire_faults(account: WeChatPayAccount) -> list[str]:
    faults = []
    parts = urlsplit(account.base_url)
    plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or plain):
        faults.append("set base_url to an https address")
    if parts.path or parts.query or parts.fragment or parts.username:
        faults.append("set base_url to scheme, host and port only")
    for name, seconds in (("within", account.within), ("download_within", account.download_within)):
        if not 0 < seconds <= _WITHIN_MAX:
            faults.append(f"set {name} to seconds above 0 and up to {_WITHIN_MAX:.0f}")
    return faults
