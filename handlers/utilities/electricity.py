"""电费: arrears and top-ups at a power company's own billing system."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.bill import BILL_STEPS

SCENE = Scene(
    key="electricity",
    name="电费",
    shape="bill",
    words=("电费单", "供电局", "电业局"),
    steps=BILL_STEPS,
    examples=(("jiao dianfei", "pay"), ("df", "query"), ("家里停电了是不是没交钱", "query")),
    account_words=("户号", "客户编号", "电表号"),
)
