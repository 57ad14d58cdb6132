"""One turn of a conversation as a pure walk over its state: read the answer, move the frames, choose the words."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from bot.billers.items import InputField
from bot.billers.port import Refusal
from bot.dialogue import cues
from bot.dialogue.acts import Act, Router, Understanding
from bot.dialogue.after import AfterSales
from bot.dialogue.numbers import parse_amount, parse_choice
from bot.dialogue.scene import Context, Scene
from bot.dialogue.session import FRAME_LIFE, Awaiting, Frame, Slot, State
from bot.dialogue.steps import Abort, Ask, Done, Facts, Menu, Option, Outcome, Pay
from bot.kernel.text import normalise

Say = Callable[[str, str, Facts], str]

_MOST_FRAMES: Final = 3
_MOST_STEPS: Final = 12
_FAILURES: Final = 3
_TOKEN: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z·-]{1,63}")
# Which slot of the router fills which slot of a frame.
_ROUTED: Final = ("amount", "period", "account", "phone", "plate", "name")
_FRAMED: Final = frozenset({Act.PAY, Act.QUERY})


@dataclass(frozen=True, slots=True)
class Said:
    """The words of one turn, in order, and whether a person takes over from here."""

    texts: tuple[str, ...]
    hand_off: bool = False


class Talk:
    """What a message does to a conversation. Holds no state of its own."""

    def __init__(
        self, router: Router, scenes: Mapping[str, Scene], after: AfterSales, say: Say, cashier_url: str
    ) -> None:
        self._router = router
        self._scenes = scenes
        self._after = after
        self._say = say
        self._cashier_url = cashier_url

    async def hear(self, state: State, context: Context, text: str) -> Said:
        """Answer what a customer wrote or said."""
        text = normalise(text)
        self._expire(state, context)
        frame = state.frames[-1] if state.frames else None
        if frame is not None and frame.awaiting is not None:
            read = await self._answer(state, context, frame, text)
            if read is not None:
                state.failures = 0
                return read
        elif state.menu is not None:
            places = parse_choice(text, len(state.menu.options))
            if places is not None:
                return await self.press(state, context, state.menu.options[places[0]].value)
        heard = self._router.understand(text)
        state.waiting.extend(heard.more)
        return await self._understood(state, context, heard.first, text)

    async def press(self, state: State, context: Context, key: str) -> Said:
        """Do what a menu entry or a numbered choice names: ``pay:property``, ``act:history``, ``act:human``."""
        verb, _, rest = key.partition(":")
        state.menu = None
        if verb == "act":
            return await self._act(state, context, Understanding(Act(rest), None, 1.0))
        if verb in ("pay", "query") and rest in self._scenes:
            return await self.start(state, context, Act(verb), rest, {})
        return self._menu(state, "menu")

    async def start(self, state: State, context: Context, act: Act, scene: str, slots: Mapping[str, Slot]) -> Said:
        """Open a frame and walk it as far as it goes."""
        found = self._scenes.get(scene)
        if found is None:
            return self._menu(state, "scene_not_here")
        if len(state.frames) >= _MOST_FRAMES:
            state.frames.pop(0)
        frame = Frame(scene=scene, act=act, expires_at=context.at + FRAME_LIFE, slots=dict(slots))
        state.frames.append(frame)
        return await self._advance(state, context, frame)

    def _expire(self, state: State, context: Context) -> None:
        state.frames = [frame for frame in state.frames if frame.expires_at > context.at]

    async def _answer(self, state: State, context: Context, frame: Frame, text: str) -> Said | None:
        """Read a message as the answer to what was asked; None when it is none."""
        awaiting = frame.awaiting
        assert awaiting is not None, "only a frame that asked is answered"
        if awaiting.kind == "confirm":
            if cues.YES.match(text):
                return await self._confirmed(state, context, frame)
            if cues.NO.match(text) or cues.CANCEL.match(text):
                return await self._cancelled(state, context)
            return None
        if cues.CANCEL.match(text):
            return await self._cancelled(state, context)
        value = await self._value(context, frame, awaiting, text)
        if value is None:
            return None
        frame.slots[awaiting.slot] = Slot(value)
        return await self._advance(state, context, frame)

    async def _value(self, context: Context, frame: Frame, awaiting: Awaiting, text: str) -> str | None:
        if awaiting.kind == "choice":
            places = parse_choice(text, len(awaiting.options), several=awaiting.several)
            if places is not None:
                return "\n".join(awaiting.options[place].value for place in places)
            for option in awaiting.options:
                if option.label == text:
                    return option.value
        kind = awaiting.free if awaiting.kind == "choice" else awaiting.kind
        if kind == "amount":
            amount = parse_amount(text)
            return None if amount is None else str(amount)
        if kind == "field":
            field = await self._field(context, frame, awaiting.slot)
            return None if field is None else _fitting(field, text)
        return text[:128] if kind == "text" and text else None

    async def _field(self, context: Context, frame: Frame, slot: str) -> InputField | None:
        definition = (await context.catalogue.item(frame.slots["item"].value)).definition
        if slot == "account":
            return definition.account
        return next((field for field in definition.fields if field.key == slot), None)

    async def _understood(self, state: State, context: Context, meant: Understanding, text: str) -> Said:
        frame = state.frames[-1] if state.frames else None
        if frame is not None and (meant.slots or meant.scene == frame.scene):
            corrected = await self._corrected(state, context, frame, meant, text)
            if corrected is not None:
                return corrected
        if meant.act is Act.CANCEL or (meant.act is Act.DENY and frame is not None):
            return await self._cancelled(state, context)
        if meant.act is Act.OOS or meant.confidence < self._router.threshold or meant.act in (Act.CONFIRM, Act.DENY):
            return await self._not_understood(state, context, meant)
        state.failures = 0
        return await self._act(state, context, meant)

    async def _corrected(
        self, state: State, context: Context, frame: Frame, meant: Understanding, text: str
    ) -> Said | None:
        """Replace what the customer corrects, keep the other slots, and void the quote."""
        same = meant.scene in (None, frame.scene) and meant.act in (Act.PAY, Act.QUERY, Act.OOS, Act.BIND)
        correcting = cues.CORRECTION.search(text) is not None and (meant.scene in (None, frame.scene))
        if not (correcting or (same and meant.slots)):
            return None
        fresh = await self._fitting_slots(context, frame, meant, text)
        if not fresh:
            return None
        if "account" in fresh:
            frame.found = None
            frame.slots.pop("bills", None)
        frame.slots.update(fresh)
        frame.quote = None
        state.failures = 0
        return await self._advance(state, context, frame)

    async def _fitting_slots(self, context: Context, frame: Frame, meant: Understanding, text: str) -> dict[str, Slot]:
        slots = {name: Slot(str(meant.slots[name]), "router") for name in ("amount", "period") if name in meant.slots}
        if "item" in frame.slots:
            field = await self._field(context, frame, "account")
            account = None if field is None else _fitting(field, str(meant.slots.get("account", "")) or text)
            if account is not None:
                slots["account"] = Slot(account)
        return slots

    async def _act(self, state: State, context: Context, meant: Understanding) -> Said:
        if meant.act in _FRAMED or (meant.act is Act.HELP and meant.scene and not state.frames):
            return await self._business(state, context, meant)
        if meant.act is Act.HUMAN:
            state.frames.clear()
            await self._after.hand_off(context, state.heard)
            return Said((self._say("handed_off", state.script, {}),), hand_off=True)
        if meant.act is Act.GREET:
            return await self._resumed(state, context, self._say("greeting", state.script, self._offer(state)))
        code, facts = await self._after.answer(context, meant, state.heard)
        return await self._resumed(state, context, self._say(code, state.script, facts))

    async def _business(self, state: State, context: Context, meant: Understanding) -> Said:
        if meant.scene is None:
            return self._menu(state, "which_scene")
        act = Act.QUERY if meant.act is Act.HELP else meant.act
        slots = {name: Slot(str(meant.slots[name]), "router") for name in _ROUTED if name in meant.slots}
        said = await self.start(state, context, act, meant.scene, slots)
        if meant.act is Act.HELP:
            how = self._say("how_to", state.script, {"scene": self._scene_name(meant.scene)})
            return replace(said, texts=(how, *said.texts))
        return said

    async def _advance(self, state: State, context: Context, frame: Frame) -> Said:
        """Walk the steps until one has something to say."""
        scene = self._scenes[frame.scene]
        await self._check_account(context, frame)
        for step in scene.steps[:_MOST_STEPS]:
            outcome = await step(scene, context, frame)
            if outcome is not None:
                return await self._present(state, context, frame, outcome)
        raise AssertionError(f"the last step of {scene.key} said nothing")

    async def _check_account(self, context: Context, frame: Frame) -> None:
        """Keep an account that the router picked out of a sentence only if the item accepts its form."""
        slot = frame.slots.get("account")
        if slot is None or slot.source != "router":
            return
        items = await context.catalogue.items(frame.scene, context.merchants)
        for item in items:
            field = item.definition.account
            value = _fitting(field, slot.value) if field else None
            if value is not None:
                frame.slots["account"] = Slot(value)
                frame.slots.setdefault("item", Slot(item.id, "default"))
                return
        del frame.slots["account"]

    async def _present(self, state: State, context: Context, frame: Frame, outcome: Outcome) -> Said:
        """Turn what a step said into words, and remember what was asked."""
        if isinstance(outcome, Ask):
            frame.awaiting = Awaiting(outcome.slot, outcome.kind)
            if frame.retries >= _FAILURES:
                return await self._give_up(state, context)
            return Said((self._say(outcome.code, state.script, outcome.facts),))
        if isinstance(outcome, Menu):
            frame.awaiting = Awaiting(outcome.slot, "choice", list(outcome.options), outcome.several, outcome.free)
            facts = {**outcome.facts, "options": outcome.options, "several": outcome.several, "act": frame.act.value}
            return Said((self._say(outcome.code, state.script, facts),))
        if isinstance(outcome, Pay):
            frame.awaiting = Awaiting("confirm", "confirm")
            return Said((self._say("confirm_pay", state.script, {**outcome.facts, "quote": outcome.quote}),))
        assert isinstance(outcome, Done | Abort), "outcomes are a closed set"
        if frame in state.frames:
            state.frames.remove(frame)
        facts = {**outcome.facts, "cashier_url": self._cashier_url}
        return await self._resumed(state, context, self._say(outcome.code, state.script, facts))

    async def _confirmed(self, state: State, context: Context, frame: Frame) -> Said:
        """Place the order that was shown and agreed to, and hand out the way to the cashier."""
        quote = frame.quote
        if quote is None or quote.expires_at <= context.at:
            frame.quote = None
            fresh = await self._advance(state, context, frame)
            return replace(fresh, texts=(self._say("quote_expired", state.script, {}), *fresh.texts))
        order = await context.orders.place(
            quote,
            customer_id=context.customer_id,
            channel=context.channel,
            account=context.account,
            trace_id=context.trace_id,
        )
        state.frames.remove(frame)
        if isinstance(order, Refusal):
            code = f"refused_{order.code}"
            return await self._resumed(state, context, self._say(code, state.script, order.facts))
        url = f"{self._cashier_url}/{order.token}"
        return await self._resumed(
            state, context, self._say("pay_link", state.script, {"order": order, "url": url, "quote": quote})
        )

    async def _cancelled(self, state: State, context: Context) -> Said:
        if not state.frames:
            state.waiting.clear()
            return self._menu(state, "nothing_to_cancel")
        state.frames.pop()
        return await self._resumed(state, context, self._say("cancelled", state.script, {}))

    async def _resumed(self, state: State, context: Context, *texts: str) -> Said:
        """Say ``texts``, then go on with what lay below or what was queued."""
        if state.frames:
            below = await self._advance(state, context, state.frames[-1])
            scene = self._scene_name(state.frames[-1].scene) if state.frames else ""
            lead = self._say("resume", state.script, {"scene": scene}) if scene else ""
            return replace(below, texts=(*texts, *filter(None, (lead,)), *below.texts))
        if state.waiting:
            following = await self._act(state, context, state.waiting.pop(0))
            return replace(following, texts=(*texts, *following.texts))
        return Said(tuple(texts))

    async def _not_understood(self, state: State, context: Context, meant: Understanding) -> Said:
        state.failures += 1
        if state.failures >= _FAILURES:
            return await self._give_up(state, context)
        if state.frames:
            again = await self._advance(state, context, state.frames[-1])
            return replace(again, texts=(self._say("not_understood", state.script, {}), *again.texts))
        if meant.scene is not None and meant.scene in self._scenes:
            return self._menu(state, "did_you_mean", first=meant.scene)
        return self._menu(state, "out_of_scope")

    async def _give_up(self, state: State, context: Context) -> Said:
        """After three failures offer the menu, and a person as its last entry."""
        state.failures = 0
        state.frames.clear()
        return self._menu(state, "give_up", human=True)

    def _menu(self, state: State, code: str, *, first: str = "", human: bool = False) -> Said:
        offer = self._offer(state, first=first, human=human)
        return Said((self._say(code, state.script, offer),))

    def _offer(self, state: State, *, first: str = "", human: bool = False) -> dict[str, object]:
        """Remember and return the numbered choices that are open outside any frame."""
        keys = sorted(self._scenes, key=lambda key: key != first)
        options = [Option(self._scene_name(key), f"pay:{key}") for key in keys[:6]]
        options.append(Option("history", "act:history"))
        if human:
            options.append(Option("human", "act:human"))
        state.menu = Awaiting("menu", "choice", options)
        return {"options": options}

    def _scene_name(self, key: str) -> str:
        return self._scenes[key].name if key in self._scenes else ""


def _fitting(field: InputField, text: str) -> str | None:
    """Return the value of a field inside a message: the whole message, or the one word in it that fits."""
    whole = field.canonical(normalise(text))
    if field.accepts(whole):
        return whole
    for word in _TOKEN.findall(normalise(text)):
        value = field.canonical(word)
        if field.accepts(value):
            return value
    return None
