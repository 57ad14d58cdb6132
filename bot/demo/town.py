"""The demonstration's surroundings: WeChat, four payment gateways and a power company, each on its own port."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from aiohttp import web

from bot.demo.samples import SAMPLES
from bot.simulators import alipay, bankapp, biller, unionpay, wechat, wechatpay
from bot.simulators.clock import FactorClock

HOST: Final = "127.0.0.1"
ACCOUNT: Final = "demo"
# The connector of the sample power company, which listens on a port of its own.
POWER: Final = "power"
OPENID: Final = "oDemoCustomer000000000000001"
# What a browser says that is to be taken for the sample bank's app.
BANK_APP: Final = "ExampleBank/"
MERCHANT_NAME: Final = "城市缴费中心"
_SHUTDOWN: Final = 2.0
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Town:
    """Where the simulators listen, and the configuration by which the application reaches them."""

    wechat_url: str
    webview_url: str
    wechatpay_url: str
    alipay_url: str
    unionpay_url: str
    bank_url: str
    biller_url: str
    config: Mapping[str, Any]

    @property
    def phone_url(self) -> str:
        return f"{self.wechat_url}/phone/"


@asynccontextmanager
async def open_town(public_url: str, codes: tuple[tuple[str, str], ...], *, factor: float = 1.0) -> AsyncIterator[Town]:
    """Start the simulators; ``codes`` are (label, address) of what the phone can scan.

    Nothing in the application knows that these are simulators: it is given addresses and keys, as in a real case.
    """
    async with AsyncExitStack() as stack:
        names = ("wechat", "webview", "wechatpay", "alipay", "unionpay", "bankapp", "biller", "billers")
        listeners = {name: _listener(stack) for name in names}
        urls = {name: f"http://{HOST}:{each.getsockname()[1]}" for name, each in listeners.items()}
        credentials = wechatpay.generate_credentials(merchant_name=MERCHANT_NAME)
        others = await asyncio.to_thread(_others)
        connector_secret = secrets.token_urlsafe(32)
        account = wechat.Account(
            appid=credentials.appids[0],
            secret=secrets.token_hex(16),
            token=secrets.token_hex(16),
            encoding_aes_key="".join(secrets.choice(_ALPHABET) for _ in range(42)) + "A",
            mode="safe",
            webhook_url=f"{public_url}/wechat/official/{ACCOUNT}",
            name=MERCHANT_NAME,
        )
        plan = wechat.WeChatPlan(
            accounts=(account,),
            users=(wechat.Person(openid=OPENID, unionid="uDemoCustomer", nickname="小陈"),),
            public_url=public_url,
            wechatpay_url=urls["wechatpay"],
            webview_url=urls["webview"],
            trail_url=f"{public_url}/demo/trail",
            codes=tuple(wechat.ScanCode(label, url) for label, url in codes),
            chips=("交物业费", "查电费 0512345678", "面馆买单", "缴费记录"),
        )
        clock = FactorClock(factor)
        platform = wechat.make(plan, clock)
        pay_plan = replace(credentials.plan(faults_by_amount=False), default_openid=OPENID)
        bill_plan = biller.BillerPlan(code=POWER, secret=connector_secret, faults_by_account=False)
        apps = {
            "wechat": platform,
            "webview": wechat.make_webview(plan, clock, platform),
            "wechatpay": wechatpay.make(pay_plan, clock),
            "alipay": alipay.make(others.alipay.plan(faults_by_amount=False), clock),
            "unionpay": unionpay.make(others.unionpay.plan(faults_by_amount=False), clock),
            "bankapp": bankapp.make(others.bank.plan(faults_by_amount=False), clock),
            "biller": biller.make(bill_plan, clock),
            "billers": _billers(connector_secret, clock),
        }
        for name, app in apps.items():
            await _serve(stack, app, listeners[name])
        config = _config(account, credentials, others, urls, connector_secret)
        yield Town(
            wechat_url=urls["wechat"],
            webview_url=urls["webview"],
            wechatpay_url=urls["wechatpay"],
            alipay_url=urls["alipay"],
            unionpay_url=urls["unionpay"],
            bank_url=urls["bankapp"],
            biller_url=urls["biller"],
            config=config,
        )


@dataclass(frozen=True, slots=True)
class _Others:
    """The keys of the gateways besides WeChat Pay."""

    alipay: alipay.Credentials
    unionpay: unionpay.Credentials
    bank: bankapp.Credentials


@cache
def _others() -> _Others:
    """Make ten RSA keys, once a process."""
    return _Others(
        alipay.generate_credentials(merchant_name=MERCHANT_NAME),
        unionpay.generate_credentials(merchant_name=MERCHANT_NAME),
        bankapp.generate_credentials(merchant_name=MERCHANT_NAME),
    )


def _config(
    account: wechat.Account,
    credentials: wechatpay.Credentials,
    others: _Others,
    urls: Mapping[str, str],
    connector_secret: str,
) -> Mapping[str, Any]:
    """Return what a configuration file would say."""
    return {
        "official": {
            ACCOUNT: {
                "appid": account.appid,
                "original_id": account.original_id,
                "secret": account.secret,
                "token": account.token,
                "aes_key": account.encoding_aes_key,
                "mode": account.mode,
                "name": account.name,
                "api_base": urls["wechat"],
                "oauth_base": urls["wechat"],
            }
        },
        "gateways": {
            "wechatpay": {
                "main": {
                    "mchid": credentials.mchid,
                    "appids": list(credentials.appids),
                    "serial": credentials.merchant_cert_serial,
                    "private_key": credentials.merchant_private_pem,
                    "apiv3_key": credentials.apiv3_key,
                    "public_key_id": credentials.platform_public_key.key_id,
                    "public_key": credentials.platform_public_key.public_pem,
                    "base_url": urls["wechatpay"],
                }
            },
            "alipay": {"main": _alipay(others.alipay, urls["alipay"])},
            "unionpay": {"main": others.unionpay.settings(urls["unionpay"])},
            "bankapp": {"main": others.bank.settings(urls["bankapp"])},
        },
        "bank_apps": [BANK_APP],
        "connectors": {
            key: {
                "base_url": urls["biller"] if key == POWER else f"{urls['billers']}/{key}",
                "secret": connector_secret,
            }
            for key in _remote()
        },
    }


def _remote() -> Mapping[str, tuple[biller.Account, ...]]:
    """Return what the samples' remote billers know, by connector."""
    return {key: accounts for sample in SAMPLES for key, accounts in sample.remote.items()}


def _billers(secret: str, clock: FactorClock) -> web.Application:
    """Return all remote billers besides the power company on one port, each under the path of its connector."""
    app = web.Application()
    for key, accounts in _remote().items():
        if key != POWER:
            plan = biller.BillerPlan(
                code=key, secret=secret, accounts=accounts, generate=False, faults_by_account=False
            )
            app.add_subapp(f"/{key}/", biller.make(plan, clock))
    return app


def _alipay(credentials: alipay.Credentials, url: str) -> Mapping[str, Any]:
    return {
        "app_id": credentials.app_id,
        "seller_id": credentials.seller_id,
        "private_key": credentials.app_private_pem,
        "alipay_public_key": credentials.platform_key.public_pem,
        "base_url": f"{url}/gateway.do",
        "authorize_base": f"{url}/oauth2/publicAppAuthorize.htm",
    }


def _listener(stack: AsyncExitStack) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    stack.callback(listener.close)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, 0))
    return listener


async def _serve(stack: AsyncExitStack, app: web.Application, listener: socket.socket) -> None:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listener).start()
