"""Reads a notice: decoded once, verified over the raw values and compared with its account; else Unverified."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import unquote_to_bytes

from bot.gateways.alipay.account import AlipayAccount
from bot.gateways.alipay.contract_facts import SIGNED, UNSIGNED, contract_fact
from bot.gateways.alipay.crypto import SIGN_TYPE, text_to_sign
from bot.gateways.alipay.keys import AlipayKeys
from bot.gateways.alipay.mapping import TRADE_STATES, Malformed, TradeMeaning, fen, moment, paid_fact, text
from bot.payments.facts import ContractFact, Notice, PaidFact, RawNotice, RefundedSum, Unverified

BODY_MAX: Final = 64 * 1024
_FIELDS_MAX: Final = 200
_ID_MAX: Final = 128
_SECOND_HALF_OF_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# The last repetition comes a day and 24 minutes after the first notice and may bear its time (payments.md, trap 19);
# what is older is nobody's. The replay itself is caught by the unique number.
PAST_SECONDS: Final = 26 * 3600
FUTURE_SECONDS: Final = 300
_TRADE: Final = "trade_status_sync"
_ACCEPTED: Final = (200, "text/plain", b"success")
_REFUSED: Final = (500, "text/plain", b"fail")


def read(raw: RawNotice, account: AlipayAccount, keys: AlipayKeys, now: datetime) -> Notice | Unverified:
    """Return the notice that these bytes prove, or why they prove none, with the HTTP status to answer."""
    if len(raw.body) > BODY_MAX:
        return Unverified("too_large", 413)
    fields = decoded(raw.body)
    if fields is None:
        return Unverified("malformed_body", 400)
    if fault := _signature_fault(fields, keys, now):
        return Unverified(fault)
    # From here on the text is Alipay's own: what is wrong with it is 400, and is tried again by its schedule.
    if fault := _foreign(fields, account) or _stale(fields, now):
        return Unverified(fault, 400)
    identifier, kind = fields.get("notify_id", ""), fields.get("notify_type", "")
    if not (0 < len(identifier) <= _ID_MAX and kind):
        return Unverified("malformed_notice", 400)
    try:
        fact = _fact(kind, fields, account)
    except Malformed:
        return Unverified("malformed_content", 400)
    return Notice(identifier, raw.account, fact, _kind(kind, fields), hashlib.sha256(raw.body).hexdigest())


def acknowledgement(accepted: bool) -> tuple[int, str, bytes]:
    """Return status, content type and body: these seven letters end the repetitions, anything else asks for more."""
    return _ACCEPTED if accepted else _REFUSED


def decoded(body: bytes) -> Mapping[str, str] | None:
    """Return the fields of a form, decoded exactly once; None for what is no form, or says a thing twice.

    ``+`` is a blank and %2B a plus; decoding once more would turn the plus of a signature into a blank (trap 15).
    """
    found: dict[str, str] = {}
    parts = body.split(b"&", _FIELDS_MAX)
    if len(parts) > _FIELDS_MAX:
        return None
    for part in parts:
        name, equals, value = part.partition(b"=")
        try:
            key, text = _once(name), _once(value)
        except ValueError:
            return None
        if not equals or not key or key in found:
            return None
        found[key] = text
    return found


def _once(raw: bytes) -> str:
    if _SECOND_HALF_OF_ESCAPE.search(raw):
        raise ValueError
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode()


def _signature_fault(fields: Mapping[str, str], keys: AlipayKeys, now: datetime) -> str:
    if fields.get("sign_type") != SIGN_TYPE:
        return "sign_type"
    signed = {name: value for name, value in fields.items() if name not in ("sign", "sign_type")}
    return keys.notice_fault(text_to_sign(signed), fields.get("sign", ""), fields.get("alipay_cert_sn", ""), now)


def _foreign(fields: Mapping[str, str], account: AlipayAccount) -> str:
    """Return why a genuine notice is not this account's: one key of Alipay's may sign for many merchants.

    Another's payment is not money of ours, so it is refused here and never reaches the books (trap 5).
    """
    if fields.get("app_id") != account.app_id:
        return "foreign_app"
    if account.auth_app_id and fields.get("auth_app_id") != account.auth_app_id:
        return "foreign_auth_app"
    if fields.get("notify_type") == _TRADE and fields.get("seller_id") != account.seller_id:
        return "foreign_seller"
    return ""


def _stale(fields: Mapping[str, str], now: datetime) -> str:
    try:
        age = (now - moment(fields.get("notify_time", ""))).total_seconds()
    except Malformed:
        return "malformed_time"
    return "" if -FUTURE_SECONDS <= age <= PAST_SECONDS else "stale"


def _fact(kind: str, fields: Mapping[str, str], account: AlipayAccount) -> PaidFact | RefundedSum | ContractFact | None:
    """Return the fact; None for a genuine notice of a kind that is only recorded. Raises Malformed."""
    if kind in (SIGNED, UNSIGNED):
        return contract_fact(fields)
    if kind != _TRADE:
        return None
    if is_refund(fields):
        return _refunded(fields, account)
    paid = TRADE_STATES.get(fields.get("trade_status", "")) is TradeMeaning.PAID
    # A trade in any other state moves nothing; the sweeper's query tells what became of it.
    return paid_fact(fields, account) if paid else None


def is_refund(fields: Mapping[str, str]) -> bool:
    """Whether a trade's notice tells of a refund."""
    return bool(fields.get("gmt_refund") or fields.get("out_biz_no"))


def _refunded(fields: Mapping[str, str], account: AlipayAccount) -> RefundedSum | None:
    """Return how much of a trade went back so far; None where the notice names no refund to ask about."""
    number = fields.get("out_biz_no", "")
    if not number or not fields.get("refund_fee"):
        return None
    return RefundedSum(text(fields, "out_trade_no"), number, fen(text(fields, "refund_fee")), account.seller_id)


def _kind(kind: str, fields: Mapping[str, str]) -> str:
    if kind != _TRADE:
        return kind
    return f"{kind}.{'REFUND' if is_refund(fields) else fields.get('trade_status', '')}"[:_ID_MAX]
