"""物业: property fees by room, several months at once, oldest first."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.bill import BILL_STEPS

SCENE = Scene(
    key="property",
    name="物业费",
    shape="bill",
    words=("物业公司", "物业账单", "物业服务费"),
    steps=BILL_STEPS,
    examples=(("wuyefei", "pay"), ("jiao wuyefei", "pay"), ("我住的房子要交什么费", "query")),
    account_words=("房号", "门牌", "房间号"),
)
