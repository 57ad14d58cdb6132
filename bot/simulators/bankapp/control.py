"""The payer's page, and the control interface under /_sim/: the payer's phone and the tester's hand."""

from collections.abc import Awaitable, Callable, Mapping
from html import escape
from typing import Any

from aiohttp import web

from bot.simulators.bankapp import notices, operations
from bot.simulators.bankapp.book import Payment, payment_json, refund_json
from bot.simulators.bankapp.core import Simulator

LIST_LIMIT = 1000
REDELIVER_LIMIT = 100
Facts = Mapping[str, Any]
Action = Callable[[Simulator, web.Request, Facts], Awaitable[Facts]]
PAGE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>{bank}</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<main><h1>{merchant}</h1><p>{description}</p><p id="amount">¥{amount}</p><p id="said">{said}</p>
<form method="post"><button name="do" value="pay">确认付款</button>
<button name="do" value="cancel">取消</button></form></main></html>"""
WORDS = {"ok": "已付款", "declined": "余额不足，支付失败", "refused": "订单已失效"}


class Misused(Exception):
    """A control call that makes no sense: (status, why)."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


def routes(sim: Simulator) -> list[web.RouteDef]:
    """The page and the control interface; the latter is unauthenticated, so a simulator listens on loopback only."""
    table: list[tuple[str, str, Action]] = [
        ("POST", "/_sim/pay", _pay),
        ("GET", "/_sim/payments", _payments),
        ("GET", "/_sim/notices", _notices),
        ("POST", "/_sim/redeliver/{notice_id}", _redeliver),
        ("POST", "/_sim/forge", _forge),
        ("GET", "/_sim/faults", _faults),
        ("POST", "/_sim/faults", _set_faults),
        ("POST", "/_sim/rotate", _rotate),
        ("POST", "/_sim/refund_finish", _refund_finish),
    ]

    async def show(request: web.Request) -> web.StreamResponse:
        return _page(sim, _of_token(sim, request), "")

    async def act(request: web.Request) -> web.StreamResponse:
        return await _act(sim, request)

    pages = [web.get("/pay/{token}", show), web.post("/pay/{token}", act)]
    return [*pages, *(web.route(method, path, _controlled(sim, action)) for method, path, action in table)]


async def _act(sim: Simulator, request: web.Request) -> web.StreamResponse:
    payment = _of_token(sim, request)
    said = ""
    if (await request.post()).get("do") == "pay":
        said = await operations.pay(sim, payment)
        if said != "ok":
            return _page(sim, payment, WORDS[said])
    if payment.return_url:
        # What this says is nobody's proof: the merchant waits for the notice or asks.
        raise web.HTTPFound(payment.return_url)
    return _page(sim, payment, WORDS.get(said, "已取消"))


def _page(sim: Simulator, payment: Payment, said: str) -> web.Response:
    merchant = sim.merchant(payment.merchant)
    text = PAGE.format(
        bank=escape(sim.plan.name),
        merchant=escape(merchant.name if merchant else payment.merchant),
        description=escape(payment.description),
        amount=f"{payment.amount // 100}.{payment.amount % 100:02d}",
        said=escape(said),
    )
    return web.Response(text=text, content_type="text/html")


def _of_token(sim: Simulator, request: web.Request) -> Payment:
    payment = sim.book.by_token(request.match_info["token"])
    if payment is None:
        raise web.HTTPNotFound(text="no such payment")
    return payment


def _controlled(sim: Simulator, action: Action) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            facts = await request.json() if request.method == "POST" and request.can_read_body else {}
            if not isinstance(facts, dict):
                raise Misused(400, "a JSON object is needed")
            return web.json_response(await action(sim, request, facts))
        except Misused as misuse:
            return web.json_response({"error": misuse.why}, status=misuse.status)
        except ValueError as wrong:
            return web.json_response({"error": str(wrong)}, status=400)

    return handle


async def _pay(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Pay as a person would: {out_trade_no}."""
    payment = _payment(sim, facts)
    return {"result": await operations.pay(sim, payment), "transaction_id": payment.transaction_id}


async def _payments(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    after = int(request.query.get("after", "0"))
    rows = [
        {**payment_json(each, each.state, sim.plan.name), "refunds": [refund_json(each, r) for r in each.refunds]}
        for each in sim.book.payments()
    ]
    return {"payments": rows[after : after + LIST_LIMIT], "total": len(rows)}


async def _notices(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    after = int(request.query.get("after", "0"))
    rows = [notice.describe() for notice in sim.courier.log(request.query.get("subject"))]
    return {"notices": rows[after : after + LIST_LIMIT], "total": len(rows)}


async def _redeliver(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Send a notice again now: {"times": 1, "fresh": true}; not fresh repeats the very bytes and headers."""
    notice = sim.courier.find(request.match_info["notice_id"])
    times = facts.get("times", 1)
    if notice is None:
        raise Misused(404, "no such notice")
    if type(times) is not int or not 1 <= times <= REDELIVER_LIMIT:
        raise Misused(400, f"times is between 1 and {REDELIVER_LIMIT}")
    wire = None if facts.get("fresh", True) else notice.first_wire
    return {"statuses": [(await sim.courier.attempt(notice, wire)).status for _ in range(times)]}


async def _forge(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Send one forged notice: {out_trade_no, kind, url?}."""
    payment = _payment(sim, facts)
    notice, attempt = await notices.forge(sim, payment, str(facts.get("kind")), str(facts.get("url", "")))
    return {"notice_id": notice.notice_id, "status": attempt.status, "answer": attempt.answer}


async def _faults(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    return sim.faults.describe()


async def _set_faults(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Change faults: {"rates": {name: probability}, "by_amount": bool, "seed": int, "next": [names]}."""
    sim.faults.configure(rates=facts.get("rates"), by_suffix=facts.get("by_amount"), seed=facts.get("seed"))
    sim.faults.force(facts.get("next", ()))
    return sim.faults.describe()


async def _rotate(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    return sim.rotate()


async def _refund_finish(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Give a refund its result now: {out_refund_no, state}."""
    pair = next((pair for pair in sim.book.refunds() if pair[1].number == facts.get("out_refund_no")), None)
    if pair is None:
        raise Misused(404, "no such refund")
    operations.finish(sim, *pair, str(facts.get("state", "succeeded")))
    return refund_json(*pair)


def _payment(sim: Simulator, facts: Facts) -> Payment:
    payment = sim.book.by_number(str(facts.get("out_trade_no")))
    if payment is None:
        raise Misused(404, "no such payment")
    return payment
