"""The control interface under /_sim/: the payer's phone, the merchant's console and the tester's hand."""

import base64
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import date
from typing import Any

from aiohttp import web

from bot.simulators.alipay import agreements, announce, bills, forge, pages, paysheet, refunds
from bot.simulators.alipay.book import Agreement, Trade
from bot.simulators.alipay.core import Simulator
from bot.simulators.alipay.keys import STEPS
from bot.simulators.alipay.notices import Notice
from bot.simulators.alipay.wire import ApiError

LIST_LIMIT = 1000
REDELIVER_LIMIT = 100
TOKENS = ("trade_no", "qr_code", "out_trade_no")
Facts = Mapping[str, Any]
Action = Callable[[Simulator, web.Request, Facts], Awaitable[Facts]]
Page = Callable[[Simulator, web.Request], Awaitable[web.StreamResponse]]


class Misused(Exception):
    """A control call that makes no sense: (status, why)."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


def control_routes(sim: Simulator) -> list[web.RouteDef]:
    """The routes of the control interface; it is unauthenticated, so a simulator listens on loopback only."""
    table: list[tuple[str, str, Action]] = [
        ("GET", "/_sim/sheet", _sheet),
        ("POST", "/_sim/pay", _pay),
        ("GET", "/_sim/trades", _trades),
        ("GET", "/_sim/notices", _notices),
        ("GET", "/_sim/notices/{notice_id}", _notice),
        ("POST", "/_sim/redeliver/{notice_id}", _redeliver),
        ("POST", "/_sim/forge", _forge),
        ("GET", "/_sim/faults", _faults),
        ("POST", "/_sim/faults", _set_faults),
        ("GET", "/_sim/keys", _keys),
        ("POST", "/_sim/rotate", _rotate),
        ("POST", "/_sim/console_refund", _console_refund),
        ("GET", "/_sim/discrepancies", _discrepancies),
        ("POST", "/_sim/agreements/accept", _accept),
        ("POST", "/_sim/agreements/end", _end),
    ]
    routes = [web.route(method, path, _controlled(sim, action)) for method, path, action in table]
    buttons = {"/_sim/page/pay": pages.press_pay, "/_sim/page/sign": pages.press_sign}
    return routes + [web.post(path, _pressed(sim, page)) for path, page in buttons.items()]


def _controlled(sim: Simulator, action: Action) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            facts = await _body(request)
            return web.json_response(await action(sim, request, facts))
        except Misused as misuse:
            return web.json_response({"error": misuse.why}, status=misuse.status)
        except ApiError as refusal:
            return web.json_response({"error": refusal.message, "code": refusal.sub_code}, status=409)
        except ValueError as wrong:
            return web.json_response({"error": str(wrong)}, status=400)

    return handle


def _pressed(sim: Simulator, page: Page) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await page(sim, request)

    return handle


async def _body(request: web.Request) -> Facts:
    if request.method != "POST" or not request.can_read_body:
        return {}
    facts = await request.json()
    if not isinstance(facts, dict):
        raise Misused(400, "a JSON object is needed")
    return facts


async def _sheet(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    """The trade behind ?trade_no=, ?qr_code= or ?out_trade_no=, as the pay sheet shows it; scanning opens it."""
    return paysheet.sheet(sim, _trade(sim, request.query))


async def _pay(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Pay as a client would: {a token, buyer?, merchant_coupon?, alipay_coupon?}, coupons in fen."""
    trade = _trade(sim, facts)
    coupons = [facts.get(name, 0) for name in ("merchant_coupon", "alipay_coupon")]
    if any(type(coupon) is not int for coupon in coupons):
        raise Misused(400, "coupons are in fen")
    buyer = str(facts.get("buyer") or trade.buyer or sim.plan.default_buyer)
    return (await paysheet.pay(sim, paysheet.Payment(trade, buyer, *coupons))).describe()


