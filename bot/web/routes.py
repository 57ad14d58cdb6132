"""The one table of routes: what each address leads to."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from bot.web.cashier import CashierDoor
from bot.web.health import HealthDoor
from bot.web.landing import LandingDoor
from bot.web.notify import NotifyDoor
from bot.web.receipts import ReceiptDoor
from bot.web.webhook import Webhook

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Doors:
    """The handlers behind the routes."""

    official: Webhook
    notify: NotifyDoor
    landing: LandingDoor
    cashier: CashierDoor
    receipts: ReceiptDoor
    health: HealthDoor


def table(doors: Doors) -> Sequence[tuple[str, str, Handler]]:
    """Return (method, path, handler) of every address of the application."""
    return (
        ("GET", "/wechat/official/{account}", doors.official.verify),
        ("POST", "/wechat/official/{account}", doors.official.receive),
        ("POST", "/notify/{gateway}/{account}", doors.notify.handle),
        ("GET", "/q/{token}.svg", doors.landing.svg),
        ("GET", "/q/{token}.png", doors.landing.png),
        ("GET", "/q/{token}", doors.landing.open),
        ("POST", "/q/{token}/order", doors.landing.order),
        ("GET", "/oauth/{gateway}/{account}", doors.cashier.back),
        ("GET", "/cashier/{token}", doors.cashier.open),
        ("POST", "/cashier/{token}/charge", doors.cashier.charge),
        ("GET", "/cashier/{token}/status", doors.cashier.status),
        ("GET", "/receipts/{token}", doors.receipts.open),
        ("GET", "/healthz", doors.health.alive),
        ("GET", "/readyz", doors.health.ready),
        ("GET", "/metrics", doors.health.metrics),
    )


def add_routes(app: web.Application, doors: Doors) -> None:
    """Put the table into an application."""
    for method, path, handler in table(doors):
        app.router.add_route(method, path, handler)
