"""A biller in miniature that implements docs/connector.md: an electricity company with bills and faults."""

from bot.simulators.biller.app import BILLER, Biller, make
from bot.simulators.biller.live import Heated, Parking, SmartMeter
from bot.simulators.biller.plan import Account, Bill, BillerPlan, account_from, plan_from_settings

__all__ = [
    "BILLER",
    "Account",
    "Bill",
    "Biller",
    "BillerPlan",
    "Heated",
    "Parking",
    "SmartMeter",
    "account_from",
    "make",
    "plan_from_settings",
]
