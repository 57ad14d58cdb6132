"""The simulator as a web application: one gateway.do for everything, the pages of payers, and the control interface."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from aiohttp import web

from bot.simulators.alipay import agreements, bills, codes, pages, refunds, royalties, trades
from bot.simulators.alipay.control import control_routes
from bot.simulators.alipay.core import Simulator
from bot.simulators.alipay.plan import AlipayPlan
from bot.simulators.alipay.wire import WORDS, Answer, ApiError, Call
from bot.simulators.clock import Clock

BODY_LIMIT = 64 * 1024
SIMULATOR = web.AppKey("alipay_simulator", Simulator)

Operation = Callable[[Simulator, Call], Awaitable[Answer]]
OPERATIONS: Mapping[str, Operation] = {
    "alipay.trade.create": trades.create,
    "alipay.trade.precreate": trades.create,
    "alipay.trade.pay": codes.pay,
    "alipay.trade.query": trades.query,
    "alipay.trade.close": trades.close,
    "alipay.trade.cancel": trades.cancel,
    "alipay.trade.refund": refunds.create,
    "alipay.trade.fastpay.refund.query": refunds.query,
    "alipay.trade.royalty.relation.bind": royalties.bind,
    "alipay.trade.order.settle": royalties.settle,
    "alipay.trade.order.settle.query": royalties.query,
    "alipay.user.agreement.query": agreements.query,
    "alipay.user.agreement.unsign": agreements.unsign,
    "alipay.data.dataservice.bill.downloadurl.query": bills.address,
}
SIGN_IN = "alipay.system.oauth.token"
PAGES: Mapping[str, Callable[[Simulator, Call], web.Response]] = {
    "alipay.trade.wap.pay": pages.wap,
    "alipay.user.agreement.page.sign": pages.agreement,
}


def make(plan: AlipayPlan, clock: Clock) -> web.Application:
    """An Alipay for the plan's applications, with its control interface under /_sim/."""
    sim = Simulator(plan, clock)
    app = web.Application(client_max_size=BODY_LIMIT)
    app[SIMULATOR] = sim
    app.router.add_route("*", "/gateway.do", _gateway)
    app.router.add_get("/oauth2/publicAppAuthorize.htm", _authorize)
    app.router.add_get("/downloadBillFile.resource", _download)
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


async def _gateway(request: web.Request) -> web.StreamResponse:
    """Verify the caller, carry out the method, and answer in Alipay's shape, signed."""
    sim = request.app[SIMULATOR]
    if sim.plan.latency:
        await sim.clock.sleep(sim.plan.latency)
    method = request.query.get("method") or str((await request.post()).get("method", ""))
    name = f"{method.replace('.', '_')}_response"
    cert = False
    try:
        call = await sim.gate.admit(request, sim.clock.now())
        cert = call.by_certificate
        if method in PAGES:
            return PAGES[method](sim, call)
        if method == SIGN_IN:
            return await sim.post.send(request, name, await pages.token(sim, call), signed=True, cert=cert)
        operation = OPERATIONS.get(method)
        if operation is None:
            raise ApiError("isv.invalid-method", "不存在的方法名", "40002", signed=False)
        answer = await operation(sim, call)
    except ApiError as refusal:
        return await _refused(sim, request, method, refusal, cert=cert)
    facts = {"code": answer.code, "msg": WORDS[answer.code], **answer.facts}
    return await sim.post.send(request, name, facts, fault=answer.fault, signed=True, cert=cert)


async def _refused(
    sim: Simulator, request: web.Request, method: str, refusal: ApiError, *, cert: bool
) -> web.StreamResponse:
    # A sign-in is refused under another name, and what the open platform itself refuses is not signed.
    name = "error_response" if method == SIGN_IN else f"{method.replace('.', '_')}_response"
    return await sim.post.send(request, name, refusal.body(), signed=refusal.signed, cert=cert)


async def _authorize(request: web.Request) -> web.StreamResponse:
    return await pages.authorize(request.app[SIMULATOR], request)


async def _download(request: web.Request) -> web.StreamResponse:
    """The file of a bill, behind its token for a short time; nothing signs it."""
    sim = request.app[SIMULATOR]
    content = sim.shelf.file(request.query.get("fileId", ""), sim.clock.now())
    if content is None:
        return web.Response(status=403, text="expired")
    return web.Response(body=content, content_type="application/zip")
