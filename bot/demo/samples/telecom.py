"""Top-ups of mobile numbers and broadband bills of the sample operator."""

from typing import Final

from bot.billers.items import AmountKind, AmountRule, Flow, InputField, ItemDefinition
from bot.demo.samples.value import Sample, item, merchant
from bot.simulators.biller import Account, Bill

OPERATOR: Final = merchant("mer_telecom", "示范通信有限公司", "示范通信")

MOBILE: Final = ItemDefinition(
    flow=Flow.VALIDATE,
    amount=AmountRule(
        kind=AmountKind.PRESETS,
        minimum=1_000,
        maximum=50_000,
        presets=(1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 30_000, 50_000),
    ),
    account=InputField(
        key="phone",
        label="手机号",
        help="11 位手机号",
        pattern=r"1[3-9]\d{9}",
        form="digits",
        read_back=True,
    ),
    words=("话费", "花费", "手机", "电话费", "充值", "停机", "流量"),
    several=False,
    caution="充到别的号码无法自动撤回，请核对号码。到账一般要几分钟。",
    afterwards="运营商到账一般要几分钟，最长 24 小时。",
)
BROADBAND: Final = ItemDefinition(
    flow=Flow.FETCH,
    amount=AmountRule(kind=AmountKind.EXACT, maximum=500_000),
    account=InputField(
        key="line", label="宽带账号", help="KD 开头加 8 位数字，见装机单", pattern=r"KD\d{8}", form="upper"
    ),
    words=("宽带", "网费", "固话", "座机", "wifi"),
)


def _mobile(number: str, name: str, balance: int) -> Account:
    return Account(number, name, item="telecom", balance=balance, slow=True, final=True)


SAMPLE: Final = Sample(
    merchants=(OPERATOR,),
    items=(
        item("itm_mobile", OPERATOR, "telecom", "话费充值", MOBILE, biller="mobile"),
        item("itm_broadband", OPERATOR, "telecom", "宽带费", BROADBAND, biller="broadband"),
    ),
    remote={
        "mobile": (
            _mobile("13800138000", "陈*明", 860),
            _mobile("13800138001", "林*华", 3_215),
            _mobile("13900139000", "王*国", 0),
        ),
        "broadband": (
            Account(
                "KD20260001",
                "陈*明",
                "阳光花园 3栋**",
                "telecom",
                bills=(Bill("KD202611-20260001", "2026-11", 8_900, "2026-11-30", title="宽带月租"),),
            ),
        ),
    },
)
