"""Which gateways there are, and which of them takes a merchant's money from which wallet."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.kernel.errors import NotFound
from bot.payments.facts import Way
from bot.payments.ports import Gateway
from bot.storage.port import Reader

_MERCHANT: Final = "SELECT gateways FROM merchants WHERE id = $1 AND state = 'active'"


@dataclass(frozen=True, slots=True)
class Route:
    """A gateway and the operator's account at it."""

    gateway: Gateway
    account: str


class Gateways:
    """The gateways by name, and the one that serves each wallet (``wechat`` → ``wechatpay``)."""

    def __init__(self, gateways: Mapping[str, Gateway], wallets: Mapping[str, str], public_url: str) -> None:
        unknown = sorted(set(wallets.values()) - set(gateways))
        if unknown:
            raise ValueError(f"wallets are served by gateways that are not there: {', '.join(unknown)}")
        self._gateways = dict(gateways)
        self._wallets = dict(wallets)
        self._public_url = public_url.rstrip("/")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._gateways)

    def get(self, name: str) -> Gateway:
        """Return a gateway; raises NotFound(``gateway_unknown``)."""
        gateway = self._gateways.get(name)
        if gateway is None:
            raise NotFound("gateway_unknown")
        return gateway

    def notify_url(self, gateway: str, account: str) -> str:
        """Return the address to which this gateway sends notices of this account (DESIGN §6)."""
        return f"{self._public_url}/notify/{gateway}/{account}"

    async def route(self, reader: Reader, *, wallet: str, merchant_id: str, way: Way) -> Route | None:
        """Return where a payer with this wallet can pay this merchant in this way; None when nowhere."""
        name = self._wallets.get(wallet)
        gateway = self._gateways.get(name) if name else None
        if name is None or gateway is None or way not in gateway.can:
            return None
        row = await reader.row(_MERCHANT, merchant_id)
        accounts: dict[str, str] = json.loads(row["gateways"]) if row else {}
        account = accounts.get(name)
        return Route(gateway, account) if account else None
