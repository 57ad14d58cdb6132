"""应急: gifts to registered charities, for campaigns that are on file and for as long as they run."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.amount import AMOUNT_STEPS

SCENE = Scene(
    key="emergency",
    name="应急捐款",
    shape="amount",
    words=("爱心捐款", "救灾捐款", "公益捐款"),
    steps=AMOUNT_STEPS,
)
