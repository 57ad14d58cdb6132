"""商圈: an amount at a store of a mall, less what its coupons take off."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.amount import AMOUNT_STEPS

SCENE = Scene(
    key="district",
    name="商圈消费",
    shape="amount",
    words=("商场付款", "商场买单", "门店付款"),
    steps=AMOUNT_STEPS,
)
