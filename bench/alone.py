"""Serves as ``python -m bot serve`` does, without the worker: what a notice alone costs on SQLite."""

import sys

import uvloop

from bot.commands.running import serving
from bot.kernel.clock import SystemClock
from bot.outside import logging
from bot.settings import load
from bot.wiring import application, background, open_house


async def serve() -> None:
    """Serve on loopback what the environment configures."""
    clock = SystemClock()
    logging.configure(clock)
    settings = load()
    async with open_house(settings, clock) as house, background(house, worker=False):
        await serving(application(house), "127.0.0.1", settings)


if __name__ == "__main__":
    sys.exit(uvloop.run(serve()))
