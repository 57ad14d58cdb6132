"""Splitting a trade's money: receivers bound, order.settle and its query."""

from datetime import timedelta
from typing import Any

from bot.simulators.alipay import trades
from bot.simulators.alipay.book import Part, Split, Trade, new_number, wire_time, yuan
from bot.simulators.alipay.core import Simulator
from bot.simulators.alipay.wire import Answer, ApiError, Call, bad, read_fen

TYPES = ("userId", "openId", "loginName")


async def bind(sim: Simulator, call: Call) -> Answer:
    """alipay.trade.royalty.relation.bind: a receiver ending in 404 does not exist."""
    call.text("out_request_no", 64)
    for entry in _objects(call, "receiver_list"):
        account, kind = entry.get("account"), entry.get("type")
        if not isinstance(account, str) or kind not in TYPES:
            raise bad("receiver_list")
        if account.endswith("404"):
            raise ApiError("ACQ.USER_NOT_EXIST", "分账收款方不存在")
        sim.book.receivers.add((call.seller_id, account))
    return Answer({"result_code": "SUCCESS"})


async def settle(sim: Simulator, call: Call) -> Answer:
    """alipay.trade.order.settle: idempotent by out_request_no."""
    number, trade = call.text("out_request_no", 64), _trade(sim, call)
    known = next((split for split in trade.splits if split.number == number), None)
    if known is None:
        known = _made(sim, call, trade, number)
        trade.splits.append(known)
    return Answer({"trade_no": trade.trade_no, "settle_no": known.settle_no})


async def query(sim: Simulator, call: Call) -> Answer:
    """alipay.trade.order.settle.query: each receiver's part, PROCESSING until its time has come."""
    trade, number = _trade(sim, call), call.text("out_request_no", 64)
    split = next((split for split in trade.splits if split.number == number), None)
    if split is None:
        raise ApiError("ACQ.TRADE_SETTLE_NOT_EXIST", "结算请求不存在")
    over = sim.clock.now() >= split.done_at
    details = [_detail(part, split, over=over) for part in split.parts]
    told = wire_time(split.done_at - timedelta(seconds=sim.plan.settle_seconds))
    return Answer({"out_request_no": number, "operation_dt": told, "royalty_detail_list": details})


def _made(sim: Simulator, call: Call, trade: Trade, number: str) -> Split:
    extend = call.content.get("extend_params", {})
    finish = isinstance(extend, dict) and extend.get("royalty_finish") == "true"
    if trade.paid_at is None:
        raise ApiError("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
    if any(split.finish for split in trade.splits):
        raise ApiError("ACQ.TRADE_STATUS_ERROR", "分账已完结")
    entries = _objects(call, "royalty_parameters") if "royalty_parameters" in call.content else []
    if not entries and not finish:
        raise bad("royalty_parameters")
    parts = [_part(sim, trade, entry) for entry in entries]
    given = sum(part.amount for part in parts if part.payer == trade.seller_id and not part.error)
    if given > trade.amount - trade.refunded - trade.shared():
        raise ApiError("ACQ.ALLOC_AMOUNT_VALIDATE_ERROR", "分账金额超过最大可分账金额")
    now = sim.clock.now()
    return Split(number, new_number(now), parts, finish, now + timedelta(seconds=sim.plan.settle_seconds))


def _part(sim: Simulator, trade: Trade, entry: dict[str, Any]) -> Part:
    amount = read_fen(entry.get("amount"))
    payer, receiver = entry.get("trans_out", trade.seller_id), entry.get("trans_in")
    if not amount or not isinstance(payer, str) or not isinstance(receiver, str):
        raise bad("royalty_parameters")
    other = receiver if payer == trade.seller_id else payer
    if trade.seller_id not in (payer, receiver) or (trade.seller_id, other) not in sim.book.receivers:
        raise ApiError("ACQ.ROYALTY_RECEIVER_INVALID", "分账收款方未绑定")
    kind = str(entry.get("trans_in_type", "userId"))
    if payer != trade.seller_id and amount > trade.shared(payer):
        return Part(payer, receiver, kind, amount, "BALANCE_NOT_ENOUGH")
    return Part(payer, receiver, kind, amount)


def _detail(part: Part, split: Split, *, over: bool) -> dict[str, str]:
    state = ("FAIL" if part.error else "SUCCESS") if over else "PROCESSING"
    told = {
        "operation_type": "transfer",
        "execute_dt": wire_time(split.done_at),
        "trans_out": part.payer,
        "trans_out_type": "userId",
        "trans_in": part.receiver,
        "trans_in_type": part.receiver_type,
        "amount": yuan(part.amount),
        "state": state,
    }
    return told | ({"error_code": part.error} if state == "FAIL" else {})


def _trade(sim: Simulator, call: Call) -> Trade:
    trade = sim.book.by_trade_no(call.seller_id, call.text("trade_no", 64))
    if trade is None:
        raise trades.missing()
    return trade


def _objects(call: Call, name: str) -> list[dict[str, Any]]:
    value = call.content.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(entry, dict) for entry in value):
        raise bad(name)
    return value
