"""分账: receivers with their encrypted names, shares that are PROCESSING and then FINISHED, returns and unfreezing."""

from collections.abc import Mapping
from typing import Any

from bot.simulators.wechatpay.book import Order, fingerprint, new_number
from bot.simulators.wechatpay.core import Simulator
from bot.simulators.wechatpay.fields import OPENID, check_sub, known, text
from bot.simulators.wechatpay.orders import PAID
from bot.simulators.wechatpay.shares import Part, PartState, Return, Share
from bot.simulators.wechatpay.wire import Answer, ApiError, Call, bad_field

KINDS = ("MERCHANT_ID", "PERSONAL_OPENID", "PERSONAL_SUB_OPENID")
RELATIONS = (
    *("SERVICE_PROVIDER", "STORE", "STAFF", "STORE_OWNER", "PARTNER", "HEADQUARTER", "BRAND"),
    *("DISTRIBUTOR", "USER", "SUPPLIER", "CUSTOM"),
)
MAX_RECEIVERS = 50
APPS = frozenset({"sub_mchid", "appid", "sub_appid"})
RECEIVER_FIELDS = APPS | {"type", "account", "name", "relation_type", "custom_relation"}
ORDER_FIELDS = APPS | {"transaction_id", "out_order_no", "receivers", "unfreeze_unsplit"}
UNFREEZE_FIELDS = frozenset({"sub_mchid", "transaction_id", "out_order_no", "description"})
RETURN_FIELDS = frozenset(
    {"sub_mchid", "order_id", "out_order_no", "out_return_no", "return_mchid", "amount", "description"}
)
Facts = Mapping[str, Any]


async def add_receiver(sim: Simulator, call: Call) -> Answer:
    """POST /v3/profitsharing/receivers/add."""
    call.only_query(())
    facts = call.json()
    known(facts, RECEIVER_FIELDS)
    whose = _whose(call, facts)
    kind, account = _account(facts)
    relation = text(facts, "relation_type", 32)
    if relation not in RELATIONS or (relation == "CUSTOM") != bool(facts.get("custom_relation")):
        raise bad_field("relation_type", relation, "枚举值不正确")
    name = _name(sim, call, facts)
    if kind == "MERCHANT_ID" and not name:
        raise bad_field("name", "", "商户全称必填")
    fault = sim.faults.draw("share", account, 0)
    sim.shares.receivers[(whose or call.merchant.mchid, account)] = {"type": kind, "name": name, "relation": relation}
    return Answer(facts={"type": kind, "account": account, "relation_type": relation}, fault=fault)


async def share(sim: Simulator, call: Call) -> Answer:
    """POST /v3/profitsharing/orders: idempotent by out_order_no and all parameters but the names."""
    call.only_query(())
    facts = call.json()
    known(facts, ORDER_FIELDS)
    whose = _whose(call, facts)
    number, order = text(facts, "out_order_no", 64), _paid_order(sim, call, facts, whose)
    if type(facts.get("unfreeze_unsplit")) is not bool:
        raise bad_field("unfreeze_unsplit", facts.get("unfreeze_unsplit"), "必填，且应为布尔值")
    receivers = facts.get("receivers")
    if not isinstance(receivers, list) or not 0 < len(receivers) <= MAX_RECEIVERS:
        raise bad_field("receivers", receivers, "1至50个接收方")
    parts = [_part(sim, call, whose, receiver) for receiver in receivers]
    asked = sum(entry.amount for entry in parts)
    bare = [{name: value for name, value in receiver.items() if name != "name"} for receiver in receivers]
    mark = fingerprint({**facts, "receivers": bare})
    fault = sim.faults.draw("share", number, asked)
    if fault == "share_system_error":
        raise ApiError(500, "SYSTEM_ERROR", "系统错误，请用相同参数重新调用")
    if before := _before(sim, call, number, mark):
        return Answer(facts=before.describe(), fault=fault)
    _check_amount(sim, order, asked)
    made = Share(order, number, new_number("3008", sim.clock.now(), 28), mark, parts)
    return _begin(sim, call, made, finish=facts["unfreeze_unsplit"], fault=fault)


