"""Which gateways there are, and which of them takes a merchant's money from which wallet."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.kernel.errors import NotFound
from bot.payments.facts import Way
from bot.payments.ports import Gateway
from bot.payments.routing import SWITCHING, Call, Candidate, Health, Need, Place, Rule, Tried, choose, effective
from bot.payments.routing import candidates as able
from bot.payments.states import LIVE
from bot.storage.port import Reader, Row

_MERCHANT: Final = "SELECT gateways FROM merchants WHERE id = $1 AND state = 'active'"
_TRIED: Final = """
SELECT gateway, gateway_account, state, failure, CASE WHEN handover_sealed IS NULL THEN 0 ELSE 1 END AS handed
FROM charges WHERE order_id = $1 AND way = $2
"""


@dataclass(frozen=True, slots=True)
class Route:
    """A gateway and the operator's account at it."""

    gateway: Gateway
    account: str

    @property
    def place(self) -> Place:
        return Place(self.gateway.name, self.account)


class Gateways:
    """The gateways by name, and the rules by which each of them serves a wallet.

    ``wallets`` names each wallet's own gateway (``wechat`` → ``wechatpay``), ``rules`` what the operator says besides.
    Without ``health`` every gateway counts as well.
    """

    def __init__(
        self,
        gateways: Mapping[str, Gateway],
        wallets: Mapping[str, str],
        public_url: str,
        *,
        rules: Sequence[Rule] = (),
        health: Health | None = None,
    ) -> None:
        """Raises ValueError for a wallet or a rule that names a gateway which is not there."""
        unknown = sorted((set(wallets.values()) | {rule.gateway for rule in rules}) - set(gateways))
        if unknown:
            raise ValueError(f"wallets are served by gateways that are not there: {', '.join(unknown)}")
        self._gateways = dict(gateways)
        self._rules = effective(rules, wallets)
        self._public_url = public_url.rstrip("/")
        self._health = health

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

    async def route(
        self, reader: Reader, *, wallet: str, merchant_id: str, way: Way, amount: int | None = None
    ) -> Route | None:
        """Return where a payer with this wallet can pay this merchant in this way; None when nowhere."""
        routes = await self.routes(reader, Need(wallet, merchant_id, way, amount))
        return routes[0] if routes else None

    async def routes(self, reader: Reader, need: Need, order_id: str = "") -> Sequence[Route]:
        """Return the places that can take a payment now, in the order in which they are to be asked.

        For an order the one comes first where its live charge is, and last those that have refused it.
        """
        found = await self.candidates(reader, need)
        tried = _tried(await reader.rows(_TRIED, order_id, str(need.way))) if order_id and found else None
        chosen = choose(found, self.healthy, tried)
        return [Route(self._gateways[each.place.gateway], each.place.account) for each in chosen]

    async def candidates(self, reader: Reader, need: Need) -> Sequence[Candidate]:
        """Return the places that are able and allowed to take a payment, whether they are well or not."""
        row = await reader.row(_MERCHANT, need.merchant_id)
        accounts: dict[str, str] = json.loads(row["gateways"]) if row else {}
        return able(self._rules, need, accounts, lambda name: self._gateways[name].can)

    def serves(self, gateway: str, wallet: str) -> bool:
        """Tell whether a gateway takes payments of this wallet at all."""
        return any((rule.gateway, rule.wallet) == (gateway, wallet) for rule in self._rules)

    def saw(self, gateway: str, account: str, call: Call, answer: object) -> None:
        """Let the breaker of an account know what a call came to."""
        if self._health is not None:
            self._health.saw(Place(gateway, account), call, answer)

    def healthy(self, place: Place) -> bool:
        return self._health is None or self._health.good(place)


def _tried(rows: Sequence[Row]) -> Tried:
    """Read an order's charges; the live one is alone by the unique index."""
    refusals: dict[Place, int] = {}
    live, handed = None, False
    for row in rows:
        place = Place(row["gateway"], row["gateway_account"])
        if row["state"] == "failed" and row["failure"] in SWITCHING:
            refusals[place] = refusals.get(place, 0) + 1
        elif row["state"] in LIVE and row["state"] not in ("closing", "reversing"):
            live, handed = place, bool(row["handed"])
    return Tried(refusals, live, handed)
