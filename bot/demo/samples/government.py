"""The sample service hall: fees by the number of a matter, and matters that cost nothing."""

from typing import Final

from bot.billers.items import AmountKind, AmountRule, Flow, InputField, ItemDefinition
from bot.demo.samples.value import Sample, item, merchant
from bot.simulators import biller

HALL: Final = merchant("mer_hall", "示范市政务服务中心", "示范政务")
CONNECTOR: Final = "government"
MATTER: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT),
    account=InputField(
        key="matter", label="办件号", help="受理回执上的 12 位数字，例如 202611240001", pattern=r"\d{12}", form="digits"
    ),
    # A matter is paid once and over.
    remember=False,
)
FEES: Final = item("itm_hall_fees", HALL, "government", "政务服务收费", MATTER, biller=CONNECTOR)


def _fee(number: str, title: str, fen: int) -> biller.Bill:
    return biller.Bill(bill_no=number, period="", amount=fen, due_on="2027-12-31", title=title, ticket=True)


# 80 and 550 yuan for the registration of real estate, 10 yuan for a certificate: 发改价格规〔2016〕2559 号, as known
# to domain.md §3.1, card 10; a region's own figures stand in its bills, not here.
MATTERS: Final = (
    biller.Account(
        "202611240001", "陈*明", bills=(_fee("BJ1-1", "不动产登记费", 8_000), _fee("BJ1-2", "工本费", 1_000))
    ),
    biller.Account("202611240002", "示*公司", bills=(_fee("BJ2-1", "不动产登记费（非住宅）", 55_000),)),
    # 居住证 is issued without a fee.
    biller.Account("202611240003", "林*华"),
    biller.Account("202611240004", "王*", bills=(_fee("BJ4-1", "不动产登记费", 8_000),)),
)

SAMPLE: Final = Sample(merchants=(HALL,), items=(FEES,), remote={CONNECTOR: MATTERS})
