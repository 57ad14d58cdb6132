"""The way of a payer inside a wallet's browser: who takes the merchant's money there, and who is paying."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from bot.kernel.errors import NotFound
from bot.payments.facts import PayerId, Way
from bot.payments.ports import Wallet as WalletPort
from bot.payments.registry import Gateways, Route
from bot.storage.port import Database
from bot.web.visitors import At, Visit, Visitors
from qrcodes.wallet import Visitor, Wallet, read_user_agent

# The wallets whose own bridge our pages speak (cashier/bridge.html); the others get a page that says what to do.
BRIDGED: Final = frozenset({Wallet.WECHAT})


class WalletBook:
    """Which wallet signs in payers for an account of a gateway: ``(gateway, account) → Wallet``."""

    def __init__(self, wallets: dict[tuple[str, str], WalletPort]) -> None:
        self._wallets = wallets

    def get(self, at: At) -> WalletPort:
        """Raises NotFound where nobody can sign in a payer for this account."""
        found = self._wallets.get((at.gateway, at.account))
        if found is None:
            raise NotFound("wallet_unknown")
        return found

    def knows(self, at: At) -> bool:
        return (at.gateway, at.account) in self._wallets


@dataclass(frozen=True, slots=True)
class Payers:
    """Finds the route of a merchant's money, and the payer, for a page that a wallet opened."""

    database: Database
    gateways: Gateways
    wallets: WalletBook
    visitors: Visitors
    public_url: str

    def visitor(self, request: web.Request) -> Visitor:
        """Return what opened the page; the User-Agent is a claim, and the wallet's own sign-in proves it."""
        return read_user_agent(request.headers.get("User-Agent"))

    async def route(self, wallet: Wallet, merchant_id: str) -> Route | None:
        """Return where this wallet's payers can pay this merchant and be told apart; None when nowhere."""
        found = await self.gateways.route(self.database, wallet=wallet.value, merchant_id=merchant_id, way=Way.JSAPI)
        return found if found is not None and self.wallets.knows(_at(found)) else None

    async def who(self, visit: Visit, route: Route) -> PayerId | None:
        """Return the payer, if this browser has signed in for the account in this session."""
        return await self.visitors.payer(visit, _at(route))

    async def sign_in(self, visit: Visit, route: Route, back: str) -> web.HTTPFound:
        """Return the redirect to the wallet's sign-in, which leads back to a path of ours."""
        at = _at(route)
        callback = f"{self.public_url}/oauth/{at.gateway}/{at.account}"
        return await self.visitors.send_to_wallet(visit, self.wallets.get(at), at, back=back, callback=callback)


def _at(route: Route) -> At:
    return At(route.gateway.name, route.account)
