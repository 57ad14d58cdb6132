"""The numbered choices that are offered outside any business: which scenes are open here, and the ways beside them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from bot.customers.accounts import SavedAccount
from bot.dialogue import cues
from bot.dialogue.acts import Act, Understanding
from bot.dialogue.looking_back import MORE
from bot.dialogue.scene import Agreement, Context, PlacedOrder, Scene
from bot.dialogue.session import Awaiting
from bot.dialogue.steps import Option
from bot.dialogue.topics import TOPICS, topic_name
from bot.dialogue.turn import Turn

_MOST: Final = 8
_MOST_LARGE: Final = 4


class Offers:
    """Makes menus. A choice is a key that ``Talk.press`` understands: ``pay:property``, ``act:human``."""

    def __init__(self, scenes: Mapping[str, Scene]) -> None:
        self._scenes = scenes
        self.choices: Mapping[str, Callable[[Turn, str], Awaitable[None]]] = {"more": self.more}
        self._words = {
            key: tuple(cues.simple(word) for word in (scene.name, *scene.words, *_topic_words(key)))
            for key, scene in scenes.items()
        }

    def name(self, key: str) -> str:
        """Return what customers call a scene, opened here or not."""
        return self._scenes[key].name if key in self._scenes else topic_name(key)

    def scene_in(self, simple: str) -> str | None:
        """Return the one scene of the pack whose name or plain word stands in a text; None for none or several."""
        found = {key for key, words in self._words.items() if any(word in simple for word in words)}
        return found.pop() if len(found) == 1 else None

    async def menu(
        self, turn: Turn, code: str, *, first: str = "", act: Act = Act.PAY, human: bool = False, start: int = 0
    ) -> None:
        """Say ``code`` with the scenes that are open here, from the ``start``-th on; what the customer uses leads.

        ``first`` comes before all, a person last.
        """
        keys = await self._in_order(turn, first)
        most = _MOST_LARGE if turn.state.large else _MOST
        options = [Option(f"{act.value}:{key}", self._scenes[key].name) for key in keys[start : start + most]]
        scene = self._scenes.get(first)
        if scene is not None and first not in keys and scene.applying and await self._takes(turn.context, scene):
            options.insert(0, Option(f"{Act.APPLY.value}:{first}", scene.name))
        if turn.state.large:
            # Whoever would rather talk to somebody finds that first.
            options.insert(0, Option("act:human", "human"))
        if len(keys) > start + most:
            options.append(Option(f"more:{act.value}:{start + most}", "more"))
        options.append(Option("act:history", "history"))
        if human and not turn.state.large:
            options.append(Option("act:human", "human"))
        self.put(turn, code, options, {"scene": self.name(first)})

    async def _in_order(self, turn: Turn, first: str) -> list[str]:
        """Return the open scenes; where they are more than a menu shows, those with saved accounts come early."""
        keys = await self._open(turn.context)
        used: list[str] = []
        if len(keys) > _MOST:
            used = [saved.scene for saved in await turn.context.saved.of(turn.context.customer_id)]
        rank = {key: place for place, key in enumerate(dict.fromkeys((first, *used)))}
        keys.sort(key=lambda key: rank.get(key, len(rank)))
        return keys

    async def take(self, turn: Turn, text: str, simple: str, meant: Understanding) -> bool:
        """Turn the page of the menu that was shown last."""
        menu = turn.state.menu
        more = next((option.value for option in menu.options if option.value.startswith("more:")), "") if menu else ""
        if not more or MORE.match(simple) is None:
            return False
        await self.more(turn, more.partition(":")[2])
        return True

    async def more(self, turn: Turn, rest: str) -> None:
        """Show the next page of the menu: ``rest`` is the act and the place to go on from."""
        act, _, start = rest.partition(":")
        known = act in set(Act) and start.isdecimal()
        await self.menu(turn, "menu", act=Act(act) if known else Act.PAY, start=int(start) if known else 0)

    async def is_open(self, context: Context, key: str) -> bool:
        """Tell whether a scene can be dealt with at this account: it has something to pay, or takes applications."""
        scene = self._scenes.get(key)
        return scene is not None and bool(scene.applying or await context.catalogue.items(key, context.merchants))

    async def _open(self, context: Context) -> list[str]:
        """Return the scenes that have something to pay at this account."""
        return [key for key in self._scenes if await context.catalogue.items(key, context.merchants)]

    async def applying(self, turn: Turn) -> bool:
        """Ask what is to be applied for; False where nothing here can be."""
        found = [scene for scene in self._scenes.values() if scene.applying and await self._takes(turn.context, scene)]
        options = [Option(f"{Act.APPLY.value}:{scene.key}", scene.name) for scene in found[:_MOST]]
        if options:
            self.put(turn, "which_application", options, {})
        return bool(options)

    async def _takes(self, context: Context, scene: Scene) -> bool:
        """Tell whether a scene is open at an account that shows some merchants only."""
        return not context.merchants or bool(await context.catalogue.items(scene.key, context.merchants))

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
            Option(
                f"forget:{saved.id}",
                " ".join(filter(None, (saved.nickname, self.name(saved.scene), saved.account_mask))),
            )
            for saved in accounts[:_MOST]
        ]
        self.put(turn, "choose_forget", options, {})


def _topic_words(key: str) -> tuple[str, ...]:
    return TOPICS[key].words if key in TOPICS else ()
