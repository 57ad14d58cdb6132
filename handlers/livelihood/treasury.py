"""财政: non-tax payments by a code of twenty digits, exact and once, while the code is good."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.bill import BILL_STEPS
from bot.dialogue.shapes.mixed import settle_item

SCENE = Scene(
    key="treasury",
    name="非税缴款",
    shape="bill",
    words=("缴款码", "缴款识别码"),
    steps=(settle_item, *BILL_STEPS),
    account_words=("缴款识别码", "缴款码"),
)
