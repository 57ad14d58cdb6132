"""A charity with one campaign that runs and one that is over."""

from datetime import date
from typing import Final

from bot.billers.donation import Donation
from bot.billers.items import AmountKind, AmountRule, Flow, ItemDefinition
from bot.demo.samples.value import Sample, item, merchant

CHARITY: Final = merchant("mer_charity", "示范市慈善总会", "示范慈善")

_AMOUNT: Final = AmountRule(
    kind=AmountKind.ANY, minimum=100, maximum=5_000_000, presets=(1_000, 2_000, 5_000, 10_000, 50_000)
)
_RECEIPT: Final = "感谢您的爱心。公益事业捐赠票据由示范市慈善总会开具，请凭本凭证号申请。"


def _campaign(filing_no: str, valid_until: date, words: tuple[str, ...]) -> ItemDefinition:
    return ItemDefinition(
        flow=Flow.DIRECT,
        amount=_AMOUNT,
        words=words,
        donation=Donation(
            holder=CHARITY.name, register_no="53110000500000007T", filing_no=filing_no, valid_until=valid_until
        ),
        caution="捐款是自愿赠与，付款后一般不能撤回。",
        afterwards=_RECEIPT,
    )


SAMPLE: Final = Sample(
    merchants=(CHARITY,),
    items=(
        item(
            "itm_flood",
            CHARITY,
            "emergency",
            "暴雨洪涝救助",
            _campaign("53110000500000007TA26001", date(2027, 12, 31), ("洪涝", "暴雨", "洪水", "救灾", "灾区")),
        ),
        item(
            "itm_snow",
            CHARITY,
            "emergency",
            "雪灾救助",
            _campaign("53110000500000007TA25002", date(2026, 3, 31), ("雪灾", "暴雪", "寒潮")),
        ),
    ),
)
