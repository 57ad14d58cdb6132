"""开户: a company's account by application, with its licence, proof of authority and two names at the bank."""

from typing import Final

from bot.billers.items import Choice
from bot.cases.applications.kinds import Blank, Kind
from bot.dialogue.scene import Scene
from bot.dialogue.shapes.application import APPLICATION_STEPS, APPLY_STEPS
from handlers.industry.blanks import COMPANY, LEGAL_PERSON, LICENSE, USCC

_TYPE: Final = Blank(
    key="account_type",
    label="账户类型",
    choices=(
        Choice(value="basic", label="基本存款账户"),
        Choice(value="general", label="一般存款账户"),
        Choice(value="special", label="专用存款账户"),
        Choice(value="temporary", label="临时存款账户"),
    ),
)
_DAY: Final = Blank(key="day", label="到店日期", help="例如 2026-12-01", sort="day")

OPENING: Final = Kind(
    key="account_opening",
    scene="account_opening",
    name="企业开户",
    words=("开户", "开个户", "开立", "对公账户", "对公户", "基本户", "一般户", "kaihu", "open"),
    blanks=(COMPANY, USCC, LEGAL_PERSON, _TYPE),
    papers=(LICENSE,),
    titled="company",
)
VISIT: Final = Kind(
    key="account_visit",
    scene="account_opening",
    name="开户网点预约",
    words=("预约",),
    blanks=(COMPANY, _DAY),
    corporate=False,
    titled="company",
)

SCENE = Scene(
    key="account_opening",
    name="企业开户",
    shape="application",
    words=("企业账户", "单位开户", "账户服务费"),
    steps=APPLICATION_STEPS,
    examples=(
        ("公司要开个基本户", "apply"),
        ("open a company account", "apply"),
        ("账户服务费怎么交", "pay"),
        ("交账户服务费", "pay"),
        ("开户办到哪一步了", "query"),
        ("预约去网点开户", "apply"),
    ),
    account_words=("统一社会信用代码",),
    applying=APPLY_STEPS,
    kinds=(OPENING, VISIT),
)
