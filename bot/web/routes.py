"""The one table of routes: what each address leads to."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from bot.kernel.clock import Clock
from bot.outside.metrics import Metrics
from bot.web.cashier import CashierDoor
from bot.web.device.charges import DeviceDoor
from bot.web.device.counter import CounterDoor
from bot.web.health import HealthDoor
from bot.web.landing import LandingDoor
from bot.web.large import large_middleware
from bot.web.middlewares import add_headers, trace_middleware
from bot.web.mini.door import MiniDoor
from bot.web.notify import NotifyDoor
from bot.web.receipts import ReceiptDoor
from bot.web.webhook import Webhook

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Above the largest body that any door reads (a message push, wechat.md §5).
_BODY_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Doors:
    """The handlers behind the routes."""

    official: Webhook
    mini: Webhook
    mini_api: MiniDoor
    notify: NotifyDoor
    landing: LandingDoor
    cashier: CashierDoor
    receipts: ReceiptDoor
    device: DeviceDoor
    counter: CounterDoor
    health: HealthDoor


def table(doors: Doors) -> Sequence[tuple[str, str, Handler]]:
    """Return (method, path, handler) of every address of the application."""
    return (
        ("GET", "/wechat/official/{account}", doors.official.verify),
        ("POST", "/wechat/official/{account}", doors.official.receive),
        ("GET", "/wechat/mini/{account}", doors.mini.verify),
        ("POST", "/wechat/mini/{account}", doors.mini.receive),
        ("POST", "/notify/{gateway}/{account}", doors.notify.handle),
        ("GET", "/q/{token}.svg", doors.landing.svg),
        ("GET", "/q/{token}.png", doors.landing.png),
        ("GET", "/q/{token}", doors.landing.open),
        ("POST", "/q/{token}/order", doors.landing.order),
        ("GET", "/oauth/{gateway}/{account}", doors.cashier.back),
        ("GET", "/cashier/{token}", doors.cashier.open),
        ("POST", "/cashier/{token}/charge", doors.cashier.charge),
        ("GET", "/cashier/{token}/status", doors.cashier.status),
        ("GET", "/receipts/verify", doors.receipts.verify),
        ("GET", "/receipts/{token}.pdf", doors.receipts.pdf),
        ("GET", "/receipts/{token}.png", doors.receipts.png),
        ("GET", "/receipts/{token}", doors.receipts.open),
        ("POST", "/api/device/v1/charges", doors.device.create),
        ("GET", "/api/device/v1/charges/{id}", doors.device.get),
        ("POST", "/api/device/v1/charges/{id}/cancel", doors.device.cancel),
        ("GET", "/till/{device}", doors.counter.open),
        ("POST", "/till/{device}/sign-in", doors.counter.sign_in),
        ("POST", "/till/{device}/sign-out", doors.counter.sign_out),
        ("POST", "/till/{device}/charges", doors.counter.charge),
        ("GET", "/till/{device}/charges/{id}", doors.counter.get),
        ("POST", "/till/{device}/charges/{id}/cancel", doors.counter.cancel),
        *doors.mini_api.routes(),
        ("GET", "/healthz", doors.health.alive),
        ("GET", "/readyz", doors.health.ready),
        ("GET", "/metrics", doors.health.metrics),
        ("GET", "/favicon.ico", doors.health.icon),
    )


def build(doors: Doors, clock: Clock, metrics: Metrics, *, secure: bool) -> web.Application:
    """Return the application over its doors; ``secure`` tells that people reach it by https."""
    app = web.Application(
        middlewares=[trace_middleware(clock, metrics), large_middleware(secure=secure)], client_max_size=_BODY_BYTES
    )
    add_headers(app, secure=secure)
    for method, path, handler in table(doors):
        app.router.add_route(method, path, handler)

    async def end(_: web.Application) -> None:
        await doors.cashier.close()
        await doors.mini_api.close()

    app.on_shutdown.append(end)
    return app
