"""校园: tuition with optional items, dormitory and examination fees, and the campus card with presets."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.bill import BILL_STEPS
from bot.dialogue.shapes.mixed import settle_item

SCENE = Scene(
    key="campus",
    name="校园缴费",
    shape="bill",
    words=("学费", "住宿费", "一卡通"),
    steps=(settle_item, *BILL_STEPS),
    account_words=("学号",),
)
