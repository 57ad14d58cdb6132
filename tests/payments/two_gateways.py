"""A world in which two gateways can take the same wallet's payments, and a choice between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.billers.catalogue import Catalogue
from bot.billers.hosted import HostedBiller
from bot.kernel.clock import ManualClock
from bot.kernel.masking import Secret
from bot.outside.breaker import Patience
from bot.payments.charges import ChargeAsk, Opened, Ready
from bot.payments.facts import PayerId, Way
from bot.payments.policy import Policy
from bot.payments.registry import Gateways
from bot.payments.room import Means, furnish
from bot.payments.routing import Health, Need, Rule
from bot.payments.values import Order
from bot.storage.port import Database
from bot.storage.vault import Vault
from tests.payments.scripted_biller import ScriptedBiller
from tests.payments.scripted_gateway import ScriptedGateway
from tests.payments.world import PAYER, SECRET, World

FAILURES = 3
REST = 30.0
# The first is dearer and preferred, so that nothing goes to the second by chance.
RULES = (
    Rule("wechat", "scripted", cost=60, priority=1),
    Rule("wechat", "second", cost=20, priority=2),
    Rule("alipay", "second"),
)


@dataclass
class TwoGateways:
    """The world, the gateway beside its own, and what a cashier does with them."""

    world: World
    second: ScriptedGateway

    @property
    def first(self) -> ScriptedGateway:
        return self.world.gateway

    async def asks(
        self, order: Order, *, wallet: str = "wechat", payer: PayerId | None = PAYER, way: Way = Way.JSAPI
    ) -> list[ChargeAsk]:
        need = Need(wallet, "mer", way, order.amount)
        routes = await self.world.payments.gateways.routes(self.world.database, need, order.id)
        return [ChargeAsk(order.id, route.gateway.name, route.account, way, payer) for route in routes]

    async def open(self, order: Order, **how: Any) -> Opened:
        """Do what the cashier's button does."""
        return await self.world.payments.charges.open_first(await self.asks(order, **how))

    async def ready(self, order: Order, **how: Any) -> Ready:
        opened = await self.open(order, **how)
        assert isinstance(opened, Ready), opened
        return opened

    async def tell(self, gateway: ScriptedGateway, number: str) -> Any:
        """The payer has paid at this gateway, which tells us."""
        notice = gateway.notice(gateway.pay(number))
        return await self.world.payments.notices.take(gateway.name, notice, "trace-notice")

    async def states(self, order: Order) -> list[tuple[str, str]]:
        return [(charge.gateway, charge.state) for charge in await self.world.charges(order)]

    async def live(self) -> int:
        """How many charges of any one order can be paid at most."""
        rows = await self.world.rows(
            "SELECT COUNT(*) AS live FROM charges "
            "WHERE state IN ('created', 'pending', 'unknown', 'closing', 'reversing') GROUP BY order_id"
        )
        return max((row["live"] for row in rows), default=0)


async def open_two(database: Database, clock: ManualClock, rules: Sequence[Rule] = RULES) -> TwoGateways:
    """Put the rooms together over both gateways, each with the merchant's own account."""
    first, second = ScriptedGateway(clock), ScriptedGateway(clock, name="second")
    vault = Vault.from_secrets([Secret(SECRET)])
    biller = ScriptedBiller(HostedBiller(database, Catalogue(database, clock), vault, clock))
    gateways = Gateways(
        {"scripted": first, "second": second},
        {"wechat": "scripted"},
        "https://pay.example.com",
        rules=rules,
        health=Health(clock, Patience(failures=FAILURES, rest=REST)),
    )
    policy = Policy()
    means = Means(database, clock, vault, gateways, biller, SECRET.encode(), policy)
    world = World(database, clock, vault, first, biller, furnish(means), policy)
    await world.execute('UPDATE merchants SET gateways = \'{"scripted":"main","second":"main"}\'')
    return TwoGateways(world, second)
