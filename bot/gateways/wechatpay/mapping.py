"""Pure functions between WeChat Pay's JSON and our values; every vendor state stands in a table here."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from bot.gateways.wechatpay.account import WeChatPayAccount, owner_number
from bot.gateways.wechatpay.fields import Json, Malformed, count, fen, moment, part, text, word
from bot.kernel.clock import SHANGHAI
from bot.kernel.money import CNY
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

DESCRIPTION_BYTES: Final = 127
REASON_BYTES: Final = 80
TRANSACTIONS: Final = "/v3/pay/transactions"
PARTNER_TRANSACTIONS: Final = "/v3/pay/partner/transactions"
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
    "PAP": Way.CONTRACT.value,
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


_FUNDERS: Final = ("wechatpay", "merchant", "other")


# Requests


def transactions(account: WeChatPayAccount) -> str:
    """Return where this account's orders live: a service provider has a place of its own."""
    return PARTNER_TRANSACTIONS if account.partner else TRANSACTIONS


def order_path(account: WeChatPayAccount, out_trade_no: str, suffix: str = "") -> str:
    return f"{transactions(account)}/out-trade-no/{quote(out_trade_no, safe='')}{suffix}"


def refund_path(account: WeChatPayAccount, out_refund_no: str) -> str:
    query = f"?sub_mchid={account.sub_mchid}" if account.partner else ""
    return f"{REFUNDS}/{quote(out_refund_no, safe='')}{query}"


def merchant(account: WeChatPayAccount) -> dict[str, str]:
    """Return the fields that name the merchant whose order it is."""
    if account.partner:
        return {"sp_mchid": account.sp_mchid, "sub_mchid": account.sub_mchid}
    return {"mchid": account.mchid}


def identity(account: WeChatPayAccount, app: str) -> dict[str, str]:
    """Return the fields that name the app and the merchant of a new order.

    A sub-merchant's app is named only where the payer is known under it: the answers then tell the payer under that
    one, which is what credit compares.
    """
    if not account.partner:
        return {"appid": app, "mchid": account.mchid}
    sub = {"sub_appid": app} if app == account.sub_appid else {}
    return {"sp_appid": account.sp_appid, **merchant(account), **sub}


def payer(account: WeChatPayAccount, app: str, openid: str) -> dict[str, str]:
    """Return who pays, under the name of the field that says whose openid it is."""
    if not account.partner:
        return {"openid": openid}
    return {"sub_openid" if app and app == account.sub_appid else "sp_openid": openid}


def create_body(charge: NewCharge, account: WeChatPayAccount) -> Json:
    """Return the body of a create; equal charges give equal bodies, so that a repetition is the identical one.

    ``time_expire`` is always there: without it an order stays payable for seven days (payments.md, trap 23). Its
    seconds are cut, not rounded, so that the order never outlives the quote.
    """
    app = app_of(charge, account)
    body: dict[str, object] = {
        **identity(account, app),
        "description": one_line(charge.description, DESCRIPTION_BYTES),
        "out_trade_no": charge.out_trade_no,
        "time_expire": charge.expires_at.astimezone(SHANGHAI).isoformat(timespec="seconds"),
        "notify_url": charge.notify_url,
        "amount": {"total": charge.amount, "currency": charge.currency},
    }
    if charge.attach:
        body["attach"] = charge.attach
    if charge.way in BRIDGED:
        body["payer"] = payer(account, app, charge.payer_id or "")
    if charge.way is Way.H5:
        body["scene_info"] = {"payer_client_ip": charge.payer_ip or "", "h5_info": {"type": "Wap"}}
    elif charge.payer_ip:
        body["scene_info"] = {"payer_client_ip": charge.payer_ip}
    if charge.share:
        body["settle_info"] = {"profit_sharing": True}
    return body


def app_of(charge: NewCharge, account: WeChatPayAccount) -> str:
    """Return the appid under which a charge is made: the payer's, or the account's first where there is none."""
    return charge.payer_app or account.appids[0]


def refund_body(refund: NewRefund, account: WeChatPayAccount) -> Json:
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
    if account.partner:
        body["sub_mchid"] = account.sub_mchid
    if reason := one_line(refund.reason, REASON_BYTES):
        body["reason"] = reason
    return body


def cut_bytes(text: str, limit: int) -> str:
    """Return the longest beginning of the text that has at most ``limit`` bytes of UTF-8, characters kept whole."""
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def one_line(text: str, limit: int) -> str:
    """Return the text without line breaks, which would break the lines of the bill that repeats it."""
    return cut_bytes(" ".join(without_control(text).split()), limit)


