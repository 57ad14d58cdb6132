"""The simulator as a web application: the merchant's API signed both ways, the page, and the control interface."""

from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from bot.simulators.bankapp import control, operations
from bot.simulators.bankapp.core import Simulator
from bot.simulators.bankapp.plan import BankPlan
from bot.simulators.bankapp.wire import Answer, ApiError, Call, Gate, send
from bot.simulators.clock import Clock

BODY_LIMIT = 64 * 1024
SIMULATOR = web.AppKey("bankapp_simulator", Simulator)

Operation = Callable[[Simulator, Call, web.Request], Awaitable[Answer]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make(plan: BankPlan, clock: Clock) -> web.Application:
    """A bank's cashier for the plan's merchants, with its control interface under /_sim/."""
    sim, gate = Simulator(plan, clock), Gate()
    app = web.Application(client_max_size=BODY_LIMIT)
    app[SIMULATOR] = sim
    app.add_routes([web.route(method, path, _guarded(sim, gate, operation)) for method, path, operation in _api()])
    app.router.add_get("/v1/files/{name}", _file(sim, gate))
    app.add_routes(control.routes(sim))
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


def _api() -> list[tuple[str, str, Operation]]:
    return [
        ("POST", "/v1/payments", lambda s, c, r: operations.create(s, c, f"{r.scheme}://{r.host}")),
        ("GET", "/v1/payments/{no}", lambda s, c, r: operations.query(s, c, r.match_info["no"])),
        ("POST", "/v1/payments/{no}/close", lambda s, c, r: operations.close(s, c, r.match_info["no"])),
        ("POST", "/v1/refunds", lambda s, c, r: operations.refund(s, c)),
        ("GET", "/v1/refunds/{no}", lambda s, c, r: operations.refund_query(s, c, r.match_info["no"])),
        ("GET", "/v1/statements/{day}", lambda s, c, r: operations.statement(s, c, r.match_info["day"])),
    ]


def _guarded(sim: Simulator, gate: Gate, operation: Operation) -> Handler:
    """Wrap an operation: verify the caller, refuse in the protocol's shape, sign the answer."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if sim.plan.latency:
            await sim.clock.sleep(sim.plan.latency)
        try:
            answer = await operation(sim, gate.admit(sim, request, await request.read()), request)
        except ApiError as refusal:
            answer = Answer({"code": refusal.code, "message": refusal.message}, refusal.status)
        return await send(sim, request, answer)

    return handle


def _file(sim: Simulator, gate: Gate) -> Handler:
    """A statement's file, for whoever signs the request; the file's answer bears no signature."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            gate.admit(sim, request, b"")
        except ApiError as refusal:
            return web.Response(status=refusal.status)
        file = sim.files.get(request.match_info["name"])
        return web.Response(status=404) if file is None else web.Response(body=file)

    return handle
