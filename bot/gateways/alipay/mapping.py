"""Pure functions between Alipay's fields and our values; every state that Alipay has stands in a table here."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from bot.gateways.alipay.account import FACE_TO_FACE, JSAPI_PAY, PID, AlipayAccount
from bot.gateways.alipay.client import wire_time
from bot.kernel.clock import SHANGHAI
from bot.kernel.money import CNY, MAX_FEN, format_yuan
from bot.kernel.text import without_control
from bot.payments.facts import (
    ChargeFact,
    Closed,
    NewCharge,
    NewRefund,
    Paid,
    PaidFact,
    RefundFact,
    RefundRef,
    RefundState,
    Unknown,
    Waiting,
    Way,
)

Json = Mapping[str, object]

SUBJECT_MAX: Final = 256
REASON_MAX: Final = 256
# The ways that a create serves: method, product (for JSAPI the account says it) and the field of the answer that the
# payer needs.
CREATES: Final[Mapping[Way, tuple[str, str, str]]] = {
    Way.JSAPI: ("alipay.trade.create", "", "trade_no"),
    Way.NATIVE: ("alipay.trade.precreate", FACE_TO_FACE, "qr_code"),
    Way.H5: ("alipay.trade.wap.pay", "QUICK_WAP_WAY", "url"),
}
# What a query may tell besides, each asked for so that a query and a notice tell the same.
_QUERY_OPTIONS: Final = ("fund_bill_list", "voucher_detail_list")
_AMOUNT: Final = re.compile(r"(\d{1,9})(?:\.(\d{1,2}))?", re.ASCII)
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d{1,6})?", re.ASCII)
# Characters that Alipay refuses in a subject.
_NOT_IN_SUBJECT: Final = str.maketrans(dict.fromkeys("/=&", " "))


class TradeMeaning(StrEnum):
    """What a trade_status says about the money."""

    PAID = "paid"
    WAITING = "waiting"
    CLOSED = "closed"  # Never paid, or paid and wholly given back: the time of payment tells which.


# Anything that is not in this table is Unknown. A trade refunded in part stays in TRADE_SUCCESS.
TRADE_STATES: Final[Mapping[str, TradeMeaning]] = {
    "WAIT_BUYER_PAY": TradeMeaning.WAITING,
    "TRADE_SUCCESS": TradeMeaning.PAID,
    "TRADE_FINISHED": TradeMeaning.PAID,  # Paid, and too old to be refunded (payments.md, trap 10).
    "TRADE_CLOSED": TradeMeaning.CLOSED,
}
REFUND_SUCCESS: Final = "REFUND_SUCCESS"
# Who bore a part of the amount that no voucher explains.
_FUNDERS: Final[Mapping[str, str]] = {
    "COUPON": "alipay",
    "DISCOUNT": "alipay",
    "MCOUPON": "merchant",
    "MDISCOUNT": "merchant",
}


class Malformed(ValueError):
    """A verified message lacks something that we need; it ends as Unknown, never further up."""


# Requests


def trade_content(charge: NewCharge, account: AlipayAccount, product: str) -> dict[str, object]:
    """Return what every kind of payment sends; equal charges give equal contents.

    ``time_expire`` is always there: without it a trade stays payable for days (payments.md, trap 23). Its seconds
    are cut, not rounded, so that the trade never outlives the quote.
    """
    content: dict[str, object] = {
        "out_trade_no": charge.out_trade_no,
        "total_amount": format_yuan(charge.amount),
        "subject": subject(charge.description),
        "product_code": product,
        "time_expire": wire_time(charge.expires_at),
    }
    if charge.attach and charge.way is not Way.CODE:
        content["passback_params"] = charge.attach
    if charge.store:
        content["store_id"] = charge.store
    if charge.device:
        content["terminal_id"] = charge.device
    extend = extend_params(account, share=charge.share)
    return {**content, "extend_params": extend} if extend else content


def create_content(charge: NewCharge, account: AlipayAccount) -> Json:
    """Return the content of a create by its way."""
    content = trade_content(charge, account, CREATES[charge.way][1] or account.jsapi_product)
    if charge.way is Way.JSAPI:
        content |= buyer(charge.payer_id or "")
        if account.jsapi_product == JSAPI_PAY:
            content["op_app_id"] = account.auth_app_id or account.app_id
    if charge.way is Way.H5 and charge.return_url:
        content["quit_url"] = charge.return_url
    return content


def extend_params(account: AlipayAccount, *, share: bool = False) -> dict[str, str]:
    found = {}
    if account.sys_service_provider_id:
        found["sys_service_provider_id"] = account.sys_service_provider_id
    if share:
        found["royalty_freeze"] = "true"
    return found


def buyer(payer_id: str) -> dict[str, str]:
    """Return how a payer is named: a PID has 16 digits and starts with 2088, anything else is an open id."""
    return {"buyer_id" if PID.fullmatch(payer_id) else "buyer_open_id": payer_id}


def query_content(out_trade_no: str) -> Json:
    return {"out_trade_no": out_trade_no, "query_options": list(_QUERY_OPTIONS)}


def refund_content(refund: NewRefund) -> Json:
    """Return the content of a refund, named by our numbers alone so that a repetition is the identical one."""
    content: dict[str, object] = {
        "out_trade_no": refund.out_trade_no,
        "refund_amount": format_yuan(refund.amount),
        "out_request_no": refund.out_refund_no,
    }
    if reason := _one_line(refund.reason)[:REASON_MAX]:
        content["refund_reason"] = reason
    return content


def refund_query_content(out_trade_no: str, out_refund_no: str) -> Json:
    return {
        "out_trade_no": out_trade_no,
        "out_request_no": out_refund_no,
        "query_options": ["gmt_refund_pay"],
    }


def subject(description: str) -> str:
    """Return a text that Alipay takes for a subject."""
    return _one_line(description.translate(_NOT_IN_SUBJECT))[:SUBJECT_MAX]


def _one_line(text: str) -> str:
    return " ".join(without_control(text).split())


# Answers and notices


def charge_fact(data: Json, out_trade_no: str, account: AlipayAccount) -> ChargeFact:
    """Return what a verified answer says about the charge with our number; raises Malformed.

    TRADE_CLOSED with a time of payment was paid and has gone back: never "not paid", and never Paid, which would
    settle a bill whose money is not there (payments.md, trap 8).
    """
    if data.get("out_trade_no") != out_trade_no:
        return Unknown("answer_about_another")
    state = text(data, "trade_status")
    match TRADE_STATES.get(state):
        case TradeMeaning.PAID:
            return Paid(paid_fact(data, account))
        case TradeMeaning.WAITING:
            return Waiting(state)
        case TradeMeaning.CLOSED:
            return Closed(state, was_paid=bool(word(data, "send_pay_date")))
    return Unknown("trade_status")


def paid_fact(data: Json, account: AlipayAccount) -> PaidFact:
    """Return the fact of a paid trade as an answer or a notice tells it; raises Malformed for what money needs.

    ``total_amount`` is what the order asked for; receipt_amount (to the merchant) and buyer_pay_amount (from the
    payer) are lowered by discounts and never credited (payments.md, trap 24). An answer does not name the seller:
    it is the account's own, for the call was made in its name. A notice names it, and notify.py has compared it.
    """
    paid_at = _first(data, "gmt_payment", "send_pay_date")
    bills = _entries(data.get("fund_bill_list"))
    return PaidFact(
        out_trade_no=text(data, "out_trade_no"),
        transaction_id=text(data, "trade_no"),
        amount=fen(text(data, "total_amount")),
        currency=word(data, "trans_currency") or CNY,
        merchant_id=account.seller_id,
        app_id=account.app_id,
        paid_at=moment(paid_at),
        # An application is told one of the two; the same one by every way.
        payer_id=_first(data, "buyer_open_id", "buyer_user_id", "buyer_id") or None,
        payer_amount=_count(data.get("buyer_pay_amount")),
        settlement_amount=_count(data.get("receipt_amount")),
        discounts=_discounts(bills, _entries(data.get("voucher_detail_list"))),
        bank=_field(bills[0], "fund_channel") if bills else "",
    )


def refund_fact(data: Json, refund: NewRefund, account: AlipayAccount) -> RefundFact | Unknown:
    """Return what the answer to a refund says; raises Malformed.

    ``refund_fee`` is the sum of all refunds of the trade so far, this one included, so it must reach this one's
    amount and not exceed the trade's. Without ``fund_change`` = Y nothing is proven: only the query tells then.
    """
    if data.get("out_trade_no") != refund.out_trade_no:
        return Unknown("answer_about_another")
    if data.get("fund_change") != "Y":
        return Unknown("no_fund_change")
    if not refund.amount <= fen(text(data, "refund_fee")) <= refund.total:
        return Unknown("refund_fee")
    told = _first(data, "gmt_refund_pay")
    return RefundFact(
        out_refund_no=refund.out_refund_no,
        out_trade_no=refund.out_trade_no,
        refund_id=refund.out_refund_no,  # Alipay gives a refund no number of its own.
        state=RefundState.SUCCEEDED,
        amount=refund.amount,
        total=refund.total,
        currency=refund.currency,
        merchant_id=account.seller_id,
        succeeded_at=moment(told) if told else None,
    )


def queried_refund(data: Json, refund: RefundRef, account: AlipayAccount) -> RefundFact | Unknown | None:
    """Return what the query of a refund says, None where it says nothing of it; raises Malformed.

    An unknown number is answered with success too, only without the status (payments.md, trap 8).
    """
    if data.get("refund_status") != REFUND_SUCCESS:
        return None if not data.get("refund_status") else Unknown("refund_status")
    same = (data.get("out_trade_no"), data.get("out_request_no")) == (refund.out_trade_no, refund.out_refund_no)
    amount = fen(text(data, "refund_amount"))
    if not same or refund.amount not in (None, amount):
        return Unknown("answer_about_another")
    told = _first(data, "gmt_refund_pay")
    return RefundFact(
        out_refund_no=refund.out_refund_no,
        out_trade_no=refund.out_trade_no,
        refund_id=refund.out_refund_no,
        state=RefundState.SUCCEEDED,
        amount=amount,
        total=fen(text(data, "total_amount")),
        currency=CNY,
        merchant_id=account.seller_id,
        succeeded_at=moment(told) if told else None,
    )


def _discounts(bills: list[Json], vouchers: list[Json]) -> dict[str, int]:
    """Return fen by funder: of the vouchers where they are told, else of the channels that are no payer's money."""
    found: dict[str, int] = {}

    def add(funder: str, value: object) -> None:
        worth = _count(value)
        if worth:
            found[funder] = found.get(funder, 0) + worth

    for voucher in vouchers:
        others = "alipay" if _field(voucher, "type").startswith("ALIPAY_") else "other"
        add("merchant", voucher.get("merchant_contribute", voucher.get("merchantContribute")))
        add(others, voucher.get("other_contribute", voucher.get("otherContribute")))
    if not vouchers:
        for bill in bills:
            funder = _FUNDERS.get(_field(bill, "fund_channel"))
            if funder:
                add(funder, bill.get("amount"))
    return found


