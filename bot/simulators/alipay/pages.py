"""What a payer's browser opens: the sign-in, the page of wap.pay, and the page of an agreement."""

from datetime import timedelta
from html import escape
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from bot.simulators.alipay import agreements, paysheet, trades
from bot.simulators.alipay.book import yuan
from bot.simulators.alipay.core import Simulator
from bot.simulators.alipay.wire import ApiError, Call

CODE_LIFE = timedelta(minutes=3)
PAGE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>支付宝</title>
<body style="font-family:sans-serif;margin:2rem;color:#333"><h1 style="color:#1677ff;font-size:1.2rem">{title}</h1>
<p>{first}</p><p style="font-size:2rem">{second}</p>{form}</body></html>"""
BUTTON = """<form method="post" action="{action}"><input type="hidden" name="token" value="{token}">
<button style="width:100%;padding:.8rem;background:#1677ff;color:#fff;border:0">{label}</button></form>"""


async def authorize(sim: Simulator, request: web.Request) -> web.StreamResponse:
    """The silent sign-in: back to redirect_uri with an auth_code, the state and the application."""
    query = request.query
    application = next((each for each in sim.plan.applications if each.app_id == query.get("app_id")), None)
    back = query.get("redirect_uri", "")
    if application is None or query.get("scope") not in ("auth_base", "auth_user") or not urlsplit(back).hostname:
        return web.Response(status=400, text="invalid app_id, scope or redirect_uri")
    # A test or a phone says who holds it; otherwise it is everybody's default payer.
    user = query.get("_user") or request.cookies.get("alipay_user") or sim.plan.default_buyer
    code = sim.shelf.grant(application.app_id, user, sim.clock.now() + CODE_LIFE)
    told = {"app_id": application.app_id, "scope": query["scope"], "auth_code": code, "state": query.get("state", "")}
    raise web.HTTPFound(f"{back}{'&' if urlsplit(back).query else '?'}{urlencode(told)}")


async def token(sim: Simulator, call: Call) -> dict[str, str]:
    """alipay.system.oauth.token: who a one-time code stands for; raises ApiError."""
    if call.parameters.get("grant_type") != "authorization_code":
        raise ApiError("isv.invalid-grant-type", "无效的grant_type", "40002")
    user = sim.shelf.redeem(call.application.app_id, call.parameters.get("code", ""), sim.clock.now())
    if user is None:
        raise ApiError("isv.code-invalid", "授权码code无效", "40002")
    named = "user_id" if user.startswith("2088") else "open_id"
    return {named: user, "access_token": f"authbsic{user[-8:]}", "expires_in": "3600", "re_expires_in": "3600"}


def wap(sim: Simulator, call: Call) -> web.Response:
    """alipay.trade.wap.pay: opening the page makes the trade; raises ApiError."""
    trade = trades.known(sim, call) or trades.new_trade(sim, call)
    facts = paysheet.sheet(sim, trade)
    button = BUTTON.format(action="/_sim/page/pay", token=escape(trade.trade_no), label="确认付款")
    form = button if facts["payable"] else f"<p>{escape(facts['message'])}</p>"
    return _page(f"{facts['merchant']}", trade.subject, f"¥{yuan(trade.amount)}", form)


def agreement(sim: Simulator, call: Call) -> web.Response:
    """alipay.user.agreement.page.sign; raises ApiError."""
    made = agreements.opened(sim, call)
    button = BUTTON.format(action="/_sim/page/sign", token=escape(made.external_no), label="同意协议并开通")
    return _page("开通免密支付", made.scene, f"每{made.period_days}天至多 ¥{yuan(made.single)}", button)


async def press_pay(sim: Simulator, request: web.Request) -> web.StreamResponse:
    """The button of the pay page: pays as the default payer and leads back to the merchant."""
    form = await request.post()
    trade = sim.book.find(str(form.get("token", "")))
    if trade is None:
        return web.Response(status=404, text="no such trade")
    outcome = await paysheet.pay(sim, paysheet.Payment(trade, sim.plan.default_buyer))
    if outcome.result == "ok" and trade.return_url:
        raise web.HTTPFound(trade.return_url)
    return _page("支付结果", trade.subject, "支付成功" if outcome.result == "ok" else outcome.describe()["message"], "")


async def press_sign(sim: Simulator, request: web.Request) -> web.StreamResponse:
    """The button of an agreement's page."""
    form = await request.post()
    made = sim.book.agreements.get(str(form.get("token", "")))
    if made is None:
        return web.Response(status=404, text="no such agreement")
    agreements.accept(sim, made, sim.plan.default_buyer)
    if made.return_url:
        raise web.HTTPFound(made.return_url)
    return _page("开通免密支付", made.scene, "已开通", "")


def _page(title: str, first: str, second: str, form: str) -> web.Response:
    text = PAGE.format(title=escape(title), first=escape(first), second=escape(second), form=form)
    return web.Response(text=text, content_type="text/html")
