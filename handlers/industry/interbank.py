"""同业: fee bills between institutions, which above a limit go through the bank's own channels, and placements."""

from collections.abc import Mapping
from typing import Final

from bot.billers.items import Choice
from bot.cases.applications.kinds import Blank, Kind
from bot.cases.trade.matter import Matter
from bot.cases.trade.rates import interest
from bot.dialogue.scene import Scene
from bot.dialogue.shapes.application import APPLY_STEPS, lead
from bot.dialogue.shapes.bill import BILL_STEPS
from bot.storage.port import Reader
from bot.words.identifiers import Kind as Identifier
from handlers.industry.blanks import AMOUNT

_BANK: Final = Blank(key="bank", label="机构行号", help="支付系统 12 位行号", identifier=Identifier.BANK_NUMBER)
_DAYS: Final = Blank(
    key="days",
    label="存放期限",
    choices=(
        Choice(value="7", label="7天"),
        Choice(value="30", label="1个月"),
        Choice(value="90", label="3个月"),
    ),
)


async def _quoted(reader: Reader, matter: Matter) -> Mapping[str, object]:
    days, rate = int(matter.facts["days"]), matter.terms.placement_rate
    earned = interest(int(matter.facts["amount"]), rate, days)
    return {"sort": "placement", "days": days, "rate": f"{(rate * 100).normalize():f}", "interest": earned}


PLACEMENT: Final = Kind(
    key="interbank_placement",
    scene="interbank",
    name="同业存放询价",
    words=("存放", "拆借", "询价", "报价"),
    blanks=(_BANK, AMOUNT, _DAYS),
    titled="bank",
    amount_of="amount",
    estimate=_quoted,
)

SCENE = Scene(
    key="interbank",
    name="同业往来",
    shape="bill",
    words=("同业手续费", "同业往来手续费"),
    steps=(lead, *BILL_STEPS),
    examples=(
        ("同业存放报个价", "apply"),
        ("申请同业存放", "apply"),
        ("同业存放", "apply"),
        ("交同业手续费", "pay"),
        ("查同业手续费", "query"),
        ("同业存放的申请到哪了", "query"),
    ),
    account_words=("行号", "机构代码"),
    applying=APPLY_STEPS,
    kinds=(PLACEMENT,),
)
