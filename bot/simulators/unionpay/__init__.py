"""A UnionPay 5.1.0 platform in miniature: certificates in its messages, codes and pages, notices, files and faults."""

from bot.simulators.unionpay.app import SIMULATOR, make
from bot.simulators.unionpay.core import Simulator
from bot.simulators.unionpay.plan import (
    Credentials,
    Merchant,
    Signing,
    UnionPayPlan,
    generate_credentials,
    plan_from_settings,
)

__all__ = [
    "SIMULATOR",
    "Credentials",
    "Merchant",
    "Signing",
    "Simulator",
    "UnionPayPlan",
    "generate_credentials",
    "make",
    "plan_from_settings",
]
