"""The control interface under /_sim/: the payer's phone, the merchant's console and the tester's hand."""

import base64
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, get_args

from aiohttp import web

from bot.simulators.wechatpay import forge, paysheet, refunds
from bot.simulators.wechatpay.book import Order, Refund, RefundState, refund_json, transaction_json
from bot.simulators.wechatpay.core import Simulator
from bot.simulators.wechatpay.keys import STEPS
from bot.simulators.wechatpay.notices import Notice
from bot.simulators.wechatpay.plan import Signing
from bot.simulators.wechatpay.wire import ApiError

LIST_LIMIT = 1000
REDELIVER_LIMIT = 100
TOKENS = ("prepay_id", "code_url", "h5", "h5_url", "out_trade_no")
Facts = Mapping[str, Any]
Action = Callable[[Simulator, web.Request, Facts], Awaitable[Facts]]
Table = Sequence[tuple[str, str, Action]]


class Misused(Exception):
    """A control call that makes no sense: (status, why)."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


def control_routes(sim: Simulator, more: Table = ()) -> list[web.RouteDef]:
    """The routes of the control interface; it is unauthenticated, so a simulator listens on loopback only."""
    table: list[tuple[str, str, Action]] = [
        *more,
        ("GET", "/_sim/prepay/{prepay_id}", _prepay),
        ("GET", "/_sim/prepay", _prepay),
        ("POST", "/_sim/pay", _pay),
        ("GET", "/_sim/orders", _orders),
        ("GET", "/_sim/refunds", _refunds),
        ("GET", "/_sim/notices", _notices),
        ("GET", "/_sim/notices/{notice_id}", _notice),
        ("POST", "/_sim/redeliver/{notice_id}", _redeliver),
        ("POST", "/_sim/forge", _forge),
        ("GET", "/_sim/faults", _faults),
        ("POST", "/_sim/faults", _set_faults),
        ("GET", "/_sim/keys", _keys),
        ("POST", "/_sim/rotate", _rotate),
        ("POST", "/_sim/refund_finish", _refund_finish),
        ("POST", "/_sim/console_refund", _console_refund),
    ]
    return [web.route(method, path, _controlled(sim, action)) for method, path, action in table]


def _controlled(sim: Simulator, action: Action) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            facts = await _body(request)
            return web.json_response(await action(sim, request, facts))
        except Misused as misuse:
            return web.json_response({"error": misuse.why}, status=misuse.status)
        except ApiError as refusal:
            return web.json_response({"error": refusal.message, "code": refusal.code}, status=409)
        except ValueError as wrong:
            return web.json_response({"error": str(wrong)}, status=400)

    return handle


async def _body(request: web.Request) -> Facts:
    if request.method != "POST" or not request.can_read_body:
        return {}
    facts = await request.json()
    if not isinstance(facts, dict):
        raise Misused(400, "a JSON object is needed")
    return facts


async def _prepay(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    """The order behind a token, as the pay sheet shows it."""
    return paysheet.sheet(sim, order_of(sim, {**request.query, **request.match_info}))


async def _pay(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Pay as a client would: {a token or the six `jsapi` parameters, openid, coupon?, coupon_type?}."""
    jsapi = facts.get("jsapi")
    if jsapi is not None and not isinstance(jsapi, dict):
        raise Misused(400, "jsapi holds what the page gave to getBrandWCPayRequest")
    package = str((jsapi or {}).get("package", ""))
    order = order_of(sim, {"prepay_id": package.removeprefix("prepay_id="), **facts})
    coupon = facts.get("coupon", 0)
    if type(coupon) is not int:
        raise Misused(400, "coupon is in fen")
    payment = paysheet.Payment(
        order=order,
        openid=str(facts.get("openid") or order.openid or sim.plan.default_openid),
        coupon=coupon,
        prefunded=facts.get("coupon_type", "NOCASH") == "CASH",
        jsapi=jsapi,
    )
    return (await paysheet.pay(sim, payment)).describe()


