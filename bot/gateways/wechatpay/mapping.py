"""Pure functions between WeChat Pay's JSON and our values; every vendor state and error code stands in a table here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.kernel.clock import SHANGHAI
from bot.kernel.money import CNY, MAX_FEN
from bot.kernel.text import without_control
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

DESCRIPTION_BYTES: Final = 127
REASON_BYTES: Final = 80
TRANSACTIONS: Final = "/v3/pay/transactions"
REFUNDS: Final = "/v3/refund/domestic/refunds"
# The ways that a create serves, with the last part of its path and the field of the answer that the payer needs.
CREATES: Final[Mapping[Way, tuple[str, str]]] = {
    Way.JSAPI: ("jsapi", "prepay_id"),
    Way.MINI: ("jsapi", "prepay_id"),
    Way.NATIVE: ("native", "code_url"),
    Way.H5: ("h5", "h5_url"),
}
BRIDGED: Final = frozenset({Way.JSAPI, Way.MINI})
# trade_type of a transaction → our word for how it was paid; H5 is called MWEB.
TRADE_TYPES: Final[Mapping[str, str]] = {
    "JSAPI": Way.JSAPI.value,
    "NATIVE": Way.NATIVE.value,
    "MWEB": Way.H5.value,
    "H5": Way.H5.value,
    "MICROPAY": Way.CODE.value,
    "APP": "app",
    "FACEPAY": "face",
}


class TradeMeaning(StrEnum):
    """What a trade_state says about the money."""

    PAID = "paid"
    WAITING = "waiting"
    CLOSED = "closed"
    WENT_BACK = "went_back"  # Paid, then refunded in part or whole.
    REVERSED = "reversed"  # Reversed by the merchant; paid before where it bears a time of success.


# Anything that is not in this table is Unknown.
TRADE_STATES: Final[Mapping[str, TradeMeaning]] = {
    "SUCCESS": TradeMeaning.PAID,
    # One fen refunded is enough for this state, and it hides whether the rest is still ours (trap 8).
    "REFUND": TradeMeaning.WENT_BACK,
    "NOTPAY": TradeMeaning.WAITING,
    "USERPAYING": TradeMeaning.WAITING,
    "ACCEPT": TradeMeaning.WAITING,
    # Only this attempt of the payer failed. The order stays payable until it is closed or reversed, so this is not
    # a final no; the sweeper closes it like any other.
    "PAYERROR": TradeMeaning.WAITING,
    "CLOSED": TradeMeaning.CLOSED,
    "REVOKED": TradeMeaning.REVERSED,
}

# ``status`` of a refund answer and ``refund_status`` of a refund notice. Anything else is Unknown.
REFUND_STATES: Final[Mapping[str, RefundState]] = {
    "SUCCESS": RefundState.SUCCEEDED,
    "CLOSED": RefundState.FAILED,
    "PROCESSING": RefundState.PENDING,
    "ABNORMAL": RefundState.ABNORMAL,
}


class Verdict(StrEnum):
    """What an error code lets us conclude about one kind of call."""

    REFUSED = "refused"  # An explicit no: this request made nothing.
    ASK = "ask"  # The number is already in some state: only a query tells which.
    MISSING = "missing"  # No such number; not a failure (trap 3).
    AGAIN = "again"  # Repeat the identical request once, at once.
    UNKNOWN = "unknown"  # Nothing can be concluded.


class Call(StrEnum):
    """The calls that the table speaks about."""

    CREATE = "create"
    QUERY = "query"
    CLOSE = "close"
    REFUND = "refund"
    REFUND_QUERY = "refund_query"


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One vendor code: our word for it, the argument, and its verdict for each call (UNKNOWN where not given).

    The argument that holds for all of them (payments.md, trap 3): answers outside 2xx bear no signature, so they
    never end a charge that somebody may be paying, nor a refund that may be under way.
    CREATE may be REFUSED unsigned, because the payer only gets the means to pay from a *verified* answer to create:
    whatever an unsigned refusal hides, nobody holds a prepay_id, a code_url or an h5_url for this number. Where an
    earlier sending of the same create went unanswered the gateway does not conclude even that.
    REFUND is REFUSED only when the refusal itself is signed: a second refund under a new number would pay twice.
    QUERY and CLOSE conclude nothing from a refusal but MISSING, which the core never takes for an end.
    """

    ours: str
    why: str
    create: Verdict = Verdict.UNKNOWN
    query: Verdict = Verdict.UNKNOWN
    close: Verdict = Verdict.UNKNOWN
    refund: Verdict = Verdict.UNKNOWN
    refund_query: Verdict = Verdict.UNKNOWN

    def verdict(self, call: Call) -> Verdict:
        verdict = getattr(self, call.value)
        assert isinstance(verdict, Verdict)
        return verdict


