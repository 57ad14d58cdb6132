"""收付: an order of goods by its number, and payouts of a batch by application with two names."""

from typing import Final

from bot.cases.applications.kinds import Blank, Kind, Paper
from bot.dialogue.scene import Scene
from bot.dialogue.shapes.application import APPLY_STEPS, lead
from bot.dialogue.shapes.bill import BILL_STEPS
from handlers.industry.blanks import AMOUNT, COMPANY, USCC

_FILE: Final = Blank(
    key="file",
    label="代发文件编号",
    help="企业网银上传清单后给出的编号，例如 DF20261124001",
    pattern=r"[A-Z]{2}\d{8,16}",
    form="upper",
)
_COUNT: Final = Blank(key="count", label="笔数", help="清单里的总笔数", pattern=r"[1-9]\d{0,4}", form="digits")

PAYOUT: Final = Kind(
    key="batch_payout",
    scene="collection",
    name="批量代发",
    words=("代发", "批量", "发工资", "payout"),
    blanks=(COMPANY, USCC, _FILE, _COUNT, AMOUNT),
    papers=(Paper("list", "盖章的代发清单", needed=False),),
    titled="company",
    amount_of="amount",
)

SCENE = Scene(
    key="collection",
    name="企业收付",
    shape="bill",
    words=("采购订单", "订单货款", "对公订单"),
    steps=(lead, *BILL_STEPS),
    examples=(
        ("交企业收付", "pay"),
        ("批量代发工资", "apply"),
        ("我们要代发工资", "apply"),
        ("代发办到哪了", "query"),
        ("付一笔订单货款", "pay"),
    ),
    account_words=("订单号", "订单编号", "采购单号"),
    applying=APPLY_STEPS,
    kinds=(PAYOUT,),
)
