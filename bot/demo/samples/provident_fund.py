"""The sample provident fund: balances, loan instalments, flexible contributions, behind an identity's last digits."""

from typing import Final

from bot.billers.items import AmountKind, AmountRule, Flow, InputField, ItemDefinition
from bot.demo.samples.value import Sample, item, merchant
from bot.simulators import biller

FUND: Final = merchant("mer_fund", "示范市住房公积金管理中心", "示范公积金")
CONNECTOR: Final = "provident_fund"
TAIL: Final = InputField(
    key="id_tail", label="身份证号后四位", help="用于核对，不会显示", pattern=r"\d{3}[\dX]", form="upper", proof=True
)
CONTRIBUTION: Final = ItemDefinition(
    flow=Flow.VALIDATE,
    # What the fund's own agreement lets a freelancer pay in a month; configuration (domain.md §3.1, card 14).
    amount=AmountRule(kind=AmountKind.ANY, minimum=10_000, maximum=600_000, presets=(50_000, 100_000, 200_000)),
    account=InputField(
        key="account", label="个人账号", help="公积金个人账号，12 位数字", pattern=r"\d{12}", form="digits"
    ),
    fields=(TAIL,),
    words=("余额", "缴存", "账户", "个人账号", "灵活"),
    advance=True,
)
LOAN: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT),
    account=InputField(key="contract", label="贷款合同号", help="例如 DK2023110045", pattern=r"DK\d{10}", form="upper"),
    fields=(TAIL,),
    words=("贷款", "月供", "还贷", "房贷", "还款"),
    oldest_first=True,
)
CONTRIBUTIONS: Final = item(
    "itm_fund_contribution", FUND, "provident_fund", "灵活就业缴存", CONTRIBUTION, biller=CONNECTOR
)
LOANS: Final = item("itm_fund_loan", FUND, "provident_fund", "公积金贷款月供", LOAN, biller=CONNECTOR)


def _instalment(number: str, period: str, fen: int) -> biller.Bill:
    return biller.Bill(bill_no=number, period=period, amount=fen, due_on=f"{period}-20", title="贷款月供")


ACCOUNTS: Final = (
    biller.Account("201012345678", "陈*明", balance=8_642_150, fields={"id_tail": "0017"}),
    biller.Account("201012345686", "林*华", balance=1_205_000, fields={"id_tail": "123X"}),
    biller.Account(
        "DK2023110045",
        "陈*明",
        fields={"id_tail": "0017"},
        bills=(_instalment("YG-45-11", "2026-11", 312_680), _instalment("YG-45-12", "2026-12", 312_680)),
    ),
    biller.Account(
        "DK2023110053", "林*华", fields={"id_tail": "123X"}, bills=(_instalment("YG-53-12", "2026-12", 198_000),)
    ),
)

SAMPLE: Final = Sample(merchants=(FUND,), items=(CONTRIBUTIONS, LOANS), remote={CONNECTOR: ACCOUNTS})
