"""Checks of the fields of create and refund requests, as strict as the documents."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from bot.simulators.wechatpay.book import DEFAULT_LIFE, fingerprint
from bot.simulators.wechatpay.plan import SubMerchant
from bot.simulators.wechatpay.wire import ApiError, Call, bad_field

OUT_TRADE_NO = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
OUT_REFUND_NO = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")
OPENID = re.compile(r"o[0-9A-Za-z_-]{27}")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
MIN_LIFE, MAX_LIFE = timedelta(minutes=1), timedelta(days=7)
ORDER_FIELDS = frozenset(
    {
        *("appid", "mchid", "description", "out_trade_no", "time_expire", "attach", "notify_url"),
        *("goods_tag", "support_fapiao", "amount", "payer", "detail", "scene_info", "settle_info"),
    }
)
PARTNER_FIELDS = ORDER_FIELDS - {"appid", "mchid"} | {"sp_appid", "sp_mchid", "sub_appid", "sub_mchid"}
CODE_ONLY = frozenset({"time_expire", "notify_url"})
AUTH_CODE = re.compile(r"1[0-5][0-9]{16}", re.ASCII)
REFUND_FIELDS = frozenset(
    {
        "sub_mchid",
        *("transaction_id", "out_trade_no", "out_refund_no", "reason"),
        *("notify_url", "funds_account", "amount", "goods_detail"),
    }
)
H5_TYPES = ("iOS", "Android", "Wap")


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A create request that passed; amounts in fen."""

    appid: str
    out_trade_no: str
    description: str
    total: int
    openid: str
    attach: str
    notify_url: str
    device_id: str
    expires_at: datetime
    fingerprint: str
    sub_mchid: str = ""
    sub_appid: str = ""
    profit_sharing: bool = False
    auth_code: str = ""

    def check_expiry(self, now: datetime) -> None:
        """Refuse an end of payment that is nearer than a minute or further than a week."""
        if not now + MIN_LIFE <= self.expires_at <= now + MAX_LIFE:
            raise bad_field("time_expire", self.expires_at.isoformat(), "应在1分钟后、7天内")


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """A refund request that passed; amounts in fen."""

    out_trade_no: str
    transaction_id: str
    out_refund_no: str
    amount: int
    total: int
    reason: str
    notify_url: str
    fingerprint: str
    sub_mchid: str = ""


@dataclass(frozen=True, slots=True)
class Party:
    """Whose order it is; the sub-merchant's half is empty in direct-merchant mode."""

    appid: str
    sub_mchid: str = ""
    sub_appid: str = ""


def read_party(call: Call, facts: Mapping[str, Any], *, partner: bool) -> Party:
    """Check who asks for whom; raises ApiError naming the first bad field."""
    mchid = text(facts, "sp_mchid" if partner else "mchid", 32)
    if mchid != call.merchant.mchid:
        raise ApiError(403, "NO_AUTH", "mchid与签名的商户号不一致")
    appid = text(facts, "sp_appid" if partner else "appid", 32)
    if appid not in call.merchant.appids:
        raise ApiError(400, "APPID_MCHID_NOT_MATCH", "appid和mchid不匹配")
    if not partner:
        return Party(appid)
    sub = check_sub(call, text(facts, "sub_mchid", 32))
    sub_appid = text(facts, "sub_appid", 32, required=False)
    if sub_appid and sub_appid not in sub.appids:
        raise ApiError(400, "APPID_MCHID_NOT_MATCH", "sub_appid和sub_mchid不匹配")
    return Party(appid, sub.mchid, sub_appid)


def check_sub(call: Call, sub_mchid: str) -> SubMerchant:
    """The sub-merchant with this number, if the caller acts for it."""
    for sub in call.merchant.subs:
        if sub.mchid == sub_mchid:
            return sub
    raise ApiError(403, "NO_AUTH", "特约商户号与服务商没有绑定关系")


def read_order(call: Call, trade_type: str, now: datetime, *, partner: bool = False) -> OrderRequest:
    """Check a create request; raises ApiError naming the first bad field."""
    facts = call.json()
    code = trade_type == "MICROPAY"
    known(facts, (PARTNER_FIELDS if partner else ORDER_FIELDS) - (CODE_ONLY if code else frozenset()))
    party = read_party(call, facts, partner=partner)
    out_trade_no = read_out_trade_no(facts)
    scene = part(facts, "scene_info", required=trade_type in ("MWEB", "MICROPAY"))
    if not code:
        _check_scene(scene, trade_type)
    else:
        part(scene, "store_info", required=True)
    return OrderRequest(
        appid=party.appid,
        out_trade_no=out_trade_no,
        description=text(facts, "description", 127),
        total=amount_of(part(facts, "amount", required=True), "total"),
        openid=_openid(facts, party) if trade_type == "JSAPI" else "" if code else _no_payer(facts),
        attach=text(facts, "attach", 128, required=False),
        notify_url="" if code else notify_url_of(text(facts, "notify_url", 255)),
        device_id=text(scene, "device_id", 32, required=False),
        expires_at=now + DEFAULT_LIFE if code else _expiry(facts, now),
        fingerprint=fingerprint({"type": trade_type, **{k: v for k, v in facts.items() if not code or k != "payer"}}),
        sub_mchid=party.sub_mchid,
        sub_appid=party.sub_appid,
        profit_sharing=part(facts, "settle_info", required=False).get("profit_sharing") is True,
        auth_code=_auth_code(facts) if code else "",
    )


