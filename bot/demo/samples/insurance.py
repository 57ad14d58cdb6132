"""The sample insurer: premiums with a grace period, and the vehicle tax as an item of its own, never bundled."""

from typing import Final

from bot.billers.deadline import Deadline
from bot.billers.items import AmountKind, AmountRule, Flow, InputField, ItemDefinition
from bot.demo.samples.value import Sample, item, merchant

INSURER: Final = merchant("mer_insurer", "示范人寿保险股份有限公司", "示范人寿")
MOTOR: Final = merchant("mer_motor", "示范财产保险股份有限公司", "示范财险")
POLICY: Final = InputField(
    key="policy", label="保单号", help="保单右上角的编号，例如 P110120261100", pattern=r"[A-Z0-9]{12,22}", form="upper"
)
HOLDER: Final = InputField(
    key="id_tail",
    label="投保人证件号后四位",
    help="用于核对，不会显示",
    pattern=r"\d{3}[\dX]",
    form="upper",
    proof=True,
)
EXACT: Final = AmountRule(kind=AmountKind.EXACT)
PREMIUM: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=EXACT,
    account=POLICY,
    fields=(HOLDER,),
    words=("续期", "续保", "寿险", "人寿", "保险费"),
    # 保险法 §36: 60 days of grace where the contract names no other; a term of the contract (domain.md §3.1, card 9).
    deadline=Deadline(grace_days=60),
    notes="到期日后有 60 天宽限期，以保单约定为准。",
)
CAR: Final = ItemDefinition(
    flow=Flow.FETCH, amount=EXACT, account=POLICY, fields=(HOLDER,), words=("车险", "交强险", "商业险"), several=False
)
VEHICLE_TAX: Final = ItemDefinition(
    flow=Flow.FETCH, amount=EXACT, account=POLICY, fields=(HOLDER,), words=("车船税",), several=False
)

RENEWAL: Final = item("itm_insurer_premium", INSURER, "insurance", "续期保费", PREMIUM)
CAR_PREMIUM: Final = item("itm_motor_premium", MOTOR, "insurance", "车险保费", CAR)
CAR_TAX: Final = item("itm_motor_tax", MOTOR, "insurance", "车船税", VEHICLE_TAX)

SAMPLE: Final = Sample(
    merchants=(INSURER, MOTOR),
    items=(RENEWAL, CAR_PREMIUM, CAR_TAX),
    bills={
        RENEWAL.id: "insurance_premiums.csv",
        CAR_PREMIUM.id: "insurance_cars.csv",
        CAR_TAX.id: "insurance_car_tax.csv",
    },
)
