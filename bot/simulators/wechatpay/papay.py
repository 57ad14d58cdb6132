"""委托代扣: contracts that the payer signs or ends, the notice beforehand, and deductions that are taken in first."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.simulators.wechatpay import announce
from bot.simulators.wechatpay.book import CHINA, DEFAULT_LIFE, Order, TradeState, fingerprint, new_number
from bot.simulators.wechatpay.contracts import Contract
from bot.simulators.wechatpay.core import Simulator
from bot.simulators.wechatpay.fields import (
    OPENID,
    OrderRequest,
    amount_of,
    check_sub,
    known,
    notify_url_of,
    part,
    read_out_trade_no,
    text,
)
from bot.simulators.wechatpay.notices import Manner
from bot.simulators.wechatpay.orders import PAID, new_order
from bot.simulators.wechatpay.wire import Answer, ApiError, Call, bad_field

SCENES = ("jsapi", "h5", "mini-program")
SESSION = timedelta(minutes=10)
WAITING_DAYS = 2
HOURS = range(7, 22)
APPS = frozenset({"appid", "sp_appid", "sub_appid", "sub_mchid"})
SIGN_FIELDS = APPS | {
    *("openid", "sp_openid", "sub_openid", "plan_id", "out_contract_code"),
    *("contract_display_account", "contract_notify_url", "out_user_code"),
}
NOTICE_FIELDS = APPS | {"mchid", "sp_mchid", "deduct_duration", "estimated_amount"}
DEDUCT_FIELDS = APPS | {
    *("out_trade_no", "description", "transaction_notify_url", "contract_id"),
    *("amount", "goods_tag", "attach"),
}
Facts = Mapping[str, Any]


async def pre_sign(sim: Simulator, call: Call, scene: str, *, partner: bool = False) -> Answer:
    """POST /v3/papay/scheduled-deduct-sign[/partner]/contracts/pre-entrust-sign/{scene}: a session of ten minutes."""
    call.only_query(())
    facts = call.json()
    known(facts, SIGN_FIELDS)
    appid, sub_mchid, sub_appid = _apps(call, facts, partner=partner)
    code, plan = text(facts, "out_contract_code", 32), facts.get("plan_id")
    if type(plan) is not int or not code.isalnum() or not code.isascii():
        raise bad_field("plan_id", plan, "委托代扣模板或商户签约协议号不正确")
    openid = facts.get("sub_openid" if sub_appid else "sp_openid" if partner else "openid", "")
    if openid and not OPENID.fullmatch(str(openid)):
        raise bad_field("openid", openid, "无效的openid")
    before = sim.contracts.by_code(call.merchant.mchid, code)
    if before is not None and before.signed_at is not None:
        raise ApiError(400, "RESOURCE_ALREADY_EXISTS", "商户签约协议号已存在")
    contract = Contract(
        mchid=call.merchant.mchid,
        appid=appid,
        plan_id=plan,
        out_contract_code=code,
        shown=text(facts, "contract_display_account", 32),
        notify_url=notify_url_of(text(facts, "contract_notify_url", 256)),
        openid=str(openid),
        until=sim.clock.now() + SESSION,
        sub_mchid=sub_mchid,
        sub_appid=sub_appid,
        session=secrets.token_hex(16),
    )
    fault = sim.faults.draw("contract", code, 0)
    sim.contracts.put(contract)
    return Answer(facts=_handover(call, contract, scene), fault=fault)


async def query(sim: Simulator, call: Call, plan: str, code: str, *, partner: bool = False) -> Answer:
    """GET …/contracts/plan-id/{plan}/out-contract-code/{code}: only what was signed once is there."""
    asked = call.only_query(("sub_mchid",) if partner else ())
    contract = _signed(sim, call, plan, code, str(asked.get("sub_mchid", "")))
    return Answer(facts=contract.describe(), fault=sim.faults.draw("contract", code, 0))


async def terminate(sim: Simulator, call: Call, plan: str, code: str, *, partner: bool = False) -> Answer:
    """POST …/contracts/plan-id/{plan}/out-contract-code/{code}/terminate."""
    call.only_query(())
    facts = call.json()
    known(facts, frozenset({"contract_termination_remark", "sub_mchid"}))
    contract = _signed(sim, call, plan, code, str(facts.get("sub_mchid", "")))
    if contract.ended_at is not None:
        raise ApiError(400, "INVALID_REQUEST", "协议已解约")
    fault = sim.faults.draw("contract", code, 0)
    end(sim, contract, "MCH_API_TERMINATE", text(facts, "contract_termination_remark", 256))
    return Answer(facts=contract.describe(), fault=fault)


async def pre_notice(sim: Simulator, call: Call, contract_id: str, *, partner: bool = False) -> Answer:
    """POST /v3/papay/contracts/{contract_id}/notify: sent by day, and two days before the first deduction."""
    call.only_query(())
    facts = call.json()
    known(facts, NOTICE_FIELDS)
    contract = _active(sim, call, contract_id, _apps(call, facts, partner=partner)[1])
    duration = part(facts, "deduct_duration", required=True)
    days = duration.get("count")
    if type(days) is not int or not 1 <= days <= 3 or duration.get("unit") != "DAY":
        raise bad_field("deduct_duration", dict(duration), "扣费持续时间为1至3天")
    now = sim.clock.now().astimezone(CHINA)
    if now.hour not in HOURS:
        raise ApiError(400, "INVALID_REQUEST", "只能在7:00~22:00发送预扣费通知")
    amount = amount_of(part(facts, "estimated_amount", required=True), "amount")
    first = now.date() + timedelta(days=WAITING_DAYS)
    contract.noticed = (first, first + timedelta(days=days - 1), amount)
    return Answer(status=204, fault=sim.faults.draw("contract", contract_id, amount))


async def apply(sim: Simulator, call: Call, *, partner: bool = False) -> Answer:
    """POST /v3/papay/pay[/partner]/transactions/apply: taken in; the result comes later, by notice and query."""
    call.only_query(())
    facts = call.json()
    known(facts, DEDUCT_FIELDS)
    appid, sub_mchid, sub_appid = _apps(call, facts, partner=partner)
    number, total = read_out_trade_no(facts), amount_of(part(facts, "amount", required=True), "total")
    contract = _active(sim, call, text(facts, "contract_id", 32), sub_mchid)
    mark = fingerprint(dict(facts))
    told = {"out_trade_no": number, "amount": {"total": total, "currency": "CNY"}}
    fault = sim.faults.draw("deduct", number, total)
    before = sim.book.order(call.merchant.mchid, number)
    if before is not None:
        _check_repeat(before, mark)
        return Answer(facts=told, fault=fault)
    _check_notice(sim, contract, total)
    wish = OrderRequest(
        appid=appid,
        out_trade_no=number,
        description=text(facts, "description", 127),
        total=total,
        openid=contract.openid,
        attach=text(facts, "attach", 128, required=False),
        notify_url=notify_url_of(text(facts, "transaction_notify_url", 256)),
        device_id="",
        expires_at=sim.clock.now() + DEFAULT_LIFE,
        fingerprint=mark,
        sub_mchid=sub_mchid,
        sub_appid=sub_appid,
    )
    order = replace(new_order(sim, call, wish, "PAP", sim.clock.now()), contract_id=contract.contract_id)
    order.state = TradeState.ACCEPT
    sim.book.add(order)
    sim.background.start(_deduct(sim, order, contract))
    return Answer(facts=told, fault=fault)


def sign(sim: Simulator, contract: Contract, openid: str) -> None:
    """The payer agrees in WeChat; raises ApiError where the session is over or is another's."""
    if contract.signed_at is not None or sim.clock.now() >= contract.until:
        raise ApiError(400, "INVALID_REQUEST", "签约会话已失效")
    if contract.openid and openid != contract.openid:
        raise ApiError(400, "INVALID_REQUEST", "签约用户与预签约用户不一致")
    contract.openid = openid
    contract.contract_id = new_number("20", sim.clock.now(), 24)
    contract.signed_at = sim.clock.now()
    _tell(sim, contract, "ENTRUST.SIGN")


