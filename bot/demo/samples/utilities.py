"""Water, gas, heating and cable television of the sample town, each at a biller of its own."""

from decimal import Decimal
from typing import Final

from bot.billers.items import AmountKind, AmountRule, Flow, InputField, ItemDefinition, LateFee
from bot.demo.samples.value import Sample, item, merchant
from bot.simulators.biller import Account, Bill, Heated, SmartMeter

WATER_WORKS: Final = merchant("mer_water", "示范市自来水有限公司", "示范水务")
GAS_WORKS: Final = merchant("mer_gas", "示范市燃气有限公司", "示范燃气")
HEAT_WORKS: Final = merchant("mer_heat", "示范市热力有限公司", "示范热力")
CABLE: Final = merchant("mer_cable", "示范广电网络有限公司", "示范广电")

_TOP_UP: Final = (5_000, 10_000, 20_000)

WATER: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT_OR_MORE, minimum=100, maximum=500_000, presets=_TOP_UP),
    account=InputField(key="account", label="户号", help="水费单上的 8 位数字", pattern=r"\d{8}", form="digits"),
    # What the works may ask for; a fee that outgrew its bill would be a mistake of theirs.
    late_fee=LateFee(daily_rate=Decimal("0.001")),
    advance=True,
    notes="含污水处理费，阶梯水价按年累计。",
)
GAS: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT_OR_MORE, minimum=100, maximum=500_000, presets=_TOP_UP),
    account=InputField(key="account", label="用户号", help="燃气账单上的 9 位数字", pattern=r"\d{9}", form="digits"),
    words=("燃气费", "天然气费", "管道", "用户号"),
    advance=True,
)
GAS_CARD: Final = ItemDefinition(
    flow=Flow.TWO_STEP,
    amount=AmountRule(kind=AmountKind.ANY, minimum=1_000, maximum=100_000, presets=(5_000, 10_000, 20_000)),
    account=InputField(key="card", label="燃气卡号", help="燃气 IC 卡上的 12 位数字", pattern=r"\d{12}", form="digits"),
    words=("燃气卡", "气卡", "ic卡", "卡表", "插卡", "购气", "买气"),
    advance=True,
    several=False,
    quote_seconds=600,
    afterwards="燃气卡还没有写入气量：请到营业厅、自助机或用手机 NFC 补写卡，再插回表具。",
)
HEATING: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT, maximum=2_000_000),
    account=InputField(key="account", label="用热户号", help="缴费卡上的 10 位数字", pattern=r"\d{10}", form="digits"),
    notes="报停用户按基础热费交。",
)
CABLE_TV: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT_OR_MORE, minimum=2_600, maximum=100_000, presets=(7_800, 15_600, 31_200)),
    account=InputField(
        key="card", label="智能卡号", help="机顶盒或智能卡上的 16 位数字", pattern=r"\d{16}", form="digits"
    ),
    advance=True,
    notes="每月收视维护费 26 元，预存可选 3、6、12 个月。",
)


def _water(number: str, name: str, period: str, *, before: int, after: int, late_fee: int = 0) -> Bill:
    used = after - before
    detail = {"上期读数": f"{before}", "本期读数": f"{after}", "用量": f"{used} 吨", "阶梯": "第一阶梯"}
    due_on = f"{period}-28"
    return Bill(f"W{period.replace('-', '')}-{number}", period, used * 395, due_on, late_fee, detail, title=name)


WATER_ACCOUNTS: Final = (
    Account(
        "20260001",
        "陈*明",
        "阳光花园 3栋**",
        "water",
        bills=(
            _water("20260001", "水费", "2026-09", before=1203, after=1219, late_fee=310),
            _water("20260001", "水费", "2026-11", before=1219, after=1237),
        ),
    ),
    Account("20260002", "林*华", "阳光花园 1栋**", "water", balance=2_350),
    Account(
        "20260003",
        "王*国",
        "阳光花园 5栋**",
        "water",
        bills=(_water("20260003", "水费", "2026-11", before=880, after=902),),
    ),
)
GAS_ACCOUNTS: Final = (
    Account(
        "300100001",
        "陈*明",
        "阳光花园 3栋**",
        "gas",
        bills=(
            Bill(
                "G202610-300100001",
                "2026-10",
                23 * 305,
                "2026-11-30",
                detail={"用气量": "23 方", "单价": "3.05 元/方"},
                title="燃气费",
            ),
        ),
    ),
    Account("300100002", "林*华", "阳光花园 1栋**", "gas", balance=1_200),
)
GAS_CARDS: Final = (
    Account("880000000001", "陈*明", "阳光花园 3栋**", "gas", meter=SmartMeter(price=305, unit="方")),
    Account("880000000002", "王*国", "阳光花园 5栋**", "gas", meter=SmartMeter(price=305, unit="方")),
)
_SEASON: Final = "2026-2027 年度"
HEAT_ACCOUNTS: Final = (
    Account(
        "6600000001",
        "陈*明",
        "阳光花园 3栋**",
        "heating",
        source=Heated(area="98.5", price=2_350, season=_SEASON, early_until="2026-12-15"),
    ),
    Account(
        "6600000002",
        "林*华",
        "阳光花园 1栋**",
        "heating",
        source=Heated(area="78.60", price=2_350, season=_SEASON, early_until="2026-12-15", stopped=True),
    ),
    Account(
        "6600000003",
        "王*国",
        "阳光花园 5栋**",
        "heating",
        source=Heated(area="125.5", price=2_350, season=_SEASON, early_until="2026-10-31"),
    ),
)
CABLE_CARDS: Final = (
    Account(
        "8451000000000001",
        "陈*明",
        "阳光花园 3栋**",
        "cable_tv",
        bills=(
            Bill("TV202610-0001", "2026-10", 2_600, "2026-11-30", title="收视维护费"),
            Bill("TV202611-0001", "2026-11", 2_600, "2026-12-31", title="收视维护费"),
        ),
    ),
    Account("8451000000000002", "林*华", "阳光花园 1栋**", "cable_tv", balance=2_600),
)

SAMPLE: Final = Sample(
    merchants=(WATER_WORKS, GAS_WORKS, HEAT_WORKS, CABLE),
    items=(
        item("itm_water", WATER_WORKS, "water", "水费", WATER, biller="water"),
        item("itm_gas", GAS_WORKS, "gas", "燃气费", GAS, biller="gas"),
        item("itm_gas_card", GAS_WORKS, "gas", "燃气卡充值", GAS_CARD, biller="gas_card"),
        item("itm_heat", HEAT_WORKS, "heating", "供暖费", HEATING, biller="heat"),
        item("itm_cable", CABLE, "cable_tv", "有线电视费", CABLE_TV, biller="cable"),
    ),
    remote={
        "water": WATER_ACCOUNTS,
        "gas": GAS_ACCOUNTS,
        "gas_card": GAS_CARDS,
        "heat": HEAT_ACCOUNTS,
        "cable": CABLE_CARDS,
    },
)
