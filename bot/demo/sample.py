"""Sample merchants, items, bills and codes, put in through the same doors that an operator uses."""

from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import as_file, files
from typing import Final

from bot.billers.catalogue import Catalogue, Merchant, Store, put_item, put_merchant, put_store
from bot.billers.codes import add_code
from bot.billers.importing import BillImport
from bot.billers.items import AmountKind, AmountRule, BillItem, Flow, InputField, ItemDefinition, LateFee
from bot.kernel.clock import Clock
from bot.storage.port import Database, Row, Tx
from bot.storage.vault import Vault

GATEWAYS: Final = {"wechatpay": "main", "alipay": "main", "unionpay": "main", "bankapp": "main"}

MERCHANTS: Final = (
    Merchant("mer_sunshine", "阳光花园物业服务有限公司", "阳光物业", "active", GATEWAYS),
    Merchant("mer_power", "示范城市供电公司", "示范供电", "active", GATEWAYS),
    Merchant("mer_noodles", "老街面馆", "老街面馆", "active", GATEWAYS),
)
STORES: Final = (
    Store("sto_noodles_1", "mer_noodles", "中山路店", "中山路 18 号", "active"),
    Store("sto_noodles_2", "mer_noodles", "大学城店", "学府路 6 号", "active"),
)
PROPERTY: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT),
    account=InputField(
        key="room",
        label="房号",
        help="例如 3-2-501（3栋2单元501）",
        pattern=r"\d{1,3}-\d{1,2}-\d{3,4}",
        form="room",
    ),
    fields=(
        InputField(
            key="owner", label="业主姓名", help="用于核对，不会显示", pattern=r"[\u4e00-\u9fff·]{2,20}", proof=True
        ),
    ),
    oldest_first=True,
    late_fee=LateFee(daily_rate=Decimal("0.0005"), grace_days=15),
)
ELECTRICITY: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT_OR_MORE, minimum=100, maximum=1_000_000, presets=(5_000, 10_000, 20_000)),
    account=InputField(
        key="account", label="户号", help="电费单上的 10 位数字，例如 0512345678", pattern=r"\d{10}", form="digits"
    ),
    advance=True,
)
DINING: Final = ItemDefinition(
    flow=Flow.DIRECT, amount=AmountRule(kind=AmountKind.ANY, minimum=1, maximum=500_000), quote_seconds=600
)


def _item(id_: str, merchant: Merchant, scene: str, name: str, biller: str, definition: ItemDefinition) -> BillItem:
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


ITEMS: Final = (
    _item("itm_sunshine_fee", MERCHANTS[0], "property", "物业费", "hosted", PROPERTY),
    _item("itm_power", MERCHANTS[1], "electricity", "电费", "power", ELECTRICITY),
    _item("itm_noodles", MERCHANTS[2], "dining", "买单", "hosted", DINING),
)

_CODES = "SELECT token, label FROM code_tokens WHERE kind = 'static' AND state = 'active' ORDER BY created_at, token"


@dataclass(frozen=True, slots=True)
class SampleCode:
    """A store's code to scan in the demonstration."""

    token: str
    label: str


async def put_sample(database: Database, vault: Vault, catalogue: Catalogue, clock: Clock) -> tuple[SampleCode, ...]:
    """Bring the sample into the database; a second time changes nothing. Returns the stores' codes."""

    async def work(tx: Tx) -> list[Row]:
        for merchant in MERCHANTS:
            await put_merchant(tx, merchant, clock)
        for store in STORES:
            await put_store(tx, store, clock)
        for item in ITEMS:
            await put_item(tx, item, clock)
        codes = list(await tx.rows(_CODES))
        if not codes:
            for store in STORES:
                label = f"老街面馆 {store.name}"
                await add_code(
                    tx,
                    clock,
                    kind="static",
                    merchant_id=store.merchant_id,
                    store_id=store.id,
                    item_id="itm_noodles",
                    label=label,
                )
            codes = list(await tx.rows(_CODES))
        return codes

    codes = await database.effect(work)
    catalogue.forget()
    with as_file(files("bot.demo") / "assets" / "property_bills.csv") as path:
        await BillImport(database, vault, clock).run(path, ITEMS[0], actor="demo", dry_run=False)
    return tuple(SampleCode(row["token"], row["label"]) for row in codes)