async def unfreeze(sim: Simulator, call: Call) -> Answer:
    """POST /v3/profitsharing/orders/unfreeze."""
    call.only_query(())
    facts = call.json()
    known(facts, UNFREEZE_FIELDS)
    whose = _whose(call, facts)
    number, order = text(facts, "out_order_no", 64), _paid_order(sim, call, facts, whose)
    text(facts, "description", 80)
    mark = fingerprint(dict(facts))
    fault = sim.faults.draw("share", number, 0)
    if before := _before(sim, call, number, mark):
        return Answer(facts=before.describe(), fault=fault)
    if order.finished_sharing:
        raise ApiError(400, "INVALID_REQUEST", "订单已经完成分账")
    made = Share(order, number, new_number("3008", sim.clock.now(), 28), mark)
    return _begin(sim, call, made, finish=True, fault=fault)


async def query(sim: Simulator, call: Call, out_order_no: str) -> Answer:
    """GET /v3/profitsharing/orders/{out_order_no}?transaction_id=[&sub_mchid=]."""
    asked = call.only_query(("transaction_id",), ("sub_mchid",))
    found = sim.shares.find(call.merchant.mchid, out_order_no)
    named = (asked["transaction_id"], _whose(call, asked))
    if found is None or (found.order.transaction_id, found.order.sub_mchid) != named:
        raise ApiError(404, "RESOURCE_NOT_EXISTS", "分账单不存在")
    fault = sim.faults.draw("share_query", out_order_no, found.taken)
    return Answer(facts=found.describe(), fault=fault)


