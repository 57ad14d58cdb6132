"""The control interface's other half: payers' codes and passwords, shares, contracts, and what is wrong with bills."""

from datetime import date

from aiohttp import web

from bot.simulators.wechatpay import bills, codes, papay, sharebills
from bot.simulators.wechatpay.book import CHINA
from bot.simulators.wechatpay.contracts import Contract
from bot.simulators.wechatpay.control import Facts, Misused, Table, order_facts, order_of, page
from bot.simulators.wechatpay.core import Simulator
from bot.simulators.wechatpay.screens import BEHAVIOURS


async def _show_code(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Show a fresh payment code on a payer's screen: {"openid"?, "behaviour"?: pay | password | never | cancel | …}."""
    wanted = facts.get("behaviour", "pay")
    behaviour = next((known for known in BEHAVIOURS if known == wanted), None)
    if behaviour is None:
        raise Misused(400, f"behaviour is one of {', '.join(BEHAVIOURS)}")
    openid = str(facts.get("openid") or sim.plan.default_openid)
    return {"auth_code": sim.screens.show(openid, behaviour, sim.clock.now())}


async def _password(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Type the password that a scanned code waits for, or cancel: {out_trade_no, "entered"?: true, "openid"?}."""
    order = order_of(sim, facts)
    codes.decide(sim, order, entered=bool(facts.get("entered", True)), openid=str(facts.get("openid", "")))
    return order_facts(order)


async def _shares(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    rows = [share.describe() | {"returns": len(share.returns)} for share in sim.shares.every()]
    return page("shares", rows, request)


async def _contract(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    contract = _found(sim, request.query)
    return {**contract.describe(), "signed": contract.signed_at is not None, "until": contract.until.isoformat()}


async def _sign(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """The payer agrees to a contract: {out_contract_code, "openid"?}."""
    contract = _found(sim, facts)
    papay.sign(sim, contract, str(facts.get("openid") or contract.openid or sim.plan.default_openid))
    return contract.describe()


async def _end(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """The payer ends a contract in WeChat: {out_contract_code, "by"?: USER_TERMINATE | SYSTEM_TERMINATE …}."""
    contract = _found(sim, facts)
    if contract.signed_at is None or contract.ended_at is not None:
        raise Misused(409, "the contract is not in force")
    papay.end(sim, contract, str(facts.get("by", "USER_TERMINATE")), "")
    return contract.describe()


async def _discrepancies(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    """What is wrong with a day's trade bill: ?mchid=&bill_date=; the truth by which a reconciliation is judged."""
    mchid = request.query.get("mchid", sim.plan.merchants[0].mchid)
    today = sim.clock.now().astimezone(CHINA).date()
    day = date.fromisoformat(request.query.get("bill_date", today.isoformat()))
    planted = [*bills.discrepancies(sim, mchid, day), *sharebills.discrepancies(sim, mchid, day)]
    rows = [found.describe() for found in planted]
    return page("discrepancies", rows, request)


def _found(sim: Simulator, facts: Facts) -> Contract:
    contract = sim.contracts.any_with(str(facts.get("out_contract_code")))
    if contract is None:
        raise Misused(404, "no such contract")
    return contract


TABLE: Table = (
    ("POST", "/_sim/code", _show_code),
    ("POST", "/_sim/password", _password),
    ("GET", "/_sim/shares", _shares),
    ("GET", "/_sim/contract", _contract),
    ("POST", "/_sim/contract/sign", _sign),
    ("POST", "/_sim/contract/end", _end),
    ("GET", "/_sim/discrepancies", _discrepancies),
)
