"""A small town to talk in: the real engine over real stores, hosted bills, a power company by script, two shops."""

import base64
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from bot.billers.catalogue import Catalogue, Merchant, Store, put_item, put_merchant, put_store
from bot.billers.codes import add_code
from bot.billers.directory import Billers
from bot.billers.hosted import ACCOUNT, HostedBiller, account_blind, holder_blind
from bot.billers.items import AmountKind, AmountRule, BillItem, Flow, Hours, InputField, ItemDefinition, LateFee
from bot.billers.port import Bill
from bot.cases.applications.book import Applications
from bot.cases.book import SAID
from bot.cases.sla import Service
from bot.cases.tickets import Tickets
from bot.customers.accounts import SavedAccounts
from bot.customers.identities import Identities
from bot.customers.reminders import Reminders
from bot.dialogue.aftersales.complaints import Complaints
from bot.dialogue.aftersales.hands import Hands
from bot.dialogue.aftersales.room import AfterSales, Means
from bot.dialogue.engine import Engine, Parts
from bot.dialogue.event import Event, Happening, Said
from bot.dialogue.learned import LearnedRouter
from bot.dialogue.lookups import LookupGuard
from bot.dialogue.orders import ChatOrders
from bot.dialogue.reply import HandOff, Reply, Text
from bot.dialogue.scene import Scene
from bot.dialogue.session import Sessions
from bot.dialogue.talk import Talk
from bot.kernel.clock import Clock, ManualClock, business_day, to_micros
from bot.kernel.ids import new_id
from bot.kernel.masking import Secret, mask_account, mask_name
from bot.payments import room as furnishing
from bot.payments.closing import Closing
from bot.payments.dossier import Dossiers
from bot.payments.gatekeeper import OrderLimit
from bot.payments.orders import Orders
from bot.payments.registry import Gateways
from bot.payments.room import Payments, furnish
from bot.storage.database import connect
from bot.storage.ephemeral import connect as connect_ephemeral
from bot.storage.ephemeral_port import Ephemeral
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault
from bot.words.render import say
from handlers import SCENES
from qrcodes.tokens import new_token
from tests.dialogue.neighbours import Agreed, Notes, PowerCompany
from tests.payments.scripted_gateway import ScriptedGateway

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # Ten in the morning in Shanghai.
SECRET = "a secret of the tests, at least 32 long"
ACCOUNT_KEY = "main"
PUBLIC = "https://pay.example.com"
# A well-formed token that is the same in every run.
CODE = new_token(lambda below: 7 % below)
GATEWAYS = {"scripted": "main"}

SUNSHINE = Merchant("mer_sunshine", "阳光花园物业服务有限公司", "阳光物业", "active", GATEWAYS)
POWER = Merchant("mer_power", "示范城市供电公司", "示范供电", "active", GATEWAYS)
EAST_POWER = Merchant("mer_east", "东城供电公司", "东城供电", "active", GATEWAYS)
NOODLES = Merchant("mer_noodles", "老街面馆", "老街面馆", "active", GATEWAYS)
STORES = (
    Store("sto_1", "mer_noodles", "中山路店", "中山路 18 号", "active"),
    Store("sto_2", "mer_noodles", "大学城店", "学府路 6 号", "active"),
)
PROPERTY = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT),
    account=InputField(key="room", label="房号", help="例如 6-6-606", pattern=r"\d{1,3}-\d{1,2}-\d{3,4}", form="room"),
    fields=(
        InputField(
            key="owner",
            label="业主姓名",
            help="用于核对，不会显示",
            pattern=r"[\u4e00-\u9fff·]{2,20}",
            form="name",
            proof=True,
        ),
    ),
    oldest_first=True,
    late_fee=LateFee(daily_rate=Decimal("0.0005"), grace_days=15),
)
ELECTRICITY = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT_OR_MORE, minimum=100, maximum=1_000_000, presets=(5_000, 10_000, 20_000)),
    account=InputField(key="account", label="户号", help="电费单上的 10 位数字", pattern=r"\d{10}", form="digits"),
    advance=True,
)
DINING = ItemDefinition(
    flow=Flow.DIRECT, amount=AmountRule(kind=AmountKind.ANY, minimum=1, maximum=500_000), quote_seconds=600
)