_R, _A, _M = Verdict.REFUSED, Verdict.ASK, Verdict.MISSING

_BAD_REQUEST: Final = ErrorCode(
    "bad_request", "A field is wrong: checked before anything is made.", create=_R, refund=_R
)
_REENTRY: Final = ErrorCode(
    "bad_request",
    "Also said when the number exists with other inputs (268498688), when it has expired or was refunded in full, so "
    "the number has to be asked for before anything is concluded.",
    create=_A,
    close=_A,
    refund=_A,
)
_CREDENTIALS: Final = ErrorCode(
    "credentials", "Our signature was refused: the request was read by nobody. Never a no to a refund.", create=_R
)
_NOT_ALLOWED: Final = ErrorCode(
    "not_allowed", "The product is not open to this merchant: nothing is made.", create=_R, refund=_R
)
_RULE: Final = ErrorCode("rule", "A limit of WeChat Pay's forbids it: nothing is made.", create=_R, refund=_R)
_APP: Final = ErrorCode("app_not_bound", "The appid does not belong to the merchant: nothing is made.", create=_R)
_PAYER: Final = ErrorCode("payer_mismatch", "The openid is not of this appid: nothing is made.", create=_R)
_MERCHANT: Final = ErrorCode("merchant", "No such merchant, or closed: nothing is made.", create=_R)
_ACCOUNT: Final = ErrorCode("payer_account", "The payer's account may not pay: nothing is made.", create=_R)
_FUNDS: Final = ErrorCode(
    "funds_short",
    "Create: the payer lacks money. Refund: the merchant lacks it; the same number may be tried again after a "
    "deposit, and only a signed refusal ends it.",
    create=_R,
    refund=_R,
)
_PAYER_GONE: Final = ErrorCode("payer_account", "The payer's account was closed: a person must refund.", refund=_R)
_USED: Final = ErrorCode("number_used", "The number was used before, perhaps by us and paid.", create=_A)
_PAID: Final = ErrorCode("already_paid", "The order is paid: the query brings the fact.", create=_A, close=_A)
_CLOSED: Final = ErrorCode("closed", "The order is closed: the query says so verifiably.", create=_A, close=_A)
_PAYING: Final = ErrorCode("paying", "The payer is typing a password: not closable now.", create=_A, close=_A)
_TRADE: Final = ErrorCode("trade", "The trade failed for a reason that only its state tells.", create=_A, close=_A)
_NO_ORDER: Final = ErrorCode(
    "not_found",
    "No such order: it may still appear, and the payer may still pay. For a refund that says as little, since a "
    "reader just behind the payment says the same.",
    query=_M,
    close=_M,
    refund_query=_M,
)
_BUSY: Final = ErrorCode("busy", "Too many calls: not read, and to be repeated later, not at once.")
_BROKEN: Final = ErrorCode(
    "trouble", "WeChat Pay's own trouble: repeat with the same parameters.", create=Verdict.AGAIN
)
_NOT_A_NUMBER: Final = ErrorCode("bad_request", "The transaction number is malformed; we never send one.")
_BILL: Final = ErrorCode("statement", "Said about bills only; statement.py reads it.")

