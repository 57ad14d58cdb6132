"""The first three merchants of the demonstration: a property company, a power company and a noodle shop."""

from decimal import Decimal
from typing import Final

from bot.billers.catalogue import Store
from bot.billers.discount import Ahead, Discount
from bot.billers.items import AmountKind, AmountRule, Flow, InputField, ItemDefinition, LateFee
from bot.demo.samples.value import Sample, item, merchant

SUNSHINE: Final = merchant("mer_sunshine", "阳光花园物业服务有限公司", "阳光物业")
POWER: Final = merchant("mer_power", "示范城市供电公司", "示范供电")
NOODLES: Final = merchant("mer_noodles", "老街面馆", "老街面馆")
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
    discount=Discount(ahead=(Ahead(months=6, rate=Decimal("0.03")), Ahead(months=12, rate=Decimal("0.05")))),
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

PROPERTY_FEE: Final = item("itm_sunshine_fee", SUNSHINE, "property", "物业费", PROPERTY)
MEAL: Final = item("itm_noodles", NOODLES, "dining", "买单", DINING)

SAMPLE: Final = Sample(
    merchants=(SUNSHINE, POWER, NOODLES),
    items=(PROPERTY_FEE, item("itm_power", POWER, "electricity", "电费", ELECTRICITY, biller="power"), MEAL),
    stores=STORES,
    bills={PROPERTY_FEE.id: "property_bills.csv"},
    # Of the power company every account number 05 and eight digits exists.
    remote={"power": ()},
    codes=tuple((store, MEAL) for store in STORES),
)