async def take_back(sim: Simulator, call: Call) -> Answer:
    """POST /v3/profitsharing/return-orders: from a merchant, at once unless a fault says otherwise."""
    call.only_query(())
    facts = call.json()
    known(facts, RETURN_FIELDS)
    found = sim.shares.find(call.merchant.mchid, text(facts, "out_order_no", 64))
    if found is None or found.order.sub_mchid != _whose(call, facts):
        raise ApiError(404, "RESOURCE_NOT_EXISTS", "分账单不存在")
    number, mchid, mark = text(facts, "out_return_no", 64), text(facts, "return_mchid", 32), fingerprint(dict(facts))
    text(facts, "description", 80)
    amount = facts.get("amount")
    if type(amount) is not int or amount <= 0:
        raise bad_field("amount", amount, "应为大于0的整数，单位为分")
    fault = sim.faults.draw("share_return", number, amount)
    for entry in found.returns:
        if entry.out_return_no == number:
            if entry.fingerprint != mark:
                raise ApiError(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致")
            return Answer(facts=found.describe_return(entry), fault=fault)
    given = sum(p.amount for p in found.parts if p.account == mchid and p.state is PartState.SUCCESS)
    back = sum(entry.amount for entry in found.returns if entry.mchid == mchid and entry.result != "FAILED")
    if amount > given - back:
        raise ApiError(400, "INVALID_REQUEST", "回退金额超过原分账金额")
    made = Return(number, new_number("3009", sim.clock.now(), 28), mchid, amount, "", mark, sim.clock.now())
    made.description = str(facts["description"])
    found.returns.append(made)
    _return_result(sim, made, fault)
    return Answer(facts=found.describe_return(made), fault=fault)


async def take_back_query(sim: Simulator, call: Call, out_return_no: str) -> Answer:
    """GET /v3/profitsharing/return-orders/{out_return_no}?out_order_no=[&sub_mchid=]."""
    asked = call.only_query(("out_order_no",), ("sub_mchid",))
    found = sim.shares.find(call.merchant.mchid, asked["out_order_no"])
    for entry in found.returns if found and found.order.sub_mchid == _whose(call, asked) else ():
        if found and entry.out_return_no == out_return_no:
            return Answer(facts=found.describe_return(entry), fault=sim.faults.draw("share_query", out_return_no, 0))
    raise ApiError(404, "RESOURCE_NOT_EXISTS", "回退单不存在")


def _begin(sim: Simulator, call: Call, made: Share, *, finish: bool, fault: str) -> Answer:
    order = made.order
    if finish:
        order.finished_sharing = True
        left = order.settlement_total - sum(share.taken for share in sim.shares.of(order)) - made.taken
        own = order.sub_mchid or order.mchid
        made.parts.append(_new_part(sim, "MERCHANT_ID", own, left, "解冻给分账方"))
    sim.shares.add(call.merchant.mchid, made)
    sim.background.start(_finish(sim, made))
    return Answer(facts=made.describe(), fault=fault)


async def _finish(sim: Simulator, made: Share) -> None:
    await sim.clock.sleep(sim.plan.share_seconds)
    for entry in made.parts:
        failed = sim.faults.draw("share_result", f"{made.out_order_no}|{entry.account}", entry.amount)
        entry.state = PartState.CLOSED if failed else PartState.SUCCESS
        entry.fail_reason = "ACCOUNT_ABNORMAL" if failed else ""
        entry.finished_at = sim.clock.now()


def _return_result(sim: Simulator, made: Return, fault: str) -> None:
    if fault == "share_return_slow":
        sim.background.start(_return_later(sim, made))
        return
    made.result = "FAILED" if fault == "share_return_failed" else "SUCCESS"
    made.fail_reason = "BALANCE_NOT_ENOUGH" if made.result == "FAILED" else ""


async def _return_later(sim: Simulator, made: Return) -> None:
    await sim.clock.sleep(sim.plan.share_seconds)
    made.result = "SUCCESS"


def _before(sim: Simulator, call: Call, number: str, mark: str) -> Share | None:
    before = sim.shares.find(call.merchant.mchid, number)
    if before is not None and before.fingerprint != mark:
        raise ApiError(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致")
    return before


def _check_amount(sim: Simulator, order: Order, asked: int) -> None:
    shared = sum(share.taken for share in sim.shares.of(order))
    if order.finished_sharing:
        raise ApiError(400, "INVALID_REQUEST", "订单已经完成分账")
    if asked > order.settlement_total - shared - order.refunded:
        raise ApiError(403, "NOT_ENOUGH", "分账金额不足")
    if asked + shared > order.settlement_total * sim.plan.share_basis_points // 10_000:
        raise ApiError(403, "RULE_LIMIT", "超出最大分账比例")


def _paid_order(sim: Simulator, call: Call, facts: Facts, whose: str) -> Order:
    order = sim.book.by_transaction(call.merchant.mchid, text(facts, "transaction_id", 32))
    if order is None or order.sub_mchid != whose:
        raise ApiError(404, "RESOURCE_NOT_EXISTS", "订单不存在")
    if not order.profit_sharing or order.state not in PAID:
        raise ApiError(400, "INVALID_REQUEST", "非分账订单不支持分账")
    return order


def _part(sim: Simulator, call: Call, whose: str, receiver: object) -> Part:
    if not isinstance(receiver, dict):
        raise bad_field("receivers", receiver, "应为对象")
    known(receiver, frozenset({"type", "account", "name", "amount", "description"}))
    kind, account = _account(receiver)
    added = sim.shares.receivers.get((whose or call.merchant.mchid, account))
    if added is None or added["type"] != kind:
        raise ApiError(400, "INVALID_REQUEST", "分账接收方不存在，请先添加")
    name, amount = _name(sim, call, receiver), receiver.get("amount")
    if name and added["name"] and name != added["name"]:
        raise ApiError(400, "INVALID_REQUEST", "分账接收方姓名不一致")
    if type(amount) is not int or amount <= 0:
        raise bad_field("receivers/amount", amount, "应为大于0的整数，单位为分")
    return _new_part(sim, kind, account, amount, text(receiver, "description", 80))


def _new_part(sim: Simulator, kind: str, account: str, amount: int, description: str) -> Part:
    now = sim.clock.now()
    return Part(kind, account, amount, description, new_number("3601", now, 25), now)


def _account(facts: Facts) -> tuple[str, str]:
    kind, account = text(facts, "type", 32), text(facts, "account", 64)
    if kind not in KINDS:
        raise bad_field("type", kind, "枚举值不正确")
    good = account.isascii() and account.isdigit() if kind == "MERCHANT_ID" else bool(OPENID.fullmatch(account))
    if not good:
        raise bad_field("account", account, "分账接收方账号不正确")
    return kind, account


def _name(sim: Simulator, call: Call, facts: Facts) -> str:
    """The name in clear: it must have been encrypted under the key that Wechatpay-Serial names."""
    if "name" not in facts:
        return ""
    opened = sim.keys.opened(call.wanted, text(facts, "name", 2048))
    if opened is None:
        raise bad_field("name", "", "敏感字段解密失败，请检查Wechatpay-Serial和加密方式")
    return opened


def _whose(call: Call, facts: Facts) -> str:
    """The sub-merchant whose payment is shared, empty in direct-merchant mode."""
    sub = facts.get("sub_mchid")
    return check_sub(call, str(sub)).mchid if sub else ""
