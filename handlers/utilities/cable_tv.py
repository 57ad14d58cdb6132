"""有线电视费: what is due on a smart card, and months in advance."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.bill import BILL_STEPS

SCENE = Scene(
    key="cable_tv",
    name="有线电视费",
    shape="bill",
    words=("收视维护费", "有线电视缴费"),
    steps=BILL_STEPS,
    account_words=("智能卡号", "用户证号", "机顶盒卡号"),
)
