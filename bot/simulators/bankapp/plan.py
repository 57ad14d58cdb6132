"""What a bank simulator is told before it starts, and the credentials that both sides share."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from bot.simulators.bankapp import crypto

# Seconds between the deliveries of one notice (docs/bankapp.md).
RETRY_SCHEDULE = (15, 30, 60, 180, 600, 1800, 3600, 10800, 21600)


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant as the bank knows it: its number, and the serial and public half of its key."""

    number: str
    serial: str
    public_key_pem: str
    name: str = "示例商户"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the bank's under its serial."""

    serial: str
    private: str


@dataclass(frozen=True, slots=True)
class BankPlan:
    """Everything that shapes a run. Delays are seconds; those marked real are not divided by the clock.

    `keys` are the bank's; the first one signs until `rotate` takes the next. `rates` gives probabilities by fault
    name (faults.py).
    """

    merchants: tuple[Merchant, ...]
    keys: tuple[Key, ...]
    name: str = "示例银行"
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
    paying_queries: int = 3
    fee_basis_points: int = 20

    def __post_init__(self) -> None:
        if not self.merchants or not self.keys:
            raise ValueError("a plan needs a merchant and a key")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What generate_credentials() made: each side takes its half."""

    merchant: str
    serial: str
    merchant_private_pem: str
    keys: tuple[Key, ...]
    merchant_name: str = "示例商户"

    def plan(self, **changes: Any) -> BankPlan:
        """The simulator's plan for this merchant; keyword arguments are fields of BankPlan."""
        public = crypto.public_pem(self.merchant_private_pem)
        merchant = Merchant(self.merchant, self.serial, public, self.merchant_name)
        return BankPlan(**{"merchants": (merchant,), "keys": self.keys, **changes})

    def settings(self, base_url: str) -> dict[str, Any]:
        """The account's table for the application that calls this simulator at this address."""
        return {
            "merchant": self.merchant,
            "private_key": self.merchant_private_pem,
            "serial": self.serial,
            "base_url": base_url,
            "bank_keys": {key.serial: crypto.public_pem(key.private) for key in self.keys},
        }

    def to_json(self) -> dict[str, Any]:
        """Plain values that from_json() reads back, for a rig that shares them between processes."""
        return {**asdict(self), "keys": [asdict(key) for key in self.keys]}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """Read what to_json() wrote; raises KeyError or TypeError for anything else."""
        return cls(**{**facts, "keys": tuple(Key(**key) for key in facts["keys"])})


def generate_credentials(merchant: str = "M100000001", *, merchant_name: str = "示例商户") -> Credentials:
    """Make all keys of one merchant and one bank; three RSA keys, so make them once a session."""
    keys = tuple(Key(serial, crypto.new_private_key()) for serial in ("bank-2026", "bank-2027"))
    return Credentials(merchant, "scenepay-2026", crypto.new_private_key(), keys, merchant_name)


def plan_from_settings(credentials: Credentials, settings: Mapping[str, Any]) -> BankPlan:
    """A plan from a configuration file's section; raises ValueError for a key that is no field of the plan."""
    known = {entry.name for entry in fields(BankPlan)} - {"merchants", "keys"}
    if unknown := set(settings) - known:
        raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
    changes = dict(settings)
    if "retry_schedule" in changes:
        changes["retry_schedule"] = tuple(changes["retry_schedule"])
    return credentials.plan(**changes)
