"""One application at Alipay as the operator configures it, refused with a remedy when it cannot work."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Self
from urllib.parse import urlsplit

from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret

PID: Final = re.compile(r"2088\d{12}", re.ASCII)
_APP_ID: Final = re.compile(r"\d{16,32}", re.ASCII)
FACE_TO_FACE: Final = "FACE_TO_FACE_PAYMENT"  # 当面付, under which a code at a till is paid inside the wallet too.
JSAPI_PAY: Final = "JSAPI_PAY"  # The product of its own, which wants the application named once more.
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_WITHIN_MAX: Final = 600.0
_SECRETS: Final = frozenset({"private_key", "app_auth_token"})
_SECONDS: Final = frozenset({"within", "download_within"})
_CERTIFICATES: Final = ("app_cert", "alipay_cert", "alipay_root_cert")


@dataclass(frozen=True, slots=True, eq=False)
class AlipayAccount:
    """Settings of one application; construction raises Misconfigured naming every fault and its remedy.

    ``key`` is the name by which charges and notify URLs call this account. ``seller_id`` is the merchant's PID, in
    service-provider mode the sub-merchant's, with the ``app_auth_token`` that it granted, its own ``auth_app_id`` and
    the provider's PID as ``sys_service_provider_id``. Key mode has ``alipay_public_key``; certificate mode has
    ``app_cert``, ``alipay_cert`` and ``alipay_root_cert`` instead. Public key and certificate may hold several PEM
    blocks, which all are believed: that is the overlap of a rotation. ``jsapi_product`` is the product that the
    merchant has for payments inside the wallet. ``within`` and ``download_within`` are seconds for one whole call.
    """

    key: str
    app_id: str
    seller_id: str
    private_key: Secret  # PKCS#1 or PKCS#8, PEM or the bare base64 that Alipay's tool writes.
    alipay_public_key: str = ""
    app_cert: str = ""
    alipay_cert: str = ""
    alipay_root_cert: str = ""
    app_auth_token: Secret | None = None
    auth_app_id: str = ""
    sys_service_provider_id: str = ""
    jsapi_product: str = FACE_TO_FACE
    agreement_product: str = "CYCLE_PAY_AUTH_P"
    base_url: str = "https://openapi.alipay.com/gateway.do"
    authorize_base: str = "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm"
    within: float = 5.0
    download_within: float = 120.0

    def __post_init__(self) -> None:
        faults = [*_identity_faults(self), *_key_faults(self), *_wire_faults(self)]
        if faults:
            raise Misconfigured("alipay_account", f"[{self.key}] " + "; ".join(faults))

    @property
    def by_certificate(self) -> bool:
        """Whether Alipay is believed by certificate and not by bare public key."""
        return bool(self.alipay_cert)

    @classmethod
    def from_settings(cls, key: str, table: Mapping[str, object]) -> Self:
        """Read one account's table of the configuration file; secrets may be plain text or Secret already.

        Raises Misconfigured for a missing, unknown or unusable entry.
        """
        known = {field.name for field in fields(cls)} - {"key"}
        required = {"app_id", "seller_id", "private_key"}
        faults = [f"remove the unknown setting {name!r}" for name in sorted(set(table) - known)]
        faults += [f"set {name!r}" for name in sorted(required - set(table))]
        values = {name: _value(name, value, faults) for name, value in table.items() if name in known}
        if faults:
            raise Misconfigured("alipay_account", f"[{key}] " + "; ".join(faults))
        return cls(key=key, **values)  # type: ignore[arg-type]  # Each value was read by _value for its field.


def _value(name: str, value: object, faults: list[str]) -> object:
    if name in _SECRETS:
        if isinstance(value, Secret):
            return value
        if isinstance(value, str):
            return Secret(value)
        faults.append(f"give {name!r} as text")
    elif name in _SECONDS:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        faults.append(f"give {name!r} as seconds")
    elif isinstance(value, str):
        return value.strip()
    else:
        faults.append(f"give {name!r} as text")
    return None


def _identity_faults(account: AlipayAccount) -> list[str]:
    faults = []
    if not account.key:
        faults.append("give the account a name")
    if not _APP_ID.fullmatch(account.app_id):
        faults.append("set app_id to the application's number, digits only")
    if not PID.fullmatch(account.seller_id):
        faults.append("set seller_id to the merchant's PID, 16 digits that start with 2088")
    if account.auth_app_id and not _APP_ID.fullmatch(account.auth_app_id):
        faults.append("set auth_app_id to the number of the merchant's own application, digits only")
    if account.jsapi_product not in (FACE_TO_FACE, JSAPI_PAY):
        faults.append(f"set jsapi_product to {FACE_TO_FACE} or {JSAPI_PAY}")
    if account.sys_service_provider_id and not PID.fullmatch(account.sys_service_provider_id):
        faults.append("set sys_service_provider_id to the provider's PID, 16 digits that start with 2088")
    if account.sys_service_provider_id and not account.app_auth_token:
        faults.append("set app_auth_token to the token that the merchant granted to the provider")
    return faults


def _key_faults(account: AlipayAccount) -> list[str]:
    faults = []
    if not account.private_key:
        faults.append("set private_key to the application's private key")
    given = [name for name in _CERTIFICATES if getattr(account, name)]
    if given and len(given) < len(_CERTIFICATES):
        faults.append(f"set {', '.join(_CERTIFICATES)} together, or none of them")
    # Without a key nothing could be verified; with both nobody would know which one is believed.
    if bool(given) == bool(account.alipay_public_key):
        faults.append("set either alipay_public_key or the three certificates")
    return faults


def _wire_faults(account: AlipayAccount) -> list[str]:
    faults = []
    for name in ("base_url", "authorize_base"):
        parts = urlsplit(getattr(account, name))
        plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not parts.hostname or not (parts.scheme == "https" or plain):
            faults.append(f"set {name} to an https address")
        if parts.query or parts.fragment or parts.username:
            faults.append(f"set {name} without query, fragment and user")
    wrong = [name for name in sorted(_SECONDS) if not 0 < getattr(account, name) <= _WITHIN_MAX]
    return faults + [f"set {name} to seconds above 0 and up to {_WITHIN_MAX:.0f}" for name in wrong]
