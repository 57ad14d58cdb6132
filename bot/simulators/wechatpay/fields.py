"""Checks of the fields of create and refund requests, as strict as the documents."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from bot.simulators.wechatpay.book import DEFAULT_LIFE, fingerprint
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
REFUND_FIELDS = frozenset(
    {
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


def read_order(call: Call, trade_type: str, now: datetime) -> OrderRequest:
    """Check a create request of direct-merchant mode; raises ApiError naming the first bad field."""
    facts = call.json()
    _known(facts, ORDER_FIELDS)
    mchid = _text(facts, "mchid", 32)
    if mchid != call.merchant.mchid:
        raise ApiError(403, "NO_AUTH", "mchid与签名的商户号不一致")
    appid = _text(facts, "appid", 32)
    if appid not in call.merchant.appids:
        raise ApiError(400, "APPID_MCHID_NOT_MATCH", "appid和mchid不匹配")
    out_trade_no = _text(facts, "out_trade_no", 32)
    if not OUT_TRADE_NO.fullmatch(out_trade_no):
        raise bad_field("out_trade_no", out_trade_no, "6至32个字符，只能是数字、大小写字母和_-|*")
    scene = _object(facts, "scene_info", required=trade_type == "MWEB")
    _check_scene(scene, trade_type)
    return OrderRequest(
        appid=appid,
        out_trade_no=out_trade_no,
        description=_text(facts, "description", 127),
        total=_amount(_object(facts, "amount", required=True), "total"),
        openid=_openid(facts) if trade_type == "JSAPI" else _no_payer(facts),
        attach=_text(facts, "attach", 128, required=False),
        notify_url=_notify_url(_text(facts, "notify_url", 255)),
        device_id=_text(scene, "device_id", 32, required=False),
        expires_at=_expiry(facts, now),
        fingerprint=fingerprint({"type": trade_type, **facts}),
    )


def read_refund(call: Call) -> RefundRequest:
    """Check a refund request; raises ApiError naming the first bad field."""
    facts = call.json()
    _known(facts, REFUND_FIELDS)
    transaction_id = _text(facts, "transaction_id", 32, required=False)
    out_trade_no = _text(facts, "out_trade_no", 32, required=False)
    if bool(transaction_id) == bool(out_trade_no):
        raise bad_field("transaction_id", transaction_id, "transaction_id和out_trade_no二选一")
    out_refund_no = _text(facts, "out_refund_no", 64)
    if not OUT_REFUND_NO.fullmatch(out_refund_no):
        raise bad_field("out_refund_no", out_refund_no, "只能是数字、大小写字母和_-|*@")
    reason = _text(facts, "reason", 80, required=False)
    if len(reason.encode()) > 80:
        raise bad_field("reason", reason, "不超过80个字节")
    if facts.get("funds_account", "AVAILABLE") not in ("AVAILABLE", "UNSETTLED"):
        raise bad_field("funds_account", facts["funds_account"], "枚举值不正确")
    amount = _object(facts, "amount", required=True)
    url = _text(facts, "notify_url", 255, required=False)
    if amount.get("currency") != "CNY":
        raise bad_field("amount/currency", amount.get("currency"), "目前只支持CNY")
    return RefundRequest(
        out_trade_no=out_trade_no,
        transaction_id=transaction_id,
        out_refund_no=out_refund_no,
        amount=_amount(amount, "refund"),
        total=_amount(amount, "total"),
        reason=reason,
        notify_url=_notify_url(url) if url else "",
        fingerprint=fingerprint(facts),
    )


def _known(facts: Mapping[str, Any], allowed: frozenset[str]) -> None:
    # Stricter than reality, which ignores them: a misspelt field must not pass a test.
    for name in facts:
        if name not in allowed:
            raise bad_field(name, facts[name], "未知的字段")


def _text(facts: Mapping[str, Any], name: str, limit: int, *, required: bool = True) -> str:
    value = facts.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or not value:
        raise bad_field(name, value, "必填，且应为字符串")
    if len(value) > limit:
        raise bad_field(name, value, f"长度不超过{limit}个字符")
    return value


def _object(facts: Mapping[str, Any], name: str, *, required: bool) -> Mapping[str, Any]:
    value = facts.get(name)
    if value is None and not required:
        return {}
    if not isinstance(value, dict):
        raise bad_field(name, value, "必填，且应为对象")
    return value


def _amount(amount: Mapping[str, Any], name: str) -> int:
    if amount.get("currency", "CNY") != "CNY":
        raise bad_field("amount/currency", amount["currency"], "目前只支持CNY")
    value = amount.get(name)
    if type(value) is not int or value <= 0:
        raise bad_field(f"amount/{name}", value, "应为大于0的整数，单位为分")
    return value


def _openid(facts: Mapping[str, Any]) -> str:
    openid = _object(facts, "payer", required=True).get("openid")
    if not isinstance(openid, str) or not OPENID.fullmatch(openid):
        raise bad_field("payer/openid", openid, "无效的openid")
    return openid


def _no_payer(facts: Mapping[str, Any]) -> str:
    if "payer" in facts:
        raise bad_field("payer", "", "该交易类型没有此字段")
    return ""


def _notify_url(url: str) -> str:
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
        kind = _object(scene, "h5_info", required=True).get("type")
        if kind not in H5_TYPES:
            raise bad_field("scene_info/h5_info/type", kind, "枚举值不正确")
