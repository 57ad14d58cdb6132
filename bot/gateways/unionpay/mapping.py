"""Pure functions between UnionPay's pairs and our values; every request and answer that the gateway knows is here."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from bot.gateways.unionpay.account import LOOPBACK, UnionPayAccount
from bot.gateways.unionpay.answers import TRADES, Refunded, Trade
from bot.gateways.unionpay.crypto import SIGN_METHOD, Pairs
from bot.kernel.clock import SHANGHAI
from bot.kernel.money import CNY, MAX_FEN
from bot.kernel.text import without_control
from bot.payments.facts import (
    ChargeFact,
    ChargeRef,
    Closed,
    Declined,
    NewCharge,
    NewRefund,
    Paid,
    PaidFact,
    RefundFact,
    RefundState,
    Unknown,
    Waiting,
    Way,
)

BACK_PATH: Final = "/gateway/api/backTransReq.do"
QUERY_PATH: Final = "/gateway/api/queryTrans.do"
CURRENCY: Final = "156"
DESCRIPTION_BYTES: Final = 32
# (txnType, txnSubType) of each call (payments.md §4.3). 31/00 (消费撤销) is not used: a refund does the same, in part
# too, and does it after the day's cut as well.
CONSUME: Final[Mapping[Way, tuple[str, str]]] = {
    Way.NATIVE: ("01", "07"),
    Way.CODE: ("01", "06"),
    Way.JSAPI: ("01", "01"),
}
# What a create's answer hands over: UnionPay's field, and its name in our handover.
TOKENS: Final[Mapping[Way, tuple[str, str]]] = {
    Way.NATIVE: ("qrCode", "code_url"),
    Way.JSAPI: ("payInfo", "url"),
}
QUERY: Final = ("00", "00")
REFUND: Final = ("04", "00")
FILE: Final = ("76", "01")
USER_ID: Final = ("00", "10")
REVERSAL: Final = ("99", "01")
REFUND_STATES: Final[Mapping[Refunded, RefundState]] = {
    Refunded.PENDING: RefundState.PENDING,
    Refunded.SUCCEEDED: RefundState.SUCCEEDED,
    Refunded.FAILED: RefundState.FAILED,
    Refunded.ABNORMAL: RefundState.ABNORMAL,
}
_WAYS: Final[Mapping[str, str]] = {sub: way.value for way, (_, sub) in CONSUME.items()}
_ORDER_ID: Final = re.compile(r"[0-9A-Za-z]{8,32}", re.ASCII)
_NUMBER_TIME: Final = re.compile(r"[A-Za-z]{0,4}(\d{14})[0-9A-Za-z]*", re.ASCII)
_RESERVED: Final = re.compile(r"([0-9A-Za-z]{8,32})_(\d{1,11})", re.ASCII)
_FEN: Final = re.compile(r"\d{1,12}", re.ASCII)
_TIME: Final = re.compile(r"\d{14}", re.ASCII)
_SHORT_TIME: Final = re.compile(r"\d{10}", re.ASCII)
_QUERY_ID: Final = re.compile(r"[0-9A-Za-z]{1,32}", re.ASCII)
# What would be a separator in an answer that repeats the text (crypto.read_plain), besides what nobody can print.
_MARKS: Final = re.compile(r"[&={}\[\]]")
# The clocks of UnionPay and of ours may differ by so much when a year is to be guessed.
_SKEW: Final = timedelta(days=1)
# An attempt that failed before ``payTimeout`` may be followed by another; so long after it none is under way.
SETTLED_AFTER: Final = timedelta(seconds=60)
_URL_MAX: Final = 2048
_UNIONPAY_SPONSOR: Final = "00010000"


class Malformed(ValueError):
    """A verified message lacks something that we need; it ends as Unknown, never further up."""


# Requests


def usable_order_id(number: str) -> bool:
    """Tell whether UnionPay takes this number: 8 to 32 letters and digits, without ``-`` and ``_``."""
    return _ORDER_ID.fullmatch(number) is not None


def wire_time(moment: datetime) -> str:
    """Return UnionPay's form of a moment: Shanghai time to the second, what is beyond cut off."""
    return moment.astimezone(SHANGHAI).strftime("%Y%m%d%H%M%S")


def refund_time(out_refund_no: str) -> str:
    """Return the ``txnTime`` of a refund, empty where its number tells none.

    orderId and txnTime together are the identity of a transaction, so the query has to repeat the refund's, and so
    has its repetition. The number itself tells it: it begins with the Shanghai time of its birth
    (kernel.ids.new_out_number) and was committed before the first call.
    """
    match = _NUMBER_TIME.fullmatch(out_refund_no)
    if match is None:
        return ""
    try:
        return wire_time(_parsed(match[1]))
    except Malformed:
        return ""


