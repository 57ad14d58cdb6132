"""The simulated WeChat platform: its interfaces, the message caller, and a phone with a web view."""

from aiohttp import web

from bot.simulators.clock import Clock
from bot.simulators.wechat import api_basic, api_messages, control, oauth, phone
from bot.simulators.wechat.api import Route, mounted
from bot.simulators.wechat.plan import Account, Person, ScanCode, Template, WeChatPlan, from_json
from bot.simulators.wechat.webview import make_webview
from bot.simulators.wechat.world import WORLD, World

__all__ = ["Account", "Person", "ScanCode", "Template", "WeChatPlan", "from_json", "make", "make_webview"]

# The largest upload of a temporary file is 10 MiB, and a form around it.
BODY_BYTES = 11 * 1024 * 1024


def make(plan: WeChatPlan, clock: Clock) -> web.Application:
    """The platform on one port: /cgi-bin, /sns and /connect for servers, /phone for people, /_sim for tests."""
    app = web.Application(client_max_size=BODY_BYTES)
    world = World(plan, clock)
    app[WORLD] = world
    app[oauth.GRANTS] = oauth.Grants()
    app.cleanup_ctx.append(world.alive)
    app.on_shutdown.append(_streams_ended)
    routes: tuple[Route, ...] = (*api_basic.ROUTES, *api_messages.ROUTES, *oauth.ROUTES)
    for route in routes:
        app.router.add_route("*", route.path, mounted(route))
    app.router.add_get("/cgi-bin/showqrcode", api_basic.showqrcode)
    app.router.add_get("/connect/oauth2/authorize", oauth.authorize)
    app.router.add_get("/sns/userinfo", oauth.userinfo)
    app.router.add_get("/sns/auth", oauth.auth)
    app.add_routes(phone.routes())
    app.add_routes(control.routes())
    return app


async def _streams_ended(app: web.Application) -> None:
    """Open event streams would hold up the end of the server."""
    app[WORLD].hub.close()
