"""One merchant account at UnionPay as the operator configures it, refused with a remedy when it cannot work."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Self
from urllib.parse import urlsplit

from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret

# What stands in the common name of UnionPay's certificate: ``041@831000…@中国银联股份有限公司@00016495``.
OWNER: Final = "中国银联股份有限公司"
_MER_ID: Final = re.compile(r"[0-9A-Za-z]{15}", re.ASCII)
_CERT_ID: Final = re.compile(r"[0-9]{1,49}", re.ASCII)
_PATH: Final = re.compile(r"(?:/[0-9A-Za-z._-]+)*/?", re.ASCII)
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_WITHIN_MAX: Final = 600.0
_SECONDS: Final = ("within", "download_within")
_REQUIRED: Final = frozenset({"mer_id", "private_key", "cert_id", "roots"})


@dataclass(frozen=True, slots=True, eq=False)
class UnionPayAccount:
    """Settings of one merchant number; construction raises Misconfigured naming every fault and its remedy.

    ``roots`` and ``intermediates`` are PEM texts of one or more certificates (CFCA's root and OCA as UnionPay hands
    them out). ``owners`` are the names of which one must stand in the common name of the certificate that signs.
    ``accept_sha1`` allows certificates that were signed with SHA-1, as CFCA's test authority does; messages
    themselves are SHA-256 always. ``within`` and ``download_within`` are seconds for one whole call.
    """

    key: str
    mer_id: str
    private_key: Secret  # PEM of the signing key, taken out of the .pfx
    cert_id: str  # serial number of the signing certificate, decimal
    roots: str
    intermediates: str = ""
    owners: tuple[str, ...] = (OWNER,)
    accept_sha1: bool = False
    base_url: str = "https://gateway.95516.com"
    files_url: str = "https://filedownload.95516.com/"
    user_auth_url: str = "https://qr.95516.com/qrcGtwWeb-web/api/userAuth"
    # In-wallet pages are opened to a merchant by its acquirer, which names where they are asked for.
    user_id_path: str = "/gateway/api/userId.do"
    page_path: str = "/gateway/api/jspay.do"
    file_type: str = "00"
    term_id: str = "49000002"  # of the till where codes are scanned; UnionPay registers it with the merchant
    within: float = 5.0
    download_within: float = 120.0

    def __post_init__(self) -> None:
        faults = [*_identity_faults(self), *_trust_faults(self), *_wire_faults(self)]
        if faults:
            raise Misconfigured("unionpay_account", f"[{self.key}] " + "; ".join(faults))

    @classmethod
    def from_settings(cls, key: str, table: Mapping[str, object]) -> Self:
        """Read one account's table of the configuration file; secrets may be plain text or Secret already.

        Raises Misconfigured for a missing, unknown or unusable entry.
        """
        known = {field.name for field in fields(cls)} - {"key"}
        faults = [f"remove the unknown setting {name!r}" for name in sorted(set(table) - known)]
        faults += [f"set {name!r}" for name in sorted(_REQUIRED - set(table))]
        values = {name: _value(name, value, faults) for name, value in table.items() if name in known}
        if faults:
            raise Misconfigured("unionpay_account", f"[{key}] " + "; ".join(faults))
        return cls(key=key, **values)  # type: ignore[arg-type]  # Each value was read by _value for its field.


def _value(name: str, value: object, faults: list[str]) -> object:
    if name == "private_key":
        if isinstance(value, Secret):
            return value
        if isinstance(value, str):
            return Secret(value)
        faults.append(f"give {name!r} as text")
    elif name == "owners":
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
        faults.append("give 'owners' as a list of texts")
    elif name == "accept_sha1":
        if isinstance(value, bool):
            return value
        faults.append("give 'accept_sha1' as true or false")
    elif name in _SECONDS:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        faults.append(f"give {name!r} as seconds")
    elif isinstance(value, str):
        return value.strip()
    else:
        faults.append(f"give {name!r} as text")
    return None


def _identity_faults(account: UnionPayAccount) -> list[str]:
    faults = []
    if not account.key:
        faults.append("give the account a name")
    if not _MER_ID.fullmatch(account.mer_id):
        faults.append("set mer_id to the merchant number of 15 letters and digits")
    if not account.private_key:
        faults.append("set private_key to the PEM text of the signing key")
    if not _CERT_ID.fullmatch(account.cert_id):
        faults.append("set cert_id to the signing certificate's serial number in decimal")
    if not re.fullmatch(r"[0-9]{2}", account.file_type, re.ASCII):
        faults.append("set file_type to the two digits that UnionPay agreed upon for the merchant's file")
    if not re.fullmatch(r"[0-9A-Za-z]{8}", account.term_id, re.ASCII):
        faults.append("set term_id to the 8 characters of the registered till")
    return faults


def _trust_faults(account: UnionPayAccount) -> list[str]:
    faults = []
    if not account.roots:
        # Without a root any certificate would do, so anybody could move money.
        faults.append("set roots to the PEM text of the root certificate that UnionPay hands out")
    if not account.owners or not all(account.owners):
        faults.append(f"set owners to the names that may stand in UnionPay's certificate, such as {OWNER}")
    return faults


def _wire_faults(account: UnionPayAccount) -> list[str]:
    faults = []
    for name in ("base_url", "files_url", "user_auth_url"):
        parts = urlsplit(getattr(account, name))
        plain = parts.scheme == "http" and parts.hostname in LOOPBACK
        if not parts.hostname or not (parts.scheme == "https" or plain) or parts.username:
            faults.append(f"set {name} to an https address")
        if parts.query or parts.fragment or (name == "base_url" and parts.path):
            faults.append(f"set {name} to an address without query{' and path' if name == 'base_url' else ''}")
    paths = {name: getattr(account, name) for name in ("user_id_path", "page_path")}
    faults += [f"set {name} to a path" for name, path in paths.items() if not (path and _PATH.fullmatch(path))]
    seconds = {name: getattr(account, name) for name in _SECONDS}
    faults += [
        f"set {name} to seconds above 0 and up to {_WITHIN_MAX:.0f}"
        for name, given in seconds.items()
        if not 0 < given <= _WITHIN_MAX
    ]
    return faults