def unfit(charge: NewCharge, account: UnionPayAccount) -> str:
    """Return why a charge cannot even be asked for: a plain no, since nothing was sent."""
    if charge.way not in CONSUME:
        return "way_unsupported"
    if charge.currency != CNY:
        return "currency"
    if not usable_order_id(charge.out_trade_no):
        return "number_unusable"
    if charge.way is Way.JSAPI and not charge.payer_id:
        return "payer_missing"
    if charge.payer_app and charge.payer_app != account.mer_id:
        return "app_not_bound"
    return ""


def common(account: UnionPayAccount, kind: tuple[str, str]) -> dict[str, str]:
    """Return what every request holds, but for signature and certificate number."""
    return {
        "version": "5.1.0",
        "encoding": "UTF-8",
        "signMethod": SIGN_METHOD,
        "txnType": kind[0],
        "txnSubType": kind[1],
        "bizType": "000000",
        "accessType": "0",
        "merId": account.mer_id,
    }


def create_form(charge: NewCharge, account: UnionPayAccount) -> dict[str, str]:
    """Return the fields of a consumption; equal charges give equal fields, so that a repetition is the identical one.

    ``payTimeout`` is always there and cut to the second, so that the order never outlives the quote. ``txnTime`` is
    the charge's birth and not the moment of sending: it belongs to the order's identity.
    """
    form = {
        **common(account, CONSUME[charge.way]),
        "channelType": "08",
        "orderId": charge.out_trade_no,
        "txnTime": wire_time(charge.created_at),
        "payTimeout": wire_time(charge.expires_at),
        "txnAmt": str(charge.amount),
        "currencyCode": CURRENCY,
        "backUrl": charge.notify_url,
    }
    if text := _one_line(charge.description, DESCRIPTION_BYTES):
        form["orderDesc"] = text
    if charge.payer_ip:
        form["customerIp"] = charge.payer_ip
    if charge.way is Way.JSAPI:
        # The order of an in-wallet page (upJs): who pays, and which app opened the page.
        form["userId"] = charge.payer_id or ""
        if charge.app:
            form["appUpIdentifier"] = charge.app
        if charge.return_url:
            form["frontUrl"] = charge.return_url
    return form


def trade_form(charge: ChargeRef, account: UnionPayAccount, kind: tuple[str, str]) -> dict[str, str]:
    """Return the fields of a query or a reversal, which names the order by its identity: orderId *and* txnTime."""
    form = {
        **common(account, kind),
        "orderId": charge.out_trade_no,
        "txnTime": wire_time(charge.created_at),
    }
    if kind == REVERSAL:
        form |= {"channelType": "08", "txnAmt": str(charge.amount), "currencyCode": CURRENCY}
    return form


def refund_form(refund: NewRefund, account: UnionPayAccount) -> dict[str, str]:
    """Return the fields of a refund.

    ``reqReserved`` comes back in answer, query and notice. It carries what UnionPay tells of a refund nowhere: our
    number of the payment and its amount.
    """
    return {
        **common(account, REFUND),
        "channelType": "08",
        "orderId": refund.out_refund_no,
        "txnTime": refund_time(refund.out_refund_no),
        "origQryId": refund.transaction_id or "",
        "txnAmt": str(refund.amount),
        "backUrl": refund.notify_url,
        "reqReserved": f"{refund.out_trade_no}_{refund.total}",
    }


def refund_query_form(out_refund_no: str, account: UnionPayAccount) -> dict[str, str]:
    return {**common(account, QUERY), "orderId": out_refund_no, "txnTime": refund_time(out_refund_no)}


def cut_bytes(text: str, limit: int) -> str:
    """Return the longest beginning of the text that has at most ``limit`` bytes of UTF-8, characters kept whole."""
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def _one_line(text: str, limit: int) -> str:
    return cut_bytes(" ".join(_MARKS.sub(" ", without_control(text)).split()), limit)


# Answers and notices


def token_of(data: Pairs, way: Way) -> Mapping[str, str]:
    """Return what a create's answer hands over under our name; raises Malformed when it is not there.

    A page's address goes to the payer's browser, so it is one that a browser may open and nothing else.
    """
    field, name = TOKENS[way]
    token = _text(data, field)
    if way is Way.JSAPI and not _opens(token):
        raise Malformed(field)
    return {name: token}


def _opens(url: str) -> bool:
    try:
        parts = urlsplit(url)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    except ValueError:
        return False
    return safe and bool(parts.hostname) and url.isascii() and url.isprintable() and len(url) <= _URL_MAX


