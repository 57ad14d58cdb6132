"""电费: arrears and top-ups at a power company's own billing system."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.bill import BILL_STEPS

SCENE = Scene(
    key="electricity",
    name="电费",
    shape="bill",
    words=(
        "电费",
        "电力",
        "用电",
        "电表",
        "停电",
        "供电",
        "国网",
        "南网",
        "交电",
        "购电",
        "买电",
        "dianfei",
        "electric",
    ),
    steps=BILL_STEPS,
    examples=(("jiao dianfei", "pay"), ("df", "query"), ("家里停电了是不是没交钱", "query")),
    account_words=("户号", "客户编号"),
)
