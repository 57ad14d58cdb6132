"""供暖费: a season's fee by heated area, less for who pays early, a part of it for who had the heat turned off."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.bill import BILL_STEPS

SCENE = Scene(
    key="heating",
    name="供暖费",
    shape="bill",
    words=("暖气公司", "热力公司", "供热公司"),
    steps=BILL_STEPS,
    account_words=("户号", "用热户号", "卡号"),
)
