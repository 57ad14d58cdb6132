"""房产: rent and deposits by contract, down payments into a supervised account, long bills in equal parts."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.bill import BILL_STEPS

SCENE = Scene(
    key="housing",
    name="房产缴费",
    shape="bill",
    words=("年租金", "房屋租金", "购房首付"),
    steps=BILL_STEPS,
    account_words=("合同号", "合同编号", "租约号"),
)
