"""A car park, and the cards that people fill on their way: ETC, transit and fuel."""

from typing import Final

from bot.billers.items import AmountKind, AmountRule, Flow, InputField, ItemDefinition
from bot.demo.samples.value import Sample, item, merchant
from bot.simulators.biller import Account, Parking

CAR_PARK: Final = merchant("mer_parking", "示范停车管理有限公司", "示范停车")
HIGHWAY: Final = merchant("mer_etc", "示范高速公路联网收费中心", "示范高速")
TRANSIT: Final = merchant("mer_transit", "示范市公共交通卡有限公司", "示范公交")
FUEL: Final = merchant("mer_fuel", "示范石化加油卡中心", "示范石化")

_PROVINCES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"

PARKING: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT, maximum=200_000),
    account=InputField(
        key="plate",
        label="车牌号",
        help="例如 粤B12345，新能源车多一位",
        pattern=rf"[{_PROVINCES}][A-HJ-NP-Z][A-HJ-NP-Z0-9]{{5,6}}",
        form="upper",
    ),
    words=("停车", "泊车", "车场", "出场", "抬杆"),
    several=False,
    # The fee grows while people think about it.
    quote_seconds=180,
    notes="费用按停车时长计算，3 分钟内付款有效。",
    afterwards="请在付款后 15 分钟内出场，超时会另外计费。",
)


def _card(
    label: str, help_: str, pattern: str, words: tuple[str, ...], presets: tuple[int, ...], afterwards: str = ""
) -> ItemDefinition:
    return ItemDefinition(
        flow=Flow.VALIDATE,
        amount=AmountRule(kind=AmountKind.ANY, minimum=1_000, maximum=200_000, presets=presets),
        account=InputField(key="card", label=label, help=help_, pattern=pattern, form="digits", read_back=True),
        words=words,
        several=False,
        afterwards=afterwards,
    )


ETC: Final = _card(
    "ETC 卡号", "卡面上的 20 位数字", r"\d{20}", ("etc", "高速", "通行费", "过路费"), (10_000, 20_000, 50_000)
)
TRANSIT_CARD: Final = _card(
    "公交卡号",
    "卡面上以 31 开头的 16 位数字",
    r"31\d{14}",
    ("公交", "地铁", "交通卡", "一卡通"),
    (2_000, 5_000, 10_000),
    "请到圈存机或用手机 NFC 贴卡补登，金额才会写进卡里。",
)
FUEL_CARD: Final = _card(
    "加油卡号",
    "100011 开头的 19 位，或 9 开头的 16 位数字",
    r"100011\d{13}|9\d{15}",
    ("加油", "油卡", "油费"),
    (20_000, 50_000, 100_000),
    "请到加油站圈存后使用。",
)


def _parked(plate: str, minutes: int) -> Account:
    return Account(plate, "", item="travel", source=Parking(parked=minutes, place="示范广场停车场"))


SAMPLE: Final = Sample(
    merchants=(CAR_PARK, HIGHWAY, TRANSIT, FUEL),
    items=(
        item("itm_parking", CAR_PARK, "travel", "停车费", PARKING, biller="parking"),
        item("itm_etc", HIGHWAY, "travel", "ETC 充值", ETC, biller="etc"),
        item("itm_transit", TRANSIT, "travel", "公交卡充值", TRANSIT_CARD, biller="transit"),
        item("itm_fuel", FUEL, "travel", "加油卡充值", FUEL_CARD, biller="fuel"),
    ),
    remote={
        "parking": (_parked("粤B12345", 95), _parked("粤BD12345", 20), _parked("粤B88888", 5)),
        "etc": (Account("44012600000000000001", "陈*明", item="travel", balance=1_250),),
        "transit": (
            Account("3104000000000001", "陈*明", item="travel", balance=320),
            Account("3104000000000002", "林*华", item="travel"),
        ),
        "fuel": (Account("1000110000000000001", "陈*明", item="travel", balance=5_600),),
    },
)
