"""Corrections: what the customer gives anew replaces what was there, other slots stay, and the quote is void."""

import re
from collections.abc import Mapping
from typing import Final

from bot.billers.items import ItemDefinition
from bot.dialogue import cues
from bot.dialogue.acts import Act, Understanding
from bot.dialogue.reading import corrected_fields, instead, label_words, read_amount, read_field
from bot.dialogue.scene import Scene
from bot.dialogue.session import Frame, Slot
from bot.dialogue.turn import Turn

_CORRECTING: Final = frozenset({Act.PAY, Act.QUERY, Act.OOS, Act.BIND, Act.DENY, Act.WRONG_ACCOUNT, Act.APPLY})
# What can be asked for anew by a word for it, besides the fields that an item names.
_NAMED: Final = (
    ("amount", re.compile(r"金额|钱数|数额|amount")),
    ("bills", re.compile(r"账单|月份|哪几笔|bills?")),
    ("store", re.compile(r"门店|店|store|shop")),
    ("item", re.compile(r"收费单位|公司|单位|小区|company")),
)
_ACCOUNT: Final = re.compile(r"户号|账号|账户|号码|房号|房子|account|number")


class Amending:
    """Changes the slots of a frame; the caller walks it afterwards."""

    def __init__(self, scenes: Mapping[str, Scene]) -> None:
        self._scenes = scenes

    async def amend(self, turn: Turn, frame: Frame, text: str, simple: str, meant: Understanding) -> str | None:
        """Take a message as a correction; return the code of what to say about it, None when it is no correction.

        A corrected sum or choice of bills needs no words: the price that follows shows it.
        """
        if meant.scene not in (None, frame.scene) or (meant.act not in _CORRECTING and not _correcting(simple)):
            return None
        definition = await self._definition(turn, frame)
        if definition is None:
            return None
        if cues.WRONG.match(simple):
            return "choose_again" if self._step_back(frame, definition) else None
        words = self._scenes[frame.scene].account_words
        said = self._said(frame, definition, text, simple, meant, words)
        if said:
            turn.took = ",".join(said)
            _put(frame, definition, {name: value for name, value in said.items() if frame.get(name) != value})
            if meant.scene is not None and meant.act in (Act.PAY, Act.QUERY) and not _correcting(simple):
                # A whole request (查电费 0512345678), said while another of its kind was open.
                frame.act, frame.found = meant.act, None
                return ""
            return "" if said.keys() <= {"amount", "bills"} else "amended"
        anew = self._asked_anew(definition, simple, words)
        if anew and anew in frame.slots:
            _forget(frame, definition, anew)
            return "choose_again"
        return None

    async def begin_again(self, turn: Turn, frame: Frame) -> None:
        """Go back to the last choice: of bills where some were found, else of the account."""
        definition = await self._definition(turn, frame)
        if definition is None or not self._step_back(frame, definition):
            frame.slots.clear()
            frame.found = frame.quote = None

    async def ask_again(self, frame: Frame, meant: Understanding, simple: str) -> None:
        """Take the wish to pay (or to look) once more, and look afresh; what came with it counts.

        The words are kept as ``again``: they may name another item of the scene, another day, another number.
        """
        if frame.awaiting is not None and frame.awaiting.kind == "confirm":
            frame.drop("bills")
        frame.act, frame.found, frame.quote = meant.act, None, None
        frame.heard = {**{name: str(value) for name, value in meant.slots.items()}, "again": simple}

    async def _definition(self, turn: Turn, frame: Frame) -> ItemDefinition | None:
        scene = self._scenes.get(frame.scene)
        kind = scene.kind_of(frame) if scene is not None else None
        if kind is not None:
            return kind.definition
        item = frame.get("item")
        return None if item is None else (await turn.context.catalogue.item(item)).definition

    def _said(
        self,
        frame: Frame,
        definition: ItemDefinition,
        text: str,
        simple: str,
        meant: Understanding,
        words: tuple[str, ...],
    ) -> dict[str, str]:
        """Return the slots that a message gives, each in its canonical form; the same as before counts, too."""
        correcting = _correcting(simple)
        fresh = corrected_fields(definition, text, meant.slots, words)
        fresh |= _of_the_tried(frame, definition, text, meant)
        asked = frame.awaiting.slot if frame.awaiting else ""
        field = next((field for field in definition.fields if field.key == asked), None)
        if correcting and not fresh and field is not None:
            value = read_field(field, instead(text), {})
            fresh |= {asked: value} if value else {}
        if "account" not in fresh and _takes_amount(frame):
            amount = read_amount(instead(simple) if correcting else simple)
            if amount is not None:
                fresh["amount"] = str(amount)
        if frame.found is not None and "period" in meant.slots and "account" not in fresh:
            numbers = [bill.bill_no for bill in frame.found.bills if bill.period == str(meant.slots["period"])]
            if numbers and not re.search(r"不[交缴付]|除", simple):
                fresh["bills"] = "\n".join(numbers)
        return fresh

    def _asked_anew(self, definition: ItemDefinition, simple: str, words: tuple[str, ...]) -> str:
        """Return the slot that a message wants to be asked for once more (换个户号, 金额错了); empty for none."""
        if not (cues.RENEW.search(simple) or _correcting(simple)):
            return ""
        for field in definition.fields:
            if any(cues.simple(word) in simple for word in label_words(field)):
                return field.key
        account = definition.account
        own = (*label_words(account), *words) if account is not None else ()
        if account is not None and (_ACCOUNT.search(simple) or any(cues.simple(word) in simple for word in own)):
            return "account"
        return next((slot for slot, pattern in _NAMED if pattern.search(simple)), "")

    def _step_back(self, frame: Frame, definition: ItemDefinition) -> bool:
        """Empty the slot that was settled last, so that its question comes again; False when there is none."""
        chosen = [name for name, slot in frame.slots.items() if slot.source in ("customer", "saved") and name != "item"]
        if not chosen:
            return False
        last = chosen[-1]
        if last in ("bills", "amount") or frame.slots[last].source == "customer":
            _forget(frame, definition, last)
        else:
            _forget(frame, definition, "account")
        return True


