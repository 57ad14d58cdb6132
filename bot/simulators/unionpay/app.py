"""The simulator as a web application: the merchant's interface, the payer's pages and the control interface."""

from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from bot.simulators.clock import Clock
from bot.simulators.unionpay import files, orders, pages, refunds
from bot.simulators.unionpay.control import control_routes
from bot.simulators.unionpay.core import Simulator
from bot.simulators.unionpay.plan import UnionPayPlan
from bot.simulators.unionpay.wire import Answer, ApiError, Call, admit, send

BODY_LIMIT = 64 * 1024
SIMULATOR = web.AppKey("unionpay_simulator", Simulator)

Operation = Callable[[Simulator, Call, str], Awaitable[Answer]]
# What may be asked at each path, by (txnType, txnSubType).
BACK: dict[tuple[str, str], Operation] = {
    ("01", "07"): orders.consume,
    ("01", "06"): lambda sim, call, _: orders.scan(sim, call),
    ("04", "00"): lambda sim, call, _: refunds.create(sim, call),
    ("99", "01"): lambda sim, call, _: orders.reverse(sim, call),
}
PATHS: dict[str, dict[tuple[str, str], Operation]] = {
    "/gateway/api/backTransReq.do": BACK,
    "/gateway/api/jspay.do": {("01", "01"): orders.consume},
    "/gateway/api/queryTrans.do": {("00", "00"): lambda sim, call, _: orders.query(sim, call)},
    "/gateway/api/userId.do": {("00", "10"): lambda sim, call, _: pages.user_id(sim, call)},
    "/files/": {("76", "01"): lambda sim, call, _: files.transfer(sim, call)},
}


def make(plan: UnionPayPlan, clock: Clock) -> web.Application:
    """A UnionPay platform for the plan's merchants, with its control interface under /_sim/."""
    sim = Simulator(plan, clock)
    app = web.Application(client_max_size=BODY_LIMIT)
    app[SIMULATOR] = sim
    app.add_routes([web.post(path, _guarded(sim, table)) for path, table in PATHS.items()])
    app.add_routes(pages.routes(sim))
    app.add_routes(control_routes(sim))
    app.on_shutdown.append(_release_hanging)
    app.cleanup_ctx.append(_life)
    return app


async def _life(app: web.Application) -> AsyncIterator[None]:
    await app[SIMULATOR].open()
    try:
        yield
    finally:
        await app[SIMULATOR].close()


async def _release_hanging(app: web.Application) -> None:
    app[SIMULATOR].closing.set()


def _guarded(
    sim: Simulator, table: dict[tuple[str, str], Operation]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Wrap the operations of a path: verify the caller, refuse in UnionPay's shape, sign the answer."""

    async def handle(request: web.Request) -> web.StreamResponse:
        call: Call | None = None
        if sim.plan.latency:
            await sim.clock.sleep(sim.plan.latency)
        try:
            call = await admit(sim, request)
            operation = table.get(call.kind)
            if operation is None:
                raise ApiError("32", "无此交易权限")
            answer = await operation(sim, call, f"{request.scheme}://{request.host}")
        except ApiError as refusal:
            answer = Answer({"respCode": refusal.code, "respMsg": refusal.message})
        return await send(sim, request, call, answer)

    return handle
