"""What a message does to a conversation: an answer, a correction, a digression or a new request, in that order."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from bot.dialogue import cues
from bot.dialogue.accounts import Accounts, unnamed
from bot.dialogue.acts import Act, Heard, Router, Understanding
from bot.dialogue.aftersales.room import AfterSales
from bot.dialogue.again import Again
from bot.dialogue.amending import Amending
from bot.dialogue.answering import Answering
from bot.dialogue.applying import Applying
from bot.dialogue.autopaying import Autopaying
from bot.dialogue.beside import Beside
from bot.dialogue.history import History
from bot.dialogue.manner import Manner
from bot.dialogue.nicknames import UNSAVED, names_several
from bot.dialogue.offers import Offers
from bot.dialogue.reading import read_option
from bot.dialogue.reminding import REMIND_DAYS, Reminding
from bot.dialogue.scene import Scene
from bot.dialogue.session import FRAME_LIFE, Frame, Slot
from bot.dialogue.steps import Option
from bot.dialogue.turn import Turn
from bot.dialogue.walk import FAILURES, Walk
from bot.dialogue.wishes import Wishes
from bot.kernel.clock import business_day
from bot.kernel.errors import NotFound
from bot.kernel.text import normalise
from bot.outside.logging import get_logger

log = get_logger(__name__)

_MOST_WAITING: Final = 3
# Business under way is left for another scene only when that one is plainly named.
_PLAINLY: Final = 0.8
# Acts that open a frame; asking how something is paid opens it too, for the answer is to begin.
_FRAMED: Final = frozenset({Act.PAY, Act.QUERY})
# Acts about what was paid: they are served whatever is open here now.
_BESIDE: Final = frozenset({Act.HISTORY, Act.RECEIPT, Act.REFUND, Act.NOT_CREDITED, Act.WRONG_ACCOUNT, Act.DUPLICATE})
# Acts that say of themselves that they are no answer to what was asked, even where any words would do for one.
_OF_THEIR_OWN: Final = frozenset(Act) - {
    Act.PAY,
    Act.QUERY,
    Act.COLLECT,
    Act.BIND,
    Act.APPLY,
    Act.OOS,
    Act.WRONG_ACCOUNT,
}


# A number with letters that was asked for, however it begins.
_NUMBER: Final = re.compile(r"^(?=[a-z-]*\d)[a-z\d-]{4,64}$")
_RENEWS: Final = re.compile(rf"^(?:我?(?:要|想))?{cues.RENEW.pattern}.{{0,4}}$")
# What is under way is left, and what waits behind it goes on.
_SKIPS: Final = re.compile(
    r"^(?:先)?(?:跳过|略过|下一个|下一项|下一笔)(?:这个|这笔|这项|这步)?(?:吧|了)?$|^skip(?: this| it)?$"
)
_PHRASES_KEPT: Final = 1024
_PHRASE_MAX: Final = 12
_FLEETING: Final = re.compile(
    r"[\d零〇一二三四五六七八九十两幺年月日号天周期度]|我叫|姓名|名字|户主|业主|@|today|last|this|next"
)


class Talk:
    """Holds no state of its own; a turn carries it all."""

    def __init__(
        self,
        router: Router,
        scenes: Mapping[str, Scene],
        after: AfterSales,
        cashier_url: str,
        receipt_url: str,
        remind_days: int = REMIND_DAYS,
    ) -> None:
        self._router = router
        self._scenes = scenes
        self._offers = Offers(scenes)
        self._after = after
        self._beside = Beside(after, self._offers, cashier_url)
        self._walk = Walk(scenes, self._offers, cashier_url)
        self._amending = Amending(scenes)
        self._answering = Answering(router.threshold, scenes, self._walk)
        self._accounts = Accounts(scenes, self._offers, self._walk)
        self._history = History(self._offers, receipt_url)
        applying = Applying(scenes, self._offers, self._walk)
        again = Again(scenes, self._offers, self._walk)
        autopay = Autopaying(self._offers, self._beside.answer)
        self._wishes = Wishes(
            (
                self._offers,
                self._accounts,
                again,
                Reminding(remind_days),
                autopay,
                self._history,
                applying,
                Manner(self._offers),
            )
        )
        self._choices = {**self._beside.choices, **self._wishes.choices}
        self._stock_phrase = lru_cache(maxsize=_PHRASES_KEPT)(router.understand)

    def understand(self, text: str) -> Heard:
        """Return what a message may mean, for ``hear``."""
        # Most messages are the same few phrases. One that may hold a number or a date is never kept: it can be
        # personal, and what it means can change with the day.
        if len(text) > _PHRASE_MAX or _FLEETING.search(text):
            return self._router.understand(text)
        return self._stock_phrase(text)

    async def hear(self, turn: Turn, text: str, heard: Heard) -> None:
        """Answer what a customer wrote or said, ``heard`` being what the router makes of it."""
        text = normalise(text)
        lapsed = _expire(turn)
        if not text:
            turn.say("unreadable")
        else:
            try:
                await self._heard(turn, text, heard, lapsed)
            except NotFound as gone:
                await self._item_gone(turn, gone)
        await self._go_on(turn)

    async def press(self, turn: Turn, key: str) -> None:
        """Do what a menu entry or a numbered choice names; an unknown key shows the menu."""
        _expire(turn)
        await self._pressed(turn, key)
        await self._go_on(turn)

    async def start(self, turn: Turn, act: Act, scene: str, slots: Mapping[str, Slot]) -> None:
        """Begin a scene with what a scanned code has settled."""
        _expire(turn)
        await self._walk.start(turn, act, scene, slots=slots)
        await self._go_on(turn)

    async def welcome(self, turn: Turn, code: str) -> None:
        """Say ``code`` and what can be done here."""
        turn.say(code)
        await self._offers.menu(turn, "menu")

    async def remark(self, turn: Turn, code: str) -> None:
        """Say something in between, and repeat the question that stands."""
        _expire(turn)
        turn.say(code)
        await self._go_on(turn)

    async def take_paper(self, turn: Turn, media_id: str) -> bool:
        """Take a picture as the paper that was asked for last; False where none was."""
        _expire(turn)
        frame = turn.frame
        if frame is None or frame.awaiting is None or "document" not in (frame.awaiting.kind, frame.awaiting.free):
            return False
        frame.slots[frame.awaiting.slot] = Slot(media_id)
        await self._walk.advance(turn, frame)
        await self._go_on(turn)
        return True

    def also(self, choices: Mapping[str, Callable[[Turn, str], Awaitable[None]]]) -> None:
        """Have the choices of one more room done by it."""
        self._choices.update(choices)

    async def offer(self, turn: Turn, code: str, options: Sequence[Option]) -> None:
        """Ask by numbered choices outside any business; what lies below waits."""
        _expire(turn)
        self._offers.put(turn, code, options, {})

    async def come_back(self, turn: Turn) -> None:
        """Go on after a person has answered: with what was under way, else with the menu."""
        _expire(turn)
        if not turn.state.frames:
            await self._offers.menu(turn, "menu")
        await self._go_on(turn, resume=True)

    # --- what a message is ---------------------------------------------------------------------------------------

    async def _heard(self, turn: Turn, text: str, heard: Heard, lapsed: str) -> None:
        simple = cues.simple(text)
        meant = heard.first
        if await self._after.take(turn, text, simple, meant):
            turn.state.failures = turn.state.give_ups = 0
        elif meant.act is Act.HUMAN:
            await self._beside.hand_off(turn)
        elif await self._wishes.take(turn, text, simple, meant):
            turn.state.failures = turn.state.give_ups = 0
        elif turn.frame is not None and _SKIPS.match(simple):
            self._walk.skip(turn)
            turn.state.failures = turn.state.give_ups = 0
        elif cues.CANCEL_ORDER.match(simple) and await self._beside.cancel_order(turn):
            pass
        elif meant.act is Act.CANCEL and not _chooses(turn, simple):
            await self._cancel(turn)
        elif not await self._answers(turn, text, simple, meant):
            await self._queue(turn, heard.more)
            await self._understood(turn, simple, meant, lapsed)

    async def _answers(self, turn: Turn, text: str, simple: str, meant: Understanding) -> bool:
        """Take a message as the answer to what was asked last, or as a correction; False when it is neither."""
        state, frame = turn.state, turn.frame
        if state.menu is not None:
            chosen = read_option(state.menu, simple, business_day(turn.context.at))
            state.menu = None
            if chosen:
                await self._pressed(turn, chosen[0].value)
                state.failures = state.give_ups = 0
                return True
            if frame is not None and meant.act in (Act.CONFIRM, Act.DENY):
                # A yes or no to the menu is none to the price that was shown before it.
                await self._walk.advance(turn, frame)
                return True
        if frame is None or frame.awaiting is None:
            return False
        if _RENEWS.match(simple) or ("field" in (frame.awaiting.kind, frame.awaiting.free) and _NUMBER.match(simple)):
            # 换门店 with a store asked for before is no wish to go shopping, nor does a file DF20261124 ask for 电费.
            meant = Understanding(Act.OOS, None, 0.0, meant.slots)
        if self._leads_elsewhere(frame, simple, meant) and not _chooses(turn, simple):
            return False
        if await self._answering.answered(turn, frame, frame.awaiting, text, simple, meant):
            state.failures = state.give_ups = 0
            return True
        if not unnamed(simple) and await self._accounts.switch(turn, frame, simple):
            amended: str | None = "amended"
        else:
            amended = await self._amending.amend(turn, frame, text, simple, meant)
        if amended is None:
            return False
        state.failures = state.give_ups = 0
        if amended:
            turn.say(amended)
        await self._walk.advance(turn, frame)
        return True

    def _leads_elsewhere(self, frame: Frame, simple: str, meant: Understanding) -> bool:
        """Tell whether a message is plainly about something else than the business on top."""
        if meant.confidence < self._router.threshold:
            return False
        if meant.scene is not None and meant.scene != frame.scene and meant.confidence >= _PLAINLY:
            return True
        return meant.act in _OF_THEIR_OWN and meant.act not in (Act.CONFIRM, Act.DENY)

    # --- what a message that is no answer wants ------------------------------------------------------------------

    async def _understood(self, turn: Turn, simple: str, meant: Understanding, lapsed: str) -> None:
        state, frame = turn.state, turn.frame
        vague = meant.act is Act.OOS or meant.confidence < self._router.threshold
        if cues.ANEW.match(simple):
            if frame is None:
                await self._offers.menu(turn, "menu")
            else:
                await self._amending.begin_again(turn, frame)
                await self._walk.advance(turn, frame)
        elif frame is not None and self._stays(frame, simple, meant, vague):
            if self._opens(meant) and not vague:
                await self._amending.ask_again(frame, meant, simple)
            elif meant.act is Act.HELP or cues.UNSURE.match(simple):
                turn.say("take_your_time")
            await self._walk.advance(turn, frame)
        elif frame is not None and cues.NO.match(simple) and not simple.isdigit():
            self._walk.cancel(turn)
        elif vague or meant.act in (Act.CONFIRM, Act.DENY):
            await self._not_understood(turn, meant, simple, lapsed)
            return
        else:
            await self._act(turn, meant, simple)
        state.failures = state.give_ups = 0

    def _stays(self, frame: Frame, simple: str, meant: Understanding, vague: bool) -> bool:
        """Tell whether a message without anything new only keeps the business going: 交吧, 户号在哪里看, 没看懂."""
        if (vague or meant.act is Act.HELP) and (cues.REPEAT.match(simple) or cues.UNSURE.match(simple)):
            return True
        if meant.act is Act.CONFIRM and not simple.isdigit():
            return True
        if vague or (meant.scene not in (None, frame.scene) and meant.confidence >= _PLAINLY):
            return False
        return self._opens(meant) or meant.act is Act.HELP

    def _opens(self, meant: Understanding) -> bool:
        """Tell whether a request opens a frame: a payment, a question after bills, or what its scene lets apply for."""
        scene = self._scenes.get(meant.scene or "")
        return meant.act in _FRAMED or (meant.act is Act.APPLY and scene is not None and bool(scene.applying))

    async def _act(self, turn: Turn, meant: Understanding, simple: str) -> None:
        """Do what a request wants."""
        elsewhere = meant.scene is not None and not await self._offers.is_open(turn.context, meant.scene)
        if meant.scene is not None and elsewhere and meant.act not in _BESIDE:
            turn.say("scene_not_here", {"scene": self._offers.name(meant.scene)})
            if not turn.state.frames and not turn.state.waiting:
                await self._offers.menu(turn, "menu")
        elif self._opens(meant) or (meant.act in (Act.HELP, Act.BIND) and meant.scene and not turn.state.frames):
            await self._business(turn, meant, simple)
        elif meant.act in (Act.HISTORY, Act.RECEIPT):
            await self._history.answer(turn, meant, simple)
        elif not await self._asked_elsewhere(turn, meant, simple):
            await self._beside.answer(turn, meant, simple)

    async def _asked_elsewhere(self, turn: Turn, meant: Understanding, simple: str) -> bool:
        """Ask what is applied for, or keep an account; False where a request wants neither."""
        if meant.act is Act.APPLY and meant.scene is None:
            return await self._offers.applying(turn)
        binds = meant.act is Act.BIND and not cues.UNBIND.search(simple)
        return binds and await self._accounts.bind(turn, meant)

    async def _business(self, turn: Turn, meant: Understanding, simple: str) -> None:
        may_name = bool(simple) and meant.act in _FRAMED and (meant.scene is None or names_several(simple))
        if may_name and await self._accounts.begin(turn, meant, simple):
            return
        if meant.scene is None:
            await self._offers.menu(turn, "which_scene", act=meant.act)
            return
        act = meant.act if self._opens(meant) or meant.act is Act.BIND else Act.QUERY
        if meant.act is Act.HELP:
            turn.say("how_to", {"scene": self._offers.name(meant.scene)})
        heard = {name: str(value) for name, value in meant.slots.items()}
        heard["words"] = simple
        amount = heard.pop("amount", None)
        slots = {"amount": Slot(amount)} if amount and act in (Act.PAY, Act.APPLY) else {}
        unsaved = UNSAVED.search(simple) is not None
        await self._walk.start(turn, act, meant.scene, heard=heard, slots=slots, unsaved=unsaved)

    async def _not_understood(self, turn: Turn, meant: Understanding, simple: str, lapsed: str) -> None:
        """Say so, and offer what is likely; after three times the menu with a person, after three more the person."""
        state = turn.state
        if not state.frames and await self._accounts.guess(turn, meant, simple):
            state.failures = state.give_ups = 0
            return
        if lapsed:
            await self._offers.menu(turn, "lapsed", first=lapsed)
            return
        if meant.act is Act.CONFIRM and not state.frames and await self._beside.remind(turn):
            return
        state.failures += 1
        if state.failures >= FAILURES:
            state.failures = 0
            state.give_ups += 1
            state.frames.clear()
            if state.give_ups > 1:
                await self._beside.hand_off(turn)
            else:
                await self._offers.menu(turn, "give_up", human=True)
        elif turn.frame is not None:
            turn.say("not_understood")
            await self._walk.advance(turn, turn.frame)
        elif meant.scene is not None and meant.scene in self._scenes:
            await self._offers.menu(turn, "did_you_mean", first=meant.scene)
        else:
            await self._offers.menu(turn, "out_of_scope")

    async def _pressed(self, turn: Turn, key: str) -> None:
        verb, _, rest = key.partition(":")
        turn.state.menu = None
        if verb == "act" and rest in set(Act):
            await self._act(turn, Understanding(Act(rest), None, 1.0), "")
        elif verb in ("pay", "query", "apply") and rest:
            await self._act(turn, Understanding(Act(verb), rest, 1.0), "")
        elif verb in self._choices:
            await self._choices[verb](turn, rest)
        else:
            await self._offers.menu(turn, "menu")

    async def _cancel(self, turn: Turn) -> None:
        turn.state.failures = turn.state.give_ups = 0
        if turn.frame is not None:
            self._walk.cancel(turn)
        elif turn.state.waiting:
            turn.state.waiting.clear()
            turn.say("cancelled")
        elif turn.state.menu is not None and turn.state.menu.options[0].value.partition(":")[0] in self._choices:
            turn.state.menu = None
            turn.say("left_as_is")
        else:
            await self._offers.menu(turn, "nothing_to_cancel")

    async def _item_gone(self, turn: Turn, gone: NotFound) -> None:
        """Give up what is about an item or a store that the operator has removed meanwhile."""
        log.warning("talk.item_gone", code=gone.code, trace_id=turn.context.trace_id)
        turn.state.frames.clear()
        turn.texts.clear()
        turn.say("trouble")
        await self._offers.menu(turn, "menu")

    # --- going on ------------------------------------------------------------------------------------------------

    async def _go_on(self, turn: Turn, *, resume: bool = False) -> None:
        """Until something is asked, go on with what lay below, then with the requests that were queued."""
        for _ in range(2 * _MOST_WAITING + 3):
            if turn.asked:
                return
            frame = turn.frame
            if frame is not None:
                if turn.texts or resume:
                    turn.say("resume", {"scene": self._offers.name(frame.scene)})
                await self._walk.advance(turn, frame)
            elif turn.state.waiting:
                following = turn.state.waiting.pop(0)
                called = str(following.slots.get("called", ""))
                turn.say("next", {"scene": f"{called}{self._offers.name(following.scene or '')}"})
                await self._act(turn, following, "")
            else:
                return

    async def _queue(self, turn: Turn, more: Sequence[Understanding]) -> None:
        """Keep further requests of a message for later, and say so; what is not open here is said at once."""
        for each in more:
            if each.scene is not None and not await self._offers.is_open(turn.context, each.scene):
                turn.say("scene_not_here", {"scene": self._offers.name(each.scene)})
        under_way = {frame.scene for frame in turn.state.frames}
        open_here = [
            each
            for each in more
            if each.scene is not None
            and each.scene not in under_way
            and await self._offers.is_open(turn.context, each.scene)
        ]
        turn.state.waiting = [*turn.state.waiting, *open_here][:_MOST_WAITING]
        if open_here and turn.state.waiting:
            turn.say("queued", {"scenes": [self._offers.name(each.scene or "") for each in turn.state.waiting]})


def _chooses(turn: Turn, simple: str) -> bool:
    """Tell whether a message is a choice that only sounds like the end of it (第二笔先不交) or another scene (租房)."""
    awaiting = turn.frame.awaiting if turn.frame is not None else None
    if awaiting is None or awaiting.kind != "choice":
        return False
    chosen = bool(read_option(awaiting, simple, business_day(turn.context.at)))
    if awaiting.free == "document" or any(cues.simple(option.label) == simple for option in awaiting.options):
        return chosen
    return chosen and awaiting.several and not cues.CANCEL.match(simple)


def _expire(turn: Turn) -> str:
    """Drop what has waited too long; return the scene that was under way, for one polite word about it."""
    state, at = turn.state, turn.context.at
    alive = [frame for frame in state.frames if frame.expires_at > at]
    lapsed = state.frames[-1].scene if state.frames and not alive else ""
    state.frames = alive
    if state.seen_at is not None and at - state.seen_at > FRAME_LIFE:
        state.menu = None
        state.waiting.clear()
        state.failures = state.give_ups = 0
    state.seen_at = at
    return lapsed