def _correcting(simple: str) -> bool:
    return cues.CORRECTION.search(simple) is not None


def _takes_amount(frame: Frame) -> bool:
    """Tell whether a sum in a message is about this frame: how much was asked, said, or is about to be paid."""
    awaiting = frame.awaiting
    asked = awaiting is not None and (awaiting.kind in ("amount", "confirm") or awaiting.free == "amount")
    return asked or "amount" in frame.slots


def _of_the_tried(frame: Frame, definition: ItemDefinition, text: str, meant: Understanding) -> dict[str, str]:
    """After a look-up that found nothing, let one corrected input stand beside the others that were given with it."""
    if not frame.tried:
        return {}
    for field in definition.fields:
        value = read_field(field, text, {}) if meant.act in (Act.OOS, Act.DENY) else None
        if value is not None:
            kept = {name: slot.value for name, slot in frame.tried.items() if name != field.key}
            return {**kept, field.key: value}
    return {}


def _put(frame: Frame, definition: ItemDefinition, fresh: Mapping[str, str]) -> None:
    """Write corrected slots over the old ones, and drop what hung on them."""
    if not fresh:
        return
    if "account" in fresh:
        _forget(frame, definition, "account")
    if "bills" in fresh:
        frame.drop("amount")
    if not fresh.keys() <= {"amount", "bills"}:
        frame.found = None
    frame.slots |= {name: Slot(value) for name, value in fresh.items()}
    frame.quote = None


def _forget(frame: Frame, definition: ItemDefinition, slot: str) -> None:
    """Empty a slot and what hung on it: another account has other bills, and another proof of belonging."""
    frame.drop(slot)
    if slot == "account":
        frame.anew = True
        frame.found = None
        frame.drop("bills", "called", *(field.key for field in definition.proofs))
    elif slot == "item":
        frame.slots.clear()
        frame.anew, frame.found = True, None
    elif slot not in ("amount", "bills", "store"):
        frame.found = None
