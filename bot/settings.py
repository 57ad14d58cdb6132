"""All that an operator can set: a few environment variables and one TOML file; every fault is reported at once."""

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.kernel.errors import Misconfigured


def _resolved(value: Any) -> Any:
    """Return the text of a secret given directly, by ``{env = "NAME"}`` or by ``{file = "path"}``."""
    if not isinstance(value, dict):
        return value
    if set(value) == {"env"}:
        found = os.environ.get(str(value["env"]))
        if not found:
            raise ValueError(f"the environment variable {value['env']} is not set")
        return found
    if set(value) == {"file"}:
        path = Path(str(value["file"]))
        if not path.is_file():
            raise ValueError(f"there is no file {path}")
        return path.read_text(encoding="utf-8").strip()
    raise ValueError('write a secret as text, {env = "NAME"} or {file = "path"}')


def _unlocked(table: Any) -> Any:
    """Resolve the secrets of a gateway account's table, wherever they are given by ``env`` or ``file``."""
    if not isinstance(table, dict):
        raise ValueError("write a table of settings")
    return {name: _resolved(value) if _is_reference(value) else value for name, value in table.items()}


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and set(value) in ({"env"}, {"file"})


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write a URL such as https://pay.example.com")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("plain http is for this machine only; use https")
    return url.rstrip("/")


