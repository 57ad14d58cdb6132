"""One's own applications whatever is under way: how they stand, and taking one back."""

import re
from collections.abc import Mapping
from typing import Final

from bot.cases.applications.states import REVOCABLE
from bot.dialogue.acts import Act, Understanding
from bot.dialogue.offers import Offers
from bot.dialogue.scene import Scene
from bot.dialogue.steps import Option
from bot.dialogue.turn import Turn
from bot.dialogue.walk import Walk
from bot.dialogue.wishes import Choice

_STATUS: Final = re.compile(
    r"^(?:查一?下?|看一?下?)?(?:我的申请|(?:我的)?申请的?(?:进度|状态|结果|到哪.*))$|^application status$"
)
_WITHDRAW: Final = re.compile(r"^(?:我要|帮我|把)?(?:撤回|撤销|收回)(?:我的|这个|那个)?申请$|^withdraw application$")


class Applying:
    """Holds no state of its own."""

    def __init__(self, scenes: Mapping[str, Scene], offers: Offers, walk: Walk) -> None:
        self._scenes = scenes
        self._offers = offers
        self._walk = walk
        self.choices: Mapping[str, Choice] = {"withdraw": self.withdraw}

    async def take(self, turn: Turn, text: str, simple: str, meant: Understanding) -> bool:
        if _WITHDRAW.match(simple):
            await self._offer(turn)
            return True
        if not _STATUS.match(simple):
            return False
        await self._show(turn)
        return True

    async def withdraw(self, turn: Turn, application_id: str) -> None:
        """Take one of the customer's own applications back."""
        done = await turn.context.applications.withdraw(application_id, turn.context.customer_id)
        turn.say("application_withdrawn" if done else "application_not_withdrawn")

    async def _show(self, turn: Turn) -> None:
        mine = list(await turn.context.applications.of(turn.context.customer_id))
        lacking = next((each for each in mine if each.state == "needs_documents"), None)
        if lacking is not None and lacking.scene in self._scenes:
            # Its scene takes the paper that is missing.
            await self._walk.start(turn, Act.QUERY, lacking.scene, heard={"words": "申请进度"})
        else:
            turn.say("applications" if mine else "applications_none", {"applications": mine} if mine else None)

    async def _offer(self, turn: Turn) -> None:
        """Ask which one, even where there is only one: it cannot be handed in again."""
        mine = list(await turn.context.applications.of(turn.context.customer_id, limit=9))
        options = [Option(f"withdraw:{e.id}", f"{e.number} {e.title}") for e in mine if e.state in REVOCABLE]
        if options:
            self._offers.put(turn, "choose_withdraw", options, {})
        else:
            turn.say("applications" if mine else "applications_none", {"applications": mine} if mine else None)