async def _trades(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    """Trades, newest last; ?out_trade_no= narrows, ?after= (an index) pages."""
    wanted = request.query.get("out_trade_no")
    rows = (_trade_facts(trade) for trade in sim.book.trades() if not wanted or trade.out_trade_no == wanted)
    return _page("trades", rows, request)


async def _notices(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    """The delivery log; ?subject= (a number of ours) narrows, ?after= pages."""
    subject = request.query.get("subject")
    rows = (notice.describe() for notice in sim.notifier.log() if not subject or notice.subject == subject)
    return _page("notices", rows, request)


async def _notice(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    """One notice with the bytes of its first delivery, for replays."""
    notice = _known_notice(sim, request)
    return {**notice.describe(), "body": base64.b64encode(notice.first_body).decode()}


async def _redeliver(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Send a notice again now: {"times": 1, "fresh": true}; not fresh repeats the very bytes."""
    notice = _known_notice(sim, request)
    body = None if facts.get("fresh", True) else notice.first_body or None
    times = min(int(facts.get("times", 1)), REDELIVER_LIMIT)
    return {"answers": [(await sim.notifier.attempt(notice, body)).answer for _ in range(times)]}


async def _forge(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Send one forged notice: {out_trade_no, kind, url?}."""
    trade = _trade(sim, facts)
    fields = announce.trade_fields(sim, trade)
    notice, attempt = await forge.send(sim, trade, fields, str(facts.get("kind")), str(facts.get("url", "")))
    return {"notice_id": notice.notice_id, "status": attempt.status, "answer": attempt.answer}


async def _faults(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    return sim.faults.describe()


async def _set_faults(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Change faults: {"rates": {name: probability}, "by_amount": bool, "seed": int, "next": [names]}."""
    sim.faults.configure(rates=facts.get("rates"), by_suffix=facts.get("by_amount"), seed=facts.get("seed"))
    sim.faults.force(facts.get("next", ()))
    return sim.faults.describe()


async def _keys(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    return sim.keys.describe()


async def _rotate(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Rotate: {"step": introduce | switch | retire | all}."""
    step = next((known for known in STEPS if known == facts.get("step", "all")), None)
    if step is None:
        raise Misused(400, "unknown step")
    return await sim.keys.rotate(step, sim.clock.now())


async def _console_refund(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Refund as a person in the merchant console: {out_trade_no, amount?, reason?}."""
    trade = _trade(sim, facts)
    amount = facts.get("amount", trade.amount - trade.refunded)
    if type(amount) is not int or amount <= 0:
        raise Misused(400, "amount is in fen and positive")
    made = refunds.from_console(sim, trade, amount, str(facts.get("reason", "")))
    return {"out_request_no": made.number, "amount": made.amount}


async def _discrepancies(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    """What is planted in the trade bill of ?day= for ?seller_id= (the first application's where it is left out)."""
    seller = request.query.get("seller_id") or sim.plan.applications[0].seller_id
    day = date.fromisoformat(request.query.get("day", ""))
    return {"planted": [*bills.trade_rows(sim, seller, day)[1], *bills.day_moves(sim, seller, day)[1]]}


async def _accept(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Agree as the payer: {external_agreement_no, buyer?}."""
    made = _agreement(sim, facts)
    agreements.accept(sim, made, str(facts.get("buyer") or sim.plan.default_buyer))
    return announce.agreement_fields(made)


async def _end(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """End an agreement as the payer: {external_agreement_no}."""
    made = _agreement(sim, facts)
    agreements.end(sim, made, "payer")
    return announce.agreement_fields(made)


def _agreement(sim: Simulator, facts: Facts) -> Agreement:
    made = sim.book.agreements.get(str(facts.get("external_agreement_no")))
    if made is None:
        raise Misused(404, "no such agreement")
    return made


def _trade(sim: Simulator, facts: Mapping[str, Any]) -> Trade:
    token = next((str(facts[name]) for name in TOKENS if facts.get(name)), "")
    trade = sim.book.find(token)
    if trade is None:
        raise Misused(404, "no such trade")
    return trade


def _known_notice(sim: Simulator, request: web.Request) -> Notice:
    notice = sim.notifier.find(request.match_info["notice_id"])
    if notice is None:
        raise Misused(404, "no such notice")
    return notice


def _trade_facts(trade: Trade) -> dict[str, Any]:
    return {
        "out_trade_no": trade.out_trade_no,
        "trade_no": trade.trade_no,
        "method": trade.method,
        "status": str(trade.status),
        "opened": trade.opened,
        "amount": trade.amount,
        "refunded": trade.refunded,
        "paid_at": trade.paid_at.isoformat() if trade.paid_at else None,
        "buyer": trade.buyer,
        "expires_at": trade.expires_at.isoformat(),
    }


def _page(name: str, rows: Iterable[dict[str, Any]], request: web.Request) -> Facts:
    after = int(request.query.get("after", "0"))
    every = list(rows)
    return {name: every[after : after + LIST_LIMIT], "total": len(every)}
