"""What a WeChat Pay simulator is told before it starts, and the credentials that both sides share."""

import secrets
import string
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from bot.simulators.wechatpay import crypto

# Seconds between the deliveries of one notice; payments.md trap 19.
RETRY_SCHEDULE = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
Signing = Literal["certificate", "public_key", "alternate"]
_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class SubMerchant:
    """A merchant (特约商户) for whom a service provider acts."""

    mchid: str
    appids: tuple[str, ...] = ()
    name: str = "示例特约商户"


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant as the platform knows it: its number, bound appids, API certificate and APIv3 key.

    One with ``subs`` is a service provider too, whose calls under /partner/ name one of them.
    """

    mchid: str
    appids: tuple[str, ...]
    cert_serial: str
    public_key_pem: str
    apiv3_key: str
    name: str = "示例商户"
    subs: tuple[SubMerchant, ...] = ()

    def __post_init__(self) -> None:
        if len(self.apiv3_key.encode()) != 32:
            raise ValueError("the APIv3 key has exactly 32 bytes")


@dataclass(frozen=True, slots=True)
class PlatformCertificate:
    """A platform certificate with its private key; the serial is upper-case hex."""

    serial: str
    private_pem: str
    certificate_pem: str
    effective: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class PlatformPublicKey:
    """The platform's key pair of public-key mode; the id starts with PUB_KEY_ID_."""

    key_id: str
    private_pem: str
    public_pem: str


@dataclass(frozen=True, slots=True)
class WeChatPayPlan:
    """Everything that shapes a run. Delays are seconds; those marked real are not divided by the clock.

    `certificates` may hold two that overlap; the last one signs. `notice_signing` chooses the key of notices:
    "alternate" is what arrives while a merchant switches modes. `rates` gives probabilities by fault name
    (faults.py). `journal` names a JSON-lines file to which every payment and refund is appended.
    """

    merchants: tuple[Merchant, ...]
    certificates: tuple[PlatformCertificate, ...] = ()
    public_key: PlatformPublicKey | None = None
    notice_signing: Signing = "certificate"
    seed: int = 0
    faults_by_amount: bool = True
    rates: Mapping[str, float] = field(default_factory=dict)
    retry_schedule: tuple[float, ...] = RETRY_SCHEDULE
    latency: float = 0.0
    notice_timeout: float = 5.0  # real
    notice_connections: int = 32
    hang_seconds: float = 30.0  # real: how long a lost answer keeps its connection
    late_notice_seconds: float = 120.0
    refund_seconds: float = 5.0
    userpaying_queries: int = 3
    contradicting_queries: int = 2
    slow_query_seconds: float = 8.0
    password_above: int = 100_000  # fen: a scanned code for more asks for the password
    password_seconds: float = 12.0  # until the payer has typed it
    share_seconds: float = 5.0
    share_basis_points: int = 3000  # what of a payment may be shared at most
    deduct_seconds: float = 5.0
    deduct_needs_notice: bool = True
    # Probability of each discrepancy by line of the bills of trades and shares (discrepancies.py), with the seed.
    bill_discrepancies: Mapping[str, float] = field(default_factory=dict)
    fee_basis_points: int = 60
    bills_at_once: bool = True  # otherwise a day's bill appears at 10:00 of the next day
    download_seconds: float = 300.0
    bill_parts: int = 1  # into how many files an encrypted bill is cut
    h5_page: str = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb"
    default_openid: str = "oSimulatedPayer0000000000001"
    journal: str | None = None

    def __post_init__(self) -> None:
        if not self.merchants:
            raise ValueError("a plan needs a merchant")
        if not self.certificates and self.public_key is None:
            raise ValueError("a plan needs a platform certificate or a platform public key")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What generate_credentials() made: each side takes its half."""

    mchid: str
    appids: tuple[str, ...]
    merchant_private_pem: str
    merchant_cert_serial: str
    merchant_certificate_pem: str
    apiv3_key: str
    platform_certificate: PlatformCertificate
    platform_public_key: PlatformPublicKey
    merchant_name: str = "示例商户"

    def merchant(self) -> Merchant:
        """The merchant as the platform sees it."""
        return Merchant(
            mchid=self.mchid,
            appids=self.appids,
            cert_serial=self.merchant_cert_serial,
            public_key_pem=crypto.public_pem(self.merchant_private_pem),
            apiv3_key=self.apiv3_key,
            name=self.merchant_name,
        )

    def plan(self, **changes: Any) -> WeChatPayPlan:
        """The simulator's plan for this merchant; keyword arguments are fields of WeChatPayPlan."""
        settings: dict[str, Any] = {
            "merchants": (self.merchant(),),
            "certificates": (self.platform_certificate,),
            "public_key": self.platform_public_key,
        }
        return WeChatPayPlan(**{**settings, **changes})

    def to_json(self) -> dict[str, Any]:
        """Plain values that from_json() reads back, for a rig that shares them between processes."""
        facts = asdict(self)
        facts["appids"] = list(self.appids)
        facts["platform_certificate"]["effective"] = self.platform_certificate.effective.isoformat()
        facts["platform_certificate"]["expires"] = self.platform_certificate.expires.isoformat()
        return facts

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """Read what to_json() wrote; raises KeyError, TypeError or ValueError for anything else."""
        certificate = dict(facts["platform_certificate"])
        for name in ("effective", "expires"):
            certificate[name] = datetime.fromisoformat(certificate[name])
        return cls(
            **{
                **facts,
                "appids": tuple(facts["appids"]),
                "platform_certificate": PlatformCertificate(**certificate),
                "platform_public_key": PlatformPublicKey(**facts["platform_public_key"]),
            }
        )


