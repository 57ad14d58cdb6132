"""The way of a payer at our pages: who takes the merchant's money from their wallet, and who is paying."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from bot.kernel.errors import NotFound
from bot.payments.facts import PayerId
from bot.payments.ports import SignIn
from bot.payments.registry import Gateways, Route
from bot.payments.routing import Need, Place
from bot.storage.port import Database
from bot.web.manners import INSIDE, SCANNING, Manner, manner_of
from bot.web.visitors import At, Visit, Visitors
from qrcodes.wallet import Visitor, Wallet, read_user_agent


class WalletBook:
    """Who signs in the payers of a wallet for an account of a gateway: ``(wallet, gateway, account) → SignIn``."""

    def __init__(self, sign_ins: Mapping[tuple[str, str, str], SignIn]) -> None:
        self._sign_ins = dict(sign_ins)

    def get(self, at: At) -> SignIn:
        """Raises NotFound where nobody can sign in a payer for this account."""
        found = self._sign_ins.get((at.wallet, at.gateway, at.account))
        if found is None:
            raise NotFound("wallet_unknown")
        return found

    def serves(self, gateway: str, account: str) -> bool:
        """Tell whether any wallet comes back to this account's address."""
        return any((each[1], each[2]) == (gateway, account) for each in self._sign_ins)

    def knows(self, at: At) -> bool:
        return (at.wallet, at.gateway, at.account) in self._sign_ins


@dataclass(frozen=True, slots=True)
class Payers:
    """Finds the routes of a merchant's money, and the payer, for a page that somebody opened."""

    database: Database
    gateways: Gateways
    wallets: WalletBook
    visitors: Visitors
    public_url: str
    # Words of the User-Agents of apps whose bank cashier we serve.
    bank_apps: tuple[str, ...] = ()

    def visitor(self, request: web.Request) -> Visitor:
        """Return what opened the page; the User-Agent is a claim, and the wallet's own sign-in proves it."""
        return read_user_agent(request.headers.get("User-Agent"), self.bank_apps)

    def manner(self, request: web.Request) -> Manner | None:
        """Return how whoever asks pays; None in a browser that has not chosen or cannot pay at all."""
        return manner_of(self.visitor(request), request.query)

    async def routes(
        self, manner: Manner, merchant_id: str, *, amount: int | None = None, order_id: str = ""
    ) -> Sequence[Route]:
        """Return where this merchant can be paid in this manner now, the first to be asked first."""
        need = Need(manner.wallet.value, merchant_id, manner.way, amount)
        found = await self.gateways.routes(self.database, need, order_id)
        return [route for route in found if self._usable(manner, route.place)]

    async def has(self, manner: Manner, merchant_id: str, *, amount: int | None = None) -> bool:
        """Tell whether the merchant can be paid in this manner at all, now or when its gateway is well again."""
        need = Need(manner.wallet.value, merchant_id, manner.way, amount)
        found = await self.gateways.candidates(self.database, need)
        return any(self._usable(manner, candidate.place) for candidate in found)

    async def choices(
        self, manners: Sequence[Manner], merchant_id: str, *, amount: int | None = None
    ) -> Sequence[Manner]:
        """Return those of some manners in which the merchant can be paid now."""
        return [manner for manner in manners if await self.routes(manner, merchant_id, amount=amount)]

    async def scanning(self, merchant_id: str, *, amount: int | None = None) -> Sequence[Wallet]:
        """Return the wallets with which our code can be scanned and this merchant be paid."""
        return [wallet for wallet in SCANNING if await self.has(INSIDE[wallet], merchant_id, amount=amount)]

    async def who(self, visit: Visit, manner: Manner, route: Route) -> PayerId | None:
        """Return the payer, if this browser has signed in with this wallet for the account in this session."""
        return await self.visitors.payer(visit, _at(manner, route.place))

    async def sign_in(self, visit: Visit, manner: Manner, route: Route, back: str) -> web.HTTPFound:
        """Return the redirect to the wallet's sign-in, which leads back to a path of ours."""
        at = _at(manner, route.place)
        callback = f"{self.public_url}/oauth/{at.gateway}/{at.account}"
        return await self.visitors.send_to_wallet(visit, self.wallets.get(at).wallet, at, back=back, callback=callback)

    def _usable(self, manner: Manner, place: Place) -> bool:
        return not manner.signs_in or self.wallets.knows(_at(manner, place))


def _at(manner: Manner, place: Place) -> At:
    return At(place.gateway, place.account, manner.wallet.value)