def read_out_trade_no(facts: Mapping[str, Any]) -> str:
    out_trade_no = text(facts, "out_trade_no", 32)
    if not OUT_TRADE_NO.fullmatch(out_trade_no):
        raise bad_field("out_trade_no", out_trade_no, "6至32个字符，只能是数字、大小写字母和_-|*")
    return out_trade_no


def read_refund(call: Call) -> RefundRequest:
    """Check a refund request; raises ApiError naming the first bad field."""
    facts = call.json()
    known(facts, REFUND_FIELDS)
    transaction_id = text(facts, "transaction_id", 32, required=False)
    out_trade_no = text(facts, "out_trade_no", 32, required=False)
    if bool(transaction_id) == bool(out_trade_no):
        raise bad_field("transaction_id", transaction_id, "transaction_id和out_trade_no二选一")
    out_refund_no = text(facts, "out_refund_no", 64)
    if not OUT_REFUND_NO.fullmatch(out_refund_no):
        raise bad_field("out_refund_no", out_refund_no, "只能是数字、大小写字母和_-|*@")
    reason = text(facts, "reason", 80, required=False)
    if len(reason.encode()) > 80:
        raise bad_field("reason", reason, "不超过80个字节")
    if facts.get("funds_account", "AVAILABLE") not in ("AVAILABLE", "UNSETTLED"):
        raise bad_field("funds_account", facts["funds_account"], "枚举值不正确")
    amount = part(facts, "amount", required=True)
    url = text(facts, "notify_url", 255, required=False)
    if amount.get("currency") != "CNY":
        raise bad_field("amount/currency", amount.get("currency"), "目前只支持CNY")
    return RefundRequest(
        out_trade_no=out_trade_no,
        transaction_id=transaction_id,
        out_refund_no=out_refund_no,
        amount=amount_of(amount, "refund"),
        total=amount_of(amount, "total"),
        reason=reason,
        notify_url=notify_url_of(url) if url else "",
        fingerprint=fingerprint(facts),
        sub_mchid=text(facts, "sub_mchid", 32, required=False),
    )


def known(facts: Mapping[str, Any], allowed: frozenset[str]) -> None:
    # Stricter than reality, which ignores them: a misspelt field must not pass a test.
    for name in facts:
        if name not in allowed:
            raise bad_field(name, facts[name], "未知的字段")


def text(facts: Mapping[str, Any], name: str, limit: int, *, required: bool = True) -> str:
    value = facts.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or not value:
        raise bad_field(name, value, "必填，且应为字符串")
    if len(value) > limit:
        raise bad_field(name, value, f"长度不超过{limit}个字符")
    return value


def part(facts: Mapping[str, Any], name: str, *, required: bool) -> Mapping[str, Any]:
    value = facts.get(name)
    if value is None and not required:
        return {}
    if not isinstance(value, dict):
        raise bad_field(name, value, "必填，且应为对象")
    return value


def amount_of(amount: Mapping[str, Any], name: str) -> int:
    if amount.get("currency", "CNY") != "CNY":
        raise bad_field("amount/currency", amount["currency"], "目前只支持CNY")
    value = amount.get(name)
    if type(value) is not int or value <= 0:
        raise bad_field(f"amount/{name}", value, "应为大于0的整数，单位为分")
    return value


def _openid(facts: Mapping[str, Any], party: Party) -> str:
    name = "openid" if not party.sub_mchid else "sub_openid" if party.sub_appid else "sp_openid"
    openid = part(facts, "payer", required=True).get(name)
    if not isinstance(openid, str) or not OPENID.fullmatch(openid):
        raise bad_field(f"payer/{name}", openid, "无效的openid")
    return openid


def _auth_code(facts: Mapping[str, Any]) -> str:
    code = part(facts, "payer", required=True).get("auth_code")
    if not isinstance(code, str) or not AUTH_CODE.fullmatch(code):
        raise ApiError(400, "AUTH_CODE_INVALID", "请扫描微信支付授权码(以10/11/12/13/14/15为前缀的18位数字)")
    return code


def _no_payer(facts: Mapping[str, Any]) -> str:
    if "payer" in facts:
        raise bad_field("payer", "", "该交易类型没有此字段")
    return ""


def notify_url_of(url: str) -> str:
    parts = urlsplit(url)
    if parts.query or parts.fragment or not parts.hostname:
        raise bad_field("notify_url", url, "应为不带参数的完整URL")
    if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(parts.hostname)):
        raise bad_field("notify_url", url, "应为https")
    return url


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _expiry(facts: Mapping[str, Any], now: datetime) -> datetime:
    value = facts.get("time_expire")
    if value is None:
        return now + DEFAULT_LIFE
    if not isinstance(value, str) or not RFC3339.fullmatch(value):
        raise bad_field("time_expire", value, "应为rfc3339格式")
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise bad_field("time_expire", value, "应为rfc3339格式") from None


def _check_scene(scene: Mapping[str, Any], trade_type: str) -> None:
    if not scene:
        return
    ip = scene.get("payer_client_ip")
    try:
        ip_address(ip if isinstance(ip, str) else "")
    except ValueError:
        raise bad_field("scene_info/payer_client_ip", ip, "应为IP地址") from None
    if trade_type == "MWEB":
        kind = part(scene, "h5_info", required=True).get("type")
        if kind not in H5_TYPES:
            raise bad_field("scene_info/h5_info/type", kind, "枚举值不正确")
