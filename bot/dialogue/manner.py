"""Large type and few words, for who says that small ones are hard to read; kept with the customer."""

import re
from collections.abc import Mapping
from typing import Final

from bot.dialogue.acts import Understanding
from bot.dialogue.offers import Offers
from bot.dialogue.turn import Turn
from bot.dialogue.wishes import Choice

_OFF: Final = re.compile(
    r"(?:退出|关闭|关掉|取消|不要|不用|停止|离开)了?(?:长辈|老人|老年|关怀|大字|大号)(?:字体|字号|模式|版|字)?|"
    r"(?:普通|标准|正常)(?:模式|版|字体|字号)|\b(?:normal|small) (?:type|text|print)\b"
)
_ON: Final = re.compile(
    r"(?:长辈|老人|老年|关怀)(?:模式|版)|大字(?:体|号|版|模式)?(?!报|典)|大号字|字(?:体|号)?(?:太小|小了|大一?[点些]|放大|调大)|"
    r"放大字|(?:老了|眼睛?不好|眼花|老花|年纪大|岁数大).{0,8}(?:看不[清见到]|不清楚)|看不清楚?字?|"
    r"\b(?:large|big) (?:type|text|print)\b"
)
_LONGEST: Final = 24


class Manner:
    """Holds no state; the wish stands with the customer and in the conversation."""

    def __init__(self, offers: Offers) -> None:
        self._offers = offers
        self.choices: Mapping[str, Choice] = {}

    async def take(self, turn: Turn, text: str, simple: str, meant: Understanding) -> bool:
        """Take 长辈模式 and 退出长辈模式."""
        if len(simple) > _LONGEST:
            return False
        off = _OFF.search(simple) is not None
        if not off and _ON.search(simple) is None:
            return False
        turn.state.large = not off
        await turn.context.customers.set_large(turn.context.customer_id, not off)
        turn.say("large_off" if off else "large_on")
        if not turn.state.frames:
            await self._offers.menu(turn, "menu")
        return True