# Where two spellings are in use the older pages write the second. Anything that is not in this table is UNKNOWN.
ERRORS: Final[Mapping[str, ErrorCode]] = {
    "PARAM_ERROR": _BAD_REQUEST,
    "INVALID_REQUEST": _REENTRY,
    "SIGN_ERROR": _CREDENTIALS,
    "NO_AUTH": _NOT_ALLOWED,
    "NOAUTH": _NOT_ALLOWED,
    "RULE_LIMIT": _RULE,
    "RULELIMIT": _RULE,
    "REQUEST_BLOCKED": _RULE,
    "APPID_MCHID_NOT_MATCH": _APP,
    "OPENID_MISMATCH": _PAYER,
    "MCH_NOT_EXISTS": _MERCHANT,
    "ACCOUNT_ERROR": _ACCOUNT,
    "ACCOUNTERROR": _ACCOUNT,
    "NOT_ENOUGH": _FUNDS,
    "NOTENOUGH": _FUNDS,
    "USER_ACCOUNT_ABNORMAL": _PAYER_GONE,
    "OUT_TRADE_NO_USED": _USED,
    "ORDER_PAID": _PAID,
    "ORDERPAID": _PAID,
    "ORDER_CLOSED": _CLOSED,
    "ORDERCLOSED": _CLOSED,
    "ORDER_REVERSED": _CLOSED,
    "ORDERREVERSED": _CLOSED,
    "USERPAYING": _PAYING,
    "USER_PAYING": _PAYING,
    "TRADE_ERROR": _TRADE,
    "ORDER_NOT_EXIST": _NO_ORDER,
    "ORDERNOTEXIST": _NO_ORDER,
    "RESOURCE_NOT_EXISTS": _NO_ORDER,
    "FREQUENCY_LIMITED": _BUSY,
    "FREQUENCY_LIMIT_EXCEED": _BUSY,
    "RATELIMIT_EXCEEDED": _BUSY,
    "SYSTEM_ERROR": _BROKEN,
    "SYSTEMERROR": _BROKEN,
    "BANK_ERROR": _BROKEN,
    "BANKERROR": _BROKEN,
    "INVALID_TRANSACTIONID": _NOT_A_NUMBER,
    "NO_STATEMENT_EXIST": _BILL,
    "STATEMENT_CREATING": _BILL,
}
_FUNDERS: Final = ("wechatpay", "merchant", "other")
NO_STATEMENT: Final = "NO_STATEMENT_EXIST"


def verdict_of(call: Call, status: int, code: str) -> Verdict:
    """Return what an answer outside 2xx concludes; only a 4xx refuses, whatever code another bears.

    A 5xx is as good as no answer, so it repeats a create (WeChat Pay and every proxy before it say it of trouble
    that may have struck before or after the effect). An answer without a code of the table is UNKNOWN.
    """
    if status >= 500:
        return Verdict.AGAIN if call is Call.CREATE else Verdict.UNKNOWN
    entry = ERRORS.get(code)
    return entry.verdict(call) if entry and status >= 400 else Verdict.UNKNOWN


class Malformed(ValueError):
    """A verified message lacks something that we need; it ends as Unknown, never further up."""


# Requests


def order_path(out_trade_no: str, suffix: str = "") -> str:
    return f"{TRANSACTIONS}/out-trade-no/{quote(out_trade_no, safe='')}{suffix}"


def refund_path(out_refund_no: str) -> str:
    return f"{REFUNDS}/{quote(out_refund_no, safe='')}"


