"""Reminders before bills are due: begun by the customer's word, ended by one."""

import re
from collections.abc import Mapping
from typing import Final

from bot.dialogue.acts import Act, Understanding
from bot.dialogue.turn import Turn
from bot.dialogue.wishes import Choice

REMIND_DAYS: Final = 3
_STOP: Final = re.compile(
    r"(?:别|不要|不用|不必|甭|停止|关闭|取消|关掉|退订|停了?)(?:再|给我|向我|我的|缴费|账单|到期|这个|所有)*(?:提醒|通知)|"
    r"(?:提醒|通知)(?:都|全)?(?:停了?|关了?|关掉|取消|退订)|\b(?:stop|no more) remind"
)
_START: Final = re.compile(
    r"(?:到期|截止|每个?月|每期|出账|有新?账单|欠费|[该要][交缴]|快到|记得|[缴交]费|按时|定期).{0,8}"
    r"(?:提醒|通知|告诉|叫)(?:一?下|我|到)|提醒我.{0,4}[交缴付]|\bremind me\b|"
    r"(?:开通|打开|开启|设置?|订阅|添加|要|加)(?:一?个|一下)?.{0,6}提醒(?!.*(?:没|怎么))"
)
_ASKS: Final = re.compile(r"为什么|怎么没|没有?提醒|没收到")


class Reminding:
    """Holds no state; who wants to be reminded stands in the customers' room."""

    def __init__(self, days_before: int) -> None:
        self._days = days_before
        self.choices: Mapping[str, Choice] = {"remind": self.begin}

    async def take(self, turn: Turn, text: str, simple: str, meant: Understanding) -> bool:
        """Take 到期提醒我 and 别提醒了."""
        if meant.act is Act.HUMAN or _ASKS.search(simple) or len(simple) > _LONGEST:
            return False
        if _STOP.search(simple):
            stopped = await turn.context.reminders.stop(turn.context.customer_id)
            turn.say("remind_off" if stopped else "remind_was_off")
            return True
        if _START.search(simple):
            await self.begin(turn, "")
            return True
        return False

    async def begin(self, turn: Turn, _: str) -> None:
        """Remind this customer, where they are talking to us now."""
        context = turn.context
        await context.reminders.start(context.customer_id, context.channel, context.account)
        saved = await context.saved.of(context.customer_id)
        turn.say("remind_on", {"days": self._days, "count": len(saved)})


_LONGEST: Final = 30
