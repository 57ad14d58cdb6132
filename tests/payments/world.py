"""A small world to pay in: one merchant, two items, hosted bills, and short ways to what tests ask again and again."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.billers.catalogue import Catalogue
from bot.billers.hosted import HostedBiller
from bot.billers.port import Bill, Line, Quote
from bot.jobs.port import Job
from bot.kernel.clock import ManualClock, to_micros
from bot.kernel.masking import Secret
from bot.ledger.balances import balance
from bot.ledger.invariants import Finding
from bot.payments import invariants, values
from bot.payments.charges import AlreadyPaid, ChargeAsk, Confirming, Ready
from bot.payments.contracts.port import Plan
from bot.payments.facts import PayerId, Way
from bot.payments.gatekeeper import Placing
from bot.payments.policy import Policy
from bot.payments.reconciliation.days import FeeTerms
from bot.payments.refunds import RefundAsk
from bot.payments.registry import Gateways
from bot.payments.room import Means, Payments, furnish
from bot.payments.values import Charge, Order, Refund
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault
from tests.payments.scripted_biller import ScriptedBiller
from tests.payments.scripted_gateway import APP, ScriptedGateway

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
SECRET = "a secret of the tests, at least 32 long"
PAYER = PayerId("wechat", APP, "openid-1")
OTHER_PAYER = PayerId("wechat", APP, "openid-2")
CHAT = Placing("chat", "trace-1", channel="official", account="main", customer_id="cus-1")
DUE = "merchant:mer:due"
SUSPENSE = "suspense:scripted:main"
REFUNDING = "refunding:scripted:main"
PAYERS = "payers:scripted"

_numbers = itertools.count(1)


class TickingClock(ManualClock):
    """A clock by hand that never tells the same microsecond twice, so that what is made later sorts later."""

    def now(self) -> datetime:
        self.advance(0.000001)
        return super().now()


async def populate(tx: Tx) -> None:
    """The merchant and its items: one that takes any amount, one with bills that the operator keeps."""
    at = to_micros(START)
    await tx.execute(
        "INSERT INTO merchants (id, name, short_name, state, gateways, created_at) "
        "VALUES ('mer', '阳光物业服务有限公司', '阳光物业', 'active', '{\"scripted\":\"main\"}', $1)",
        at,
    )
    for item, scene, biller in (("meal", "catering", "hosted"), ("rent", "property", "hosted"), ("power", "e", "grid")):
        await tx.execute(
            "INSERT INTO bill_items (id, merchant_id, scene, name, biller, definition, state, created_at) "
            "VALUES ($1, 'mer', $2, $1, $3, '{}', 'active', $4)",
            item,
            scene,
            biller,
            at,
        )


@dataclass(slots=True)
class World:
    """The rooms over one database, and the gateway and the biller that they speak with."""

    database: Database
    clock: ManualClock
    vault: Vault
    gateway: ScriptedGateway
    biller: ScriptedBiller
    payments: Payments
    policy: Policy
    bills: dict[str, Bill] = field(default_factory=dict)

    # --- making things -------------------------------------------------------------------------------------------

    async def bill(self, amount: int = 10_000, *, late_fee: int = 0) -> Bill:
        """A hosted bill that nobody has paid."""
        number = next(_numbers)
        await self.execute(
            "INSERT INTO bills (id, item_id, bill_no, account_hash, account_sealed, account_mask, period, title, "
            "amount, paid, state, imported_at, changed_at) "
            "VALUES ($1, 'rent', $2, 'hash', $3, '****0101', '2026-11', 'Rent', $4, 0, 'open', $5, $5)",
            f"bil_{number}",
            f"B{number}",
            b"sealed",
            amount,
            to_micros(self.clock.now()),
        )
        return Bill(f"B{number}", "Rent", "2026-11", amount, late_fee=late_fee, bill_id=f"bil_{number}")

    def meal(self, amount: int = 3_500) -> Line:
        return Line("meal", amount, "Lunch")

    def rent(self, bill: Bill, amount: int | None = None) -> Line:
        return Line("rent", bill.total if amount is None else amount, bill.title, "1-101", "****0101", bill)

    def let_off(self, bill: Bill, off: int) -> Line:
        """A line that pays a whole bill by less."""
        return replace(self.rent(bill, bill.total - off), discount=off)

    def power(self, bill_no: str = "E1", amount: int = 12_850) -> Line:
        """A bill of a remote biller: nothing of it is in our tables."""
        bill = Bill(bill_no, "Power", "2026-10", amount)
        return Line("power", amount, "Power", "0512345678", "****5678", bill)

    def quote(self, *lines: Line, seconds: float = 900) -> Quote:
        return Quote(
            id=f"quo_{next(_numbers)}",
            merchant_id="mer",
            store_id=None,
            scene="catering",
            title="Lunch",
            payee="阳光物业服务有限公司",
            lines=lines,
            amount=sum(line.amount for line in lines),
            expires_at=self.clock.now() + timedelta(seconds=seconds),
        )

    async def order(self, *lines: Line, placing: Placing = CHAT, seconds: float = 900) -> Order:
        placed = await self.payments.orders.place(self.quote(*(lines or (self.meal(),)), seconds=seconds), placing)
        assert isinstance(placed, Order), placed
        return placed

    def ask(self, order: Order, *, payer: PayerId | None = PAYER, way: Way = Way.JSAPI) -> ChargeAsk:
        return ChargeAsk(order.id, "scripted", "main", way, payer, payer_ip="203.0.113.9")

    async def open(self, order: Order, **how: Any) -> Ready:
        """Open a charge that must be ready to pay."""
        opened = await self.payments.charges.open(self.ask(order, **how))
        assert isinstance(opened, Ready), opened
        return opened

    async def pay(self, order: Order) -> Ready:
        """Open a charge, pay it and bring its notice into the books."""
        ready = await self.open(order)
        await self.tell(self.gateway.pay(ready.out_trade_no))
        return ready

    async def pay_as(self, order: Order, payer: PayerId) -> Ready:
        """Like ``pay``, by another payer."""
        ready = await self.open(order, payer=payer)
        await self.tell(self.gateway.pay(ready.out_trade_no))
        return ready

    async def paid(self, *lines: Line) -> Order:
        """An order that is paid, with its billers not told yet."""
        order = await self.order(*lines)
        await self.pay(order)
        return await self.payments.orders.get(order.id)

    async def settled(self, *lines: Line) -> Order:
        """An order that is paid and booked at its billers."""
        order = await self.paid(*lines)
        for line in order.lines:
            await self.payments.fulfilment.fulfil_line(line.id)
        return await self.payments.orders.get(order.id)

    async def refund(self, order: Order, *, by: str = "张三", key: str = "", line_id: str | None = None) -> Refund:
        """Ask for a refund that must be possible."""
        ask = RefundAsk(order.id, key or f"key-{next(_numbers)}", by, "customer asked", line_id)
        asked = await self.payments.refunds.request(ask)
        assert isinstance(asked, Refund), asked
        return asked

    async def tell(self, fact: Any, *, id_: str | None = None, account: str = "main") -> Any:
        notice = self.gateway.notice(fact, id_=id_, account=account)
        return await self.payments.notices.take("scripted", notice, "trace-notice")

    # --- looking -------------------------------------------------------------------------------------------------

    async def row(self, sql: str, *arguments: Any) -> Any:
        return await self.database.row(sql, *arguments)

    async def rows(self, sql: str, *arguments: Any) -> Sequence[Any]:
        return await self.database.rows(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> int:
        return await self.database.effect(lambda tx: tx.execute(sql, *arguments))

    async def state(self, order: Order) -> str:
        return (await self.payments.orders.get(order.id)).state

    async def charge(self, charge_id: str) -> Charge:
        return await self.payments.upstream.load(charge_id)

    async def charges(self, order: Order) -> list[Charge]:
        rows = await self.rows("SELECT * FROM charges WHERE order_id = $1 ORDER BY created_at, id", order.id)
        return [values.charge(row) for row in rows]

    async def line_states(self, order: Order) -> list[str]:
        return [line.state for line in (await self.payments.orders.get(order.id)).lines]

    async def bill_state(self, bill: Bill) -> str:
        return str((await self.row("SELECT state FROM bills WHERE id = $1", bill.bill_id))["state"])

    async def suspense(self) -> list[tuple[str, str, int]]:
        rows = await self.rows("SELECT reason, state, amount FROM suspense ORDER BY at, id")
        return [(row["reason"], row["state"], row["amount"]) for row in rows]

    async def jobs(self, kind: str) -> list[str]:
        rows = await self.rows("SELECT key FROM outbox WHERE kind = $1 ORDER BY created_at, id", kind)
        return [row["key"] for row in rows]

    async def cases(self) -> list[str]:
        """The kinds of cases that are on their way to the desk."""
        return [key.partition(":")[0] for key in await self.jobs("case")]

    async def balance(self, account: str, asset: str = "CNY") -> int:
        return await balance(self.database, account, asset)

    async def audit(self) -> list[Finding]:
        return await invariants.inspect(self.database, self.clock.now(), self.policy)

    # --- working -------------------------------------------------------------------------------------------------

    async def work_off(self, *kinds: str, rounds: int = 20) -> None:
        """Do the outbox's jobs as the workers will, until none of these kinds is left or all wait."""
        wanted = kinds or ("fulfil", "undo", "refund_submit", "refund_surplus")
        waiting: set[str] = set()
        for _ in range(rounds):
            rows = await self.rows("SELECT * FROM outbox WHERE state = 'ready' ORDER BY due_at, id")
            ready = [row for row in rows if row["kind"] in wanted]
            done = [row["id"] for row in ready if await self._deliver(row)]
            for job_id in done:
                await self.execute("UPDATE outbox SET state = 'done', done_at = $2 WHERE id = $1", job_id, 0)
            left = {row["id"] for row in ready} - set(done)
            if not done and left == waiting:
                return
            waiting = left

    async def _deliver(self, row: Any) -> bool:
        key = row["key"].partition(":")[0]
        match row["kind"]:
            case "fulfil":
                answer: Any = await self.payments.fulfilment.fulfil_line(key)
            case "undo":
                answer = await self.payments.fulfilment.undo_line(key)
            case "refund_submit":
                answer = await self.payments.refunds.submit(key)
            case _:
                answer = await self.payments.refunds.surplus(key)
        return type(answer).__name__ in ("Ended", "Over", "Refund")

    async def sweep(self) -> None:
        """One turn of the sweeping worker."""
        await self.payments.sweeper.expire_orders()
        for charge_id in await self.payments.sweeper.due_charges(50):
            await self.payments.sweeper.sweep_charge(charge_id)
        for refund_id in await self.payments.sweeper.due_refunds(50):
            await self.payments.sweeper.sweep_refund(refund_id)


def build(
    database: Database,
    clock: ManualClock,
    policy: Policy | None = None,
    *,
    gateway: ScriptedGateway | None = None,
    biller: ScriptedBiller | None = None,
    fees: Mapping[tuple[str, str], FeeTerms] | None = None,
    autopay: Sequence[Plan] = (),
    public_url: str = "https://pay.example.com",
) -> World:
    """Put the rooms together over an open database that ``populate`` has filled."""
    gateway = gateway or ScriptedGateway(clock)
    vault = Vault.from_secrets([Secret(SECRET)])
    biller = biller or ScriptedBiller(HostedBiller(database, Catalogue(database, clock), vault, clock))
    gateways = Gateways({"scripted": gateway}, {"wechat": "scripted"}, public_url)
    policy = policy or Policy()
    means = Means(database, clock, vault, gateways, biller, SECRET.encode(), policy, fees=fees or {}, autopay=autopay)
    return World(database, clock, vault, gateway, biller, furnish(means), policy)


__all__ = ["AlreadyPaid", "Confirming", "Job", "Refund", "World", "build", "populate"]
