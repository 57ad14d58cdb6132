"""What a UnionPay simulator is told before it starts, and the credentials that both sides share."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from bot.simulators.unionpay import crypto

# Seconds between the deliveries of one notice: 1, 2, 4 and 15 minutes (general knowledge).
RETRY_SCHEDULE = (60, 120, 240, 900)
OWNER = "041@8310000000083040@中国银联股份有限公司@00016495"
OTHER_OWNER = "041@8310000000099999@某某科技有限公司@00099999"


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant as the platform knows it: its number, the number of its certificate and the public key."""

    mer_id: str
    cert_id: str
    public_key_pem: str
    name: str = "示例商户"


@dataclass(frozen=True, slots=True)
class Signing:
    """A certificate with its private key, both PEM."""

    certificate: str
    private: str


@dataclass(frozen=True, slots=True)
class UnionPayPlan:
    """Everything that shapes a run. Delays are seconds; those marked real are not divided by the clock.

    `rates` gives probabilities by fault name (faults.py). `files_at_once` gives a day's file before the day is over.
    """

    merchants: tuple[Merchant, ...]
    authority: Signing
    signing: Signing
    seed: int = 0
    faults_by_amount: bool = True
    rates: Mapping[str, float] = field(default_factory=dict)
    retry_schedule: tuple[float, ...] = RETRY_SCHEDULE
    latency: float = 0.0
    notice_timeout: float = 5.0  # real
    hang_seconds: float = 30.0  # real: how long a lost answer keeps its connection
    late_notice_seconds: float = 120.0
    slow_seconds: float = 3.0
    refund_seconds: float = 5.0
    under_way_queries: int = 3
    fee_basis_points: int = 38
    files_at_once: bool = True
    default_user: str = "QRsimulated000000000001"

    def __post_init__(self) -> None:
        if not self.merchants:
            raise ValueError("a plan needs a merchant")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What generate_credentials() made: each side takes its half."""

    mer_id: str
    cert_id: str
    merchant_private_pem: str
    root: Signing
    authority: Signing
    signing: Signing
    merchant_name: str = "示例商户"

    def merchant(self) -> Merchant:
        """The merchant as the platform sees it."""
        return Merchant(self.mer_id, self.cert_id, crypto.public_pem(self.merchant_private_pem), self.merchant_name)

    def plan(self, **changes: Any) -> UnionPayPlan:
        """The simulator's plan for this merchant; keyword arguments are fields of UnionPayPlan."""
        given: dict[str, Any] = {
            "merchants": (self.merchant(),),
            "authority": self.authority,
            "signing": self.signing,
        }
        return UnionPayPlan(**{**given, **changes})

    def settings(self, base_url: str) -> dict[str, Any]:
        """The account's table for the application that calls this simulator at this address."""
        return {
            "mer_id": self.mer_id,
            "private_key": self.merchant_private_pem,
            "cert_id": self.cert_id,
            "roots": self.root.certificate,
            "intermediates": self.authority.certificate,
            "base_url": base_url,
            "files_url": f"{base_url}/files/",
            "user_auth_url": f"{base_url}/qrcGtwWeb-web/api/userAuth",
        }

    def to_json(self) -> dict[str, Any]:
        """Plain values that from_json() reads back, for a rig that shares them between processes."""
        return asdict(self)

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """Read what to_json() wrote; raises KeyError or TypeError for anything else."""
        signings = {name: Signing(**facts[name]) for name in ("root", "authority", "signing")}
        return cls(**{**facts, **signings})


def generate_credentials(mer_id: str = "777290058110048", *, merchant_name: str = "示例商户") -> Credentials:
    """Make all keys of one merchant and one platform; four RSA keys, so make them once a session."""
    now = datetime.now(UTC).replace(microsecond=0)
    span = {"start": now - timedelta(days=1), "end": now + timedelta(days=5 * 365)}
    root, between = crypto.new_private_key(), crypto.new_private_key()
    top = crypto.issue(root, "CFCA ROOT (simulated)", by=None, ca=True, **span)
    middle = crypto.issue(between, "CFCA OCA (simulated)", by=(top, root), ca=True, **span)
    authority = Signing(middle, between)
    return Credentials(
        mer_id=mer_id,
        cert_id=str(secrets.randbelow(10**11)),
        merchant_private_pem=crypto.new_private_key(),
        root=Signing(top, root),
        authority=authority,
        signing=new_signing(authority, OWNER, now),
        merchant_name=merchant_name,
    )


def new_signing(authority: Signing, owner: str, now: datetime) -> Signing:
    """A key with a certificate of this owner from the authority, valid from yesterday for two years."""
    private = crypto.new_private_key()
    start, end = now - timedelta(days=1), now + timedelta(days=730)
    by = (authority.certificate, authority.private)
    return Signing(crypto.issue(private, owner, by=by, ca=False, start=start, end=end), private)


def plan_from_settings(credentials: Credentials, settings: Mapping[str, Any]) -> UnionPayPlan:
    """A plan from a configuration file's section; raises ValueError for a key that is no field of the plan."""
    known = {entry.name for entry in fields(UnionPayPlan)} - {"merchants", "authority", "signing"}
    if unknown := set(settings) - known:
        raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
    changes = dict(settings)
    if "retry_schedule" in changes:
        changes["retry_schedule"] = tuple(changes["retry_schedule"])
    return credentials.plan(**changes)
