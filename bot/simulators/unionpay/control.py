"""The control interface under /_sim/: the payer's phone, the merchant's console and the tester's hand."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from bot.simulators.unionpay import notices, orders, refunds
from bot.simulators.unionpay.book import Order, Refund
from bot.simulators.unionpay.core import Simulator
from bot.simulators.unionpay.wire import ApiError

LIST_LIMIT = 1000
REDELIVER_LIMIT = 100
Facts = Mapping[str, Any]
Action = Callable[[Simulator, web.Request, Facts], Awaitable[Facts]]


class Misused(Exception):
    """A control call that makes no sense: (status, why)."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


def control_routes(sim: Simulator) -> list[web.RouteDef]:
    """The routes of the control interface; it is unauthenticated, so a simulator listens on loopback only."""
    table: list[tuple[str, str, Action]] = [
        ("POST", "/_sim/pay", _pay),
        ("GET", "/_sim/orders", _orders),
        ("GET", "/_sim/refunds", _refunds),
        ("GET", "/_sim/notices", _notices),
        ("POST", "/_sim/redeliver/{notice_id}", _redeliver),
        ("POST", "/_sim/forge", _forge),
        ("GET", "/_sim/faults", _faults),
        ("POST", "/_sim/faults", _set_faults),
        ("POST", "/_sim/rotate", _rotate),
        ("POST", "/_sim/refund_finish", _refund_finish),
        ("POST", "/_sim/console_refund", _console_refund),
    ]
    return [web.route(method, path, _controlled(sim, action)) for method, path, action in table]


def _controlled(sim: Simulator, action: Action) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            facts = await request.json() if request.method == "POST" and request.can_read_body else {}
            if not isinstance(facts, dict):
                raise Misused(400, "a JSON object is needed")
            return web.json_response(await action(sim, request, facts))
        except Misused as misuse:
            return web.json_response({"error": misuse.why}, status=misuse.status)
        except ApiError as refusal:
            return web.json_response({"error": refusal.message, "code": refusal.code}, status=409)
        except ValueError as wrong:
            return web.json_response({"error": str(wrong)}, status=400)

    return handle


async def _pay(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Pay as a person would: {order_id or token, user?}."""
    order = _order(sim, facts)
    if not order.payable(sim.clock.now()):
        return {"result": "refused", "query_id": ""}
    fault = sim.faults.draw("pay", order.order_id, order.amount)
    done = await orders.pay(sim, order, str(facts.get("user") or order.user_id or sim.plan.default_user), fault)
    return {"result": "ok" if done else "declined", "query_id": order.query_id}


async def _orders(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    return _page("orders", [_order_facts(order) for order in sim.book.orders()], request)


async def _refunds(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    return _page("refunds", [_refund_facts(*pair) for pair in sim.book.refunds()], request)


async def _notices(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    rows = [notice.describe() for notice in sim.courier.log(request.query.get("subject"))]
    return _page("notices", rows, request)


async def _redeliver(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Send a notice again now: {"times": 1, "fresh": true}; not fresh repeats the very bytes."""
    notice = sim.courier.find(request.match_info["notice_id"])
    times = facts.get("times", 1)
    if notice is None:
        raise Misused(404, "no such notice")
    if type(times) is not int or not 1 <= times <= REDELIVER_LIMIT:
        raise Misused(400, f"times is between 1 and {REDELIVER_LIMIT}")
    wire = None if facts.get("fresh", True) else notice.first_wire
    return {"statuses": [(await sim.courier.attempt(notice, wire)).status for _ in range(times)]}


async def _forge(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Send one forged notice: {order_id, kind, url?}."""
    notice, attempt = await notices.forge(sim, _order(sim, facts), str(facts.get("kind")), str(facts.get("url", "")))
    return {"notice_id": notice.notice_id, "status": attempt.status, "answer": attempt.answer}


async def _faults(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    return sim.faults.describe()


async def _set_faults(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Change faults: {"rates": {name: probability}, "by_amount": bool, "seed": int, "next": [names]}."""
    sim.faults.configure(rates=facts.get("rates"), by_suffix=facts.get("by_amount"), seed=facts.get("seed"))
    sim.faults.force(facts.get("next", ()))
    return sim.faults.describe()


async def _rotate(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    """Sign with a new certificate of the same authority from now on."""
    await sim.rotate()
    return sim.describe()


async def _refund_finish(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Give a refund its result now: {order_id, code}."""
    pair = next((pair for pair in sim.book.refunds() if pair[1].order_id == facts.get("order_id")), None)
    if pair is None:
        raise Misused(404, "no such refund")
    refunds.finish(sim, *pair, str(facts.get("code", "00")))
    return _refund_facts(*pair)


async def _console_refund(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Refund as a person in the merchant console: {order_id, amount?}."""
    order = _order(sim, facts)
    amount = facts.get("amount", order.amount - order.refunded)
    if type(amount) is not int:
        raise Misused(400, "amount is in fen")
    return _refund_facts(order, refunds.from_console(sim, order, amount))


def _order(sim: Simulator, facts: Facts) -> Order:
    number, token = facts.get("order_id"), str(facts.get("token", "")).rpartition("/")[2]
    order = sim.book.by_number(str(number)) if number else sim.book.by_token(token)
    if order is None:
        raise Misused(404, "no such order")
    return order


def _order_facts(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "txn_time": order.txn_time,
        "amount": order.amount,
        "state": str(order.state),
        "query_id": order.query_id,
        "token": order.token,
        "refunded": order.refunded,
    }


def _refund_facts(order: Order, refund: Refund) -> dict[str, Any]:
    return {
        "order_id": refund.order_id,
        "of": order.order_id,
        "amount": refund.amount,
        "code": refund.code,
        "query_id": refund.query_id,
    }


def _page(name: str, rows: list[dict[str, Any]], request: web.Request) -> Facts:
    after = int(request.query.get("after", "0"))
    return {name: rows[after : after + LIST_LIMIT], "total": len(rows)}