def end(sim: Simulator, contract: Contract, by: str, remark: str) -> None:
    """End a contract and tell the merchant."""
    contract.ended_at, contract.ended_by, contract.remark = sim.clock.now(), by, remark
    _tell(sim, contract, "ENTRUST.TERMINATE")


async def _deduct(sim: Simulator, order: Order, contract: Contract) -> None:
    await sim.clock.sleep(sim.plan.deduct_seconds)
    if order.state is not TradeState.ACCEPT:
        return
    if contract.ended_at is not None or sim.faults.draw("deduct_result", order.out_trade_no, order.total):
        order.state = TradeState.PAYERROR
        return
    sim.book.pay(order, payer=contract.openid, coupon=0, prefunded=False, now=sim.clock.now())
    contract.noticed = None  # One notice allows one deduction.
    announce.payment(sim, order)


def _tell(sim: Simulator, contract: Contract, kind: str) -> None:
    notice = sim.notifier.write(
        event_type=kind,
        original_type="entrust",
        facts=contract.describe(),
        key=sim.merchant(contract.mchid).apiv3_key,
        url=contract.notify_url,
        subject=contract.out_contract_code,
    )
    sim.notifier.dispatch(notice, Manner())


def _handover(call: Call, contract: Contract, scene: str) -> dict[str, str]:
    if scene == "mini-program":
        path = "pages/papay/index"
        return {"pre_entrustweb_id": contract.session, "redirect_appid": "wxbd687630cd02ce1d", "redirect_path": path}
    return {"redirect_url": f"{call.base_url}/papay/sign?id={contract.session}"}


