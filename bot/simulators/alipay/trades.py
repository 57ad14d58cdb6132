"""create, precreate, wap.pay, query, close and cancel of a trade."""

import hashlib
import json
import secrets
from datetime import datetime, timedelta
from typing import Any

from bot.simulators.alipay import announce
from bot.simulators.alipay.book import Refund, Status, Trade, new_number, wire_time, yuan
from bot.simulators.alipay.core import Simulator
from bot.simulators.alipay.wire import Answer, ApiError, Call, bad, read_time, trouble

DEFAULT_LIFE = timedelta(days=15)
CANCEL_LIFE = timedelta(hours=24)
PRODUCTS = {
    "alipay.trade.create": ("JSAPI_PAY", "FACE_TO_FACE_PAYMENT", ""),
    "alipay.trade.precreate": ("FACE_TO_FACE_PAYMENT", "QR_CODE_OFFLINE", ""),
    "alipay.trade.wap.pay": ("QUICK_WAP_WAY", "QUICK_WAP_PAY"),
    "alipay.trade.pay": ("FACE_TO_FACE_PAYMENT", "GENERAL_WITHHOLDING", ""),
}
FIELDS = frozenset(
    {
        *("out_trade_no", "total_amount", "subject", "product_code", "time_expire", "timeout_express", "body"),
        *("passback_params", "extend_params", "buyer_id", "buyer_open_id", "quit_url", "scene", "auth_code"),
        *("agreement_params", "store_id", "terminal_id", "operator_id", "seller_id", "op_app_id", "query_options"),
    }
)
EXTEND = frozenset({"sys_service_provider_id", "royalty_freeze"})


async def create(sim: Simulator, call: Call) -> Answer:
    """alipay.trade.create and alipay.trade.precreate: idempotent by out_trade_no and content."""
    fault = sim.faults.draw("create", call.text("out_trade_no", 64), call.fen("total_amount"))
    if fault == "create_20000":
        raise trouble()
    if fault == "create_reset":
        return Answer({}, fault)
    trade = known(sim, call) or new_trade(sim, call)
    facts = {"out_trade_no": trade.out_trade_no}
    return Answer(facts | ({"qr_code": trade.qr_code} if trade.qr_code else {"trade_no": trade.trade_no}), fault)


def known(sim: Simulator, call: Call) -> Trade | None:
    """The trade that a repeated call means; raises ApiError where it is another one, or is over."""
    trade = sim.book.trade(call.seller_id, call.text("out_trade_no", 64))
    if trade is None:
        return None
    trade.expire(sim.clock.now())
    if trade.paid_at is not None:
        raise ApiError("ACQ.TRADE_HAS_SUCCESS", "交易已被支付")
    if trade.status is Status.CLOSED:
        raise ApiError("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")
    if trade.content != fingerprint(call):
        raise ApiError("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改")
    return trade


def new_trade(sim: Simulator, call: Call) -> Trade:
    """Check the content and take in a trade."""
    now = sim.clock.now()
    if unknown := sorted(set(call.content) - FIELDS):
        # Stricter than reality, which ignores them: a misspelt field must not pass a test.
        raise bad(unknown[0])
    if call.content.get("product_code", "") not in PRODUCTS[call.method]:
        raise bad("product_code")
    if call.content.get("product_code") == "JSAPI_PAY" and not call.content.get("op_app_id"):
        raise bad("op_app_id")
    buyer = _buyer(call)
    extend = call.content.get("extend_params", {})
    if not isinstance(extend, dict) or set(extend) - EXTEND:
        raise bad("extend_params")
    trade = Trade(
        app_id=call.application.app_id,
        seller_id=call.seller_id,
        out_trade_no=call.text("out_trade_no", 64),
        method=call.method,
        amount=call.fen("total_amount"),
        subject=_subject(call),
        notify_url=call.parameters.get("notify_url", ""),
        return_url=call.parameters.get("return_url", ""),
        passback=call.text("passback_params", 512, required=False),
        buyer=buyer,
        content=fingerprint(call),
        created_at=now,
        expires_at=_expiry(call, now),
        trade_no=new_number(now),
        frozen=extend.get("royalty_freeze") == "true",
        # A code nobody has scanned and a page nobody has opened are no trade yet.
        opened=call.method in ("alipay.trade.create", "alipay.trade.pay"),
    )
    if call.method == "alipay.trade.precreate":
        trade.qr_code = f"https://qr.alipay.com/bax{secrets.token_hex(10)}"
    sim.book.add(trade)
    return trade


