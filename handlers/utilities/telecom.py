"""话费: top-ups of fixed sums on a mobile number that is read back, and broadband bills."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.bill import BILL_STEPS

SCENE = Scene(
    key="telecom",
    name="话费",
    shape="bill",
    words=("手机充值", "手机话费"),
    steps=BILL_STEPS,
    account_words=("手机号", "号码", "宽带账号"),
)
