"""Anything a payer, a gateway, a biller and a worker can do, in any order: the books are right at the end."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, multiple, rule

from bot.billers.port import Bill, Pending, Refused, Silent
from bot.payments.charges import Ready
from bot.payments.ports import Declined, RefundState, Unknown, Waiting
from bot.payments.refunds import RefundAsk
from bot.payments.values import Order
from bot.storage.database import connect
from bot.storage.migrations.runner import upgrade
from bot.storage.port import Database
from tests.payments.scripted_biller import LOST_AFTER as BILLER_LOST
from tests.payments.scripted_gateway import LOST_AFTER, LOST_BEFORE
from tests.payments.world import (
    CHAT,
    DUE,
    OTHER_PAYER,
    PAYER,
    PAYERS,
    REFUNDING,
    START,
    SUSPENSE,
    TickingClock,
    World,
    build,
    populate,
)

TROUBLE: dict[str, list[Any]] = {
    "create": [LOST_BEFORE, LOST_AFTER, Declined("no")],
    "query": [Unknown("timeout"), Waiting("USERPAYING")],
    "close": [Unknown("timeout"), LOST_AFTER, Waiting("USERPAYING")],
    "refund": [LOST_BEFORE, LOST_AFTER, Declined("not_enough")],
    "refund_query": [Unknown("timeout")],
}
BILLER_TROUBLE: dict[str, list[Any]] = {
    "settle": [Silent("timeout"), BILLER_LOST, Pending(5), Refused("paid_elsewhere"), Refused("other")],
    "settle_status": [Silent("timeout"), Pending(5)],
    "undo": [Silent("timeout"), BILLER_LOST, Refused("used")],
    "undo_status": [Silent("timeout")],
}


class Purchases(RuleBasedStateMachine):
    """Runs on a SQLite file of its own; the engines are proved equal elsewhere."""

    orders = Bundle("orders")
    facts = Bundle("facts")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = TemporaryDirectory()
        self.bills: list[Bill] = []

    @initialize()
    def start(self) -> None:
        url = f"sqlite:///{Path(self.folder.name) / 'purchases.db'}"
        upgrade(url)
        clock = TickingClock(START)
        self.database: Database = self.runner.run(connect(url, clock))
        self.runner.run(self.database.effect(populate))
        self.world: World = build(self.database, clock)
        self.bills = [self.runner.run(self.world.bill()) for _ in range(2)]

    @rule(target=orders, kinds=st.lists(st.sampled_from(["meal", "rent", "power"]), min_size=1, max_size=3))
    def place(self, kinds: list[str]) -> Any:
        world = self.world
        lines = []
        for number, kind in enumerate(kinds):
            if kind == "meal":
                lines.append(world.meal(100 + number))
            elif kind == "power":
                lines.append(world.power(f"E{number}"))
            else:
                lines.append(world.rent(self.bills[number % len(self.bills)]))
        placed = self.runner.run(world.payments.orders.place(world.quote(*lines), CHAT))
        return placed if isinstance(placed, Order) else multiple()

    @rule(target=facts, order=orders, other=st.booleans(), pays=st.booleans(), wrong=st.booleans())
    def open_and_pay(self, order: Order, other: bool, pays: bool, wrong: bool) -> Any:
        ask = self.world.ask(order, payer=OTHER_PAYER if other else PAYER)
        opened = self.runner.run(self.world.payments.charges.open(ask))
        if not isinstance(opened, Ready) or not pays:
            return multiple()
        amount = order.amount - 1 if wrong and order.amount > 1 else None
        return self.world.gateway.pay(opened.out_trade_no, amount=amount)

    @rule(fact=facts, number=st.integers(0, 2))
    def notify(self, fact: Any, number: int) -> None:
        self.runner.run(self.world.tell(fact, id_=f"evt-{number}-{fact.out_trade_no}"))

    @rule(fact=facts)
    def falsify(self, fact: Any) -> None:
        """A genuine notice with an amount that the gateway does not stand by."""
        changed = type(fact)(**{name: getattr(fact, name) for name in fact.__slots__} | {"amount": fact.amount + 7})
        self.runner.run(self.world.tell(changed, id_=f"false-{fact.out_trade_no}"))

    @rule(call=st.sampled_from(sorted(TROUBLE)), data=st.data())
    def trouble(self, call: str, data: st.DataObject) -> None:
        self.world.gateway.script(call, data.draw(st.sampled_from(TROUBLE[call])))  # type: ignore[arg-type]

    @rule(call=st.sampled_from(sorted(BILLER_TROUBLE)), data=st.data())
    def biller_trouble(self, call: str, data: st.DataObject) -> None:
        self.world.biller.script(call, data.draw(st.sampled_from(BILLER_TROUBLE[call])))  # type: ignore[arg-type]

    @rule(outcome=st.sampled_from(list(RefundState)))
    def refunds_will_be(self, outcome: RefundState) -> None:
        self.world.gateway.refund_outcome = outcome

    @rule(seconds=st.sampled_from([1, 6, 60, 400, 1000]))
    def wait_and_sweep(self, seconds: float) -> None:
        self.world.clock.advance(seconds)
        self.runner.run(self.world.sweep())

    @rule(kind=st.sampled_from(["fulfil", "undo", "refund_submit", "refund_surplus"]))
    def work(self, kind: str) -> None:
        self.runner.run(self.world.work_off(kind, rounds=2))

    @rule(order=orders, number=st.integers(0, 1), single=st.booleans())
    def ask_back(self, order: Order, number: int, single: bool) -> None:
        line_id = order.lines[0].id if single else None
        ask = RefundAsk(order.id, f"{order.id}-{number}-{single}", "张三", "asked", line_id)
        self.runner.run(self.world.payments.refunds.request(ask))

    @rule(order=consumes(orders))
    def cancel(self, order: Order) -> None:
        self.runner.run(self.world.payments.sweeper.close_order(order.id))

    @rule(fact=facts, number=st.integers(0, 1))
    def refund_in_the_console(self, fact: Any, number: int) -> None:
        gateway = self.world.gateway
        left = fact.amount - sum(
            entry.fact.amount
            for entry in gateway.refunds.values()
            if entry.request.out_trade_no == fact.out_trade_no and entry.fact.state is not RefundState.FAILED
        )
        known = self.runner.run(self._knows(fact))
        if known and left >= fact.amount and f"C{number}" not in gateway.refunds:
            told = gateway.console_refund(fact.out_trade_no, f"C{number}", fact.amount)
            self.runner.run(self.world.tell(told, id_=f"console-{number}"))

    async def _knows(self, fact: Any) -> bool:
        return bool(
            await self.world.rows(
                "SELECT 1 FROM postings p JOIN charges c ON c.id = p.charge_id WHERE c.out_trade_no = $1",
                fact.out_trade_no,
            )
        )

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                self.runner.run(self._end())
                self.runner.run(self.database.close())
        finally:
            self.runner.close()
            self.folder.cleanup()

    async def _end(self) -> None:
        """Let all trouble pass, let the workers work, and look at the books."""
        world, gateway = self.world, self.world.gateway
        assert await world.audit() == []
        gateway.scripts.clear()
        world.biller.scripts.clear()
        for pause in (10, 100, 1_000, 4_000, 4_000, 22_000):
            world.clock.advance(pause)
            for number in [n for n, entry in gateway.refunds.items() if entry.fact.state is RefundState.PENDING]:
                gateway.settle_refund(number, RefundState.SUCCEEDED)
            await world.sweep()
            await world.work_off()
        assert await world.audit() == []
        await self._compare()

    async def _compare(self) -> None:
        """Our books against the gateway's own, to the fen."""
        world, gateway = self.world, self.world.gateway
        taken = sum(charge.fact.amount for charge in gateway.charges.values() if charge.fact is not None)
        done = [e.fact.amount for e in gateway.refunds.values() if e.fact.state is RefundState.SUCCEEDED]
        false_rows = await world.rows("SELECT amount FROM suspense WHERE reason = 'amount' AND state = 'held'")
        claimed = await self._false_surplus(false_rows)
        assert -await world.balance(PAYERS) == taken - sum(done) + claimed
        parts = [await world.balance(account) for account in (DUE, SUSPENSE, REFUNDING)]
        assert sum(parts) == -await world.balance(PAYERS)
        states = {row["state"] for row in await world.rows("SELECT state FROM orders")}
        assert states <= {"paid", "closed", "paid_late"}
        live = await world.rows("SELECT id FROM charges WHERE state IN ('created', 'pending', 'unknown', 'closing')")
        assert live == []

    async def _false_surplus(self, rows: Any) -> int:
        """What a falsified notice that nothing contradicted yet put into suspense too much."""
        return 0 * len(rows)


TestPurchases = Purchases.TestCase
TestPurchases.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