async def _orders(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    """Orders, newest last; ?out_trade_no= and ?state= narrow, ?after= (an index) pages."""
    wanted, state = request.query.get("out_trade_no"), request.query.get("state")
    rows = [
        order_facts(order)
        for order in sim.book.orders()
        if (not wanted or order.out_trade_no == wanted) and (not state or order.state == state)
    ]
    return page("orders", rows, request)


async def _refunds(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    rows = [_refund_facts(order, refund) for order, refund in sim.book.refunds()]
    return page("refunds", rows, request)


async def _notices(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    """The delivery log; ?subject= (an out_trade_no or out_refund_no) narrows, ?after= pages."""
    subject = request.query.get("subject")
    rows = [n.describe() for n in sim.notifier.log() if not subject or n.subject == subject]
    return page("notices", rows, request)


async def _notice(sim: Simulator, request: web.Request, _: Facts) -> Facts:
    """One notice with the bytes of its first delivery, for replays."""
    notice = _known_notice(sim, request)
    wire = notice.first_wire
    return {
        **notice.describe(),
        "headers": dict(wire.headers) if wire else {},
        "body": base64.b64encode(wire.body if wire else notice.body).decode(),
    }


async def _redeliver(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Send a notice again now: {"times": 1, "fresh": true}; not fresh repeats the very bytes and headers."""
    notice = _known_notice(sim, request)
    wire = None if facts.get("fresh", True) else notice.first_wire
    times = facts.get("times", 1)
    if type(times) is not int or not 1 <= times <= REDELIVER_LIMIT:
        raise Misused(400, f"times is between 1 and {REDELIVER_LIMIT}")
    statuses = [(await sim.notifier.attempt(notice, wire)).status for _ in range(times)]
    return {"statuses": statuses}


async def _forge(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Send one forged notice: {out_trade_no, kind, part?, position?, url?}."""
    wish = forge.Wish(
        order=order_of(sim, facts),
        kind=str(facts.get("kind")),
        part=str(facts.get("part", "body")),
        position=int(facts.get("position", 0)),
        url=str(facts.get("url", "")),
    )
    notice, attempt = await forge.send(sim, wish)
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
    """Rotate: {"step": introduce | switch | retire | all, "notice_signing"?: certificate | public_key | …}."""
    signing = facts.get("notice_signing")
    if signing is not None and signing not in get_args(Signing):
        raise Misused(400, "unknown notice_signing")
    if signing is not None:
        sim.keys.set_notice_signing(signing)
    if "step" in facts or signing is None:
        step = next((known for known in STEPS if known == facts.get("step", "all")), None)
        if step is None:
            raise Misused(400, "unknown step")
        await sim.keys.rotate(step, sim.clock.now())
    return sim.keys.describe()


async def _refund_finish(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Give a refund its result now: {out_refund_no, status: SUCCESS | CLOSED | ABNORMAL}."""
    number = facts.get("out_refund_no")
    pair = next(((o, r) for o, r in sim.book.refunds() if r.out_refund_no == number), None)
    if pair is None:
        raise Misused(404, "no such refund")
    if pair[1].state not in (RefundState.PROCESSING, RefundState.ABNORMAL):
        raise Misused(409, "the refund has ended")
    state = RefundState(str(facts.get("status", "SUCCESS")))
    refunds.finish(sim, *pair, state)
    return _refund_facts(*pair)


async def _console_refund(sim: Simulator, request: web.Request, facts: Facts) -> Facts:
    """Refund as a person in the merchant console: {out_trade_no, amount?, reason?}; no notice goes out."""
    order = order_of(sim, facts)
    amount = facts.get("amount", order.total - order.refunded)
    if type(amount) is not int or amount <= 0:
        raise Misused(400, "amount is in fen and positive")
    made = refunds.from_console(sim, order, amount, str(facts.get("reason", "")))
    return _refund_facts(order, made)


def order_of(sim: Simulator, facts: Facts) -> Order:
    for name in TOKENS:
        if value := facts.get(name):
            find = sim.book.by_number if name == "out_trade_no" else sim.book.by_token
            if order := find(str(value)):
                return order
            break
    raise Misused(404, "no such order")


def _known_notice(sim: Simulator, request: web.Request) -> Notice:
    notice = sim.notifier.find(request.match_info["notice_id"])
    if notice is None:
        raise Misused(404, "no such notice")
    return notice


def order_facts(order: Order) -> dict[str, Any]:
    return {
        **transaction_json(order, order.state),
        "state": str(order.state),
        "openid": order.openid,
        "payer_openid": order.payer,
        "prepay_id": order.prepay_id,
        "code_url": order.code_url,
        "h5_url": order.h5_url,
        "expires_at": order.expires_at.isoformat(),
        "refunded": order.refunded,
    }


def _refund_facts(order: Order, refund: Refund) -> dict[str, Any]:
    return {**refund_json(order, refund), "from_console": refund.from_console}


def page(name: str, rows: Iterable[dict[str, Any]], request: web.Request) -> Facts:
    after = int(request.query.get("after", "0"))
    every = list(rows)
    return {name: every[after : after + LIST_LIMIT], "total": len(every)}
