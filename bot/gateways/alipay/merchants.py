"""The operator's applications at Alipay with their keys and clients, which the gateway's faculties share."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.gateways.alipay.account import AlipayAccount
from bot.gateways.alipay.client import Client, Http
from bot.gateways.alipay.keys import AlipayKeys, AppKey
from bot.kernel.clock import Clock
from bot.kernel.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Merchant:
    account: AlipayAccount
    keys: AlipayKeys
    client: Client


class Merchants:
    """Finds an application by its account's name."""

    def __init__(self, accounts: Mapping[str, AlipayAccount], http: Http, clock: Clock) -> None:
        """Load every key; raises Misconfigured for one that is unusable."""
        self._merchants = {key: _merchant(account, http, clock) for key, account in accounts.items()}

    def get(self, account: str) -> Merchant | None:
        return self._merchants.get(account)

    def of(self, account: str) -> Merchant:
        """Return an application; raises Misconfigured for one that nobody has set up."""
        merchant = self._merchants.get(account)
        if merchant is None:
            raise Misconfigured("gateway_account", f"add the account {account!r} to the gateway alipay")
        return merchant


def _merchant(account: AlipayAccount, http: Http, clock: Clock) -> Merchant:
    keys = AlipayKeys(account)
    return Merchant(account, keys, Client(account, AppKey(account), keys, http, clock))
