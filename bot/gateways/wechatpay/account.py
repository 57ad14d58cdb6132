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
_DIRECT: Final = ("mchid", "appids")
_PARTNER: Final = ("sp_mchid", "sub_mchid", "sp_appid")


@dataclass(frozen=True, slots=True, eq=False)
class WeChatPayAccount:
    """Settings of one merchant number; construction raises Misconfigured naming every fault and its remedy.

    ``key`` is the name by which charges and notify URLs call this account. ``appids`` are those bound to the
    merchant number; the first one serves ways without a payer's app (Native, H5). ``certificates`` tells whether
    platform certificates are downloaded; a merchant that WeChat Pay started in public-key mode has none.
    ``within`` and ``download_within`` are seconds for one whole call. ``mini_appids`` are those of ``appids`` that
    are mini-programs, where a contract is signed by a jump and not on a page.

    With ``sp_mchid`` and ``sub_mchid`` the account is in service-provider mode (服务商): the provider signs its calls
    in the name of the sub-merchant whose money it is. ``mchid`` and ``appids`` then follow from ``sp_mchid``,
    ``sp_appid`` and ``sub_appid`` (the last one optional).
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
    mini_appids: tuple[str, ...] = ()
    sp_mchid: str = ""
    sub_mchid: str = ""
    sp_appid: str = ""
    sub_appid: str = ""

    def __post_init__(self) -> None:
        faults = [*_identity_faults(self), *_partner_faults(self), *_key_faults(self), *_wire_faults(self)]
        if faults:
            raise Misconfigured("wechatpay_account", f"[{self.key}] " + "; ".join(faults))

    @property
    def partner(self) -> bool:
        """Whether a service provider acts for a sub-merchant."""
        return bool(self.sp_mchid)

    @property
    def owner(self) -> str:
        """The number that every fact about this account carries; both numbers in service-provider mode."""
        return owner_number(self.sp_mchid, self.sub_mchid) if self.partner else self.mchid

    @classmethod
    def from_settings(cls, key: str, table: Mapping[str, object]) -> Self:
        """Read one account's table of the configuration file; secrets may be plain text or Secret already.

        Raises Misconfigured for a missing, unknown or unusable entry.
        """
        known = {field.name for field in fields(cls)} - {"key"}
        partner = not set(table).isdisjoint(_PARTNER)
        required = {"private_key", "serial", "apiv3_key", *(_PARTNER if partner else _DIRECT)}
        faults = [f"remove the unknown setting {name!r}" for name in sorted(set(table) - known)]
        faults += [f"set {name!r}" for name in sorted(required - set(table))]
        if partner:
            # Two numbers for one thing could differ, and the wrong one would sign.
            faults += [f"leave out {name!r} beside 'sp_mchid'" for name in _DIRECT if name in table]
        values = {name: _value(name, value, faults) for name, value in table.items() if name in known}
        if faults:
            raise Misconfigured("wechatpay_account", f"[{key}] " + "; ".join(faults))
        if partner:
            apps = (values["sp_appid"], values.get("sub_appid"))
            values |= {"mchid": values["sp_mchid"], "appids": tuple(app for app in apps if app)}
        return cls(key=key, **values)  # type: ignore[arg-type]  # Each value was read by _value for its field.


def owner_number(sp_mchid: str, sub_mchid: str) -> str:
    """Return both numbers of service-provider mode as the one that is compared: neither may differ."""
    return f"{sp_mchid}/{sub_mchid}"


def _value(name: str, value: object, faults: list[str]) -> object:
    if name in ("private_key", "apiv3_key"):
        if isinstance(value, Secret):
            return value
        if isinstance(value, str):
            return Secret(value)
        faults.append(f"give {name!r} as text")
    elif name in ("appids", "mini_appids"):
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
        faults.append(f"give {name!r} as a list of texts")
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


def _partner_faults(account: WeChatPayAccount) -> list[str]:
    faults = [f"list mini_appid {app!r} in appids too" for app in account.mini_appids if app not in account.appids]
    if not account.partner:
        return faults
    if not _MCHID.fullmatch(account.sub_mchid):
        faults.append("set sub_mchid to the sub-merchant's number, digits only")
    if account.mchid != account.sp_mchid or account.sub_mchid == account.sp_mchid:
        faults.append("set sp_mchid to the service provider's number, which signs, and sub_mchid to another")
    return faults


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
