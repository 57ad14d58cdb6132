"""Alipay's open platform in miniature: signed both ways, with form notices, bills, splits, agreements and faults."""

from bot.simulators.alipay.app import SIMULATOR, make
from bot.simulators.alipay.core import Simulator
from bot.simulators.alipay.plan import (
    AlipayPlan,
    Application,
    Credentials,
    SigningKey,
    generate_credentials,
    plan_from_settings,
)

__all__ = [
    "SIMULATOR",
    "AlipayPlan",
    "Application",
    "Credentials",
    "SigningKey",
    "Simulator",
    "generate_credentials",
    "make",
    "plan_from_settings",
]
