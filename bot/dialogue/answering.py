"""Reads a message as the answer to the question of the business on top, and says where a number in it is wrong."""

from collections.abc import Mapping
from typing import Final

from bot.billers.items import InputField
from bot.dialogue import cues
from bot.dialogue.acts import Act, Understanding
from bot.dialogue.flaws import flaw_of
from bot.dialogue.reading import read_amount, read_field, read_option, read_text
from bot.dialogue.scene import Scene
from bot.dialogue.session import Awaiting, Frame, Slot
from bot.dialogue.turn import Turn
from bot.dialogue.walk import FAILURES, Walk
from bot.kernel.clock import business_day

# What a number may be instead of a mistyped account.
_FLAWED: Final = frozenset({"amount", "period", "plate"})


class Answering:
    """Fills the slot that was asked for; ``threshold`` is how sure the router must be that a scene is named."""

    def __init__(self, threshold: float, scenes: Mapping[str, Scene], walk: Walk) -> None:
        self._threshold = threshold
        self._scenes = scenes
        self._walk = walk

    async def answered(
        self, turn: Turn, frame: Frame, awaiting: Awaiting, text: str, simple: str, meant: Understanding
    ) -> bool:
        """Read a message as the answer to the question of a frame; False when it is none."""
        if awaiting.kind == "confirm":
            if cues.YES.match(simple):
                await self._walk.confirm(turn, frame)
                return True
            if cues.NO.match(simple):
                self._walk.cancel(turn)
                return True
            return False
        if meant.act in (Act.CONFIRM, Act.DENY) and awaiting.kind in ("text", "field"):
            return False
        if awaiting.kind == "choice":
            chosen = read_option(awaiting, simple, business_day(turn.context.at))
            if chosen:
                _choose(frame, awaiting, [(option.value, option.also) for option in chosen])
                await self._walk.advance(turn, frame)
                return True
        if any(cue.search(simple) for cue in (cues.UNSURE, cues.BARE, cues.REPEAT, cues.CORRECTION)):
            return False
        value = await self._value(turn, frame, awaiting, text, meant)
        if await self._flawed(turn, frame, awaiting, text, meant):
            return True
        # 交物业费 would pass for the name of an owner; it names the scene, and no number as an account does.
        named = meant.scene is not None and meant.confidence >= self._threshold
        if value is None or (named and not any(char.isdigit() for char in value)):
            return False
        frame.slots[awaiting.slot] = Slot(value)
        frame.quote = None
        turn.took = awaiting.slot
        if awaiting.slot == "account" and "name" in meant.slots:
            frame.heard["name"] = str(meant.slots["name"])
        await self._walk.advance(turn, frame)
        return True

    async def _value(self, turn: Turn, frame: Frame, awaiting: Awaiting, text: str, meant: Understanding) -> str | None:
        kind = awaiting.free if awaiting.kind == "choice" else awaiting.kind
        if kind == "amount":
            amount = read_amount(text)
            return None if amount is None else str(amount)
        if kind == "field":
            field = await self._field(turn, frame, awaiting.slot)
            return None if field is None else read_field(field, text, meant.slots)
        return read_text(text) if kind == "text" else None

    async def _flawed(self, turn: Turn, frame: Frame, awaiting: Awaiting, text: str, meant: Understanding) -> bool:
        """Say in what way a number that was asked for is wrong and ask again; False where it may be right."""
        kind = awaiting.free if awaiting.kind == "choice" else awaiting.kind
        field = await self._field(turn, frame, awaiting.slot) if kind == "field" else None
        if field is None or not _FLAWED.isdisjoint(meant.slots):
            return False
        flaw = flaw_of(field, text, business_day(turn.context.at))
        if flaw is None:
            return False
        frame.retries += 1
        turn.took = awaiting.slot
        if frame.retries >= FAILURES:
            await self._walk.advance(turn, frame)
        else:
            turn.ask("flaw", flaw)
        return True

    async def _field(self, turn: Turn, frame: Frame, slot: str) -> InputField | None:
        scene = self._scenes.get(frame.scene)
        kind = scene.kind_of(frame) if scene is not None else None
        if kind is not None:
            return next((blank for blank in kind.blanks if blank.key == slot), None)
        definition = (await turn.context.catalogue.item(frame.slots["item"].value)).definition
        if slot == "account":
            return definition.account
        return next((field for field in definition.fields if field.key == slot), None)


def _choose(frame: Frame, awaiting: Awaiting, chosen: list[tuple[str, Mapping[str, str]]]) -> None:
    """Fill the slots of the chosen options; an option without a value asks for something else than is offered."""
    values = [value for value, _ in chosen if value]
    frame.quote = None
    if not values:
        frame.anew = True
        return
    if awaiting.slot == "bills":
        frame.drop("amount")
    frame.slots[awaiting.slot] = Slot("\n".join(values), "saved" if chosen[0][1] else "customer")
    for name, value in chosen[0][1].items():
        frame.slots[name] = Slot(value, "saved")
