"""The handlers of all routes, over an open house."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from bot.payments.facts import Notice
from bot.web.cashier import CashierDoor, CashierParts
from bot.web.health import HealthDoor
from bot.web.landing import LandingDoor, LandingParts
from bot.web.notify import NotifyDoor
from bot.web.payers import Payers
from bot.web.peers import Peers
from bot.web.receipts import ReceiptDoor
from bot.web.routes import Doors, build
from bot.web.visitors import Visitors
from bot.web.watch import OrderWatch
from bot.web.webhook import Webhook
from bot.wiring.house import House


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
    )

    async def apply(gateway: str, notice: Notice, trace_id: str) -> str:
        credited = await payments.notices.take(gateway, notice, trace_id)
        return str(credited.outcome)

    return Doors(
        official=Webhook(house.channel, house.clock),
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
        receipts=ReceiptDoor(payments.receipts, payments.orders),
        health=HealthDoor(pings, house.metrics),
    )


def application(house: House) -> web.Application:
    """Return the web application over an open house."""
    secure = house.settings.environment.public_url.startswith("https://")
    return build(doors(house), house.clock, house.metrics, secure=secure)
