"""The sample university: tuition with optional items, dormitory, examinations, and the campus card."""

from datetime import date
from decimal import Decimal
from typing import Final

from bot.billers.deadline import Deadline
from bot.billers.items import AmountKind, AmountRule, Flow, InputField, ItemDefinition, LateFee
from bot.billers.optional import Leavable
from bot.demo.samples.value import Sample, item, merchant
from bot.simulators import biller

UNIVERSITY: Final = merchant("mer_university", "示范大学", "示范大学")
CONNECTOR: Final = "campus_card"
STUDENT: Final = InputField(
    key="student", label="学号", help="10 位数字，例如 2026010101", pattern=r"\d{10}", form="digits"
)
NAME: Final = InputField(
    key="name", label="学生姓名", help="用于核对，不会显示", pattern=r"[\u4e00-\u9fff·]{2,20}", form="name", proof=True
)
EXACT: Final = AmountRule(kind=AmountKind.EXACT)
# The school's own closing days (end_enable Y or N; domain.md §2.3): the tuition is taken late with a fee, an
# examination is not.
TUITION: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=EXACT,
    account=STUDENT,
    fields=(NAME,),
    words=("学费", "学杂费", "代办费", "教材费"),
    leavable=Leavable(),
    deadline=Deadline(after="late_fee"),
    late_fee=LateFee(daily_rate=Decimal("0.0005"), grace_days=30, cap=Decimal("0.1")),
    notes="标有“选缴”的自愿选择。",
)
DORMITORY: Final = ItemDefinition(
    flow=Flow.FETCH, amount=EXACT, account=STUDENT, fields=(NAME,), words=("住宿费", "宿舍费", "寝室费")
)
EXAMINATION: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=EXACT,
    account=STUDENT,
    fields=(NAME,),
    words=("考试费", "报名费", "考务费", "四六级"),
    deadline=Deadline(ends_on=date(2027, 12, 31)),
)
CARD: Final = ItemDefinition(
    flow=Flow.VALIDATE,
    amount=AmountRule(kind=AmountKind.ANY, minimum=1_000, maximum=100_000, presets=(5_000, 10_000, 20_000, 50_000)),
    account=STUDENT,
    fields=(NAME,),
    words=("一卡通", "饭卡", "校园卡"),
    advance=True,
)
TUITIONS: Final = item("itm_campus_tuition", UNIVERSITY, "campus", "学费", TUITION)
DORMITORIES: Final = item("itm_campus_dormitory", UNIVERSITY, "campus", "住宿费", DORMITORY)
EXAMINATIONS: Final = item("itm_campus_exam", UNIVERSITY, "campus", "考试报名费", EXAMINATION)
CARDS: Final = item("itm_campus_card", UNIVERSITY, "campus", "一卡通", CARD, biller=CONNECTOR)
CARD_HOLDERS: Final = (
    biller.Account("2026010101", "陈*", balance=3_560, fields={"name": "陈晓"}),
    biller.Account("2026010102", "李*文", balance=12_000, fields={"name": "李思文"}),
    biller.Account("2026010103", "周*", balance=0, fields={"name": "周舟"}),
)

SAMPLE: Final = Sample(
    merchants=(UNIVERSITY,),
    items=(TUITIONS, DORMITORIES, EXAMINATIONS, CARDS),
    bills={
        TUITIONS.id: "campus_tuition.csv",
        DORMITORIES.id: "campus_dormitory.csv",
        EXAMINATIONS.id: "campus_exams.csv",
    },
    remote={CONNECTOR: CARD_HOLDERS},
)
