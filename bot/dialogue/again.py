"""One word for what was paid last: the same item and account once more, at a fresh price that is agreed to anew."""

import re
from collections.abc import Mapping
from typing import Final

from bot.dialogue.acts import Act, Understanding
from bot.dialogue.offers import Offers
from bot.dialogue.scene import Scene
from bot.dialogue.session import Slot
from bot.dialogue.turn import Turn
from bot.dialogue.walk import Walk
from bot.dialogue.wishes import Choice

_AGAIN: Final = re.compile(
    r"(?P<before>.{0,8}?)(?:(?:再|重新)(?:来|交|缴|充|付|买)(?:一次|一遍|一笔|一回|一份)|老样子|老规矩|照旧|照老样子|"
    r"(?:还是|就|按|照)?(?:跟|和|同|像|照|按)?上(?:一)?(?:次|回)(?:的)?(?:一样|那样|一个样|一样的)|(?:按|照)(?:着)?上(?:次|回)(?:的)?|同上次|"
    r"same as last time|(?:pay|repeat)(?: (?:it|the|my))?(?: last payment)? again|repeat (?:the |my )?last payment)"
    r"(?P<after>.{0,8}?)[吧了啊呀。.!！~\s]*"
)
_FILLER: Final = re.compile(r"请|帮我|我想|我要|给我|麻烦|就|还是|来|交|缴|充|付|一?下|费|[,，。\s]")
# 再交一次会不会重复: a question about it, and no wish for it.
_ASKS: Final = re.compile(r"吗|么|会|怎|重复|为什么|行不|可以|能不|[?？]|错|退")


class Again:
    """Begins the last paid order's business anew; holds no state."""

    def __init__(self, scenes: Mapping[str, Scene], offers: Offers, walk: Walk) -> None:
        self._scenes = scenes
        self._offers = offers
        self._walk = walk
        self.choices: Mapping[str, Choice] = {}

    async def take(self, turn: Turn, text: str, simple: str, meant: Understanding) -> bool:
        """Take 再交一次, 老样子 and the like; a scene that is named with it says which payment is meant."""
        found = _AGAIN.fullmatch(simple)
        if found is None or _ASKS.search(simple):
            return False
        named = meant.scene or self._offers.scene_in(simple)
        if named is None and _more(found):
            return False
        scene = named or (turn.frame.scene if turn.frame is not None else None)
        last = await turn.context.orders.last_paid(turn.context.customer_id, scene)
        if last is None:
            await self._offers.menu(turn, "nothing_to_repeat")
            return True
        if last.scene not in self._scenes:
            turn.say("scene_not_here", {"scene": self._offers.name(last.scene)})
            return True
        slots = {"item": Slot(last.item_id, "default")}
        if last.store_id is not None:
            slots["store"] = Slot(last.store_id, "default")
        if last.account:
            # It was paid by this very customer, who needs no leave to ask after it again.
            own = await turn.context.saved.of(turn.context.customer_id, last.scene)
            fields = next((s.fields for s in own if (s.item_id, s.account) == (last.item_id, last.account)), {})
            slots |= {name: Slot(value, "saved") for name, value in fields.items()}
            slots["account"] = Slot(last.account, "saved")
        amount = meant.slots.get("amount") or last.amount
        if amount is not None:
            slots["amount"] = Slot(str(amount))
        turn.say("same_again", {"title": last.title, "mask": last.account_mask})
        await self._walk.start(turn, Act.PAY, last.scene, slots=slots)
        return True


def _more(found: re.Match[str]) -> str:
    """Return what is said around the words and is no filler: which payment, perhaps one that is not opened here."""
    return _FILLER.sub("", found["before"] + found["after"])
