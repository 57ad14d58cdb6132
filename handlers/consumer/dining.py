"""餐饮: the payer types the amount at a store's code; a table is noted, and a sum is shared by those who ate."""

import re
from typing import Final

from bot.dialogue.numbers import parse_amount
from bot.dialogue.scene import Context, Scene
from bot.dialogue.session import Frame, Slot
from bot.dialogue.shapes.amount import AMOUNT_STEPS
from bot.dialogue.steps import Outcome

_TABLE: Final = re.compile(r"([a-z]?\d{1,3}|[一二三四五六七八九十]{1,3})号?桌")
_SHARED: Final = re.compile(r"aa|平摊|均摊|分摊|平分")
_PEOPLE: Final = re.compile(r"(\d{1,2}|[一二两三四五六七八九十]{1,3})个?人")
_MOST: Final = 50


async def hear_table(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Note the table that was said, and take from a sum that is shared (AA) the share of one."""
    words = frame.heard.get("words", "")
    table = _TABLE.search(words)
    if table is not None and not frame.get("table"):
        frame.slots["table"] = Slot(table[1].upper())
    people, amount = _PEOPLE.search(words), frame.get("amount")
    if people is None or amount is None or frame.get("people") or not _SHARED.search(words):
        return None
    number = _count(people[1])
    if 1 < number <= _MOST:
        frame.slots["people"] = Slot(str(number))
        frame.slots["amount"] = Slot(str(share(int(amount), number)))
    return None


def share(whole: int, people: int) -> int:
    """Return the fen of one of equal shares, rounded up so that the store is never short."""
    return -(-whole // people)


def _count(said: str) -> int:
    # 四 is read as four yuan, so as 400 fen.
    return int(said) if said.isdecimal() else (parse_amount(said) or 0) // 100


SCENE = Scene(
    key="dining",
    name="餐饮买单",
    shape="amount",
    words=("扫码点餐", "堂食", "外卖自取"),
    steps=(hear_table, *AMOUNT_STEPS),
    examples=(("老板结账", "pay"), ("吃好了怎么付钱", "pay")),
)