# Room, owner, then (period, yuan as fen, due on) of each bill.
ROOMS: Mapping[str, tuple[str, Sequence[tuple[str, int, str]]]] = {
    "3-2-501": (
        "陈晓明",
        (("2026-09", 23640, "2026-10-15"), ("2026-10", 23640, "2026-11-15"), ("2026-11", 23640, "2026-12-15")),
    ),
    "1-1-301": ("林美华", (("2026-11", 18870, "2026-12-15"),)),
    "5-2-602": ("王建国", (("2026-10", 30120, "2026-11-15"), ("2026-11", 30120, "2026-12-15"))),
    "9-9-901": ("周全", ()),
}


class TickingClock(ManualClock):
    """A clock by hand that never tells the same microsecond twice, so that what is made later sorts later."""

    def __init__(self, start: datetime = START) -> None:
        super().__init__(start)

    def now(self) -> datetime:
        self.advance(0.000001)
        return super().now()


def item(id_: str, merchant: Merchant, scene: str, name: str, biller: str, definition: ItemDefinition) -> BillItem:
    return BillItem(
        id=id_,
        merchant_id=merchant.id,
        merchant_name=merchant.name,
        merchant_short_name=merchant.short_name,
        scene=scene,
        name=name,
        biller=biller,
        definition=definition,
        state="active",
    )


ITEMS = (
    item("itm_fee", SUNSHINE, "property", "物业费", "hosted", PROPERTY),
    item("itm_power", POWER, "electricity", "电费", "power", ELECTRICITY),
    item("itm_noodles", NOODLES, "dining", "买单", "hosted", DINING),
)


@dataclass
class Town:
    """The engine and everything around it that a test may turn."""

    clock: Clock
    database: Database
    ephemeral: Ephemeral
    vault: Vault
    catalogue: Catalogue
    power: PowerCompany
    billers: Billers
    orders: Orders
    notes: Notes
    engine: Engine
    deductions: Agreed
    numbers: Any = field(default_factory=itertools.count)
    payments: Any = None  # The real payment rooms, and the gateway behind them.
    gateway: Any = None

    async def tell(self, what: Happening, customer: str = "小陈") -> Reply:
        """Let something happen to a customer and return the answer."""
        number = next(self.numbers)
        event = Event(
            key=f"evt{number}",
            channel="official",
            account=ACCOUNT_KEY,
            subject=f"openid-{customer}",
            at=self.clock.now(),
            trace_id=f"trc_{number}",
            what=what,
        )
        return await self.engine.answer(event)

    async def say(self, text: str, customer: str = "小陈") -> str:
        """Say something and return the words of the answer."""
        return words(await self.tell(Said(text), customer))

    async def chat(self, *texts: str, customer: str = "小陈") -> str:
        """Say several things and return the last answer."""
        answer = ""
        for text in texts:
            answer = await self.say(text, customer)
        return answer

    async def count(self, sql: Any, *values: Any) -> int:
        row = await self.database.row(sql, *values)
        return int(row["n"]) if row is not None else 0

    async def order_count(self, state: str = "created") -> int:
        return await self.count("SELECT count(*) AS n FROM orders WHERE state = $1", state)

    async def execute(self, sql: Any, *values: Any) -> int:
        return await self.database.effect(lambda tx: tx.execute(sql, *values))

    async def last_order(self) -> Any:
        row = await self.database.row("SELECT id FROM orders ORDER BY created_at DESC, id DESC LIMIT 1")
        assert row is not None
        return await self.orders.get(row["id"])

    async def pay_last(self) -> None:
        """Let the money of the newest order arrive; how it does is tested in its own room."""
        order = await self.last_order()
        await self.execute(
            "UPDATE orders SET state = 'paid', paid_at = $2 WHERE id = $1", order.id, to_micros(self.clock.now())
        )
        await self.execute(
            "UPDATE bills SET state = 'paid', paid = amount, held_by = NULL WHERE held_by = $1", order.id
        )

    async def said_in_last_case(self) -> list[str]:
        """Return the words that the newest case on its way to the desk holds, opened as the desk opens them."""
        row = await self.database.row("SELECT payload FROM outbox WHERE kind = 'case' ORDER BY created_at DESC LIMIT 1")
        assert row is not None
        blob = base64.b64decode(json.loads(row["payload"])["facts"][SAID])
        words: list[str] = json.loads(self.vault.open(blob, "cases.said"))
        return words

    async def put(self, changed: BillItem) -> None:
        async def work(tx: Tx) -> None:
            await put_item(tx, changed, self.clock)

        await self.database.effect(work)
        self.catalogue.forget()


