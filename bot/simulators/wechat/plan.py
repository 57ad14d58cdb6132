"""What the simulated WeChat platform is told to be: accounts, people, codes and the addresses around it."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal
from urllib.parse import urlsplit

Mode = Literal["plain", "compat", "safe"]
WireFormat = Literal["xml", "json"]


@dataclass(frozen=True, slots=True)
class Template:
    """A template of an account; with no templates declared, every template id is accepted."""

    template_id: str
    title: str
    # Lines such as "缴费金额：{{amount1.DATA}}"; empty means that the phone lists the raw keys.
    content: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """One official account with its server configuration as the MP console stores it."""

    appid: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    encoding_aes_key: str = field(default="", repr=False)
    mode: Mode = "plain"
    format: WireFormat = "xml"
    webhook_url: str = ""
    original_id: str = "gh_5ce0e9a7f4b1"
    name: str = "缴费中心"
    intro: str = "说一句话，查账单、缴费、拿回执"
    templates: tuple[Template, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """A WeChat user; `openid` is the one at the first account of the plan, others are derived from it."""

    openid: str
    unionid: str = ""
    nickname: str = "微信用户"
    follows: bool = True

    def openid_at(self, account: Account, first: Account) -> str:
        """The person's openid at an account: WeChat gives a different one to every appid."""
        if account.appid == first.appid:
            return self.openid
        digest = hashlib.sha256(f"{account.appid}|{self.openid}".encode()).digest()
        return "o" + base64.urlsafe_b64encode(digest).decode()[:27]


@dataclass(frozen=True, slots=True)
class ScanCode:
    """A code that lies on a table or hangs on a wall of the demo, offered by the phone's 扫一扫."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class WeChatPlan:
    """Everything a platform simulator is started with; ports known late are set by POST /_sim/plan.

    `quotas` replaces daily limits by API path; `reply_seconds` is the deadline of one delivery, in seconds.
    """

    accounts: tuple[Account, ...]
    users: tuple[Person, ...] = ()
    public_url: str = ""
    wechatpay_url: str = ""
    webview_url: str = ""
    trail_url: str = ""
    title: str = "场景金融缴费中心"
    codes: tuple[ScanCode, ...] = ()
    chips: tuple[str, ...] = ("交物业费", "查电费", "扫桌码点餐付款")
    quotas: Mapping[str, int] = field(default_factory=dict)
    reply_seconds: float = 5.0

    def account(self, appid: str) -> Account | None:
        """The account with this appid; an empty appid means the first account."""
        if not appid:
            return self.accounts[0]
        return next((account for account in self.accounts if account.appid == appid), None)

    @property
    def public_origin(self) -> str:
        """Scheme, host and port of the product, without a trailing slash; empty when unknown."""
        return origin_of(self.public_url)

    @property
    def webview_origin(self) -> str:
        """Scheme, host and port of the web view, without a trailing slash; empty when unknown."""
        return origin_of(self.webview_url)


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of an http(s) address, empty for anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = 443 if parts.scheme == "https" else 80
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != default else "")


def changed(plan: WeChatPlan, data: Mapping[str, Any]) -> WeChatPlan:
    """The plan with the fields of a JSON object put over it; accounts are merged by appid.

    Raises ValueError on an unknown field or a value of the wrong shape.
    """
    known = {item.name for item in fields(WeChatPlan)}
    unknown = sorted(set(data) - known)
    if unknown:
        raise ValueError(f"unknown plan fields: {', '.join(unknown)}")
    new: dict[str, Any] = dict(data)
    try:
        if "accounts" in new:
            new["accounts"] = _merged_accounts(plan.accounts, new["accounts"])
        if "users" in new:
            new["users"] = tuple(Person(**item) for item in new["users"])
        if "codes" in new:
            new["codes"] = tuple(ScanCode(**item) for item in new["codes"])
        if "chips" in new:
            new["chips"] = tuple(str(item) for item in new["chips"])
        return replace(plan, **new)
    except (TypeError, KeyError) as fault:
        raise ValueError(f"plan of the wrong shape: {fault}") from fault


def from_json(data: Mapping[str, Any]) -> WeChatPlan:
    """A plan from a configuration's JSON object; raises ValueError unless it names an account."""
    plan = changed(WeChatPlan(accounts=()), data)
    if not plan.accounts:
        raise ValueError("a plan has at least one account")
    return plan


def _merged_accounts(old: tuple[Account, ...], items: list[dict[str, Any]]) -> tuple[Account, ...]:
    merged = {account.appid: account for account in old}
    for item in items:
        values = dict(item)
        if "templates" in values:
            values["templates"] = tuple(Template(**entry) for entry in values["templates"])
        known = merged.get(values["appid"])
        merged[values["appid"]] = replace(known, **values) if known else Account(**values)
    return tuple(merged.values())