def generate_credentials(
    mchid: str = "1900000109",
    appids: tuple[str, ...] = ("wx0000000000000001",),
    *,
    merchant_name: str = "示例商户",
) -> Credentials:
    """Make all keys of one merchant and one platform; four RSA keys, so make them once a session."""
    now = datetime.now(UTC).replace(microsecond=0)
    private = crypto.new_private_key()
    serial, certificate = crypto.self_signed(
        private, common_name=mchid, start=now - timedelta(days=1), end=now + timedelta(days=5 * 365)
    )
    return Credentials(
        mchid=mchid,
        appids=appids,
        merchant_private_pem=private,
        merchant_cert_serial=serial,
        merchant_certificate_pem=certificate,
        apiv3_key="".join(secrets.choice(_ALPHABET) for _ in range(32)),
        platform_certificate=new_platform_certificate(now),
        platform_public_key=new_platform_public_key(),
        merchant_name=merchant_name,
    )


def new_platform_certificate(now: datetime) -> PlatformCertificate:
    """A platform certificate that is valid from yesterday for five years."""
    start, end = now - timedelta(days=1), now + timedelta(days=5 * 365)
    private = crypto.new_private_key()
    serial, certificate = crypto.self_signed(
        private, common_name="Tenpay.com Root CA (simulated)", start=start, end=end
    )
    return PlatformCertificate(serial, private, certificate, start, end)


def new_platform_public_key() -> PlatformPublicKey:
    """A platform key pair of public-key mode with a random id."""
    private = crypto.new_private_key()
    key_id = "PUB_KEY_ID_01" + "".join(secrets.choice(string.digits) for _ in range(26))
    return PlatformPublicKey(key_id, private, crypto.public_pem(private))


def plan_from_settings(credentials: Credentials, settings: Mapping[str, Any]) -> WeChatPayPlan:
    """A plan from a configuration file's section; raises ValueError for a key that is no field of the plan."""
    known = {entry.name for entry in fields(WeChatPayPlan)} - {"merchants", "certificates", "public_key"}
    if unknown := set(settings) - known:
        raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
    changes = dict(settings)
    if "retry_schedule" in changes:
        changes["retry_schedule"] = tuple(changes["retry_schedule"])
    return credentials.plan(**changes)
