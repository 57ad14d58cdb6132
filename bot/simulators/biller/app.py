"""The biller as a web application: the five signed operations and the control interface."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

from aiohttp import web

from bot.simulators.background import Background
from bot.simulators.biller.book import Book, Line
from bot.simulators.biller.operations import Operations
from bot.simulators.biller.plan import BillerPlan, account_from
from bot.simulators.biller.wire import Doorkeeper, NoAnswer
from bot.simulators.clock import Clock
from bot.simulators.faults import BILLER_FAULTS, Faults

BODY_LIMIT = 64 * 1024
OPERATIONS = {
    "bills/query": "query",
    "payments/advise": "advise",
    "payments/status": "status",
    "payments/undo": "undo",
    "payments/undo_status": "undo_status",
}
Facts = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Biller:
    """One billing system: its plan, records, faults and the work under way."""

    def __init__(self, plan: BillerPlan, clock: Clock) -> None:
        self.plan = plan
        self.clock = clock
        self.closing = asyncio.Event()
        self.background = Background()
        self.faults = Faults(BILLER_FAULTS, seed=plan.seed, by_suffix=plan.faults_by_account, rates=plan.rates)
        self.book = Book(plan, clock.now())
        self.door = Doorkeeper(plan.code, plan.secret)
        self.calls: dict[str, int] = dict.fromkeys(OPERATIONS.values(), 0)
        operations = Operations(plan, clock, self.book, self.background)
        self._perform: dict[str, Callable[[Facts, str], Facts]] = {
            "query": operations.query,
            "advise": operations.advise,
            "status": operations.status,
            "undo": operations.undo,
            "undo_status": operations.undo_status,
        }

    async def answer(self, request: web.Request, operation: str) -> web.StreamResponse:
        """Carry out a verified request, struck by the fault that its account or line draws."""
        self.calls[operation] += 1
        if self.plan.latency:
            await self.clock.sleep(self.plan.latency)
        try:
            nonce, facts = await self.door.admit(request, self.clock.now())
            fault = self._draw(operation, facts)
            if fault.endswith("_500"):
                raise NoAnswer(500, "fault")
            if fault in ("advise_reset", "query_lost"):
                return await self._silent(request, fault)
            told = self._perform[operation](facts, fault)
        except NoAnswer as silence:
            return web.Response(status=silence.status, text=silence.why)
        if fault.endswith("_lost") or fault == "answer_dropped":
            return await self._silent(request, fault)
        return self._signed(nonce, told, fault)

    def _draw(self, operation: str, facts: Facts) -> str:
        line = self.book.line(str(facts.get("line_id", "")))
        account = line.account if line else str(facts.get("account", ""))
        number = int(account) if account.isascii() and account.isdigit() else 0
        return self.faults.draw(operation, line.line_id if line else str(facts.get("line_id", account)), number)

    def _signed(self, nonce: str, told: Facts, fault: str) -> web.Response:
        body = json.dumps(told, ensure_ascii=False).encode()
        if fault == "answer_garbage":
            body = b"<html>" + body
        now = self.clock.now()
        echoed = nonce[::-1] + "0" if fault == "answer_other_nonce" else nonce
        headers = {} if fault == "answer_unsigned" else self.door.headers(echoed, body, now)
        if fault == "answer_forged":
            headers["Scenepay-Signature"] = "v1=" + "0" * 64
        return web.Response(body=body, content_type="application/json", charset="utf-8", headers=headers)

    async def _silent(self, request: web.Request, fault: str) -> web.Response:
        """Hold the connection for a bounded time where the answer is lost, then reset it."""
        if fault.endswith("_lost"):
            with suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), self.plan.hang_seconds)
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)


BILLER = web.AppKey("biller_simulator", Biller)


def make(plan: BillerPlan, clock: Clock) -> web.Application:
    """A biller that speaks docs/connector.md, with its control interface under /_sim/."""
    biller = Biller(plan, clock)
    app = web.Application(client_max_size=BODY_LIMIT)
    app[BILLER] = biller
    # The base URL may have a path of its own: whatever precedes /v1/ is accepted and signed as sent.
    for path, operation in OPERATIONS.items():
        app.router.add_post("/{base:(.*/)?}v1/" + path, _handler(operation))
    app.add_routes(
        [
            web.get("/_sim/settled", _settled),
            web.get("/_sim/lines", _lines),
            web.get("/_sim/calls", _calls),
            web.get("/_sim/faults", _faults),
            web.post("/_sim/faults", _set_faults),
            web.post("/_sim/pay_elsewhere", _pay_elsewhere),
            web.post("/_sim/accounts", _put_account),
        ]
    )
    app.on_shutdown.append(_release_hanging)
    app.cleanup_ctx.append(_life)
    return app


async def _life(app: web.Application) -> AsyncIterator[None]:
    biller = app[BILLER]
    biller.book.open()
    try:
        yield
    finally:
        await biller.background.close()
        biller.book.close()


async def _release_hanging(app: web.Application) -> None:
    app[BILLER].closing.set()


def _handler(operation: str) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await request.app[BILLER].answer(request, operation)

    return handle


async def _settled(request: web.Request) -> web.Response:
    """{line_id: fen} of every line whose money the biller holds now."""
    lines = request.app[BILLER].book.lines()
    return web.json_response({line.line_id: line.amount for line in lines if line.stands})


async def _lines(request: web.Request) -> web.Response:
    """Every line with its advice, its undo and how often it was advised."""
    return web.json_response({"lines": [_line_facts(line) for line in request.app[BILLER].book.lines()]})


async def _calls(request: web.Request) -> web.Response:
    return web.json_response(request.app[BILLER].calls)


async def _faults(request: web.Request) -> web.Response:
    return web.json_response(request.app[BILLER].faults.describe())


async def _set_faults(request: web.Request) -> web.Response:
    """Change faults: {"rates": {name: probability}, "by_account": bool, "seed": int, "next": [names]}."""
    faults, facts = request.app[BILLER].faults, await request.json()
    try:
        faults.configure(rates=facts.get("rates"), by_suffix=facts.get("by_account"), seed=facts.get("seed"))
        faults.force(facts.get("next", ()))
    except ValueError as wrong:
        return web.json_response({"error": str(wrong)}, status=400)
    return web.json_response(faults.describe())


async def _pay_elsewhere(request: web.Request) -> web.Response:
    """Mark a bill as paid through another channel: {account, bill_no}."""
    biller, facts = request.app[BILLER], await request.json()
    account = biller.book.account(str(facts.get("account")), biller.clock.now().date())
    account = biller.book.refresh(account, biller.clock.now()) if account else None
    bill = biller.book.bill(account, str(facts.get("bill_no"))) if account else None
    if account is None or bill is None:
        return web.json_response({"error": "no such bill"}, status=404)
    biller.book.mark(account, bill.bill_no, paid=True)
    return web.json_response({"account": account.account, "bill_no": bill.bill_no, "state": "paid"})


async def _put_account(request: web.Request) -> web.Response:
    """Add or replace an account with its bills, in the shape of the plan."""
    try:
        account = account_from(await request.json())
    except (TypeError, ValueError) as wrong:
        return web.json_response({"error": str(wrong)}, status=400)
    request.app[BILLER].book.put(account)
    return web.json_response({"account": account.account, "bills": len(account.bills)})


def _line_facts(line: Line) -> Facts:
    return {
        "line_id": line.line_id,
        "account": line.account,
        "bill_no": line.bill_no,
        "amount": line.amount,
        "advices": line.advices,
        "advice": line.advice.facts(),
        "undo": line.undo.facts() if line.undo else None,
    }
