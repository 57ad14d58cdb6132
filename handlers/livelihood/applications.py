"""What people apply for without a payment: a visit to an office, money out of the fund, a claim, a transfer."""

from typing import Final

from bot.billers.items import Choice
from bot.cases.applications.kinds import Blank, Kind, Paper
from bot.words.identifiers import Kind as Identifier

_NAME: Final = Blank(key="name", label="姓名", pattern=r"[\u4e00-\u9fff·]{2,20}", form="name", proof=True)
_PHONE: Final = Blank(key="phone", label="联系电话", help="11 位手机号", identifier=Identifier.MOBILE)
_DAY: Final = Blank(key="day", label="预约日期", help="例如 2026-12-01", sort="day")


def _one_of(key: str, label: str, **choices: str) -> Blank:
    return Blank(key=key, label=label, choices=tuple(Choice(value=v, label=words) for v, words in choices.items()))


VISIT: Final = Kind(
    key="office_visit",
    scene="government",
    name="政务大厅预约",
    words=("预约", "办件"),
    blanks=(
        _one_of(
            "matter", "办理事项", property="不动产登记", licence="证照办理", household="户籍业务", other="其他事项"
        ),
        _DAY,
        _NAME,
        _PHONE,
    ),
    corporate=False,
    titled="phone",
)
WITHDRAWAL: Final = Kind(
    key="fund_withdrawal",
    scene="provident_fund",
    name="公积金提取预约",
    words=("提取", "预约"),
    blanks=(
        Blank(key="fund", label="公积金个人账号", help="12 位数字", identifier=Identifier.PROVIDENT_FUND),
        _one_of("reason", "提取原因", rent="租房", buy="购房", loan="偿还房贷", retire="离退休", other="其他"),
        _DAY,
        _NAME,
        _PHONE,
    ),
    papers=(Paper("proof", "提取材料（如租房合同、购房合同）", needed=False),),
    corporate=False,
    titled="phone",
)
CLAIM: Final = Kind(
    key="insurance_claim",
    scene="insurance",
    name="保险报案",
    words=("报案", "理赔", "出险"),
    blanks=(
        Blank(key="policy", label="保单号", identifier=Identifier.POLICY),
        _one_of("event", "出险类型", car="车险事故", illness="疾病住院", accident="意外伤害", property="财产损失"),
        Blank(key="day", label="出险日期", help="例如 2026-11-20", sort="day"),
        _NAME,
        _PHONE,
    ),
    papers=(Paper("scene", "现场照片或单据", needed=False),),
    corporate=False,
    titled="policy",
)
TRANSFER: Final = Kind(
    key="insurance_transfer",
    scene="social_security",
    name="社保关系转移预约",
    words=("转移", "预约"),
    blanks=(
        _one_of("insurance", "险种", pension="养老保险", medical="医疗保险"),
        _DAY,
        _NAME,
        _PHONE,
    ),
    corporate=False,
    titled="phone",
)
