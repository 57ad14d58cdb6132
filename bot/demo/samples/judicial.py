"""The sample court and traffic police: court fees by case with an estimate, fines with a daily late fee."""

from decimal import Decimal
from typing import Final

from bot.billers.deadline import Deadline
from bot.billers.items import AmountKind, AmountRule, Flow, InputField, ItemDefinition, LateFee
from bot.billers.ladder import Bracket, Ladder
from bot.demo.samples.value import Sample, item, merchant
from bot.simulators import biller

COURT: Final = merchant("mer_court", "示范市第一人民法院", "示范法院")
POLICE: Final = merchant("mer_police", "示范市公安局交通警察支队", "示范交警")
CONNECTOR: Final = "traffic_fines"
_WAN: Final = 1_000_000  # Ten thousand yuan in fen.
# 诉讼费用交纳办法 (国务院令第 481 号) §13 (1), property cases, as known to domain.md §3.1, card 13: 50 yuan up to
# 10,000 yuan, then 2.5 %, 2 %, 1.5 %, 1 %, 0.9 %, 0.8 %, 0.7 %, 0.6 %, 0.5 % of each further part. Half of it in a
# simplified procedure or after a withdrawal (§§15, 16).
PROPERTY_CASE: Final = Ladder(
    lump=5_000,
    brackets=tuple(
        Bracket(over=over * _WAN, rate=Decimal(rate))
        for over, rate in (
            (1, "0.025"),
            (10, "0.02"),
            (20, "0.015"),
            (50, "0.01"),
            (100, "0.009"),
            (200, "0.008"),
            (500, "0.007"),
            (1000, "0.006"),
            (2000, "0.005"),
        )
    ),
)
COURT_FEE: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT, maximum=100_000_000),
    account=InputField(
        key="case",
        label="案号",
        help="例如（2026）示0101民初123号",
        pattern=r"\(\d{4}\)[\u4e00-\u9fa5]\d{0,4}[\u4e00-\u9fa5]{1,4}\d{1,6}号",
    ),
    fields=(
        InputField(
            key="party",
            label="当事人姓名",
            help="用于核对，不会显示",
            pattern=r"[\u4e00-\u9fff·]{2,20}",
            form="name",
            proof=True,
        ),
    ),
    words=("诉讼费", "受理费", "案件", "起诉", "打官司", "法院"),
    remember=False,
    # Seven days from the notice (诉讼费用交纳办法 §22); the day stands in the bill.
    deadline=Deadline(),
    estimate=PROPERTY_CASE,
)
FINE: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT),
    account=InputField(
        key="decision", label="决定书编号", help="处罚决定书上的 16 位数字", pattern=r"\d{15,16}", form="digits"
    ),
    words=("罚款", "罚单", "违章", "违法", "交警", "决定书", "扣分"),
    several=False,
    remember=False,
    # 3 % a day after fifteen days, never more than the fine (行政处罚法 §72; domain.md §3.1, card 13).
    late_fee=LateFee(daily_rate=Decimal("0.03"), cap=Decimal(1)),
)
COURT_FEES: Final = item("itm_court_fee", COURT, "judicial", "诉讼费", COURT_FEE)
FINES: Final = item("itm_traffic_fine", POLICE, "judicial", "交通罚款", FINE, biller=CONNECTOR)


def _fine(number: str, who: str, fen: int, due_on: str) -> biller.Account:
    bill = biller.Bill(
        bill_no=number, period="", amount=fen, due_on=due_on, title="交通违法罚款", late_per_mille=30, ticket=True
    )
    return biller.Account(number, who, bills=(bill,))


DECISIONS: Final = (
    _fine("9901012600000017", "陈*明", 20_000, "2026-12-05"),
    # Ten days late on 24 November 2026.
    _fine("9901012600000025", "林*华", 15_000, "2026-11-14"),
    # So late that the late fee has reached the fine.
    _fine("9901012600000033", "王*", 10_000, "2026-01-10"),
)

SAMPLE: Final = Sample(
    merchants=(COURT, POLICE),
    items=(COURT_FEES, FINES),
    bills={COURT_FEES.id: "court_fees.csv"},
    remote={CONNECTOR: DECISIONS},
)
