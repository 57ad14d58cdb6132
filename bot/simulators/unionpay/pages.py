"""What the payer's browser meets: the silent userAuth, and a page on which the order is paid."""

from html import escape
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from bot.simulators.unionpay import orders
from bot.simulators.unionpay.book import Order
from bot.simulators.unionpay.core import Simulator
from bot.simulators.unionpay.wire import Answer, ApiError, Call

PAGE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>云闪付收银台</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<main><h1>{merchant}</h1><p>{description}</p><p id="amount">¥{amount}</p><p id="said">{said}</p>
<form method="post"><button name="do" value="pay">确认付款</button>
<button name="do" value="cancel">取消</button></form></main></html>"""


def routes(sim: Simulator) -> list[web.RouteDef]:
    async def auth(request: web.Request) -> web.StreamResponse:
        return _auth(sim, request)

    async def show(request: web.Request) -> web.StreamResponse:
        return _page(sim, _order(sim, request), "")

    async def act(request: web.Request) -> web.StreamResponse:
        return await _act(sim, request)

    return [
        web.get("/qrcGtwWeb-web/api/userAuth", auth),
        web.get("/pay/{token}", show),
        web.post("/pay/{token}", act),
        web.get("/qr/{token}", show),
        web.post("/qr/{token}", act),
    ]


async def user_id(sim: Simulator, call: Call) -> Answer:
    """Exchange a userAuthCode, once; the app that asked is named as the browser names it."""
    call.order_id()
    if not call.text("appUpIdentifier", 64).startswith("UnionPay/"):
        raise ApiError("10", "报文格式错误[appUpIdentifier]")
    user = sim.spend_user_code(call.text("userAuthCode", 128))
    if user is None:
        raise ApiError("34", "授权码无效")
    return Answer({"userId": user})


def _auth(sim: Simulator, request: web.Request) -> web.StreamResponse:
    """Come back at once with a code, as the wallet does for a merchant that it knows."""
    back = request.query.get("redirectUrl", "")
    parts = urlsplit(back)
    if request.query.get("version") != "1.0.0" or parts.scheme not in ("http", "https") or not parts.netloc:
        return web.Response(status=400, text="bad request")
    refused = request.query.get("deny") == "1"
    told = {"respCode": "34"} if refused else {
        "userAuthCode": sim.new_user_code(request.query.get("user", sim.plan.default_user)),
        "respCode": "00",
    }  # fmt: skip
    raise web.HTTPFound(f"{back}{'&' if parts.query else '?'}{urlencode(told)}")


async def _act(sim: Simulator, request: web.Request) -> web.StreamResponse:
    order = _order(sim, request)
    wish = (await request.post()).get("do")
    if wish == "pay":
        if not order.payable(sim.clock.now()):
            return _page(sim, order, "订单已失效")
        fault = sim.faults.draw("pay", order.order_id, order.amount)
        if not await orders.pay(sim, order, order.user_id or sim.plan.default_user, fault):
            return _page(sim, order, "余额不足，支付失败")
    if order.front_url:
        # What this says is nobody's proof: the merchant waits for the notice or asks.
        raise web.HTTPFound(order.front_url)
    return _page(sim, order, "已付款" if wish == "pay" else "已取消")


def _page(sim: Simulator, order: Order, said: str) -> web.Response:
    merchant = sim.merchant(order.mer_id)
    text = PAGE.format(
        merchant=escape(merchant.name if merchant else order.mer_id),
        description=escape(order.description),
        amount=f"{order.amount // 100}.{order.amount % 100:02d}",
        said=escape(said),
    )
    return web.Response(text=text, content_type="text/html")


def _order(sim: Simulator, request: web.Request) -> Order:
    order = sim.book.by_token(request.match_info["token"])
    if order is None:
        raise web.HTTPNotFound(text="no such order")
    return order
