"""The sample hospital: registration by doctor and hour, treatments that an insurance shares in, and deposits."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from bot.billers.items import STOCK, AmountKind, AmountRule, Flow, InputField, ItemDefinition
from bot.billers.selling import RefundStep, Selling
from bot.billers.stock.values import Offer
from bot.demo.samples.value import Sample, item, merchant
from bot.kernel.clock import SHANGHAI
from bot.simulators import biller

HOSPITAL: Final = merchant("mer_hospital", "示范市人民医院", "示范医院")
CONNECTOR: Final = "hospital"
CARD: Final = InputField(
    key="card", label="就诊卡号", help="就诊卡上的 10 位数字，例如 8800000017", pattern=r"\d{10}", form="digits"
)
NAME: Final = InputField(
    key="name",
    label="就诊人姓名",
    help="用于核对，不会显示",
    pattern=r"[\u4e00-\u9fff·]{2,20}",
    form="name",
    proof=True,
)
REGISTRATION: Final = ItemDefinition(
    flow=Flow.DIRECT,
    amount=AmountRule(kind=AmountKind.ANY),
    words=("挂号", "挂个号", "号源", "看医生", "内科", "儿科", "专家号", "普通号", "的号"),
    selling=Selling(
        kind="科室和医生",
        unit="个号",
        most=1,
        # The hospital's own term: until two hours before.
        refunds=(RefundStep(hours=2, rate=Decimal(1)),),
    ),
)
TREATMENT: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT),
    account=CARD,
    fields=(NAME,),
    words=("门诊", "药费", "检查费", "处方", "待缴"),
    insured=True,
    discreet=True,
)
DEPOSIT: Final = ItemDefinition(
    flow=Flow.VALIDATE,
    # What the hospital asks for at the least, and takes at the most without its cashier; samples.
    amount=AmountRule(
        kind=AmountKind.ANY, minimum=50_000, maximum=2_000_000, presets=(100_000, 200_000, 300_000, 500_000)
    ),
    account=InputField(
        key="stay", label="住院号", help="腕带上的 8 位数字，例如 26110017", pattern=r"\d{8}", form="digits"
    ),
    fields=(NAME,),
    words=("住院", "押金", "预交"),
    discreet=True,
)
REGISTRATIONS: Final = item("itm_hospital_slot", HOSPITAL, "hospital", "挂号", REGISTRATION, biller=STOCK)
TREATMENTS: Final = item("itm_hospital_visit", HOSPITAL, "hospital", "门诊缴费", TREATMENT, biller=CONNECTOR)
DEPOSITS: Final = item("itm_hospital_deposit", HOSPITAL, "hospital", "住院预交金", DEPOSIT, biller=CONNECTOR)
# Doctor, price in fen, hours of a day, patients an hour.
_DOCTORS: Final = (
    ("内科 示范医生", 2_500, (time(9, 0), time(10, 0)), 2),
    ("儿科 样本医生", 5_000, (time(14, 0),), 1),
)
_DAYS: Final = 5


def _offers(today: date) -> tuple[Offer, ...]:
    """Return the hours of the days from tomorrow on."""
    return tuple(
        Offer(
            id=f"off_hospital_{day:%Y%m%d}_{number}_{start:%H%M}",
            item_id=REGISTRATIONS.id,
            kind=doctor,
            day=day.isoformat(),
            slot=f"{start:%H:%M}",
            starts_at=datetime.combine(day, start, SHANGHAI),
            ends_sale_at=datetime.combine(day, start, SHANGHAI) - timedelta(minutes=30),
            price=price,
            capacity=patients,
            per_person=1,
        )
        for day in (today + timedelta(days=ahead) for ahead in range(1, _DAYS + 1))
        for number, (doctor, price, hours, patients) in enumerate(_DOCTORS)
        for start in hours
    )


def _shared(number: str, day: str, total: int, *, deductible: int, percent: int, personal: int) -> biller.Bill:
    """Return a bill of which the pool bears a percentage above a deductible and the personal account what it holds."""
    pool = max(total - deductible, 0) * percent // 100
    own_account = min(personal, total - pool)
    return biller.Bill(
        bill_no=number,
        period="",
        amount=total - pool - own_account,
        due_on=day,
        title="消化内科 门诊处方",
        detail={"诊断": "示范诊断"},
        split={"total": total, "pool": pool, "personal": own_account},
        ticket=True,
    )


ACCOUNTS: Final = (
    biller.Account(
        "8800000017",
        "陈*明",
        fields={"name": "陈晓明"},
        bills=(
            _shared("MZ17-1", "2027-12-31", 32_000, deductible=10_000, percent=70, personal=5_000),
            _shared("MZ17-2", "2027-12-31", 8_600, deductible=10_000, percent=70, personal=0),
        ),
    ),
    biller.Account(
        "8800000025",
        "林*华",
        fields={"name": "林美华"},
        bills=(_shared("MZ25-1", "2027-12-31", 45_050, deductible=0, percent=65, personal=2_000),),
    ),
    biller.Account("26110017", "陈*明", balance=150_000, fields={"name": "陈晓明"}),
    biller.Account("26110025", "林*华", balance=0, fields={"name": "林美华"}),
)

SAMPLE: Final = Sample(
    merchants=(HOSPITAL,),
    items=(REGISTRATIONS, TREATMENTS, DEPOSITS),
    remote={CONNECTOR: ACCOUNTS},
    offers=_offers,
)