def create_body(charge: NewCharge, account: WeChatPayAccount) -> Json:
    """Return the body of a create; equal charges give equal bodies, so that a repetition is the identical one.

    ``time_expire`` is always there: without it an order stays payable for seven days (payments.md, trap 23). Its
    seconds are cut, not rounded, so that the order never outlives the quote.
    """
    body: dict[str, object] = {
        "appid": app_of(charge, account),
        "mchid": account.mchid,
        "description": _one_line(charge.description, DESCRIPTION_BYTES),
        "out_trade_no": charge.out_trade_no,
        "time_expire": charge.expires_at.astimezone(SHANGHAI).isoformat(timespec="seconds"),
        "notify_url": charge.notify_url,
        "amount": {"total": charge.amount, "currency": charge.currency},
    }
    if charge.attach:
        body["attach"] = charge.attach
    if charge.way in BRIDGED:
        body["payer"] = {"openid": charge.payer_id or ""}
    if charge.way is Way.H5:
        body["scene_info"] = {"payer_client_ip": charge.payer_ip or "", "h5_info": {"type": "Wap"}}
    elif charge.payer_ip:
        body["scene_info"] = {"payer_client_ip": charge.payer_ip}
    return body


def app_of(charge: NewCharge, account: WeChatPayAccount) -> str:
    """Return the appid under which a charge is made: the payer's, or the account's first where there is none."""
    return charge.payer_app or account.appids[0]


def refund_body(refund: NewRefund) -> Json:
    """Return the body of a refund.

    It names the order by our number alone, which is there from the first sending on: a transaction_id that became
    known in between would make the repetition differ.
    """
    body: dict[str, object] = {
        "out_trade_no": refund.out_trade_no,
        "out_refund_no": refund.out_refund_no,
        "notify_url": refund.notify_url,
        "amount": {"refund": refund.amount, "total": refund.total, "currency": refund.currency},
    }
    if reason := _one_line(refund.reason, REASON_BYTES):
        body["reason"] = reason
    return body


def cut_bytes(text: str, limit: int) -> str:
    """Return the longest beginning of the text that has at most ``limit`` bytes of UTF-8, characters kept whole."""
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def _one_line(text: str, limit: int) -> str:
    """Return the text without line breaks, which would break the lines of the bill that repeats it."""
    return cut_bytes(" ".join(without_control(text).split()), limit)


def h5_address(h5_url: str, return_url: str | None) -> str:
    """Return the page to send the payer to; WeChat leads back to ``return_url`` when it is appended."""
    if not return_url:
        return h5_url
    return f"{h5_url}{'&' if '?' in h5_url else '?'}redirect_url={quote(return_url, safe='')}"


# Answers and notices


def token_of(data: Json, field: str) -> str:
    """Return what a create's answer hands over; raises Malformed when it is not there."""
    return _text(data, field)


def charge_fact(data: Json, out_trade_no: str, mchid: str) -> ChargeFact:
    """Return what a verified transaction says about the charge with our number.

    A message about another number or merchant says nothing about this one. REFUND becomes ``Closed`` with
    ``was_paid``: never "not paid", and never Paid, which would settle a bill whose money has gone back (trap 8).
    """
    if data.get("out_trade_no") != out_trade_no or data.get("mchid") != mchid:
        return Unknown("answer_about_another")
    state = _text(data, "trade_state")
    match TRADE_STATES.get(state):
        case TradeMeaning.PAID:
            return Paid(paid_fact(data))
        case TradeMeaning.WAITING:
            return Waiting(state)
        case TradeMeaning.CLOSED:
            return Closed(state)
        case TradeMeaning.WENT_BACK:
            return Closed(state, was_paid=True)
        case TradeMeaning.REVERSED:
            return Closed(state, was_paid=bool(data.get("success_time")))
    return Unknown("trade_state")


