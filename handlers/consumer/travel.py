"""出行: parking by plate at the fee of this minute, and top-ups of ETC, transit and fuel cards."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.bill import BILL_STEPS

SCENE = Scene(
    key="travel",
    name="出行缴费",
    shape="bill",
    words=("停车缴费", "公交卡充值", "加油卡充值"),
    steps=BILL_STEPS,
    account_words=("车牌", "车牌号", "卡号"),
)
