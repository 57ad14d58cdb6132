"""The sample social insurance: medical and pension contributions by year or month, each once, some by tier."""

from decimal import Decimal
from typing import Final

from bot.billers.items import AmountKind, AmountRule, Flow, InputField, ItemDefinition
from bot.billers.tiers import Tiers
from bot.demo.samples.value import Sample, item, merchant
from bot.simulators import biller

TAX: Final = merchant("mer_social", "国家税务总局示范市税务局", "示范税务")
CONNECTOR: Final = "social_security"
PERSON: Final = InputField(
    key="id_number", label="身份证号", help="参保人的身份证号，可以替家人交", pattern=r"\d{17}[\dX]", form="upper"
)
NAME: Final = InputField(
    key="name",
    label="参保人姓名",
    help="用于核对，不会显示",
    pattern=r"[\u4e00-\u9fff·]{2,20}",
    form="name",
    proof=True,
)
# A sample figure: every region and year sets its own (domain.md §3.1, card 12), and what counts is the bill of the tax
# office.
MEDICAL_FEN: Final = 40_000
RESIDENT: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT),
    account=PERSON,
    fields=(NAME,),
    words=("医保", "医疗保险", "合作医疗", "新农合"),
    once=True,
    several=False,
)
# Sums of the year that a region offers for the residents' pension; samples.
PENSION_TIERS: Final = Tiers(base=10_000, percents=(200, 300, 500, 1000, 2000, 3000), shares=False)
PENSION: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.PRESETS, presets=PENSION_TIERS.amounts()),
    account=PERSON,
    fields=(NAME,),
    words=("居民养老", "新农保", "城乡养老", "居保"),
    tiers=PENSION_TIERS,
    once=True,
    several=False,
)
# A freelancer pays 20 % of a base between 60 % and 300 % of the region's average wage (国发〔2005〕38 号; tiers as
# known to domain.md §3.1, card 12); the wage is a sample.
FLEXIBLE_TIERS: Final = Tiers(base=750_000, rate=Decimal("0.20"), percents=(60, 80, 100, 150, 200, 300))
FLEXIBLE: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.PRESETS, presets=FLEXIBLE_TIERS.amounts()),
    account=PERSON,
    fields=(NAME,),
    words=("灵活就业", "职工养老", "自由职业"),
    tiers=FLEXIBLE_TIERS,
    once=True,
    several=False,
)
MEDICAL_ITEM: Final = item("itm_social_medical", TAX, "social_security", "城乡居民医保", RESIDENT, biller="medical")
PENSION_ITEM: Final = item("itm_social_pension", TAX, "social_security", "城乡居民养老保险", PENSION, biller="pension")
FLEXIBLE_ITEM: Final = item(
    "itm_social_flexible", TAX, "social_security", "灵活就业养老保险", FLEXIBLE, biller="flexible_pension"
)
PEOPLE: Final = (
    ("110101199003070011", "陈晓明", "陈*明"),
    ("110101198509120026", "林美华", "林*华"),
    ("110101197801230033", "王建国", "王*国"),
)


def _account(person: tuple[str, str, str], *bills: biller.Bill) -> biller.Account:
    number, name, mask = person
    return biller.Account(number, mask, fields={"name": name}, bills=bills)


def _medical(year: int, number: str) -> biller.Bill:
    bill_no = f"YB{year}-{number[-4:]}"
    return biller.Bill(bill_no, f"{year}-01", MEDICAL_FEN, f"{year}-02-28", title=f"{year}年度居民医保", ticket=True)


def _tiered(prefix: str, period: str, title: str, number: str, tiers: Tiers) -> biller.Bill:
    lowest, *others = tiers.amounts()
    return biller.Bill(
        f"{prefix}-{number[-4:]}", period, lowest, f"{period}-28", title=title, tiers=tuple(others), ticket=True
    )


SAMPLE: Final = Sample(
    merchants=(TAX,),
    items=(MEDICAL_ITEM, PENSION_ITEM, FLEXIBLE_ITEM),
    remote={
        "medical": tuple(_account(person, _medical(2027, person[0])) for person in PEOPLE),
        "pension": tuple(
            _account(person, _tiered("YL2026", "2026-12", "2026年度居民养老", person[0], PENSION_TIERS))
            for person in PEOPLE
        ),
        "flexible_pension": tuple(
            _account(person, _tiered("LH202611", "2026-11", "2026年11月", person[0], FLEXIBLE_TIERS))
            for person in PEOPLE
        ),
    },
)
