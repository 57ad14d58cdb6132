"""A landlord, a developer, a bank that supervises down payments, and the fund for repairs of buildings."""

from typing import Final

from bot.billers.escrow import Escrow
from bot.billers.instalments import Instalments
from bot.billers.items import AmountKind, AmountRule, Flow, InputField, ItemDefinition
from bot.demo.samples.value import Sample, item, merchant
from bot.simulators.biller import Account, Bill

LANDLORD: Final = merchant("mer_rent", "示范住房租赁有限公司", "示范租房")
DEVELOPER: Final = merchant("mer_homes", "示范置业有限公司", "示范置业")

_TAIL: Final = InputField(
    key="id_tail",
    label="证件后四位",
    help="签约人身份证的最后四位，用于核对",
    pattern=r"\d{3}[\dX]",
    form="upper",
    proof=True,
)


def _contract(prefix: str, help_: str) -> InputField:
    return InputField(key="contract", label="合同号", help=help_, pattern=rf"{prefix}\d{{8}}", form="upper")


_LIMIT: Final = AmountRule(kind=AmountKind.EXACT, maximum=50_000_000)

RENT: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=_LIMIT,
    account=_contract("ZF", "租房合同上 ZF 开头加 8 位数字"),
    fields=(_TAIL,),
    words=("房租", "租房", "月租"),
    oldest_first=True,
)
EARNEST: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=_LIMIT,
    account=_contract("DJ", "认购书上 DJ 开头加 8 位数字"),
    fields=(_TAIL,),
    words=("定金", "订金", "认购"),
    several=False,
    caution="定金能否退还按认购书约定，请确认后再付。",
)
YEARLY_RENT: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=_LIMIT,
    account=_contract("NZ", "年租合同上 NZ 开头加 8 位数字"),
    fields=(_TAIL,),
    words=("年租", "分期"),
    several=False,
    instalments=Instalments(parts=3),
)
_SUPERVISED: Final = Escrow(bank="示范银行", supervisor="示范市住房和城乡建设局", account_tail="8016")
DOWN_PAYMENT: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=_LIMIT,
    account=_contract("SF", "网签合同上 SF 开头加 8 位数字"),
    fields=(_TAIL,),
    words=("首付", "购房款", "房款"),
    several=False,
    escrow=_SUPERVISED,
    afterwards="款项在监管账户中，按工程进度经监管部门同意后才会拨付。",
)
REPAIRS: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=_LIMIT,
    account=_contract("WX", "缴存通知上 WX 开头加 8 位数字"),
    words=("维修资金", "维修基金", "维修金"),
    several=False,
    escrow=_SUPERVISED.model_copy(update={"account_tail": "8024"}),
)
RENT_ITEM: Final = item("itm_rent", LANDLORD, "housing", "房租", RENT)
EARNEST_ITEM: Final = item("itm_earnest", DEVELOPER, "housing", "购房定金", EARNEST)
YEARLY_ITEM: Final = item("itm_yearly", LANDLORD, "housing", "年租金", YEARLY_RENT)

SAMPLE: Final = Sample(
    merchants=(LANDLORD, DEVELOPER),
    items=(
        RENT_ITEM,
        EARNEST_ITEM,
        YEARLY_ITEM,
        item("itm_down", DEVELOPER, "housing", "购房首付", DOWN_PAYMENT, biller="escrow"),
        item("itm_repairs", DEVELOPER, "housing", "维修资金", REPAIRS, biller="repairs"),
    ),
    bills={
        RENT_ITEM.id: "rent_bills.csv",
        EARNEST_ITEM.id: "earnest_bills.csv",
        YEARLY_ITEM.id: "yearly_rent_bills.csv",
    },
    remote={
        "escrow": (
            Account(
                "SF20260001",
                "陈*明",
                "示范花园 8栋**",
                "housing",
                fields={"id_tail": "1234"},
                bills=(
                    Bill(
                        "SF20260001-1",
                        "",
                        38_000_000,
                        "2026-12-20",
                        detail={"房源": "示范花园 8 栋", "款项": "首付款"},
                        title="首付款",
                    ),
                ),
            ),
        ),
        "repairs": (
            Account(
                "WX20260001",
                "陈*明",
                "示范花园 8栋**",
                "housing",
                bills=(
                    Bill(
                        "WX20260001-1",
                        "",
                        1_182_000,
                        "2026-12-31",
                        detail={"建筑面积": "98.5 平方米", "标准": "120.00 元/平方米"},
                        title="首期维修资金",
                    ),
                ),
            ),
        ),
    },
)
