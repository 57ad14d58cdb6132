"""Agreements for deductions: signed on a page, asked about, ended, and what a deduction may take."""

import re
from datetime import date, timedelta
from typing import Any

from bot.simulators.alipay import announce
from bot.simulators.alipay.book import Agreement, new_number
from bot.simulators.alipay.core import Simulator
from bot.simulators.alipay.wire import Answer, ApiError, Call, bad, read_fen

SCENE = re.compile(r"[A-Z_]+\|[A-Z_]+")
PRODUCTS = ("CYCLE_PAY_AUTH_P", "GENERAL_WITHHOLDING_P")
PERIOD_MIN = 7


def opened(sim: Simulator, call: Call) -> Agreement:
    """alipay.user.agreement.page.sign: the page makes an agreement that its payer has yet to accept."""
    scene, product = call.text("sign_scene", 64), call.text("personal_product_code", 64)
    if not SCENE.fullmatch(scene) or product not in PRODUCTS:
        raise bad("sign_scene")
    if not isinstance(call.content.get("access_params"), dict):
        raise bad("access_params")
    rule = call.content.get("period_rule_params")
    if not isinstance(rule, dict):
        raise bad("period_rule_params")
    single, days = _rule(rule)
    external = call.text("external_agreement_no", 32)
    known = sim.book.agreements.get(external)
    if known is not None:
        return known
    now = sim.clock.now()
    made = Agreement(
        app_id=call.application.app_id,
        number=new_number(now, 20),
        external_no=external,
        product=product,
        scene=scene,
        single=single,
        period_days=days,
        notify_url=call.parameters.get("notify_url", ""),
        return_url=call.parameters.get("return_url", ""),
        made_at=now,
    )
    sim.book.agreements[external] = made
    return made


def accept(sim: Simulator, made: Agreement, buyer: str) -> None:
    """The payer agrees; once."""
    if made.status == "TEMP":
        made.status, made.buyer, made.signed_at = "NORMAL", buyer, sim.clock.now()
        announce.agreement(sim, made)


def end(sim: Simulator, made: Agreement, by: str) -> None:
    """Either side ends it; once."""
    if made.ended_at is None:
        made.ended_at, made.ended_by = sim.clock.now(), by
        announce.agreement(sim, made)


async def query(sim: Simulator, call: Call) -> Answer:
    """alipay.user.agreement.query: an ended one is not found, as in reality."""
    return Answer(announce.agreement_fields(_named(sim, call)))


async def unsign(sim: Simulator, call: Call) -> Answer:
    """alipay.user.agreement.unsign."""
    end(sim, _named(sim, call), "merchant")
    return Answer({})


def deduct(sim: Simulator, call: Call, amount: int) -> str:
    """Check a deduction against its agreement and return the payer; raises ApiError."""
    params = call.content.get("agreement_params")
    number = params.get("agreement_no") if isinstance(params, dict) else None
    made = next((each for each in sim.book.agreements.values() if each.number == number), None)
    if made is None or made.app_id != call.application.app_id:
        raise ApiError("ACQ.AGREEMENT_NOT_EXIST", "用户协议不存在")
    if made.status != "NORMAL" or made.ended_at is not None:
        raise ApiError("ACQ.AGREEMENT_INVALID", "用户协议失效")
    if amount > made.single:
        raise ApiError("ACQ.CYCLE_PAY_SINGLE_FEE_EXCEED", "周期扣款单笔金额超限")
    if sim.book.trade(call.seller_id, call.text("out_trade_no", 64)) is None:
        now = sim.clock.now()
        if made.deducted and now < made.deducted[-1] + timedelta(days=made.period_days):
            raise ApiError("ACQ.CYCLE_PAY_DATE_NOT_MATCH", "扣款日期不在签约时的允许范围之内")
        made.deducted.append(now)
    return made.buyer


def _named(sim: Simulator, call: Call) -> Agreement:
    number, external = call.content.get("agreement_no"), call.content.get("external_agreement_no")
    for made in sim.book.agreements.values():
        same = made.number == number if number else made.external_no == external
        if same and made.app_id == call.application.app_id and made.ended_at is None and made.status != "TEMP":
            return made
    raise ApiError("USER_AGREEMENT_NOT_EXIST", "用户签约协议不存在")


def _rule(rule: dict[str, Any]) -> tuple[int, int]:
    single, period = read_fen(rule.get("single_amount")), rule.get("period")
    if rule.get("period_type") not in ("DAY", "MONTH") or not isinstance(period, str) or not period.isdigit():
        raise bad("period_rule_params")
    days = int(period) * (30 if rule["period_type"] == "MONTH" else 1)
    try:
        date.fromisoformat(str(rule.get("execute_time")))
    except ValueError:
        raise bad("execute_time") from None
    if not single or days < PERIOD_MIN:
        raise bad("period_rule_params")
    return single, days