async def query(sim: Simulator, call: Call) -> Answer:
    """alipay.trade.query."""
    trade = named(sim, call)
    fault = sim.faults.draw("query", trade.out_trade_no, trade.amount)
    if fault == "query_20000":
        raise trouble()
    if fault == "query_not_found":
        raise missing()
    if fault == "query_slow":
        await sim.clock.sleep(sim.plan.slow_seconds)
    if trade.hidden_queries:
        trade.hidden_queries -= 1
        if not trade.hidden_queries and trade.status is Status.WAIT:
            # The payer has typed the password of a scanned code.
            sim.book.pay(trade, buyer=sim.plan.default_buyer, now=sim.clock.now())
            announce.payment(sim, trade, late=True)
        return Answer(trade_json(trade, call, Status.WAIT), fault)
    return Answer(trade_json(trade, call, Status.WAIT if fault == "query_behind" else trade.status), fault)


async def close(sim: Simulator, call: Call) -> Answer:
    """alipay.trade.close: only an unpaid trade."""
    trade = named(sim, call)
    fault = sim.faults.draw("close", trade.out_trade_no, trade.amount)
    if fault == "paid_while_closing" and not trade.why_not_payable(sim.clock.now()):
        sim.book.pay(trade, buyer=trade.buyer or sim.plan.default_buyer, now=sim.clock.now())
        announce.payment(sim, trade)
    if trade.status is not Status.WAIT or trade.hidden_queries:
        raise ApiError("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
    trade.status = Status.CLOSED
    return Answer({"trade_no": trade.trade_no, "out_trade_no": trade.out_trade_no}, fault)


async def cancel(sim: Simulator, call: Call) -> Answer:
    """alipay.trade.cancel: closes an unpaid trade, and refunds a paid one (trap 25)."""
    number, now = call.text("out_trade_no", 64), sim.clock.now()
    trade = sim.book.trade(call.seller_id, number)
    facts: dict[str, Any] = {"out_trade_no": number, "retry_flag": "N"}
    if trade is None or not trade.opened:
        return Answer(facts)
    fault = sim.faults.draw("cancel", number, trade.amount)
    if fault == "cancel_retry":
        return Answer(facts | {"trade_no": trade.trade_no, "retry_flag": "Y"}, fault)
    if now > trade.created_at + CANCEL_LIFE:
        raise ApiError("ACQ.TRADE_CANCEL_TIME_OUT", "超过撤销时间范围")
    trade.hidden_queries = 0
    if not trade.closed_by:
        trade.closed_by = "close" if trade.paid_at is None else "refund"
        rest = trade.amount - trade.refunded
        if trade.paid_at is not None and rest:
            sim.book.refund(trade, Refund(trade.out_trade_no, rest, "撤销", now, by_cancel=True))
        trade.status = Status.CLOSED
    return Answer(facts | {"trade_no": trade.trade_no, "action": trade.closed_by}, fault)


def named(sim: Simulator, call: Call) -> Trade:
    """The opened trade that a call names by either number; raises ApiError."""
    number = call.text("out_trade_no", 64, required=False)
    if number:
        trade = sim.book.trade(call.seller_id, number)
    else:
        trade = sim.book.by_trade_no(call.seller_id, call.text("trade_no", 64))
    if trade is None or not trade.opened:
        raise missing()
    trade.expire(sim.clock.now())
    return trade


def missing() -> ApiError:
    return ApiError("ACQ.TRADE_NOT_EXIST", "交易不存在")


def trade_json(trade: Trade, call: Call, status: Status) -> dict[str, Any]:
    """A trade as the query tells it, in the given state."""
    facts: dict[str, Any] = {
        "trade_no": trade.trade_no,
        "out_trade_no": trade.out_trade_no,
        "buyer_logon_id": "pay***@sandbox.com",
        "trade_status": str(status),
        "total_amount": yuan(trade.amount),
    }
    if trade.paid_at is None or status is Status.WAIT:
        return facts
    return facts | {"send_pay_date": wire_time(trade.paid_at)} | paid_json(trade, call)


def paid_json(trade: Trade, call: Call) -> dict[str, Any]:
    """What is told of a payment; bills and vouchers only where they are asked for, or at once by the pay call."""
    wanted = call.content.get("query_options", [])
    at_once = call.method == "alipay.trade.pay"
    buyer = "buyer_user_id" if trade.buyer.startswith("2088") else "buyer_open_id"
    facts: dict[str, Any] = {
        "receipt_amount": yuan(trade.receipt),
        "buyer_pay_amount": yuan(trade.paid_by_buyer),
        "invoice_amount": yuan(trade.paid_by_buyer),
        "point_amount": "0.00",
        buyer: trade.buyer,
    }
    told = {"fund_bill_list": _bills(trade), "voucher_detail_list": _vouchers(trade)}
    return facts | {name: value for name, value in told.items() if value and (at_once or name in wanted)}


def fingerprint(call: Call) -> str:
    """A digest that tells identical repetitions from conflicting ones; a new code is a new try of the same trade."""
    same = {name: value for name, value in call.content.items() if name not in ("auth_code", "query_options")}
    return hashlib.sha256(json.dumps([call.method, same], sort_keys=True).encode()).hexdigest()


def _bills(trade: Trade) -> list[dict[str, str]]:
    rows = [
        ("ALIPAYACCOUNT", trade.paid_by_buyer),
        ("MDISCOUNT", trade.merchant_coupon),
        ("DISCOUNT", trade.alipay_coupon),
    ]
    return [{"fund_channel": channel, "amount": yuan(fen)} for channel, fen in rows if fen]


def _vouchers(trade: Trade) -> list[dict[str, str]]:
    rows = [
        ("MERCHANT_DISCOUNT_VOUCHER", trade.merchant_coupon, 0),
        ("ALIPAY_DISCOUNT_VOUCHER", 0, trade.alipay_coupon),
    ]
    return [
        {
            "id": "2026112400073002039000002D5O",
            "name": "立减券",
            "type": kind,
            "amount": yuan(merchant + other),
            "merchant_contribute": yuan(merchant),
            "other_contribute": yuan(other),
        }
        for kind, merchant, other in rows
        if merchant + other
    ]


def _buyer(call: Call) -> str:
    named_by = [name for name in ("buyer_id", "buyer_open_id") if call.content.get(name)]
    if call.method != "alipay.trade.create":
        if named_by:
            raise bad(named_by[0])
        return ""
    if len(named_by) != 1:
        raise bad("buyer_id")
    buyer = call.text(named_by[0], 128)
    if named_by[0] == "buyer_id" and not (buyer.startswith("2088") and len(buyer) == 16 and buyer.isdigit()):
        raise ApiError("ACQ.BUYER_NOT_EXIST", "买家不存在")
    if buyer == call.seller_id:
        raise ApiError("ACQ.BUYER_SELLER_EQUAL", "买卖家不能相同")
    return buyer


def _subject(call: Call) -> str:
    subject = call.text("subject", 256)
    if set("/=&") & set(subject):
        raise bad("subject")
    return subject


def _expiry(call: Call, now: datetime) -> datetime:
    value = call.content.get("time_expire")
    if value is None:
        return now + DEFAULT_LIFE
    until = read_time(value) if isinstance(value, str) else None
    if until is None or not now < until <= now + DEFAULT_LIFE:
        raise bad("time_expire")
    return until
