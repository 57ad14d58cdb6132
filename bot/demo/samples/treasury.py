"""The sample treasury: non-tax payments by a code of twenty digits, exact, once, in time, with a fiscal receipt."""

from decimal import Decimal
from typing import Final

from bot.billers.deadline import Deadline
from bot.billers.items import AmountKind, AmountRule, Flow, InputField, ItemDefinition, LateFee
from bot.demo.samples.value import Sample, item, merchant
from bot.simulators import biller

TREASURY: Final = merchant("mer_treasury", "示范市财政局非税收入管理中心", "示范财政")
CONNECTOR: Final = "treasury"
NON_TAX: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT, maximum=100_000_000),
    account=InputField(
        key="code", label="缴款识别码", help="缴款通知书上的 20 位数字", pattern=r"\d{20}", form="digits"
    ),
    several=False,
    remember=False,
    # Which codes still pay after their day, and what lateness costs, is said by the unit that issued the code; no
    # late fee exceeds what was owed (行政处罚法 §72, 行政强制法 §45; domain.md §4).
    deadline=Deadline(grace_days=30),
    late_fee=LateFee(daily_rate=Decimal("0.03"), cap=Decimal(1)),
)
PAYMENT: Final = item("itm_treasury", TREASURY, "treasury", "非税缴款", NON_TAX, biller=CONNECTOR)


def _code(number: str, unit: str, title: str, fen: int, due_on: str, late_per_mille: int = 0) -> biller.Account:
    bill = biller.Bill(
        bill_no=number,
        period="",
        amount=fen,
        due_on=due_on,
        title=title,
        detail={"执收单位": unit, "收缴方式": "直接缴库"},
        late_per_mille=late_per_mille,
        ticket=True,
    )
    return biller.Account(number, unit, bills=(bill,))


CODES: Final = (
    _code("99010026000000000015", "示范市住房和城乡建设局", "城市道路占用费", 32_000, "2027-12-31"),
    _code("99010026000000000023", "示范市水务局", "水资源费", 118_050, "2027-12-31"),
    # Four days late on 24 November 2026.
    _code("99010026000000000031", "示范市城市管理局", "罚没款", 20_000, "2026-11-20", late_per_mille=30),
    _code("99010026000000000049", "示范市教育局", "考试考务费", 9_000, "2026-09-30"),
)

SAMPLE: Final = Sample(merchants=(TREASURY,), items=(PAYMENT,), remote={CONNECTOR: CODES})
