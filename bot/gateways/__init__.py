"""The table of payment gateways: a new one is a folder beside this file and a line in it."""

from collections.abc import Mapping
from typing import Final, Protocol

from bot.gateways.wechatpay.gateway import build as build_wechatpay
from bot.kernel.clock import Clock
from bot.outside.http import HttpClient
from bot.payments.ports import Gateway


class Factory(Protocol):
    """Builds a gateway from its accounts' configuration tables; raises Misconfigured naming every remedy."""

    def __call__(self, accounts: Mapping[str, Mapping[str, object]], http: HttpClient, clock: Clock) -> Gateway: ...


GATEWAYS: Final[Mapping[str, Factory]] = {
    "wechatpay": build_wechatpay,
}

# Which gateway serves each wallet that a payer can come with.
WALLETS: Final[Mapping[str, str]] = {
    "wechat": "wechatpay",
}
