"""餐饮: the payer types the amount at a store's code."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.amount import AMOUNT_STEPS

SCENE = Scene(
    key="dining",
    name="餐饮买单",
    shape="amount",
    words=("扫码点餐", "堂食", "外卖自取"),
    steps=AMOUNT_STEPS,
    examples=(("老板结账", "pay"), ("吃好了怎么付钱", "pay")),
)
