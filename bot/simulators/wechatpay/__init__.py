"""A WeChat Pay APIv3 platform in miniature: signed both ways, with encrypted notices, bills and faults."""

from bot.simulators.wechatpay.app import SIMULATOR, make
from bot.simulators.wechatpay.core import Simulator
from bot.simulators.wechatpay.plan import (
    Credentials,
    Merchant,
    PlatformCertificate,
    PlatformPublicKey,
    SubMerchant,
    WeChatPayPlan,
    generate_credentials,
    plan_from_settings,
)

__all__ = [
    "SIMULATOR",
    "Credentials",
    "Merchant",
    "PlatformCertificate",
    "PlatformPublicKey",
    "Simulator",
    "SubMerchant",
    "WeChatPayPlan",
    "generate_credentials",
    "make",
    "plan_from_settings",
]
