"""A merchant, a store, items of every kind and hosted bills, for any test that needs something to be paid."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

from bot.billers.catalogue import Merchant, Store, put_item, put_merchant, put_store
from bot.billers.hosted import ACCOUNT, account_blind, holder_blind
from bot.billers.items import AmountKind, AmountRule, BillItem, Flow, InputField, ItemDefinition, LateFee
from bot.billers.port import Bill, Line, PaidLine
from bot.kernel.clock import Clock, to_micros
from bot.kernel.ids import new_id
from bot.kernel.masking import Secret, mask_account, mask_name
from bot.storage.port import Database, Row, Tx
from bot.storage.vault import Vault

# A Monday, ten in the morning in Shanghai.
START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
SECRET = Secret("a secret of the tests, at least 32 long")
OTHER_SECRET = Secret("another secret of the tests, also 32 long")
MERCHANT = Merchant("mer_sun", "阳光花园物业服务有限公司", "阳光物业", "active", {"wechatpay": "main"})
RIVAL = Merchant("mer_rain", "雨林物业服务有限公司", "雨林物业", "active", {"wechatpay": "main"})
STORE = Store("sto_sun", MERCHANT.id, "中山路店", "中山路 18 号", "active")
RIVAL_STORE = Store("sto_rain", RIVAL.id, "人民路店", "人民路 3 号", "active")

ROOM = InputField(key="room", label="房号", help="例如 3-2-501", pattern=r"\d{1,3}-\d{1,2}-\d{3,4}", form="room")
METER = InputField(key="account", label="户号", help="10 位数字", pattern=r"\d{10}", form="digits")
OWNER = InputField(key="owner", label="业主姓名", pattern=r"[\u4e00-\u9fff·]{2,20}", form="name", proof=True)
LATE = LateFee(daily_rate=Decimal("0.0005"), grace_days=15)

_numbers = itertools.count(1)


def vault(*secrets: Secret) -> Vault:
    """A vault over the test secret, or over others, the newest first."""
    return Vault.from_secrets(list(secrets or (SECRET,)))


def definition(**changes: Any) -> ItemDefinition:
    """Bills by meter number, paid exactly, without a proof: the plainest item; ``changes`` replace fields."""
    plain: dict[str, Any] = {
        "flow": Flow.FETCH,
        "amount": AmountRule(kind=AmountKind.EXACT),
        "account": METER,
    }
    return ItemDefinition(**plain | changes)


def property_definition(**changes: Any) -> ItemDefinition:
    """Bills by room, with the owner's name as proof, the oldest first, with a late fee."""
    return definition(**{"account": ROOM, "fields": (OWNER,), "oldest_first": True, "late_fee": LATE} | changes)


def meal_definition(**changes: Any) -> ItemDefinition:
    """An amount that the payer types; nothing is billed."""
    free = AmountRule(kind=AmountKind.ANY, minimum=1, maximum=500_000)
    return definition(**{"flow": Flow.DIRECT, "amount": free, "account": None} | changes)


def item(
    defined: ItemDefinition | None = None,
    *,
    id_: str = "itm_fee",
    scene: str = "property",
    name: str = "物业费",
    biller: str = "hosted",
    merchant: Merchant = MERCHANT,
    state: Literal["active", "paused"] = "active",
) -> BillItem:
    return BillItem(
        id=id_,
        merchant_id=merchant.id,
        merchant_name=merchant.name,
        merchant_short_name=merchant.short_name,
        scene=scene,
        name=name,
        biller=biller,
        definition=defined or definition(),
        state=state,
    )


async def put(
    database: Database,
    clock: Clock,
    *items: BillItem,
    merchants: Sequence[Merchant] = (MERCHANT, RIVAL),
    stores: Sequence[Store] = (STORE, RIVAL_STORE),
) -> None:
    """Bring merchants, stores and items into the database, through the doors that an operator uses."""

    async def work(tx: Tx) -> None:
        for merchant in merchants:
            await put_merchant(tx, merchant, clock)
        for store in stores:
            await put_store(tx, store, clock)
        for each in items:
            await put_item(tx, each, clock)

    await database.effect(work)


@dataclass(frozen=True, slots=True)
class Owing:
    """A hosted bill as a test wants it; ``holder`` is the proof in its canonical form."""

    account: str = "0512345678"
    amount: int = 10_000
    holder: str = ""
    period: str = "2026-11"
    due_on: date | None = None
    bill_no: str = ""
    title: str = "物业服务费"
    state: str = "open"
    paid: int = 0
    held_by: str | None = None
    detail: Mapping[str, str] = field(default_factory=dict)


_INSERT = """
INSERT INTO bills (id, item_id, bill_no, account_hash, account_sealed, account_mask, holder_hash, holder_mask, period,
  title, amount, paid, due_on, detail, state, held_by, imported_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)
"""


async def add_bill(database: Database, keys: Vault, clock: Clock, of: BillItem, owing: Owing) -> Bill:
    """Put one hosted bill into the database, in any state, and return it as a customer saw it."""
    now = clock.now()
    number = owing.bill_no or f"B{next(_numbers):06d}"
    bill_id = new_id("bil", now)
    hashed = account_blind(keys, of.id, owing.account)
    values = (
        bill_id,
        of.id,
        number,
        hashed,
        keys.seal(owing.account, ACCOUNT),
        mask_account(owing.account),
        holder_blind(keys, hashed, owing.holder) if owing.holder else None,
        mask_name(owing.holder),
        owing.period,
        owing.title,
        owing.amount,
        owing.paid,
        owing.due_on.isoformat() if owing.due_on else None,
        json.dumps(dict(owing.detail)),
        owing.state,
        owing.held_by,
        to_micros(now),
    )
    await database.effect(lambda tx: tx.execute(_INSERT, *values))
    late = of.definition.late_fee.due(owing.amount - owing.paid, owing.due_on, now) if of.definition.late_fee else 0
    return Bill(
        bill_no=number,
        title=owing.title,
        period=owing.period or None,
        amount=owing.amount - owing.paid,
        late_fee=late,
        due_on=owing.due_on,
        bill_id=bill_id,
        held_by=owing.held_by,
        detail=owing.detail,
    )


async def bill_row(database: Database, bill: Bill) -> Row:
    row = await database.row("SELECT * FROM bills WHERE id = $1", bill.bill_id)
    assert row is not None
    return row


def line_of(of: BillItem, bill: Bill, amount: int | None = None, account: str = "0512345678", **fields: str) -> Line:
    """A line that pays a bill, whole unless told otherwise."""
    total = bill.total if amount is None else amount
    return Line(of.id, total, bill.title, account, mask_account(account), bill, bill.period, fields)


def paid_line(of: BillItem, bill: Bill | None = None, amount: int | None = None, **changes: Any) -> PaidLine:
    """A paid order line as the payments tell a biller of it."""
    number = next(_numbers)
    whole = bill.total if bill is not None else 5_000
    facts: dict[str, Any] = {
        "id": f"oln_{number}",
        "order_id": f"ord_{number}",
        "item_id": of.id,
        "account": "0512345678",
        "bill_id": bill.bill_id if bill is not None else None,
        "bill_no": bill.bill_no if bill is not None else None,
        "period": bill.period if bill is not None else None,
        "amount": whole if amount is None else amount,
        "paid_at": START,
        "trace_id": f"trace-{number}",
        "late_fee": bill.late_fee if bill is not None and amount is None else 0,
    }
    return PaidLine(**facts | changes)