def paid_fact(data: Json) -> PaidFact:
    """Return the fact of a transaction in SUCCESS; raises Malformed when something that money needs is missing.

    What only informs (payer, bank, discounts) never stands in the way of a payment: unreadable, it is left out.
    """
    amount = _object(data, "amount")
    total = _fen(amount, "total")
    payer = data.get("payer")
    discounts, unfunded = _discounts(data.get("promotion_detail"))
    return PaidFact(
        out_trade_no=_text(data, "out_trade_no"),
        transaction_id=_text(data, "transaction_id"),
        amount=total,
        currency=_text(amount, "currency", CNY),
        merchant_id=_text(data, "mchid"),
        app_id=_text(data, "appid"),
        paid_at=_moment(data, "success_time"),
        payer_id=(_word(payer, "openid") or None) if isinstance(payer, dict) else None,
        payer_amount=_count(amount.get("payer_total")),
        settlement_amount=None if unfunded is None else total - unfunded,
        discounts=discounts,
        way=TRADE_TYPES.get(_word(data, "trade_type"), ""),
        bank=_word(data, "bank_type"),
    )


def refund_fact(data: Json, *, mchid: str, state_field: str) -> RefundFact:
    """Return the fact of a refund answer (``status``) or notice (``refund_status``); raises Malformed."""
    amount = _object(data, "amount")
    state = REFUND_STATES.get(_text(data, state_field))
    if state is None:
        raise Malformed(state_field)
    return RefundFact(
        out_refund_no=_text(data, "out_refund_no"),
        out_trade_no=_text(data, "out_trade_no"),
        refund_id=_text(data, "refund_id"),
        state=state,
        amount=_fen(amount, "refund"),
        total=_fen(amount, "total"),
        currency=_text(amount, "currency", CNY),
        merchant_id=mchid,
        succeeded_at=_moment(data, "success_time") if state is RefundState.SUCCEEDED else None,
        received_account=_word(data, "user_received_account"),
    )


def _discounts(promotions: object) -> tuple[dict[str, int], int | None]:
    """Return fen by funder, and the sum of coupons that nobody funded before (they lower the settlement).

    The sum is None where a promotion does not tell its kind and worth: better no figure than a wrong one. Kinds:
    CASH is prefunded (充值), NOCASH is not (免充值); payments.md, trap 24.
    """
    found: dict[str, int] = {}
    unfunded: int | None = 0
    for promotion in promotions if isinstance(promotions, list) else ():
        worth = _count(promotion.get("amount")) if isinstance(promotion, dict) else None
        if worth is None or promotion.get("type") not in ("CASH", "NOCASH"):
            unfunded = None
        elif unfunded is not None and promotion["type"] == "NOCASH":
            unfunded += worth
        if worth is not None:
            shares = {name: _count(promotion.get(f"{name}_contribute")) or 0 for name in _FUNDERS}
            shares["other"] += max(0, worth - sum(shares.values()))
            for funder, share in shares.items():
                found[funder] = found.get(funder, 0) + share
    return {funder: share for funder, share in found.items() if share}, unfunded


def _object(data: Json, field: str) -> Json:
    value = data.get(field)
    if not isinstance(value, dict):
        raise Malformed(field)
    return value


def _text(data: Json, field: str, default: str = "") -> str:
    value = data.get(field)
    if value is None and default:
        return default
    if not isinstance(value, str) or not value:
        raise Malformed(field)
    return value


def _word(data: Json, field: str) -> str:
    """Return a text that only informs, empty where it is not one."""
    value = data.get(field)
    return value if isinstance(value, str) else ""


def _fen(data: Json, field: str) -> int:
    fen = _count(data.get(field))
    if fen is None:
        raise Malformed(field)
    return fen


def _count(value: object) -> int | None:
    """Return an amount in fen; a bool is an int to Python, and a sum beyond every limit is no amount."""
    plain = isinstance(value, int) and not isinstance(value, bool)
    return value if plain and 0 <= value <= MAX_FEN else None  # type: ignore[operator, return-value]  # An int here.


def _moment(data: Json, field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(data, field))
    except ValueError:
        raise Malformed(field) from None
    if moment.tzinfo is None:
        raise Malformed(field)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Malformed(field) from None
