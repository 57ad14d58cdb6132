"""水费: arrears and prepayments at a water works, with the meter's readings in the bill."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.bill import BILL_STEPS

SCENE = Scene(
    key="water",
    name="水费",
    shape="bill",
    words=("水费单", "自来水公司", "水务公司"),
    steps=BILL_STEPS,
    account_words=("户号", "水表号", "用户编号"),
)
