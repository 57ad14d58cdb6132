"""The table of payment gateways: a new one is a folder beside this file and a line in it."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol, runtime_checkable

from bot.gateways.alipay.gateway import build as build_alipay
from bot.gateways.bankapp.gateway import build as build_bankapp
from bot.gateways.unionpay.gateway import build as build_unionpay
from bot.gateways.unionpay.wallet import app_identifier, spent_code
from bot.gateways.wechatpay.gateway import build as build_wechatpay
from bot.kernel.clock import Clock
from bot.outside.http import HttpClient
from bot.payments.ports import Gateway, Wallet


class Factory(Protocol):
    """Builds a gateway from its accounts' configuration tables; raises Misconfigured naming every remedy."""

    def __call__(self, accounts: Mapping[str, Mapping[str, object]], http: HttpClient, clock: Clock) -> Gateway: ...


GATEWAYS: Final[Mapping[str, Factory]] = {
    "wechatpay": build_wechatpay,
    "alipay": build_alipay,
    "unionpay": build_unionpay,
    "bankapp": build_bankapp,
}

# Which gateway serves each wallet that a payer can come with.
WALLETS: Final[Mapping[str, str]] = {
    "wechat": "wechatpay",
    "alipay": "alipay",
    "unionpay": "unionpay",
    "bankapp": "bankapp",
}

# What a rule of [[routes]] may let a gateway take besides its own wallet's payments, as an acquirer does.
ACQUIRES: Final[Mapping[str, frozenset[str]]] = {}


@runtime_checkable
class SignsIn(Protocol):
    """A gateway whose own wallet tells, for each of its accounts, who is paying."""

    def wallet(self, account: str) -> Wallet:
        """Return the sign-in of this account's payers; raises Misconfigured."""
        ...


def plain_code(query: Mapping[str, str], _: str) -> str:
    """Return the code of a wallet that comes back as OAuth 2 has it."""
    return query.get("code", "")


# What wallets bring back that do otherwise: (query, User-Agent) → what their ``identify`` takes.
SPENT_CODES: Final[Mapping[str, Callable[[Mapping[str, str], str], str]]] = {
    "alipay": lambda query, _: query.get("auth_code", ""),
    "unionpay": lambda query, user_agent: spent_code(query, app_identifier(user_agent)),
}