def h5_address(h5_url: str, return_url: str | None) -> str:
    """Return the page to send the payer to; WeChat leads back to ``return_url`` when it is appended."""
    if not return_url:
        return h5_url
    return f"{h5_url}{'&' if '?' in h5_url else '?'}redirect_url={quote(return_url, safe='')}"


# Answers and notices


def owner_of(data: Json) -> str:
    """Return whose message it is, in the form of ``WeChatPayAccount.owner``; empty where it does not say.

    Numbers that are none are nobody's, or one could be written that reads as two.
    """
    names = ("sp_mchid", "sub_mchid") if "sp_mchid" in data or "sub_mchid" in data else ("mchid",)
    numbers = [word(data, name) for name in names]
    if not all(number.isalnum() for number in numbers):
        return ""
    return owner_number(*numbers) if len(numbers) > 1 else numbers[0]


def charge_fact(data: Json, out_trade_no: str, owner: str) -> ChargeFact:
    """Return what a verified transaction says about the charge with our number.

    A message about another number or merchant says nothing about this one. REFUND becomes ``Closed`` with
    ``was_paid``: never "not paid", and never Paid, which would settle a bill whose money has gone back (trap 8).
    """
    if data.get("out_trade_no") != out_trade_no or owner_of(data) != owner:
        return Unknown("answer_about_another")
    state = text(data, "trade_state")
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
    amount = part(data, "amount")
    total = fen(amount, "total")
    app_id, payer_id = _payer_of(data)
    discounts, unfunded = _discounts(data.get("promotion_detail"))
    owner = owner_of(data)
    if not owner:
        raise Malformed("mchid")
    return PaidFact(
        out_trade_no=text(data, "out_trade_no"),
        transaction_id=text(data, "transaction_id"),
        amount=total,
        currency=text(amount, "currency", CNY),
        merchant_id=owner,
        app_id=app_id,
        paid_at=moment(data, "success_time"),
        payer_id=payer_id,
        payer_amount=count(amount.get("payer_total")),
        settlement_amount=None if unfunded is None else total - unfunded,
        discounts=discounts,
        way=TRADE_TYPES.get(word(data, "trade_type"), ""),
        bank=word(data, "bank_type"),
    )


def _payer_of(data: Json) -> tuple[str, str | None]:
    """Return the app under which the payer is told, and who they are to it; raises Malformed without any app."""
    told = data.get("payer")
    told = told if isinstance(told, dict) else {}
    if "sp_mchid" not in data:
        return text(data, "appid"), word(told, "openid") or None
    if under_sub := word(told, "sub_openid"):
        return text(data, "sub_appid"), under_sub
    return text(data, "sp_appid"), word(told, "sp_openid") or None


def refund_fact(data: Json, *, owner: str, state_field: str) -> RefundFact:
    """Return the fact of a refund answer (``status``) or notice (``refund_status``); raises Malformed."""
    amount = part(data, "amount")
    state = REFUND_STATES.get(text(data, state_field))
    if state is None:
        raise Malformed(state_field)
    return RefundFact(
        out_refund_no=text(data, "out_refund_no"),
        out_trade_no=text(data, "out_trade_no"),
        refund_id=text(data, "refund_id"),
        state=state,
        amount=fen(amount, "refund"),
        total=fen(amount, "total"),
        currency=text(amount, "currency", CNY),
        merchant_id=owner,
        succeeded_at=moment(data, "success_time") if state is RefundState.SUCCEEDED else None,
        received_account=word(data, "user_received_account"),
    )


def _discounts(promotions: object) -> tuple[dict[str, int], int | None]:
    """Return fen by funder, and the sum of coupons that nobody funded before (they lower the settlement).

    The sum is None where a promotion does not tell its kind and worth: better no figure than a wrong one. Kinds:
    CASH is prefunded (充值), NOCASH is not (免充值); payments.md, trap 24.
    """
    found: dict[str, int] = {}
    unfunded: int | None = 0
    for promotion in promotions if isinstance(promotions, list) else ():
        worth = count(promotion.get("amount")) if isinstance(promotion, dict) else None
        if worth is None or promotion.get("type") not in ("CASH", "NOCASH"):
            unfunded = None
        elif unfunded is not None and promotion["type"] == "NOCASH":
            unfunded += worth
        if worth is not None:
            shares = {name: count(promotion.get(f"{name}_contribute")) or 0 for name in _FUNDERS}
            shares["other"] += max(0, worth - sum(shares.values()))
            for funder, share in shares.items():
                found[funder] = found.get(funder, 0) + share
    return {funder: share for funder, share in found.items() if share}, unfunded