def _entries(value: object) -> list[Json]:
    """Return the objects of a list, which a notice sends as a JSON text; what only informs may be unreadable."""
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            return []
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _field(entry: Json, name: str) -> str:
    """Return a text by its name in answers or, written together, in notices."""
    head, *tail = name.split("_")
    return word(entry, name) or word(entry, head + "".join(part.capitalize() for part in tail))


def text(data: Json, field: str) -> str:
    value = data.get(field)
    if not isinstance(value, str) or not value:
        raise Malformed(field)
    return value


def word(data: Json, field: str) -> str:
    """Return a text that only informs, empty where it is not one."""
    value = data.get(field)
    return value if isinstance(value, str) else ""


def _first(data: Json, *fields: str) -> str:
    return next((found for field in fields if (found := word(data, field))), "")


def fen(yuan: str) -> int:
    """Return fen of a plain amount in yuan with at most two decimals; raises Malformed."""
    match = _AMOUNT.fullmatch(yuan)
    if match is None:
        raise Malformed("amount")
    found = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    if found > MAX_FEN:
        raise Malformed("amount")
    return found


def _count(value: object) -> int | None:
    try:
        return fen(value) if isinstance(value, str) else None
    except Malformed:
        return None


def moment(told: str) -> datetime:
    """Return the UTC moment of a time in Alipay's form, fractions of a second cut; raises Malformed."""
    match = _TIME.fullmatch(told)
    try:
        if match is None:
            raise ValueError
        return datetime.fromisoformat(match[1]).replace(tzinfo=SHANGHAI).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed("time") from None