def words(reply: Reply) -> str:
    """Return what a reply says; a hand-off shows as a mark of its own."""
    return "\n".join(
        "[hand-off]" if isinstance(part, HandOff) else part.text
        for part in reply.parts
        if isinstance(part, HandOff | Text)
    )


@asynccontextmanager
async def open_town(
    database_url: str,
    ephemeral_url: str,
    clock: Clock | None = None,
    *,
    changes: Sequence[str] = (),
    scenes: Sequence[Scene] = SCENES,
    order_max: int = 5_000_000,
    sessions_store: Ephemeral | None = None,
    furnished: bool = False,
) -> AsyncIterator[Town]:
    """Open the stores, put the sample in unless it is there, and build the engine as wiring does."""
    clock = clock or TickingClock()
    database = await connect(database_url, clock)
    try:
        ephemeral = await connect_ephemeral(ephemeral_url, clock)
        try:
            town = _built(clock, database, ephemeral, scenes, order_max, sessions_store or ephemeral)
            if not furnished:
                await _furnish(town, changes)
            yield town
        finally:
            await ephemeral.close()
    finally:
        await database.close()


def _built(
    clock: Clock,
    database: Database,
    ephemeral: Ephemeral,
    scenes: Sequence[Scene],
    order_max: int,
    sessions_store: Ephemeral,
) -> Town:
    vault = Vault.from_secrets([Secret(SECRET)])
    catalogue = Catalogue(database, clock)
    power = PowerCompany(catalogue)
    billers = Billers(catalogue, HostedBiller(database, catalogue, vault, clock), {"power": power})
    orders = Orders(database, clock, vault, OrderLimit(order_max))
    gateway = ScriptedGateway(clock)
    payments = furnish(
        furnishing.Means(
            database,
            clock,
            vault,
            Gateways({"scripted": gateway}, {"wechat": "scripted"}, PUBLIC),
            billers,
            SECRET.encode(),
        )
    )
    notes = Notes()
    deductions = Agreed()
    table = {scene.key: scene for scene in scenes}
    router = LearnedRouter(tuple(scenes), lambda: business_day(clock.now()))
    saved = SavedAccounts(database, vault, clock)
    engine = Engine(
        Parts(
            sessions=Sessions(sessions_store, vault, clock),
            talk=Talk(
                router, table, _after_sales(clock, database, vault, payments), f"{PUBLIC}/cashier", f"{PUBLIC}/receipts"
            ),
            say=say,
            identities=Identities(database, vault, clock),
            catalogue=catalogue,
            billers=billers,
            saved=saved,
            reminders=Reminders(database, vault, clock, saved),
            orders=ChatOrders(orders, Closing(database, clock), database, clock),
            deductions=deductions,
            lookups=LookupGuard(ephemeral, vault, notes),
            applications=Applications(database, vault, clock, [kind for scene in scenes for kind in scene.kinds]),
            database=database,
            trail=notes,
            clock=clock,
            scenes=table,
            merchants={},
        )
    )
    return Town(
        clock,
        database,
        ephemeral,
        vault,
        catalogue,
        power,
        billers,
        orders,
        notes,
        engine,
        deductions,
        payments=payments,
        gateway=gateway,
    )


