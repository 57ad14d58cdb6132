"""燃气费: arrears by account number, and gas for a smart card whose meter is filled by a second query."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.bill import BILL_STEPS

SCENE = Scene(
    key="gas",
    name="燃气费",
    shape="bill",
    words=("燃气公司", "燃气账单"),
    steps=BILL_STEPS,
    account_words=("户号", "用户号", "燃气卡号", "气卡号"),
)
