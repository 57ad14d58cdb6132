"""The numbered choices that are offered outside any business: which scenes are open here, and the ways beside them."""

from collections.abc import Mapping, Sequence
from typing import Final

from bot.customers.accounts import SavedAccount
from bot.dialogue.acts import Act
from bot.dialogue.scene import Agreement, Context, PlacedOrder, Scene
from bot.dialogue.session import Awaiting
from bot.dialogue.steps import Option
from bot.dialogue.topics import topic_name
from bot.dialogue.turn import Turn

_MOST: Final = 8


class Offers:
    """Makes menus. A choice is a key that ``Talk.press`` understands: ``pay:property``, ``act:human``."""

    def __init__(self, scenes: Mapping[str, Scene]) -> None:
        self._scenes = scenes

    def name(self, key: str) -> str:
        """Return what customers call a scene, opened here or not."""
        return self._scenes[key].name if key in self._scenes else topic_name(key)

    async def menu(self, turn: Turn, code: str, *, first: str = "", act: Act = Act.PAY, human: bool = False) -> None:
        """Say ``code`` with the scenes that are open at this account; ``first`` leads, a person comes last."""
        keys = await self._open(turn.context)
        keys.sort(key=lambda key: key != first)
        options = [Option(f"{act.value}:{key}", self._scenes[key].name) for key in keys[:_MOST]]
        options.append(Option("act:history", "history"))
        if human:
            options.append(Option("act:human", "human"))
        self.put(turn, code, options, {"scene": self.name(first)})

    async def _open(self, context: Context) -> list[str]:
        """Return the scenes that have something to pay at this account."""
        return [key for key in self._scenes if await context.catalogue.items(key, context.merchants)]

    def put(self, turn: Turn, code: str, options: Sequence[Option], facts: Mapping[str, object]) -> None:
        """Offer choices and remember that they were asked last."""
        turn.state.menu = Awaiting("menu", "choice", list(options))
        turn.ask(code, {**facts, "options": options})

    async def orders_to_cancel(self, turn: Turn, orders: Sequence[PlacedOrder]) -> None:
        """Ask which of several waiting orders is to be cancelled."""
        options = [Option(f"drop:{order.id}", order.title, order.amount) for order in orders[:_MOST]]
        self.put(turn, "choose_order", options, {})

    async def agreements_to_stop(self, turn: Turn, agreements: Sequence[Agreement]) -> None:
        """Ask which contract for deduction is to be ended."""
        options = [Option(f"stop:{each.id}", f"{each.title} {each.account_mask}") for each in agreements[:_MOST]]
        self.put(turn, "choose_autopay", options, {})

    async def accounts_to_forget(self, turn: Turn, accounts: Sequence[SavedAccount]) -> None:
        """Ask which saved account is to be forgotten."""
        options = [
            Option(f"forget:{saved.id}", f"{self.name(saved.scene)} {saved.account_mask}") for saved in accounts[:_MOST]
        ]
        self.put(turn, "choose_forget", options, {})
