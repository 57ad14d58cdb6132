"""Carries the steps of a history out: persons, cashiers, platforms, workers, time and trouble."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar

from bot.billers.port import Bill, Line, Pending, Quote, Refused, Silent
from bot.kernel.clock import to_micros
from bot.kernel.errors import BotError
from bot.kernel.masking import Secret
from bot.payments.charges import ChargeAsk, Ready
from bot.payments.facts import Way
from bot.payments.refunds import RefundAsk
from bot.payments.scanned import CodeAsk
from bot.payments.values import Order
from tests.payments.scripted_biller import LOST_AFTER, Call
from tests.payments.world import CHAT
from tests.stateful import steps
from tests.stateful.cut import cut_off
from tests.stateful.platforms import PAGE_WAYS
from tests.stateful.work import deliver_due
from tests.stateful.world import ACCOUNT, World

T = TypeVar("T")

# Fen; among them one that makes a refund wait for a second name.
AMOUNTS: Final = (1_200, 3_500, 800, 60_000, 12_345, 990, 5_001, 25_000)
MINUTES: Final = (15, 2, 60)
# Orders of one bill and of several; the same bill comes again, so that two orders may be about it.
BASKETS: Final = (
    ("meal",),
    ("rent",),
    ("power",),
    ("meal", "rent"),
    ("rent", "rent"),
    ("power", "meal"),
    ("meal", "meal"),
    ("rent", "power"),
)
CALLS: Final[tuple[Call, ...]] = ("settle", "settle_status", "undo", "undo_status")
LIMIT: Final = 50
NEW_FROM: Final = 5


@dataclass(frozen=True, slots=True)
class Handover:
    """What somebody was given to pay with."""

    gateway: str
    number: str
    values: Mapping[str, str]


@dataclass(slots=True)
class Driver:
    """One history in the making; what it remembers is what persons remember, not what the process does."""

    world: World
    orders: list[Order] = field(default_factory=list)
    handovers: list[Handover] = field(default_factory=list)
    scanned: list[str] = field(default_factory=list)
    bills: list[Bill] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def perform(self, step: steps.Step) -> None:
        """Carry one step out, and wait until the platforms have told what they have to tell of it."""
        self.counts[type(step).__name__] += 1
        await self._guarded(step)
        await self.world.rest()

    async def _guarded(self, step: steps.Step) -> None:
        try:
            await self._do(step)
        except BotError as fault:
            # A refusal that a person would read, or trouble that a worker would meet again: neither breaks the books.
            self.counts[f"refused {fault.code}"] += 1

    async def _do(self, step: steps.Step) -> None:
        if isinstance(step, steps.Crash):
            if await cut_off(self._guarded(step.step), step.after):
                self.counts["cut off"] += 1
            self.world.restart()
        elif isinstance(step, steps.Both):
            await asyncio.gather(self._guarded(step.first), self._guarded(step.second))
        else:
            await _ACTS[type(step)](self, step)

    # --- orders and charges ----------------------------------------------------------------------------------------

    async def _order(self, choice: int) -> Order | None:
        """Return one of the orders, or quite often a new one: on old ones, most has happened already."""
        if not self.orders or choice >= NEW_FROM:
            await self.place(steps.Place(choice + len(self.orders), choice * 3 + len(self.orders), choice))
        return _latest(self.orders, choice % NEW_FROM)

    async def place(self, step: steps.Place) -> None:
        basket = BASKETS[step.lines % len(BASKETS)]
        lines = [await self._line(kind, step.amount + at) for at, kind in enumerate(basket)]
        number = next(self._numbers)
        quote = Quote(
            id=f"quo_{number}",
            merchant_id="mer",
            store_id=None,
            scene="catering",
            title="Lunch",
            payee="阳光物业服务有限公司",
            lines=tuple(lines),
            amount=sum(line.amount for line in lines),
            expires_at=self.world.clock.now() + timedelta(minutes=MINUTES[step.minutes % len(MINUTES)]),
        )
        placed = await self.world.payments.orders.place(quote, CHAT)
        if isinstance(placed, Order):
            self.orders.append(placed)

    async def _line(self, kind: str, choice: int) -> Line:
        amount = AMOUNTS[choice % len(AMOUNTS)]
        if kind == "meal":
            return Line("meal", amount, "Lunch")
        if kind == "power":
            # One of three bills of a remote biller, of which nothing is in our tables.
            number = choice % 3
            bill = Bill(f"E{number}", "Power", "2026-10", AMOUNTS[number])
            return Line("power", bill.amount, "Power", "0512345678", "****5678", bill)
        # Every second hosted bill is one that was asked for before.
        hosted = self.bills[choice % len(self.bills)] if self.bills and choice % 2 else await self._bill(amount)
        return Line("rent", hosted.amount, hosted.title, "1-101", "****0101", hosted)

    async def _bill(self, amount: int) -> Bill:
        number = next(self._numbers)
        await self.world.database.effect(
            lambda tx: tx.execute(
                "INSERT INTO bills (id, item_id, bill_no, account_hash, account_sealed, account_mask, period, title, "
                "amount, paid, state, imported_at, changed_at) "
                "VALUES ($1, 'rent', $2, 'hash', $3, '****0101', '2026-11', 'Rent', $4, 0, 'open', $5, $5)",
                f"bil_{number}",
                f"B{number}",
                b"sealed",
                amount,
                to_micros(self.world.clock.now()),
            )
        )
        bill = Bill(f"B{number}", "Rent", "2026-11", amount, bill_id=f"bil_{number}")
        self.bills.append(bill)
        return bill

    async def open(self, step: steps.Open) -> None:
        order = await self._order(step.order)
        if order is None:
            return
        name = self._gateway(step.gateway)
        gateway, platform = self.world.gateways[name], self.world.platforms[name]
        ways = [way for way in PAGE_WAYS if way in gateway.can]
        way = ways[step.way % len(ways)]
        payer = platform.payer(step.payer) if way in (Way.JSAPI, Way.MINI) else None
        back = "https://pay.example.com/back"
        ask = ChargeAsk(order.id, name, ACCOUNT, way, payer, "203.0.113.9", back, "UnionPay/1.0 CloudPay")
        opened = await self.world.payments.charges.open(ask)
        if isinstance(opened, Ready):
            self.handovers.append(Handover(name, opened.out_trade_no, opened.handover))

    async def pay(self, step: steps.Pay) -> None:
        handed = _latest(self.handovers, step.handover)
        if handed is not None:
            platform = self.world.platforms[handed.gateway]
            await platform.pay(handed.number, handed.values, step.payer, self.world.browser)

    async def scan(self, step: steps.Scan) -> None:
        order = await self._order(step.order)
        takers = [name for name in sorted(self.world.gateways) if Way.CODE in self.world.gateways[name].can]
        if order is None:
            return
        name = takers[step.gateway % len(takers)]
        code = Secret(self.world.platforms[name].code(step.order, step.behaviour))
        self.scanned.append(order.id)
        await self.world.payments.scanned.pay(CodeAsk(order.id, name, ACCOUNT), code)

    async def _charge(self, order_id: str | None) -> Any:
        sql = "SELECT id, gateway, out_trade_no FROM charges WHERE order_id = $1 AND way = 'code' ORDER BY id DESC"
        return await self.world.database.row(sql, order_id)

    async def decide(self, step: steps.Decide) -> None:
        charge = await self._charge(_latest(self.scanned, step.charge))
        if charge is not None:
            await self.world.platforms[charge["gateway"]].decide(charge["out_trade_no"], entered=step.entered)

    async def give_up(self, step: steps.GiveUp) -> None:
        charge = await self._charge(_latest(self.scanned, step.charge))
        if charge is not None:
            await self.world.payments.scanned.cancel(charge["id"])

    async def cancel(self, step: steps.Cancel) -> None:
        order = _latest(self.orders, step.order)
        if order is not None:
            await self.world.payments.sweeper.close_order(order.id)

    # --- notices ---------------------------------------------------------------------------------------------------

    async def post(self, step: steps.Post) -> None:
        letter = _latest(self.world.bag.letters, step.letter)
        if letter is None:
            return
        if not step.keep:
            self.world.bag.letters.remove(letter)
        await self.world.take(letter)

    async def again(self, step: steps.Again) -> None:
        platform = self.world.platforms[self._gateway(step.gateway)]
        notice = _latest(platform.notices(), step.notice)
        if notice is not None:
            await platform.deliver(notice)

    async def forge(self, step: steps.Forge) -> None:
        handed = _latest(self.handovers, step.charge)
        if handed is None:
            return
        platform = self.world.platforms[handed.gateway]
        await platform.forge(handed.number, platform.forgeries[step.kind % len(platform.forgeries)])

    # --- workers ---------------------------------------------------------------------------------------------------

    async def sweep(self, _: steps.Sweep | None = None) -> None:
        sweeper = self.world.payments.sweeper
        await sweeper.expire_orders()
        for charge_id in await sweeper.due_charges(LIMIT):
            await sweeper.sweep_charge(charge_id)
        for refund_id in await sweeper.due_refunds(LIMIT):
            await sweeper.sweep_refund(refund_id)

    async def work(self, _: steps.Work | None = None) -> None:
        await deliver_due(self.world)

    # --- refunds ---------------------------------------------------------------------------------------------------

    async def give_back(self, step: steps.GiveBack) -> None:
        order = _latest(self.orders, step.order)
        if order is None:
            return
        line = order.lines[step.what % len(order.lines)]
        key = f"key-{next(self._numbers)}"
        ask = RefundAsk(order.id, key, "张三", "customer asked")
        if step.what % 3 == 1:
            ask = RefundAsk(order.id, key, "张三", "customer asked", line_id=line.id)
        if step.what % 3 == 2:
            ask = RefundAsk(order.id, key, "张三", "customer asked", amount=max(1, line.amount // 3))
        await self.world.payments.refunds.request(ask)

    async def judge(self, step: steps.Judge) -> None:
        sql = "SELECT id FROM refunds WHERE state = 'requested' ORDER BY id"
        refund = _latest(await self.world.database.rows(sql), step.refund)
        if refund is None:
            return
        if step.yes:
            await self.world.payments.refunds.approve(refund["id"], "李四")
        else:
            await self.world.payments.refunds.reject(refund["id"], "李四", "no")

    # --- time and trouble ------------------------------------------------------------------------------------------

    async def wait(self, step: steps.Wait) -> None:
        await self.world.pass_time(steps.SECONDS[step.seconds])

    async def trouble(self, step: steps.Trouble) -> None:
        platform = self.world.platforms[self._gateway(step.gateway)]
        platform.troubles.force([platform.faults[step.fault % len(platform.faults)]])

    async def mood(self, step: steps.Mood) -> None:
        call = CALLS[step.call % len(CALLS)]
        answers = (Pending(5.0), Silent("timeout"), Refused("no_such_bill") if "status" not in call else Pending(5.0))
        lost = LOST_AFTER if step.answer == 1 and call in ("settle", "undo") else answers[step.answer % 3]
        self.world.biller.script(call, lost)

    def _gateway(self, choice: int) -> str:
        names = list(self.world.gateways)
        return names[choice % len(names)]


def _latest(things: Sequence[T], back: int) -> T | None:
    """Return one of the things counted from the latest, so that small numbers are about what happened last."""
    return things[-1 - back % len(things)] if things else None


_ACTS: Final[Mapping[type, Callable[[Driver, Any], Awaitable[None]]]] = {
    steps.Place: Driver.place,
    steps.Open: Driver.open,
    steps.Pay: Driver.pay,
    steps.Scan: Driver.scan,
    steps.Decide: Driver.decide,
    steps.GiveUp: Driver.give_up,
    steps.Post: Driver.post,
    steps.Again: Driver.again,
    steps.Forge: Driver.forge,
    steps.Sweep: Driver.sweep,
    steps.Work: Driver.work,
    steps.Cancel: Driver.cancel,
    steps.GiveBack: Driver.give_back,
    steps.Judge: Driver.judge,
    steps.Wait: Driver.wait,
    steps.Trouble: Driver.trouble,
    steps.Mood: Driver.mood,
}