def charge_fact(data: Pairs, charge: ChargeRef, now: datetime) -> ChargeFact:
    """Return what a verified query (respCode 00) says about the charge.

    A failed attempt is a final no for a scanned code, which pays once. A code or page that was handed out can be
    tried again until its ``payTimeout``, so there it is Waiting till then, and Closed afterwards.
    """
    code = data.get("origRespCode", "")
    match TRADES.get(code):
        case Trade.PAID:
            return Paid(paid_fact(data))
        case Trade.WAITING:
            return Waiting(code)
        case Trade.CLOSED:
            return Closed(code)
        case Trade.WENT_BACK:
            return Closed(code, was_paid=True)
        case Trade.FAILED if charge.way is Way.CODE:
            return Declined("declined", code, data.get("origRespMsg", "")[:120])
        case Trade.FAILED if now <= charge.expires_at + SETTLED_AFTER:
            return Waiting(code)
        case Trade.FAILED:
            return Closed(code)
    return Unknown("trade_state")


def paid_fact(data: Pairs) -> PaidFact:
    """Return the fact of a successful consumption; raises Malformed when something that money needs is missing.

    What only informs (coupons, the issuer) never stands in the way of a payment: unreadable, it is left out.
    UnionPay knows merchants and no apps, so the merchant's number stands for both.
    """
    amount, merchant = _fen(data, "txnAmt"), _text(data, "merId")
    discounts = _discounts(data.get("couponInfo", ""))
    settled = data.get("settleAmt", "")
    return PaidFact(
        out_trade_no=_text(data, "orderId"),
        transaction_id=_matched(data, "queryId", _QUERY_ID),
        amount=amount,
        currency=_currency(data),
        merchant_id=merchant,
        app_id=merchant,
        paid_at=finished_at(data),
        payer_amount=None if discounts is None else max(0, amount - sum(discounts.values())),
        settlement_amount=int(settled) if _FEN.fullmatch(settled) and 0 < int(settled) <= MAX_FEN else None,
        discounts=discounts or {},
        way=_WAYS.get(data.get("txnSubType", ""), ""),
        bank=data.get("issInsCode", "")[:32],
    )


def refund_fact(data: Pairs, state: RefundState) -> RefundFact:
    """Return the fact of a refund in this state; raises Malformed, as for one that we did not ask for ourselves.

    A refund made in the merchant's console bears no ``reqReserved`` of ours, so it cannot be told to which payment it
    belongs: the statement brings it.
    """
    match = _RESERVED.fullmatch(data.get("reqReserved", ""))
    if match is None or int(match[2]) > MAX_FEN:
        raise Malformed("reqReserved")
    return RefundFact(
        out_refund_no=_text(data, "orderId"),
        out_trade_no=match[1],
        refund_id=data.get("queryId", ""),
        state=state,
        amount=_fen(data, "txnAmt"),
        total=int(match[2]),
        currency=_currency(data),
        merchant_id=_text(data, "merId"),
        succeeded_at=finished_at(data) if state is RefundState.SUCCEEDED else None,
    )


def finished_at(data: Pairs) -> datetime:
    """Return when UnionPay carried a transaction out; raises Malformed.

    ``traceTime`` tells month to second and no year, which is the first one that brings it no more than a day before
    ``txnTime``. Where it is not told, ``txnTime`` is the best there is.
    """
    sent = _parsed(_matched(data, "txnTime", _TIME))
    trace = data.get("traceTime", "")
    if not _SHORT_TIME.fullmatch(trace):
        return sent
    for year in (sent.astimezone(SHANGHAI).year + offset for offset in (-1, 0, 1)):
        try:
            moment = _parsed(f"{year:04d}{trace}")
        except Malformed:
            # The 29th of February is a day of one of these years only.
            continue
        if moment >= sent - _SKEW:
            return moment
    raise Malformed("traceTime")


def _discounts(text: str) -> dict[str, int] | None:
    """Return fen by funder of a list of coupons; None where it does not tell, better than a wrong figure."""
    if not text:
        return {}
    try:
        coupons = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found: dict[str, int] = {}
    for coupon in coupons if isinstance(coupons, list) else [None]:
        if not isinstance(coupon, dict) or not _FEN.fullmatch(worth := str(coupon.get("offstAmt", ""))):
            return None
        funder = "unionpay" if coupon.get("spnsrId") == _UNIONPAY_SPONSOR else "other"
        found[funder] = found.get(funder, 0) + int(worth)
    return {funder: fen for funder, fen in found.items() if fen}


def _text(data: Pairs, field: str) -> str:
    value = data.get(field, "")
    if not value:
        raise Malformed(field)
    return value


def _matched(data: Pairs, field: str, form: re.Pattern[str]) -> str:
    value = data.get(field, "")
    if not form.fullmatch(value):
        raise Malformed(field)
    return value


def _fen(data: Pairs, field: str) -> int:
    fen = int(_matched(data, field, _FEN))
    if fen > MAX_FEN:
        raise Malformed(field)
    return fen


def _currency(data: Pairs) -> str:
    """Return the currency; another than yuan is told as its number, so that credit sees the difference."""
    code = data.get("currencyCode", CURRENCY)
    return CNY if code == CURRENCY else code


def _parsed(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed("time") from None
