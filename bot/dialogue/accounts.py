"""A customer's saved accounts in the conversation: shown, named, told apart by nickname, kept and forgotten."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from bot.customers.accounts import SavedAccount
from bot.dialogue import cues
from bot.dialogue.acts import Act, Understanding
from bot.dialogue.nicknames import (
    UNSAVED,
    Naming,
    asks_for_list,
    fit,
    meant_of,
    nickname_of,
    read_naming,
    read_removal,
    said_in,
    wants_all,
)
from bot.dialogue.offers import Offers
from bot.dialogue.reading import read_field
from bot.dialogue.scene import Context, Scene
from bot.dialogue.session import Frame, Slot
from bot.dialogue.steps import Option
from bot.dialogue.turn import Turn
from bot.dialogue.walk import Walk
from bot.dialogue.wishes import Choice
from bot.kernel.errors import NotFound

_TAIL: Final = re.compile(r"(?:尾号|\*{2,}|后[三四]位)\s*(\d{2,6})|^(\d{3,6})$", re.ASCII)
_NUMBERS: Final = ("account", "phone", "plate")
_LOOKS: Final = re.compile(r"查|看|欠|多少|几|balance|owe|check|how much")
_PAYS: Final = re.compile(r"交|缴|付|充|pay")
_GUESSED_MOST: Final = 20
_ALL_PAID: Final = re.compile(
    r"^.{2,30}(?:都|全|全部|一起|一并)(?:给我|帮我|一起)?(?:交|缴|付)(?:了|掉|上|清|一下|吧)*$"
)
_MOST: Final = 8
_QUEUED_MOST: Final = 3


class Accounts:
    """Holds no state of its own; the accounts are read when they are spoken of."""

    def __init__(self, scenes: Mapping[str, Scene], offers: Offers, walk: Walk) -> None:
        self._scenes = scenes
        self._offers = offers
        self._walk = walk
        self.choices: Mapping[str, Choice] = {
            "name": self.choose_named,
            "bind": self.choose_bound,
            "saved": self.choose_of_group,
        }

    async def take(self, turn: Turn, text: str, simple: str, meant: Understanding) -> bool:
        """Do what a message wants with saved accounts; False when it speaks of none."""
        if asks_for_list(simple):
            await self.show(turn)
            return True
        naming = read_naming(text)
        if naming is not None and await self._name(turn, naming, meant):
            return True
        words = read_removal(simple)
        if words is not None and await self._remove(turn, words):
            return True
        if _ALL_PAID.match(simple) and await self._pay_all(turn, simple, meant):
            return True
        frame = turn.frame
        if frame is not None and meant.scene is None and UNSAVED.search(simple):
            await self._leave_unsaved(turn, frame)
            return True
        return False

    async def show(self, turn: Turn) -> None:
        """Show what is saved, the accounts of one nickname together."""
        saved = await turn.context.saved.of(turn.context.customer_id)
        if not saved:
            turn.say("nothing_saved")
            return
        groups: dict[str, list[str]] = {}
        for account in saved:
            groups.setdefault(account.nickname, []).append(f"{self._name_of(account)} {account.account_mask}")
        turn.personal |= groups.keys()
        turn.say("saved_accounts", {"groups": groups})

    # --- naming ------------------------------------------------------------------------------------------------------

    async def _name(self, turn: Turn, naming: Naming, meant: Understanding) -> bool:
        saved = await turn.context.saved.of(turn.context.customer_id)
        targets = await self._targets(turn, naming.target, saved, meant)
        if len(targets) == 1 or (targets and nickname_of(naming.target, targets)):
            for account in targets:
                await turn.context.saved.name(turn.context.customer_id, account.id, naming.nickname)
            self._said_named(turn, naming.nickname, targets)
            return True
        if targets:
            turn.state.held = {"nickname": naming.nickname}
            options = [Option(f"name:{account.id}", self._label(turn, account)) for account in targets[:_MOST]]
            self._offers.put(turn, "choose_named", options, {"nickname": naming.nickname})
            return True
        return await self._keep(turn, naming.target, naming.nickname, meant)

    async def _targets(
        self, turn: Turn, target: str, saved: Sequence[SavedAccount], meant: Understanding
    ) -> Sequence[SavedAccount]:
        """Return which of the saved accounts a word stands for; nothing where it stands for none."""
        if not target:
            return self._at_hand(turn.frame, saved)
        named = nickname_of(target, saved)
        if named:
            return named
        tail = _TAIL.search(target)
        if tail is not None:
            ends = [account for account in saved if account.account.endswith(tail[1] or tail[2])]
            if ends:
                return ends
        same = [account for account in saved if await self._is(turn.context, account, target)]
        if same or any(char.isdigit() for char in target):
            return same
        return [account for account in saved if meant.scene is not None and account.scene == meant.scene]

    def _at_hand(self, frame: Frame | None, saved: Sequence[SavedAccount]) -> Sequence[SavedAccount]:
        """Return the account that is being spoken of: that of the business on top, else the one used last."""
        if frame is not None and frame.get("account"):
            own = (frame.get("item"), frame.get("account"))
            return [account for account in saved if (account.item_id, account.account) == own]
        return saved[:1]

    async def _is(self, context: Context, account: SavedAccount, target: str) -> bool:
        try:
            field = (await context.catalogue.item(account.item_id)).definition.account
        except NotFound:
            return False
        return field is not None and read_field(field, target, {}) == account.account

    def _said_named(self, turn: Turn, nickname: str, accounts: Sequence[SavedAccount]) -> None:
        turn.personal.add(nickname)
        shown = [f"{self._name_of(account)} {account.account_mask}" for account in accounts]
        turn.say("account_named", {"accounts": shown, "nickname": nickname})

    async def choose_named(self, turn: Turn, saved_id: str) -> None:
        """Give the chosen account the nickname that was said for one of several."""
        nickname = fit(turn.state.held.pop("nickname", ""))
        saved = await turn.context.saved.of(turn.context.customer_id)
        chosen = [account for account in saved if account.id == saved_id]
        if nickname is None or not chosen:
            turn.say("nothing_saved")
            return
        await turn.context.saved.name(turn.context.customer_id, saved_id, nickname)
        self._said_named(turn, nickname, chosen)

    # --- keeping and forgetting --------------------------------------------------------------------------------------

    async def bind(self, turn: Turn, meant: Understanding) -> bool:
        """Keep an account that was sent without the kind of payment that it is for; False when there is none."""
        number = next((str(meant.slots[name]) for name in _NUMBERS if name in meant.slots), "")
        return bool(number) and await self._keep(turn, number, "", meant)

    async def _keep(self, turn: Turn, number: str, nickname: str, meant: Understanding) -> bool:
        """Look an account up and keep it; ask what it is for where its form does not tell."""
        if not any(char.isdigit() for char in number):
            return False
        fits = [
            (scene, value)
            for scene in self._scenes
            if meant.scene in (None, scene) and (value := await self._account_in(turn.context, scene, number))
        ]
        if not fits:
            return False
        if len(fits) == 1:
            await self._look(turn, fits[0][0], {"account": fits[0][1], "nickname": nickname})
            return True
        turn.state.held = {"account": number, "nickname": nickname}
        options = [Option(f"bind:{scene}", self._offers.name(scene)) for scene, _ in fits[:_MOST]]
        self._offers.put(turn, "bind_which", options, {})
        return True

    async def choose_bound(self, turn: Turn, scene: str) -> None:
        """Keep the account that was sent, now that its kind of payment is known; ask for one where none was sent."""
        held, turn.state.held = turn.state.held, {}
        number = held.get("account", "")
        value = await self._account_in(turn.context, scene, number) if number else None
        heard = {"nickname": held.get("nickname", "")}
        await self._look(turn, scene, {**heard, "account": value} if value else heard)

    async def _look(self, turn: Turn, scene: str, heard: Mapping[str, str]) -> None:
        await self._walk.start(turn, Act.BIND, scene, heard={key: value for key, value in heard.items() if value})

    async def _account_in(self, context: Context, scene: str, number: str) -> str | None:
        """Return the account that a text holds for a scene that is open here, in its canonical form."""
        if scene not in self._scenes:
            return None
        for item in await context.catalogue.items(scene, context.merchants):
            field = item.definition.account
            value = read_field(field, number, {}) if field is not None else None
            if value is not None:
                return value
        return None

    async def _leave_unsaved(self, turn: Turn, frame: Frame) -> None:
        """Let what is paid now be remembered by nobody, and forget it where that has happened already."""
        frame.unsaved = True
        own = (frame.get("item"), frame.get("account"))
        for account in await turn.context.saved.of(turn.context.customer_id, frame.scene):
            if (account.item_id, account.account) == own:
                await turn.context.saved.forget(turn.context.customer_id, account.id)
        turn.say("not_kept")

    async def _remove(self, turn: Turn, words: str) -> bool:
        saved = await turn.context.saved.of(turn.context.customer_id)
        named = said_in(words, saved) or [
            account for account in saved if any(char.isdigit() for char in words) and account.account.endswith(words)
        ]
        if not named:
            return False
        if len(named) > 1:
            await self._offers.accounts_to_forget(turn, named)
            return True
        await turn.context.saved.forget(turn.context.customer_id, named[0].id)
        turn.say("forgotten_one", {"account": self._label(turn, named[0])})
        return True

    # --- meaning one by its nickname ---------------------------------------------------------------------------------

    async def switch(self, turn: Turn, frame: Frame, simple: str) -> bool:
        """Let a nickname choose the account of the business on top; False when the message names none of it."""
        saved = await turn.context.saved.of(turn.context.customer_id, frame.scene)
        named = said_in(simple, saved)
        if len(named) != 1 or named[0].account == frame.get("account"):
            return False
        put(frame, named[0])
        return True

    async def begin(self, turn: Turn, meant: Understanding, simple: str) -> bool:
        """Open what a sentence wants of accounts that it means by nickname; False when one frame is all there is.

        The first is opened and the others wait behind it: each is looked at and agreed to by itself.
        """
        accounts = [
            account
            for account in meant_of(simple, await turn.context.saved.of(turn.context.customer_id, meant.scene))
            if account.scene in self._scenes
        ]
        if not accounts or (meant.scene is not None and len(accounts) == 1):
            return False
        if meant.scene is None and len(accounts) > 1 and meant.act is Act.PAY and not wants_all(simple):
            self._ask_which(turn, accounts)
            return True
        await self.open(turn, meant.act, accounts)
        return True

    async def _pay_all(self, turn: Turn, simple: str, meant: Understanding) -> bool:
        """Take 把我家和我妈家的电费都交了 as the wish that it is: behind 了 nothing has happened yet."""
        scene = self._offers.scene_in(simple) or meant.scene
        saved = await turn.context.saved.of(turn.context.customer_id, scene)
        accounts = [account for account in meant_of(simple, saved) if account.scene in self._scenes]
        if accounts:
            await self.open(turn, Act.PAY, accounts)
        return bool(accounts)

    async def guess(self, turn: Turn, meant: Understanding, simple: str) -> bool:
        """Take what is hardly more than a nickname (交我家的, 我妈家的电费) as what it says of that account."""
        scene = meant.scene or self._offers.scene_in(simple)
        act = Act.PAY if _PAYS.search(simple) else Act.QUERY
        if len(simple) > _GUESSED_MOST or not (scene or act is Act.PAY or _LOOKS.search(simple)):
            return False
        saved = await turn.context.saved.of(turn.context.customer_id, scene)
        accounts = [account for account in said_in(simple, saved) if account.scene in self._scenes]
        if not accounts:
            return False
        if scene is None:
            return await self.begin(turn, Understanding(act, None, 1.0, meant.slots), simple)
        await self.open(turn, act, accounts)
        return True

    def _ask_which(self, turn: Turn, accounts: Sequence[SavedAccount]) -> None:
        options = [Option(f"saved:{account.id}", self._label(turn, account)) for account in accounts[:_MOST]]
        turn.state.held = {"saved": "\n".join(account.id for account in accounts[:_MOST])}
        options.append(Option("saved:all", "everything"))
        self._offers.put(turn, "choose_of_group", options, {})

    async def choose_of_group(self, turn: Turn, saved_id: str) -> None:
        """Pay for the chosen account of a group, or for all of it, one after another."""
        wanted = turn.state.held.pop("saved", "").split("\n") if saved_id == "all" else [saved_id]
        saved = {account.id: account for account in await turn.context.saved.of(turn.context.customer_id)}
        accounts = [saved[each] for each in wanted if each in saved and saved[each].scene in self._scenes]
        if accounts:
            await self.open(turn, Act.PAY, accounts)
        else:
            turn.say("nothing_saved")

    async def open(self, turn: Turn, act: Act, accounts: Sequence[SavedAccount]) -> None:
        """Open a frame for the first of some accounts; as many as can wait are dealt with after it."""
        first, later = accounts[0], accounts[1:]
        room = max(0, _QUEUED_MOST - len(turn.state.waiting))
        for account in later[:room]:
            turn.state.waiting.append(Understanding(act, account.scene, 1.0, _slots(account)))
        if later[:room]:
            shown = [self._label(turn, account) for account in later[:room]]
            turn.say("queued_accounts", {"accounts": shown, "left": len(later) - room if len(later) > room else 0})
        await self._walk.start(turn, act, first.scene, heard=_slots(first))

    def _label(self, turn: Turn, account: SavedAccount) -> str:
        turn.personal.add(account.nickname)
        return " ".join(filter(None, (account.nickname, self._name_of(account), account.account_mask)))

    def _name_of(self, account: SavedAccount) -> str:
        return self._offers.name(account.scene)


def _slots(account: SavedAccount) -> dict[str, str]:
    return {"saved": account.id, **({"called": account.nickname} if account.nickname else {})}


def put(frame: Frame, account: SavedAccount) -> None:
    """Let a saved account take the place of whatever account a frame had; what was found for that is void."""
    frame.drop("bills", "called")
    frame.found, frame.tried, frame.anew = None, {}, False
    values = {**account.fields, "item": account.item_id, "account": account.account}
    if account.nickname:
        values["called"] = account.nickname
    frame.slots |= {name: Slot(value, "saved") for name, value in values.items()}


def unnamed(simple: str) -> bool:
    """Tell whether a message cannot name an account: numbers, a yes, a no."""
    return simple.isdigit() or cues.YES.match(simple) is not None or cues.NO.match(simple) is not None
