"""Anything a payer, a gateway, a biller and a worker can do, in any order: the books are right at the end."""

import asyncio
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, multiple, rule

from bot.billers.port import Bill, Line, Pending, Refused, Silent
from bot.payments.charges import Ready
from bot.payments.facts import Declined, PaidFact, RefundFact, RefundState, Unknown, Waiting
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


@lru_cache(maxsize=1)
def _empty_file() -> bytes:
    """A database file with the schema and no rows."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        upgrade(f"sqlite:///{path}")
        return path.read_bytes()


KINDS = st.lists(st.sampled_from(["meal", "rent", "power"]), min_size=1, max_size=3)


class Purchases(RuleBasedStateMachine):
    """Runs on a SQLite file of its own; the engines are proved equal elsewhere."""

    orders = Bundle("orders")
    facts = Bundle("facts")
    bought = Bundle("bought")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = TemporaryDirectory()
        self.bills: list[Bill] = []

    @initialize()
    def start(self) -> None:
        path = Path(self.folder.name) / "purchases.db"
        path.write_bytes(_empty_file())
        clock = TickingClock(START)
        self.database: Database = self.runner.run(connect(f"sqlite:///{path}", clock))
        self.runner.run(self.database.effect(populate))
        self.world: World = build(self.database, clock)
        self.bills = [self.runner.run(self.world.bill()) for _ in range(2)]

    @rule(target=orders, kinds=KINDS)
    def place(self, kinds: list[str]) -> Any:
        placed = self.runner.run(self.world.payments.orders.place(self.world.quote(*self._lines(kinds)), CHAT))
        return placed if isinstance(placed, Order) else multiple()

    @rule(target=facts, order=orders, other=st.booleans(), wrong=st.sampled_from([False, False, False, True]))
    def open_and_pay(self, order: Order, other: bool, wrong: bool) -> Any:
        ask = self.world.ask(order, payer=OTHER_PAYER if other else PAYER)
        opened = self.runner.run(self.world.payments.charges.open(ask))
        if not isinstance(opened, Ready):
            return multiple()
        return self.world.gateway.pay(opened.out_trade_no, amount=order.amount - 1 if wrong else None)

    @rule(order=orders, other=st.booleans())
    def only_look(self, order: Order, other: bool) -> None:
        """A payer opens the pay page and goes away."""
        self.runner.run(self.world.payments.charges.open(self.world.ask(order, payer=OTHER_PAYER if other else PAYER)))

    @rule(target=bought, kinds=KINDS, times=st.integers(1, 2))
    def buy(self, kinds: list[str], times: int) -> Any:
        """A whole purchase, told of once or twice."""
        order = self.place(kinds)
        fact = self.open_and_pay(order, False, False) if isinstance(order, Order) else None
        if not isinstance(fact, PaidFact):
            return multiple()
        for _ in range(times):
            self.notify(fact, 0)
        return order, fact

    @rule(fact=facts, number=st.integers(0, 2))
    def notify(self, fact: Any, number: int) -> None:
        self.runner.run(self.world.tell(fact, id_=f"evt-{number}-{fact.out_trade_no}"))

    @rule(fact=facts)
    def falsify(self, fact: Any) -> None:
        """A genuine notice with an amount that the gateway does not stand by."""
        if fact.amount != self.world.gateway.charges[fact.out_trade_no].request.amount:
            return
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

    def _lines(self, kinds: list[str]) -> list[Line]:
        world = self.world
        made = {
            "meal": lambda number: world.meal(100 + number),
            "power": lambda number: world.power(f"E{number}"),
            "rent": lambda number: world.rent(self.bills[number % len(self.bills)]),
        }
        return [made[kind](number) for number, kind in enumerate(kinds)]

    @rule(kind=st.sampled_from(["fulfil", "undo", "refund_submit", "refund_surplus"]))
    def work(self, kind: str) -> None:
        self.runner.run(self.world.work_off(kind, rounds=2))

    @rule(purchase=bought, number=st.integers(0, 1), single=st.booleans())
    def ask_back(self, purchase: Any, number: int, single: bool) -> None:
        order = purchase[0]
        line_id = order.lines[0].id if single else None
        ask = RefundAsk(order.id, f"{order.id}-{number}-{single}", "张三", "asked", line_id)
        self.runner.run(self.world.payments.refunds.request(ask))

    @rule(order=consumes(orders))
    def cancel(self, order: Order) -> None:
        self.runner.run(self.world.payments.sweeper.close_order(order.id))

    @rule(purchase=bought, number=st.integers(0, 1), part=st.sampled_from([0, 0, 30]))
    def refund_in_the_console(self, purchase: Any, number: int, part: int) -> None:
        gateway, fact = self.world.gateway, purchase[1]
        if self.runner.run(self._knows(fact)) and f"C{number}" not in gateway.refunds:
            told = gateway.console_refund(fact.out_trade_no, f"C{number}", part or fact.amount)
            if isinstance(told, RefundFact):
                self.runner.run(self.world.tell(told, id_=f"console-{number}"))

    @rule(fact=facts)
    def pay_what_was_closed(self, fact: Any) -> None:
        """The gateway closed a charge and lets it be paid all the same: every second order of the day before."""
        for number, charge in self.world.gateway.charges.items():
            if charge.state == "closed" and charge.fact is None:
                charge.state = "waiting"
                self.notify(self.world.gateway.pay(number), 0)
                return

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
        findings = await world.audit()
        assert findings == [], findings
        gateway.scripts.clear()
        world.biller.scripts.clear()
        for pause in (10, 100, 1_000, 4_000, 4_000, 22_000):
            world.clock.advance(pause)
            for number in [n for n, entry in gateway.refunds.items() if entry.fact.state is RefundState.PENDING]:
                gateway.settle_refund(number, RefundState.SUCCEEDED)
            await world.sweep()
            await world.work_off()
        findings = await world.audit()
        assert findings == [], findings
        await self._compare()

    async def _compare(self) -> None:
        """Our books against the gateway's own, to the fen."""
        world, gateway = self.world, self.world.gateway
        taken = sum(charge.fact.amount for charge in gateway.charges.values() if charge.fact is not None)
        done = [e.fact.amount for e in gateway.refunds.values() if e.fact.state is RefundState.SUCCEEDED]
        assert -await world.balance(PAYERS) == taken - sum(done)
        parts = [await world.balance(account) for account in (DUE, SUSPENSE, REFUNDING)]
        assert sum(parts) == -await world.balance(PAYERS)
        states = {row["state"] for row in await world.rows("SELECT state FROM orders")}
        assert states <= {"paid", "closed", "paid_late"}
        live = await world.rows("SELECT id FROM charges WHERE state IN ('created', 'pending', 'unknown', 'closing')")
        assert live == []


QUICK = settings().max_examples <= 100

TestPurchases = Purchases.TestCase
TestPurchases.settings = settings(
    max_examples=12 if QUICK else 400,
    stateful_step_count=30,
    # A failure prints its steps; shrinking them takes many minutes and is left to ``make soak``.
    phases=[Phase.generate] if QUICK else list(Phase),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
