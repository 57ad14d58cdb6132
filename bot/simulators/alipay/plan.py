"""What an Alipay simulator is told before it starts, and the credentials that both sides share."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from bot.simulators.alipay import crypto

# Seconds between the deliveries of one notice; payments.md trap 19.
RETRY_SCHEDULE = (240, 600, 600, 3600, 7200, 21600, 54000)
ROOT_NAME = "Simulated Financial Root CA R1"
ALIPAY_NAME = "Simulated Alipay Class 2 R1"


@dataclass(frozen=True, slots=True)
class Application:
    """An application as the platform knows it; with an `auth_token` it acts for another merchant."""

    app_id: str
    seller_id: str
    public_key_pem: str
    cert_sn: str = ""
    auth_token: str = ""
    auth_app_id: str = ""
    name: str = "示例商户"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One of the platform's keys: bare for key mode, with its certificate for certificate mode."""

    private_pem: str
    public_pem: str
    certificate_pem: str

    @property
    def serial(self) -> str:
        return crypto.serial_of(self.certificate_pem)


@dataclass(frozen=True, slots=True)
class AlipayPlan:
    """Everything that shapes a run. Delays are seconds; those marked real are not divided by the clock.

    `rates` gives probabilities by fault name (faults.py). `discrepancies` names what is wrong in every trade bill
    (bills.py). `journal` names a JSON-lines file to which every payment and refund is appended.
    """

    applications: tuple[Application, ...]
    keys: tuple[SigningKey, ...]
    root_private_pem: str = ""
    root_cert_sn: str = ""
    seed: int = 0
    faults_by_amount: bool = True
    rates: Mapping[str, float] = field(default_factory=dict)
    retry_schedule: tuple[float, ...] = RETRY_SCHEDULE
    latency: float = 0.0
    notice_timeout: float = 5.0  # real
    notice_connections: int = 32
    hang_seconds: float = 30.0  # real: how long a lost answer keeps its connection
    slow_seconds: float = 3.0
    late_notice_seconds: float = 120.0
    settle_seconds: float = 5.0
    userpaying_queries: int = 3
    fee_basis_points: int = 60
    bills_at_once: bool = True  # otherwise a day's bill appears at 10:00 of the next day
    download_seconds: float = 30.0
    discrepancies: tuple[str, ...] = ()
    default_buyer: str = "2088000000009001"
    journal: str | None = None

    def __post_init__(self) -> None:
        if not self.applications:
            raise ValueError("a plan needs an application")
        if not self.keys:
            raise ValueError("a plan needs a key of the platform's")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What generate_credentials() made: each side takes its half."""

    app_id: str
    seller_id: str
    app_private_pem: str
    app_certificate_pem: str
    platform_key: SigningKey
    root_private_pem: str
    root_certificate_pem: str
    auth_token: str = ""
    auth_app_id: str = ""
    merchant_name: str = "示例商户"

    def application(self) -> Application:
        """The application as the platform sees it."""
        return Application(
            app_id=self.app_id,
            seller_id=self.seller_id,
            public_key_pem=crypto.public_pem(self.app_private_pem),
            cert_sn=crypto.serial_of(self.app_certificate_pem),
            auth_token=self.auth_token,
            auth_app_id=self.auth_app_id,
            name=self.merchant_name,
        )

    def plan(self, **changes: Any) -> AlipayPlan:
        """The simulator's plan for this application; keyword arguments are fields of AlipayPlan."""
        settings: dict[str, Any] = {
            "applications": (self.application(),),
            "keys": (self.platform_key,),
            "root_private_pem": self.root_private_pem,
            "root_cert_sn": crypto.serial_of(self.root_certificate_pem),
        }
        return AlipayPlan(**{**settings, **changes})

    def to_json(self) -> dict[str, Any]:
        """Plain values that from_json() reads back, for a rig that shares them between processes."""
        return asdict(self)

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """Read what to_json() wrote; raises KeyError, TypeError or ValueError for anything else."""
        return cls(**{**facts, "platform_key": SigningKey(**facts["platform_key"])})


def generate_credentials(
    app_id: str = "2021000000000001",
    seller_id: str = "2088000000000001",
    *,
    merchant_name: str = "示例商户",
) -> Credentials:
    """Make all keys of one application and one platform; three RSA keys, so make them once a session."""
    now = datetime.now(UTC).replace(microsecond=0)
    start, end = now - timedelta(days=1), now + timedelta(days=5 * 365)
    root, private = crypto.new_private_key(), crypto.new_private_key()
    return Credentials(
        app_id=app_id,
        seller_id=seller_id,
        app_private_pem=private,
        app_certificate_pem=crypto.certificate(private, f"{app_id}-app", (root, ROOT_NAME), start, end),
        platform_key=new_signing_key(root, now),
        root_private_pem=root,
        root_certificate_pem=crypto.certificate(root, ROOT_NAME, (root, ROOT_NAME), start, end),
        merchant_name=merchant_name,
    )


def new_signing_key(root_private_pem: str, now: datetime) -> SigningKey:
    """A key of the platform's with a certificate that is valid from yesterday for five years."""
    start, end = now - timedelta(days=1), now + timedelta(days=5 * 365)
    private = crypto.new_private_key()
    made = crypto.certificate(private, ALIPAY_NAME, (root_private_pem, ROOT_NAME), start, end)
    return SigningKey(private, crypto.public_pem(private), made)


def plan_from_settings(credentials: Credentials, settings: Mapping[str, Any]) -> AlipayPlan:
    """A plan from a configuration file's section; raises ValueError for a key that is no field of the plan."""
    known = {entry.name for entry in fields(AlipayPlan)} - {"applications", "keys", "root_private_pem", "root_cert_sn"}
    if unknown := set(settings) - known:
        raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
    changes = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    return credentials.plan(**changes)
