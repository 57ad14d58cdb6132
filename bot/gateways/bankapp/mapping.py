"""Pure functions between the bank protocol's JSON and our values; its states and codes stand in tables here."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from urllib.parse import quote, urlsplit

from bot.gateways.bankapp.account import BankAccount
from bot.kernel.clock import SHANGHAI
from bot.kernel.money import CNY, MAX_FEN
from bot.payments.facts import (
    ChargeFact,
    Closed,
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

Json = Mapping[str, object]

PAYMENTS: Final = "/v1/payments"
REFUNDS: Final = "/v1/refunds"
STATEMENTS: Final = "/v1/statements"
_NUMBER: Final = re.compile(r"[0-9A-Za-z]{8,32}", re.ASCII)
_URL_MAX: Final = 2048
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

WAITING: Final = frozenset({"unpaid", "paying"})
REFUND_STATES: Final[Mapping[str, RefundState]] = {state.value: state for state in RefundState}


class Verdict(StrEnum):
    """What a signed refusal lets us conclude about one kind of call."""

    REFUSED = "refused"  # This request made nothing.
    ASK = "ask"  # The number is already in some state: only a query tells which.
    MISSING = "missing"  # No such number; not a failure (payments.md, trap 3).
    UNKNOWN = "unknown"


# (create, query and close, refund, refund query) by code; the codes and their statuses are listed in docs/bankapp.md.
_R, _A, _M, _U = Verdict.REFUSED, Verdict.ASK, Verdict.MISSING, Verdict.UNKNOWN
_CODES: Final[Mapping[str, tuple[Verdict, Verdict, Verdict, Verdict]]] = {
    "bad_request": (_R, _U, _R, _U),
    "not_allowed": (_R, _U, _R, _U),
    "limit": (_R, _U, _R, _U),
    "expired": (_R, _U, _R, _U),
    "conflict": (_A, _U, _A, _U),
    "paid": (_A, _U, _U, _U),
    "closed": (_A, _U, _U, _U),
    # A refund may be just ahead of the payment's own copy at the bank, so there it concludes nothing.
    "not_found": (_U, _M, _U, _M),
    "amount": (_R, _U, _R, _U),
    # The merchant's account lacks money: a signed no, after which a new refund may be asked for.
    "funds": (_R, _U, _R, _U),
    "too_many": (_U, _U, _U, _U),
    "trouble": (_U, _U, _U, _U),
}


class Call(StrEnum):
    """The calls that the table speaks about, in the order of its columns."""

    CREATE = "create"
    QUERY = "query"
    REFUND = "refund"
    REFUND_QUERY = "refund_query"


_COLUMNS: Final = {call: place for place, call in enumerate(Call)}


def verdict_of(call: Call, status: int, code: str) -> Verdict:
    """Return what a signed refusal concludes; only a 4xx does, and UNKNOWN for a code that is not in the table."""
    entry = _CODES.get(code)
    return entry[_COLUMNS[call]] if entry and 400 <= status < 500 else Verdict.UNKNOWN


class Malformed(ValueError):
    """A verified message lacks something that we need; it ends as Unknown, never further up."""


# Requests


def unfit(charge: NewCharge) -> str:
    """Return why a charge cannot even be asked for: a plain no, since nothing was sent."""
    if charge.way is not Way.REDIRECT:
        return "way_unsupported"
    if charge.currency != CNY:
        return "currency"
    return "" if _NUMBER.fullmatch(charge.out_trade_no) else "number_unusable"


def payment_path(out_trade_no: str, suffix: str = "") -> str:
    return f"{PAYMENTS}/{quote(out_trade_no, safe='')}{suffix}"


def refund_path(out_refund_no: str) -> str:
    return f"{REFUNDS}/{quote(out_refund_no, safe='')}"


def create_body(charge: NewCharge, account: BankAccount) -> Json:
    """Return the body of a create; equal charges give equal bodies, so that a repetition is the identical one.

    The seconds of ``expires_at`` are cut, not rounded, so that the order never outlives the quote.
    """
    body: dict[str, object] = {
        "merchant": account.merchant,
        "out_trade_no": charge.out_trade_no,
        "amount": charge.amount,
        "currency": charge.currency,
        "description": charge.description,
        "created_at": _wire_time(charge.created_at),
        "expires_at": _wire_time(charge.expires_at),
        "notify_url": charge.notify_url,
    }
    optional = {"return_url": charge.return_url, "payer_ip": charge.payer_ip, "attach": charge.attach}
    return body | {name: value for name, value in optional.items() if value}


def refund_body(refund: NewRefund, account: BankAccount) -> Json:
    """Return the body of a refund; it names the payment by our number alone, which is there from the first sending."""
    return {
        "merchant": account.merchant,
        "out_refund_no": refund.out_refund_no,
        "out_trade_no": refund.out_trade_no,
        "amount": refund.amount,
        "total": refund.total,
        "currency": refund.currency,
        "reason": refund.reason,
        "notify_url": refund.notify_url,
    }


def _wire_time(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).isoformat(timespec="seconds")


# Answers and notices


def cashier_url(data: Json) -> str:
    """Return the page to send the payer to; raises Malformed for anything but an address that a browser may open."""
    url = text_of(data, "cashier_url")
    try:
        parts = urlsplit(url)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    except ValueError:
        safe = False
    if not safe or not parts.hostname or not (url.isascii() and url.isprintable()) or len(url) > _URL_MAX:
        raise Malformed("cashier_url")
    return url


def charge_fact(data: Json, out_trade_no: str, merchant: str) -> ChargeFact:
    """Return what a verified payment says about the charge with our number.

    ``returned`` says that the bank gave the whole payment back by itself; refunds leave a payment ``paid``.
    """
    if data.get("out_trade_no") != out_trade_no or data.get("merchant") != merchant:
        return Unknown("answer_about_another")
    state = text_of(data, "state")
    if state == "paid":
        return Paid(paid_fact(data))
    if state in WAITING:
        return Waiting(state)
    if state in ("closed", "returned"):
        return Closed(state, was_paid=state == "returned")
    return Unknown("state")


def paid_fact(data: Json) -> PaidFact:
    """Return the fact of a paid payment; raises Malformed when something that money needs is missing.

    A bank knows merchants and no apps, so the merchant's number stands for both. What only informs is left out where
    it cannot be read.
    """
    merchant = text_of(data, "merchant")
    return PaidFact(
        out_trade_no=text_of(data, "out_trade_no"),
        transaction_id=text_of(data, "transaction_id"),
        amount=_fen(data, "amount"),
        currency=text_of(data, "currency"),
        merchant_id=merchant,
        app_id=merchant,
        paid_at=moment_of(data, "paid_at"),
        payer_amount=count_of(data.get("payer_amount")),
        settlement_amount=count_of(data.get("settlement_amount")),
        way=Way.REDIRECT.value,
        bank=_word(data, "bank")[:32],
    )


def refund_fact(data: Json) -> RefundFact:
    """Return the fact of a refund; raises Malformed."""
    state = REFUND_STATES.get(text_of(data, "state"))
    if state is None:
        raise Malformed("state")
    return RefundFact(
        out_refund_no=text_of(data, "out_refund_no"),
        out_trade_no=text_of(data, "out_trade_no"),
        refund_id=text_of(data, "refund_id"),
        state=state,
        amount=_fen(data, "amount"),
        total=_fen(data, "total"),
        currency=text_of(data, "currency"),
        merchant_id=text_of(data, "merchant"),
        succeeded_at=moment_of(data, "succeeded_at") if state is RefundState.SUCCEEDED else None,
        received_account=_word(data, "received_account")[:64],
    )


def text_of(data: Json, field: str) -> str:
    value = data.get(field)
    if not isinstance(value, str) or not value:
        raise Malformed(field)
    return value


def _word(data: Json, field: str) -> str:
    """Return a text that only informs, empty where it is not one."""
    value = data.get(field)
    return value if isinstance(value, str) else ""


def _fen(data: Json, field: str) -> int:
    fen = count_of(data.get(field))
    if fen is None:
        raise Malformed(field)
    return fen


def count_of(value: object) -> int | None:
    """Return an amount in fen; a bool is an int to Python, and a sum beyond every limit is no amount."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MAX_FEN else None


def moment_of(data: Json, field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text_of(data, field))
        if moment.tzinfo is None:
            raise Malformed(field)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed(field) from None