def _after_sales(clock: Clock, database: Database, vault: Vault, payments: Payments) -> AfterSales:
    return AfterSales(
        Means(
            database=database,
            vault=vault,
            dossiers=Dossiers(database, clock, payments.orders),
            hands=Hands(payments.sweeper, payments.fulfilment, payments.refunds, clock),
            complaints=Complaints(Tickets(database, vault, Service()), vault),
            receipt_url=f"{PUBLIC}/receipts",
            cashier_url=f"{PUBLIC}/cashier",
            refund_limit=50_000,
        )
    )


# What a conversation may ask to be otherwise than usual, by its name in the text files.
CHANGES: Mapping[str, tuple[str, Any]] = {
    "two power companies": ("", item("itm_east", EAST_POWER, "electricity", "电费", "power", ELECTRICITY)),
    "property one bill at a time": ("itm_fee", {"several": False, "oldest_first": False}),
    "property in any order": ("itm_fee", {"oldest_first": False}),
    "property may be paid in parts": (
        "itm_fee",
        {"amount": AmountRule(kind=AmountKind.EXACT_OR_LESS), "partial": True, "late_fee": None, "oldest_first": False},
    ),
    "restaurants close at night": ("itm_noodles", {"hours": Hours(opens=time(6, 0), closes=time(22, 0))}),
    "meals have set prices": (
        "itm_noodles",
        {"amount": AmountRule(kind=AmountKind.PRESETS, presets=(1_800, 2_500), maximum=500_000)},
    ),
    "electricity without presets": (
        "itm_power",
        {"amount": AmountRule(kind=AmountKind.EXACT_OR_MORE, minimum=100, maximum=1_000_000)},
    ),
}


async def _furnish(town: Town, changes: Sequence[str]) -> None:
    merchants = [SUNSHINE, POWER, NOODLES, *([EAST_POWER] if "two power companies" in changes else [])]
    items = {each.id: each for each in ITEMS}
    for name in changes:
        id_, change = CHANGES[name]
        if isinstance(change, BillItem):
            items[change.id] = change
        else:
            definition = items[id_].definition.model_copy(update=change)
            items[id_] = items[id_].model_copy(update={"definition": definition})

    async def work(tx: Tx) -> None:
        for merchant in merchants:
            await put_merchant(tx, merchant, town.clock)
        for store in STORES:
            await put_store(tx, store, town.clock)
        for each in items.values():
            await put_item(tx, each, town.clock)
        await add_code(
            tx,
            town.clock,
            kind="static",
            merchant_id="mer_noodles",
            store_id="sto_1",
            item_id="itm_noodles",
            token=CODE,
        )
        for room, (owner, bills) in ROOMS.items():
            for period, amount, due_on in bills or (("2026-01", 100, "2026-02-15"),):
                await put_bill(tx, town.vault, room, owner, period, amount, due_on, paid=not bills)

    await town.database.effect(work)


_BILL = """
INSERT INTO bills (id, item_id, bill_no, account_hash, account_sealed, account_mask, holder_hash, holder_mask, period,
  title, amount, paid, due_on, detail, state, imported_at, changed_at)
VALUES ($1, 'itm_fee', $2, $3, $4, $5, $6, $7, $8, '物业服务费', $9, $10, $11, '{}', $12, $13, $13)
"""


async def put_bill(
    tx: Tx, vault: Vault, room: str, owner: str, period: str, amount: int, due_on: str, *, paid: bool = False
) -> None:
    """Add a hosted bill as an import would."""
    blind = account_blind(vault, "itm_fee", room)
    await tx.execute(
        _BILL,
        new_id("bil", START),
        bill_no(period, room),
        blind,
        vault.seal(room, ACCOUNT),
        mask_account(room),
        holder_blind(vault, blind, owner),
        mask_name(owner),
        period,
        amount,
        amount if paid else 0,
        due_on,
        "settled" if paid else "open",
        to_micros(START),
    )


def bill_no(period: str, room: str) -> str:
    """Return how the property company numbers a bill: WY202609-0302501."""
    building, unit, door = room.split("-")
    return f"WY{period.replace('-', '')}-{building:0>2}{unit:0>2}{door}"


def cheaper(bill: Bill, amount: int) -> Bill:
    return replace(bill, amount=amount)
