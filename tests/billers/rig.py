"""Each implementation of ``SceneBiller`` with what a contract test has to do around it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from aiohttp.test_utils import TestServer

from bot.billers.catalogue import Catalogue
from bot.billers.connector import Connector
from bot.billers.hosted import HostedBiller
from bot.billers.invariants import CHECKS
from bot.billers.items import BillItem, ItemDefinition
from bot.billers.port import Bill, BillQuery, Found, Later, NotFound, PaidLine, SceneBiller
from bot.billers.remote import RemoteBiller
from bot.kernel.clock import ManualClock, to_micros
from bot.kernel.masking import Secret
from bot.ledger.invariants import inspect
from bot.outside.breaker import Patience
from bot.outside.http import HttpClient
from bot.payments import bills as payments
from bot.payments.values import OrderLine
from bot.simulators import biller as simulator
from bot.storage.port import Database, Value
from bot.storage.vault import Vault
from tests.billers import samples
from tests.billers.samples import Owing

CODE = "power"
CONNECTOR_SECRET = "s" * 16 + "0123456789abcdef"
# The connector's path has a part of its own in front, as a biller's may.
PREFIX = "/billing/api"


class Rig(Protocol):
    """A biller and its surroundings."""

    biller: SceneBiller
    clock: ManualClock
    database: Database
    catalogue: Catalogue

    async def offer(self, defined: ItemDefinition, **facts: Any) -> BillItem:
        """Make an item of this biller's."""
        ...

    async def owe(self, of: BillItem, owing: Owing) -> Bill:
        """Let an account owe a bill."""
        ...

    async def pay(self, of: BillItem, bill: Bill, amount: int | None = None) -> PaidLine:
        """Do what the payments do before a biller is told."""
        ...

    async def withdraw(self, of: BillItem, bill: Bill) -> None:
        """Let a bill be paid or cancelled where we see nothing of it."""
        ...


async def seen(biller: SceneBiller, of: BillItem, account: str = "0512345678", **fields: str) -> Sequence[Bill]:
    """The bills that an account shows; fails where it is not found."""
    found = await biller.find(BillQuery(of.id, account, fields))
    assert isinstance(found, Found), found
    return found.bills


async def look(
    biller: SceneBiller, of: BillItem, account: str = "0512345678", **fields: str
) -> Found | NotFound | Later:
    return await biller.find(BillQuery(of.id, account, fields))


@dataclass
class HostedRig:
    """The hosted biller, with the payments' own hands on its bills."""

    database: Database
    clock: ManualClock
    keys: Vault
    catalogue: Catalogue
    biller: SceneBiller

    @classmethod
    def over(cls, database: Database, clock: ManualClock, keys: Vault, catalogue: Catalogue) -> "HostedRig":
        return cls(database, clock, keys, catalogue, HostedBiller(database, catalogue, keys, clock))

    async def offer(self, defined: ItemDefinition, **facts: Any) -> BillItem:
        made = samples.item(defined, **facts)
        await samples.put(self.database, self.clock, made)
        self.catalogue.forget()
        return made

    async def owe(self, of: BillItem, owing: Owing) -> Bill:
        return await samples.add_bill(self.database, self.keys, self.clock, of, owing)

    async def pay(self, of: BillItem, bill: Bill, amount: int | None = None, **changes: Any) -> PaidLine:
        """Hold the bill and note the money on it, as placing and crediting an order do."""
        told = samples.paid_line(of, bill, amount, **changes)
        assert await self.hold(bill, told.order_id)
        assert await self.note(told)
        return told

    async def hold(self, bill: Bill, order_id: str) -> bool:
        at = to_micros(self.clock.now())
        assert bill.bill_id is not None
        bill_id = bill.bill_id
        return await self.database.effect(lambda tx: payments.hold(tx, bill_id, order_id, bill.amount, at))

    async def note(self, told: PaidLine) -> bool:
        at = to_micros(self.clock.now())
        return await self.database.effect(lambda tx: payments.pay(tx, order_line(told), at))

    async def withdraw(self, of: BillItem, bill: Bill) -> None:
        await self.execute("UPDATE bills SET state = 'withdrawn' WHERE id = $1", bill.bill_id)

    async def execute(self, sql: str, *values: Value) -> int:
        """Change rows behind everybody's back."""
        return await self.database.effect(lambda tx: tx.execute(sql, *values))

    async def state(self, bill: Bill) -> tuple[str, int, str | None]:
        """A bill's state, what is noted on it, and who holds it."""
        row = await samples.bill_row(self.database, bill)
        return row["state"], row["paid"], row["held_by"]

    async def booking(self, told: PaidLine) -> str | None:
        """How a line is booked."""
        row = await self.database.row("SELECT state FROM bookings WHERE line_id = $1", told.id)
        return row["state"] if row is not None else None

    async def sound(self) -> bool:
        """Whether the books of the hosted bills are in order."""
        return await inspect(self.database, self.clock.now(), CHECKS) == []


