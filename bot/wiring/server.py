"""The application as gunicorn starts it."""

from contextlib import AsyncExitStack

from aiohttp import web

from bot.kernel.clock import SystemClock
from bot.kernel.errors import Misconfigured
from bot.outside import logging
from bot.settings import load
from bot.web.serving import settle
from bot.wiring.doors import application
from bot.wiring.house import open_house
from bot.wiring.loops import background


async def web_app() -> web.Application:
    """Return the application for gunicorn: the house opens with the server process and closes with it.

    Raises Misconfigured on SQLite or memory://, which several processes cannot share.
    """
    settings = load()
    if settings.alone:
        raise Misconfigured("alone", "run `python -m bot serve`, or set DATABASE_URL and REDIS_URL to servers")
    logging.configure(SystemClock())
    stack = AsyncExitStack()
    house = await stack.enter_async_context(open_house(settings, SystemClock()))
    await stack.enter_async_context(background(house, worker=False))
    app = application(house)

    async def close(_: web.Application) -> None:
        await stack.aclose()

    app.on_cleanup.append(close)
    settle()
    return app
