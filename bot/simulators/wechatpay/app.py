"""The simulator as a web application: the merchant's API signed both ways, and the control interface."""

from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from bot.simulators.clock import Clock
from bot.simulators.wechatpay import bills, codes, crypto, orders, papay, refunds, sharebills, sharing
from bot.simulators.wechatpay.book import wire_time
from bot.simulators.wechatpay.control import control_routes
from bot.simulators.wechatpay.control_faculties import TABLE as FACULTY_TABLE
from bot.simulators.wechatpay.core import Simulator
from bot.simulators.wechatpay.plan import PlatformCertificate, WeChatPayPlan
from bot.simulators.wechatpay.wire import Answer, ApiError, Call

BODY_LIMIT = 64 * 1024
SIMULATOR = web.AppKey("wechatpay_simulator", Simulator)

Operation = Callable[[Simulator, Call, web.Request], Awaitable[Answer]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make(plan: WeChatPayPlan, clock: Clock) -> web.Application:
    """A WeChat Pay platform for the plan's merchants, with its control interface under /_sim/."""
    sim = Simulator(plan, clock)
    app = web.Application(client_max_size=BODY_LIMIT)
    app[SIMULATOR] = sim
    app.add_routes([web.route(method, path, _guarded(operation)) for method, path, operation in _api()])
    app.add_routes(control_routes(sim, FACULTY_TABLE))
    app.router.add_route("*", "/{rest:.*}", _guarded(_nowhere))
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
    refund = "/v3/refund/domestic/refunds"
    shelf = bills.Shelf()
    return [
        *_paying("/v3/pay/transactions", partner=False),
        *_paying("/v3/pay/partner/transactions", partner=True),
        *_sharing("/v3/profitsharing"),
        ("GET", "/v3/profitsharing/bills", lambda s, c, r: sharebills.share_bill(s, shelf, c)),
        *_contracts("", "/v3/papay/contracts", partner=False),
        *_contracts("/partner", "/v3/partner-papay/contracts", partner=True),
        ("POST", refund, lambda s, c, r: refunds.create(s, c)),
        ("GET", refund + "/{no}", lambda s, c, r: refunds.query(s, c, r.match_info["no"])),
        ("GET", "/v3/certificates", _certificates),
        ("GET", "/v3/bill/tradebill", lambda s, c, r: bills.trade_bill(s, shelf, c)),
        ("GET", "/v3/bill/fundflowbill", lambda s, c, r: bills.fund_flow_bill(s, shelf, c)),
        ("GET", "/v3/bill/sub-merchant-fundflowbill", lambda s, c, r: bills.sub_fund_flow_bill(s, shelf, c)),
        ("GET", "/v3/billdownload/file", lambda s, c, r: bills.download(s, shelf, c)),
    ]


def _paying(pay: str, *, partner: bool) -> list[tuple[str, str, Operation]]:
    number, both = "/out-trade-no/{no}", {"partner": partner}
    return [
        *(("POST", f"{pay}/{way}", _create(way, partner=partner)) for way in orders.TRADE_TYPES),
        ("POST", f"{pay}/codepay", lambda s, c, r: codes.pay(s, c, **both)),
        ("GET", pay + number, lambda s, c, r: orders.query(s, c, r.match_info["no"], **both)),
        ("POST", f"{pay}{number}/close", lambda s, c, r: orders.close(s, c, r.match_info["no"], **both)),
        ("POST", f"{pay}{number}/reverse", lambda s, c, r: codes.reverse(s, c, r.match_info["no"], **both)),
        ("GET", pay + "/id/{no}", lambda s, c, r: orders.query_transaction(s, c, r.match_info["no"], **both)),
    ]


def _sharing(home: str) -> list[tuple[str, str, Operation]]:
    return [
        ("POST", f"{home}/receivers/add", lambda s, c, r: sharing.add_receiver(s, c)),
        ("POST", f"{home}/orders", lambda s, c, r: sharing.share(s, c)),
        ("POST", f"{home}/orders/unfreeze", lambda s, c, r: sharing.unfreeze(s, c)),
        ("GET", home + "/orders/{no}", lambda s, c, r: sharing.query(s, c, r.match_info["no"])),
        ("POST", f"{home}/return-orders", lambda s, c, r: sharing.take_back(s, c)),
        ("GET", home + "/return-orders/{no}", lambda s, c, r: sharing.take_back_query(s, c, r.match_info["no"])),
    ]


def _contracts(between: str, notices: str, *, partner: bool) -> list[tuple[str, str, Operation]]:
    both = {"partner": partner}
    sign = f"/v3/papay/scheduled-deduct-sign{between}/contracts/pre-entrust-sign"
    one = f"/v3/papay/sign{between}/contracts/plan-id/{{plan}}/out-contract-code/{{code}}"
    apply = f"/v3/papay/pay{between}/transactions/apply"
    return [
        *(("POST", f"{sign}/{scene}", _pre_sign(scene, partner=partner)) for scene in papay.SCENES),
        ("GET", one, lambda s, c, r: papay.query(s, c, r.match_info["plan"], r.match_info["code"], **both)),
        (
            "POST",
            f"{one}/terminate",
            lambda s, c, r: papay.terminate(s, c, r.match_info["plan"], r.match_info["code"], **both),
        ),
        ("POST", notices + "/{no}/notify", lambda s, c, r: papay.pre_notice(s, c, r.match_info["no"], **both)),
        ("POST", apply, lambda s, c, r: papay.apply(s, c, **both)),
    ]


def _create(way: str, *, partner: bool) -> Operation:
    return lambda sim, call, _: orders.create(sim, call, way, partner=partner)


def _pre_sign(scene: str, *, partner: bool) -> Operation:
    return lambda sim, call, _: papay.pre_sign(sim, call, scene, partner=partner)


async def _nowhere(sim: Simulator, call: Call, request: web.Request) -> Answer:
    raise ApiError(404, "NOT_FOUND", "请求的资源不存在")


def _guarded(operation: Operation) -> Handler:
    """Wrap an operation: verify the caller, refuse in WeChat Pay's shape, sign the answer."""

    async def handle(request: web.Request) -> web.StreamResponse:
        sim = request.app[SIMULATOR]
        wanted = request.headers.get("Wechatpay-Serial", "")
        if sim.plan.latency:
            await sim.clock.sleep(sim.plan.latency)
        try:
            call = await sim.gate.admit(request, sim.clock.now())
            if sim.keys.answer_signer(wanted) is None:
                raise ApiError(400, "PARAM_ERROR", "Http头Wechatpay-Serial有误")
            answer = await operation(sim, call, request)
        except ApiError as refusal:
            answer = _refusal(refusal)
        return await sim.post.send(request, answer, wanted, sim.clock.now())

    return handle


def _refusal(error: ApiError) -> Answer:
    # Clients must not count on a signature here: refused callers and failing servers send none (trap 3).
    return Answer(error.status, error.body(), signed=400 <= error.status < 500 and error.status != 401)


async def _certificates(sim: Simulator, call: Call, request: web.Request) -> Answer:
    """GET /v3/certificates: the listed certificates, each encrypted with the merchant's APIv3 key."""
    call.only_query((), ("algorithm_type",))
    if not sim.keys.certificates:
        raise ApiError(404, "RESOURCE_NOT_EXISTS", "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥。")
    listed = [_encrypted(certificate, call.merchant.apiv3_key) for certificate in sim.keys.certificates]
    return Answer(facts={"data": listed})


def _encrypted(certificate: PlatformCertificate, key: str) -> dict[str, object]:
    nonce = certificate.serial[-12:].lower()
    sealed = crypto.encrypt(key, nonce=nonce, associated_data="certificate", plain=certificate.certificate_pem.encode())
    return {
        "serial_no": certificate.serial,
        "effective_time": wire_time(certificate.effective),
        "expire_time": wire_time(certificate.expires),
        "encrypt_certificate": {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": nonce,
            "associated_data": "certificate",
            "ciphertext": sealed,
        },
    }
