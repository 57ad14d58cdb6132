"""The handlers of all routes, over an open house."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypedDict

from aiohttp import web

from bot.billers.devices import Devices
from bot.kernel.errors import BotError
from bot.outside.logging import get_logger
from bot.payments.facts import Notice
from bot.web.cashier import CashierDoor, CashierParts
from bot.web.device.charges import DeviceDoor, TillWatch
from bot.web.device.counter import CounterDoor, CounterParts
from bot.web.device.proof import MachineProof
from bot.web.health import HealthDoor
from bot.web.landing import LandingDoor, LandingParts
from bot.web.notify import NotifyDoor
from bot.web.payers import Payers
from bot.web.peers import Peers
from bot.web.receipt_files import ReceiptFiles
from bot.web.receipts import ReceiptDoor
from bot.web.routes import Doors, build
from bot.web.visitors import Visitors
from bot.web.watch import OrderWatch
from bot.web.webhook import Webhook
from bot.wiring.house import House
from bot.wiring.mini import mini_door
from qrcodes.wallet import Wallet, read_user_agent

log = get_logger(__name__)


def doors(house: House) -> Doors:
    """Build the handlers of all routes."""
    payments, public_url = house.payments, house.settings.environment.public_url
    pings: Mapping[str, Callable[[], Awaitable[None]]] = {
        "database": house.database.ping,
        "ephemeral": house.ephemeral.ping,
    }
    payers = Payers(
        house.database,
        payments.gateways,
        house.wallets,
        Visitors(house.ephemeral, house.vault, secure=public_url.startswith("https://")),
        public_url,
        house.settings.file.bank_apps,
    )

    async def apply(gateway: str, notice: Notice, trace_id: str) -> str:
        credited = await payments.notices.take(gateway, notice, trace_id)
        return str(credited.outcome)

    return Doors(
        official=Webhook(house.channel, house.clock),
        mini=Webhook(house.mini_channel, house.clock),
        mini_api=mini_door(house),
        notify=NotifyDoor(payments.gateways, apply, house.clock, house.metrics),
        landing=LandingDoor(
            LandingParts(
                database=house.database,
                ephemeral=house.ephemeral,
                catalogue=house.catalogue,
                billers=house.billers,
                orders=payments.orders,
                payers=payers,
                vault=house.vault,
                clock=house.clock,
                trail=house.traces,
                charges=payments.charges,
                peers=Peers(house.settings.file.trusted_proxies),
            )
        ),
        cashier=CashierDoor(
            CashierParts(
                database=house.database,
                catalogue=house.catalogue,
                orders=payments.orders,
                charges=payments.charges,
                payers=payers,
                peers=Peers(house.settings.file.trusted_proxies),
                watch=OrderWatch(house.database, house.clock),
                trail=house.traces,
                clock=house.clock,
            )
        ),
        receipts=ReceiptDoor(
            payments.receipts, payments.orders, ReceiptFiles(public_url, house.settings.file.receipts.font)
        ),
        **_till_doors(house),
        health=HealthDoor(pings, house.metrics),
    )


class _TillDoors(TypedDict):
    device: DeviceDoor
    counter: CounterDoor


def _till_doors(house: House) -> _TillDoors:
    devices = Devices(house.database, house.vault, house.clock)
    watch = TillWatch(house.database, house.clock, house.payments.till)
    proof = MachineProof(devices, house.ephemeral, house.clock)
    parts = CounterParts(
        devices=devices,
        catalogue=house.catalogue,
        till=house.payments.till,
        watch=watch,
        ephemeral=house.ephemeral,
        vault=house.vault,
        trail=house.traces,
        peers=Peers(house.settings.file.trusted_proxies),
        scanner=partial(_scanner, house),
        public_url=house.settings.environment.public_url,
    )
    return {"device": DeviceDoor(proof, house.payments.till, watch, house.traces), "counter": CounterDoor(parts)}


async def _scanner(house: House, request: web.Request, url: str) -> Mapping[str, str | int] | None:
    """Sign a page for WeChat's own scanner, where it runs in WeChat and an official account can vouch for us."""
    client = next(iter(house.clients.values()), None)
    if client is None or read_user_agent(request.headers.get("User-Agent")).wallet is not Wallet.WECHAT:
        return None
    try:
        config = await client.js_config(url)
    except BotError as fault:
        # The page works without it: by gun, by camera or by hand.
        log.warning("counter.scanner", code=fault.code)
        return None
    return {
        "appId": config.app_id,
        "timestamp": config.timestamp,
        "nonceStr": config.nonce,
        "signature": config.signature,
    }


def application(house: House) -> web.Application:
    """Return the web application over an open house."""
    secure = house.settings.environment.public_url.startswith("https://")
    return build(doors(house), house.clock, house.metrics, secure=secure)
