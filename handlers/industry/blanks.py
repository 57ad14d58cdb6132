"""The blanks and papers that several applications of companies share."""

from typing import Final

from bot.cases.applications.kinds import Blank, Paper
from bot.words.identifiers import Kind as Identifier

COMPANY: Final = Blank(
    key="company",
    label="企业名称",
    help="与营业执照一致",
    pattern=r"[\u4e00-\u9fffA-Za-z0-9（）()·]{4,40}",
)
USCC: Final = Blank(
    key="uscc",
    label="统一社会信用代码",
    help="营业执照上的 18 位代码，我们会核对校验位",
    identifier=Identifier.USCC,
)
LEGAL_PERSON: Final = Blank(
    key="legal_person", label="法定代表人姓名", pattern=r"[\u4e00-\u9fff·]{2,20}", form="name", proof=True
)
AMOUNT: Final = Blank(key="amount", label="金额", help="单位：元", sort="amount")
NOTE: Final = Blank(key="note", label="票据包号", help="30 位数字，在票据正面左上角", identifier=Identifier.NOTE_NUMBER)
RANGE: Final = Blank(
    key="range",
    label="子票区间",
    help="例如 1-50000000，一个单位是 0.01 元；整张请回复 0",
    identifier=Identifier.NOTE_RANGE,
)
INVOICE: Final = Blank(key="invoice", label="数电发票号码", help="20 位数字", identifier=Identifier.DIGITAL_INVOICE)
DUE_ON: Final = Blank(key="due_on", label="到期日", help="例如 2027-03-15", sort="day")

LICENSE: Final = Paper("license", "营业执照")