Part = TypeVar("Part")
Hidden = Annotated[SecretStr, BeforeValidator(_resolved)]
Url = Annotated[str, AfterValidator(_origin)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _AppSection(_Section):
    """What every WeChat app has. The three secrets come from 公众平台 → 设置与开发 → 基本配置 (开发设置, 消息推送)."""

    appid: str
    original_id: str = ""
    secret: Hidden
    token: Hidden
    aes_key: Hidden | None = None
    previous_aes_key: Hidden | None = None
    mode: Literal["plain", "compat", "safe"] = "safe"
    # None: the account is answered in the format in which it asks.
    format: Literal["xml", "json"] | None = None
    # Which merchants this account shows; empty means all.
    merchants: tuple[str, ...] = ()
    name: str = ""
    api_base: Url = "https://api.weixin.qq.com"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode != "plain" and self.aes_key is None:
            raise ValueError(f"mode {self.mode} needs aes_key, the 43 characters of EncodingAESKey")
        return self


class OfficialSection(_AppSection):
    """One official account (公众号)."""

    oauth_base: Url = "https://open.weixin.qq.com"


class MiniSection(_AppSection):
    """One mini-program (小程序). ``cities`` names the merchants that serve one city only; all others serve each."""

    cities: Mapping[Annotated[str, Field(min_length=1, max_length=20)], tuple[str, ...]] = {}


class ConnectorSection(_Section):
    """One remote billing system that speaks docs/connector.md."""

    base_url: Url
    secret: Hidden
    timeout: Seconds = 3.0


class Deadlines(_Section):
    """Times in seconds."""

    reply: Seconds = 4.5
    wechat_api: Seconds = 3.0
    order: Seconds = 900.0
    timestamp_window: Seconds = 300.0


Days = Annotated[int, Field(ge=7, le=3650)]


class Retention(_Section):
    """After how many days what only explains is deleted; the ledger, the audit and the notices stay for ever."""

    traces: Days = 90
    jobs: Days = 30


class RemindersSection(_Section):
    """``days_before`` a bill is due its customer is reminded of it, who asked for that."""

    days_before: Annotated[int, Field(ge=0, le=30)] = 3


class ReceiptsSection(_Section):
    """``[receipts]``: ``font`` is a font file with Chinese characters; without it receipts are no pictures."""

    font: FilePath | None = None


class Limits(_Section):
    """What one order may cost, in fen, when a refund needs a second name, and how much of a payment may be shared.

    ``share_cap`` is basis points: the limit that is agreed with the gateways.
    """

    order_maximum: Annotated[int, Field(gt=0)] = 5_000_000
    refund_two_names_above: Annotated[int, Field(ge=0)] = 10_000
    share_cap: Annotated[int, Field(gt=0, le=10_000)] = 3_000


class ServiceSection(_Section):
    """When the desk works, in Shanghai time, and within how many of its hours it answers a complaint of which kind.

    ``hours`` is by disposition, such as ``D21 = 27``. ``complaint_days`` is the rule's (15, at most 60).
    """

    opens: time = time(9, 0)
    closes: time = time(18, 0)
    weekdays: tuple[Annotated[int, Field(ge=1, le=7)], ...] = (1, 2, 3, 4, 5)
    holidays: tuple[date, ...] = ()
    hours: Mapping[str, Annotated[int, Field(ge=1, le=400)]] = {}
    complaint_days: Annotated[int, Field(ge=1, le=60)] = 15

    @model_validator(mode="after")
    def _works(self) -> Self:
        if self.opens >= self.closes or not self.weekdays:
            raise ValueError("the desk opens before it closes, on at least one weekday")
        return self


class ReconciliationSection(_Section):
    """What is agreed with one gateway account: ``fee_rate`` as a share, such as "0.006"; without it no fee is compared.

    ``fee_returned`` says whether the gateway gives its fee back with a refund.
    """

    fee_rate: Annotated[Decimal, Field(ge=0, lt=1, decimal_places=6)] | None = None
    fee_returned: bool = True


class RouteSection(_Section):
    """One rule of routing, ``[[routes]]``: which gateway may take a wallet's payments, when, and at what cost.

    ``minimum`` and ``maximum`` are fen, both included; ``cost`` is basis points. The lower ``priority`` goes first,
    then the lower ``cost``. Empty ``merchants`` and ``ways`` mean all. A wallet's own gateway needs no rule, and where
    one is written for it, its rules alone say when it is asked.
    """

    wallet: str
    gateway: str
    merchants: tuple[str, ...] = ()
    ways: tuple[Literal["jsapi", "mini", "native", "h5", "code", "redirect"], ...] = ()
    minimum: Annotated[int, Field(ge=0)] = 0
    maximum: Annotated[int, Field(gt=0)] | None = None
    cost: Annotated[int, Field(ge=0, le=10_000)] = 0
    priority: Annotated[int, Field(ge=0, le=1_000)] = 100

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.maximum is not None and self.maximum < self.minimum:
            raise ValueError("maximum is below minimum: no amount fits this rule")
        return self


class AutopaySection(_Section):
    """One agreed template of deductions (委托代扣), ``[[autopay]]``: for a merchant's bills, or for one item's.

    ``plan`` is the vendor's number of it, ``maximum`` fen a deduction, one in ``period_days``; customers are told
    ``notice_days`` before. ``shown`` is the name that the wallet shows.
    """

    merchant_id: str
    item_id: str = ""
    gateway: str
    account: str
    plan: str
    maximum: Annotated[int, Field(gt=0)]
    period_days: Annotated[int, Field(ge=1, le=366)] = 30
    notice_days: Annotated[int, Field(ge=1, le=30)] = 1
    shown: str = ""


Rate = Annotated[Decimal, Field(ge=0, lt=1)]


class TradeSection(_Section):
    """What the bank asks of notes and financing, ``[trade]``: rates a year and shares of the face, as ``"0.0225"``.

    ``tenor_months`` is from a note's registration to its due day, ``present_days`` how long around the due day it may
    be presented. The operator sets them by its own rules; what stands here is an example (domain.md §3.1 card 19).
    """

    discount_rate: Rate = Decimal("0.0225")
    financing_rate: Rate = Decimal("0.0435")
    tenor_months: Annotated[int, Field(ge=1, le=24)] = 6
    present_days: Annotated[int, Field(ge=0, le=60)] = 10
    financing_share: Annotated[Decimal, Field(gt=0, le=1)] = Decimal("0.8")
    pool_share: Annotated[Decimal, Field(gt=0, le=1)] = Decimal("0.9")
    placement_rate: Rate = Decimal("0.0165")


class FallbackSection(_Section):
    """``[router_fallback]``: an OpenAI-compatible service that is asked what the router is not sure of.

    ``base_url`` ends as theirs does (``https://…/v1``). Without the section nothing of a message leaves the house.
    """

    base_url: Url
    model: Annotated[str, Field(min_length=1, max_length=100)]
    api_key: Hidden | None = None


Word = Annotated[str, Field(min_length=4, max_length=64)]


class ConfigFile(_Section):
    """The TOML file."""

    official: Mapping[str, OfficialSection] = {}
    mini: Mapping[str, MiniSection] = {}
    # gateway → account → its own settings, which the gateway itself checks: a new gateway changes nothing here.
    gateways: Mapping[str, Mapping[str, Annotated[Mapping[str, Any], BeforeValidator(_unlocked)]]] = {}
    connectors: Mapping[str, ConnectorSection] = {}
    deadlines: Deadlines = Deadlines()
    limits: Limits = Limits()
    retention: Retention = Retention()
    reminders: RemindersSection = RemindersSection()
    receipts: ReceiptsSection = ReceiptsSection()
    service: ServiceSection = ServiceSection()
    # gateway → account → what was agreed.
    reconciliation: Mapping[str, Mapping[str, ReconciliationSection]] = {}
    routes: tuple[RouteSection, ...] = ()
    autopay: tuple[AutopaySection, ...] = ()
    trade: TradeSection = TradeSection()
    router_fallback: FallbackSection | None = None
    # Words in the User-Agent of apps whose bank cashier ([gateways.bankapp]) takes the payment, such as "ExampleBank/".
    bank_apps: tuple[Word, ...] = ()
    scene_packs: tuple[str, ...] = ("handlers",)
    previous_secret_keys: tuple[Hidden, ...] = ()
    trusted_proxies: tuple[str, ...] = ()


class Environment(BaseSettings):
    """The environment variables of DESIGN §6."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    database_url: Annotated[str, Field(validation_alias=AliasChoices("DATABASE_URL", "database_url"))] = (
        "sqlite:///var/scenepay.db"
    )
    redis_url: Annotated[str, Field(validation_alias=AliasChoices("REDIS_URL", "redis_url"))] = "memory://"
    public_url: Annotated[Url, Field(validation_alias=AliasChoices("PUBLIC_URL", "public_url"))] = (
        "http://127.0.0.1:8080"
    )
    secret_key: Annotated[Hidden | None, Field(validation_alias=AliasChoices("SECRET_KEY", "secret_key"))] = None
    port: Annotated[int, Field(ge=1, le=65_535, validation_alias=AliasChoices("PORT", "port"))] = 8080
    config: Annotated[Path | None, Field(validation_alias=AliasChoices("SCENEPAY_CONFIG", "config"))] = None


class Settings(_Section):
    """Environment and file together, checked against each other."""

    environment: Environment
    file: ConfigFile

    @model_validator(mode="after")
    def _fits(self) -> Self:
        key = self.environment.secret_key
        if key is None or len(key.get_secret_value()) < 32:
            raise ValueError("set SECRET_KEY to at least 32 random characters")
        both = sorted(set(self.file.official) & set(self.file.mini))
        if both:
            raise ValueError(f"[official.{both[0]}] and [mini.{both[0]}] share a name; give each app one of its own")
        return self

    @property
    def secret_keys(self) -> list[str]:
        """The key in use, then those that data may still be sealed with."""
        assert self.environment.secret_key is not None, "the validator demands it"
        previous = [key.get_secret_value() for key in self.file.previous_secret_keys]
        return [self.environment.secret_key.get_secret_value(), *previous]

    @property
    def alone(self) -> bool:
        """Whether this process must run the workers itself: nothing that it keeps can be shared."""
        return self.environment.database_url.startswith("sqlite") or self.environment.redis_url.startswith("memory")


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read of a configuration, each part by itself, and every fault of it, a line each."""

    environment: Environment | None
    file: ConfigFile | None
    settings: Settings | None
    faults: tuple[str, ...]


def read() -> Reading:
    """Read environment and file as far as they can be read; raises nothing."""
    faults: list[str] = []
    environment = _read_part(Environment, faults)
    path = environment.config if environment is not None else os.environ.get("SCENEPAY_CONFIG")
    file = _read_part(lambda: ConfigFile.model_validate(_content(path)), faults)
    settings = None
    if environment is not None:
        # Checked against an empty file where the real one is broken, so that this check's faults are told too.
        whole, known = file or ConfigFile(), environment
        settings = _read_part(lambda: Settings(environment=known, file=whole), faults)
    return Reading(environment, file, settings if file is not None else None, tuple(faults))


def load() -> Settings:
    """Read environment and file; raises Misconfigured with every fault, one a line."""
    reading = read()
    if reading.settings is None:
        raise Misconfigured("settings", "\n".join(reading.faults))
    return reading.settings


def _content(path: Path | str | None) -> Mapping[str, Any]:
    return tomllib.loads(Path(path).read_text(encoding="utf-8")) if path else {}


def _read_part(part: Callable[[], Part], faults: list[str]) -> Part | None:
    try:
        return part()
    except ValidationError as fault:
        faults += [_line(error) for error in fault.errors()]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        faults.append(f"SCENEPAY_CONFIG: {fault}")
    return None


def _line(error: Mapping[str, Any]) -> str:
    """Return one fault as ``place: what is wrong``; the value itself is never repeated, it may be a secret."""
    place = ".".join(str(part) for part in error["loc"]) or "settings"
    return f"{place}: {error['msg'].removeprefix('Value error, ')}"