def _apps(call: Call, facts: Facts, *, partner: bool) -> tuple[str, str, str]:
    """The app, the sub-merchant and its app; contracts' calls name no signing merchant."""
    appid = text(facts, "sp_appid" if partner else "appid", 32)
    if appid not in call.merchant.appids:
        raise ApiError(400, "APPID_MCHID_NOT_MATCH", "appid和mchid不匹配")
    if not partner:
        return appid, "", ""
    sub = check_sub(call, text(facts, "sub_mchid", 32))
    return appid, sub.mchid, text(facts, "sub_appid", 32, required=False)


def _signed(sim: Simulator, call: Call, plan: str, code: str, sub_mchid: str) -> Contract:
    contract = sim.contracts.by_code(call.merchant.mchid, code)
    found = contract is not None and contract.signed_at is not None and str(contract.plan_id) == plan
    if contract is None or not found or contract.sub_mchid != sub_mchid:
        raise ApiError(404, "RESOURCE_NOT_EXISTS", "签约协议不存在")
    return contract


def _active(sim: Simulator, call: Call, contract_id: str, sub_mchid: str) -> Contract:
    contract = sim.contracts.by_id(call.merchant.mchid, contract_id)
    if contract is None or contract.sub_mchid != sub_mchid:
        raise ApiError(404, "RESOURCE_NOT_EXISTS", "签约协议不存在")
    if contract.ended_at is not None:
        raise ApiError(403, "NO_AUTH", "签约协议已解约")
    return contract


def _check_repeat(before: Order, mark: str) -> None:
    if before.state in PAID:
        raise ApiError(400, "ORDERPAID", "该订单已支付")
    if before.state is TradeState.CLOSED:
        raise ApiError(400, "ORDER_CLOSED", "该订单已关闭")
    if before.fingerprint != mark:
        raise ApiError(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致")


def _check_notice(sim: Simulator, contract: Contract, total: int) -> None:
    """A deduction comes within the days of its notice and takes no more than was told."""
    if not sim.plan.deduct_needs_notice:
        return
    today = sim.clock.now().astimezone(CHINA).date()
    if contract.noticed is None or not contract.noticed[0] <= today <= contract.noticed[1]:
        raise ApiError(403, "RULE_LIMIT", "不在可扣费期内")
    if total > contract.noticed[2]:
        raise ApiError(403, "RULE_LIMIT", "扣款金额高于预计扣费金额")