def order_line(told: PaidLine) -> OrderLine:
    """The payments' own view of a line."""
    return OrderLine(
        id=told.id,
        order_id=told.order_id,
        position=0,
        item_id=told.item_id,
        biller="hosted",
        bill_id=told.bill_id,
        bill_no=told.bill_no,
        account_mask="",
        period=told.period,
        title="",
        amount=told.amount,
        late_fee=told.late_fee,
        claim=None,
        state="none",
        biller_ref=None,
        refusal=None,
        changed_at=told.paid_at,
        discount=told.discount,
    )


@dataclass
class RemoteRig:
    """A remote biller over real HTTP on loopback, with the simulator at the other end."""

    database: Database
    clock: ManualClock
    catalogue: Catalogue
    biller: SceneBiller
    remote: simulator.Biller
    http: HttpClient
    url: str
    owed: dict[str, list[simulator.Bill]] = field(default_factory=dict)

    async def offer(self, defined: ItemDefinition, **facts: Any) -> BillItem:
        made = samples.item(defined, **{"biller": CODE, "scene": "electricity"} | facts)
        await samples.put(self.database, self.clock, made)
        self.catalogue.forget()
        return made

    async def owe(self, of: BillItem, owing: Owing) -> Bill:
        late = of.definition.late_fee.due(owing.amount, owing.due_on, self.clock.now()) if of.definition.late_fee else 0
        due_on = owing.due_on or date(2026, 12, 20)
        number = owing.bill_no or f"E{owing.period}-{len(self.owed)}-{len(self.owed.get(owing.account, ()))}"
        made = simulator.Bill(
            number, owing.period, owing.amount, due_on.isoformat(), late_fee=late, paid=owing.state == "paid"
        )
        self.owed.setdefault(owing.account, []).append(made)
        self._put(of, owing.account, owing.holder)
        return Bill(number, of.name, owing.period, owing.amount, late_fee=late, due_on=due_on)

    def _put(self, of: BillItem, account: str, holder: str) -> None:
        proof = next(iter(of.definition.proofs), None)
        fields: Mapping[str, str] = {proof.key: holder} if proof is not None else {}
        self.remote.book.put(
            simulator.Account(account, "**明", fields=fields, item=of.scene, bills=tuple(self.owed[account]))
        )

    async def pay(self, of: BillItem, bill: Bill, amount: int | None = None) -> PaidLine:
        return samples.paid_line(of, bill, amount)

    async def withdraw(self, of: BillItem, bill: Bill) -> None:
        for account, owed in self.owed.items():
            if any(one.bill_no == bill.bill_no for one in owed):
                known = self.remote.book.account(account, date(2026, 11, 23))
                assert known is not None
                self.remote.book.mark(known, bill.bill_no, paid=True)

    def strike(self, *faults: str) -> None:
        """Let these faults meet the next calls."""
        self.remote.faults.force(faults)


@asynccontextmanager
async def remote_rig(
    database: Database,
    clock: ManualClock,
    catalogue: Catalogue,
    *,
    secret: str = CONNECTOR_SECRET,
    within: float = 3.0,
    patience: Patience | None = None,
    **plan: Any,
) -> AsyncIterator[RemoteRig]:
    """A connector to a simulator of its own; ``secret`` is ours, the simulator's stays what it is."""
    settings: dict[str, Any] = {"generate": False, "faults_by_account": False, "hang_seconds": 0.05} | plan
    app = simulator.make(simulator.BillerPlan(CODE, CONNECTOR_SECRET, **settings), clock)
    http = await HttpClient.create(clock, patience=patience)
    try:
        async with TestServer(app) as server:
            url = str(server.make_url(PREFIX))
            connector = Connector(CODE, url, Secret(secret), http, clock, timeout=within)
            biller = RemoteBiller(connector, catalogue)
            yield RemoteRig(database, clock, catalogue, biller, app[simulator.BILLER], http, url)
    finally:
        await http.close()
