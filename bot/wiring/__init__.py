"""Puts the house together: the only place that knows every room, each built by a plain constructor."""

from bot.wiring.doors import application, doors
from bot.wiring.house import House, open_house
from bot.wiring.loops import SCHEDULES, background, refresh_gateways, relay, rounds, run_worker
from bot.wiring.rooms import enqueue_all, gateway_factory, official_account, scenes_of, vault_of
from bot.wiring.server import web_app

__all__ = [
    "SCHEDULES",
    "House",
    "application",
    "background",
    "doors",
    "enqueue_all",
    "gateway_factory",
    "official_account",
    "open_house",
    "refresh_gateways",
    "relay",
    "rounds",
    "run_worker",
    "scenes_of",
    "vault_of",
    "web_app",
]
