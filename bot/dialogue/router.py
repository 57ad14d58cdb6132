"""Understands messages by the words that scenes bring along; the learned router of a later release takes its place."""

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Final

from bot.dialogue import cues
from bot.dialogue.acts import SCENELESS, Act, Heard, Understanding
from bot.dialogue.numbers import find_amount, find_period
from bot.dialogue.scene import Scene
from bot.kernel.text import normalise

_PHONE: Final = re.compile(r"(?<!\d)(?:\+?86[- ]?)?(1[3-9]\d{9})(?!\d)")
_ACCOUNT: Final = re.compile(r"(?:户号|号码|账号|编号|卡号|学号|房号)[是为:：\s]*([0-9A-Za-z][0-9A-Za-z-]{3,29})")
_BARE_ACCOUNT: Final = re.compile(r"(?<![\d.¥])(\d{8,20})(?![\d.元块万])")
_ROOM: Final = re.compile(r"\d{1,3}(?:-|[栋幢座号楼])\d{1,3}(?:-|单元)\d{2,4}")
_PLATE: Final = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][·\s]?[A-HJ-NP-Z0-9]{5,6}", re.I
)
_MOST: Final = 3


class KeywordRouter:
    """Implements ``Router`` over the registered scenes. Deterministic; about 30 µs a message."""

    threshold = 0.6

    def __init__(self, scenes: Sequence[Scene], today: Callable[[], date]) -> None:
        words = [(word, scene.key) for scene in scenes for word in scene.words]
        # Longer words first, so that 物业停车费 is found before 停车.
        self._words = sorted(words, key=lambda pair: -len(pair[0]))
        self._examples = {_simple(text): (Act(act), scene.key) for scene in scenes for text, act in scene.examples}
        self._today = today

    def understand(self, text: str) -> Heard:
        """Return the requests of a message; one that holds nothing of ours is out of scope with confidence 0."""
        simple = _simple(text)
        parts = [part for part in cues.SPLIT.split(simple) if part.strip()] or [simple]
        requests: list[Understanding] = []
        for part in parts[:_MOST]:
            found = self._one(part)
            # 先交电费再查水费: a part that is about nothing belongs to the one before it.
            if requests and (found.act is Act.OOS or found.scene is None):
                continue
            requests.append(found)
        return Heard(requests[0], tuple(requests[1:]))

    def _one(self, text: str) -> Understanding:
        known = self._examples.get(text)
        if known is not None:
            return Understanding(known[0], known[1], 1.0, self._slots(text))
        plain = _conversational(text)
        if plain is not None:
            return plain
        scene, strength = self._scene(text)
        act = next((act for act, cue in cues.CUES if cue.search(text)), None)
        if act is not None and act in SCENELESS:
            return Understanding(act, None, 0.95)
        if cues.ELSEWHERE.search(text) or (act is None and scene is None):
            return Understanding(Act.OOS, None, 0.0)
        if scene is None:
            sure = 0.9 if act not in (Act.PAY, Act.QUERY, Act.HELP) else 0.65
            return Understanding(act or Act.OOS, None, sure, self._slots(text))
        if act is None:
            return Understanding(Act.PAY, scene, 0.4 + 0.3 * strength, self._slots(text))
        return Understanding(act, scene, 0.55 + 0.4 * strength, self._slots(text))

    def _scene(self, text: str) -> tuple[str | None, float]:
        """Return the scene and how plainly it is named: 1.0 for a whole fee word (电费), less for a short hint."""
        for word, scene in self._words:
            if word in text:
                return scene, 1.0 if len(word) >= 2 and not word.isascii() else 0.5
        return None, 0.0

    def _slots(self, text: str) -> dict[str, str | int]:
        slots: dict[str, str | int] = {}
        amount = find_amount(text) or _bare_amount(text)
        if amount is not None:
            slots["amount"] = amount
        period = find_period(text, self._today())
        if period is not None:
            slots["period"] = period
        phone = _PHONE.search(text)
        if phone is not None:
            slots["phone"] = phone[1]
        account = _ROOM.search(text) or _ACCOUNT.search(text) or (None if phone else _BARE_ACCOUNT.search(text))
        if account is not None:
            slots["account"] = account[account.lastindex or 0]
        plate = _PLATE.search(text)
        if plate is not None:
            slots["plate"] = re.sub(r"[·\s]", "", plate[0]).upper()
        return slots


def _simple(text: str) -> str:
    simple = normalise(text).translate(cues.SIMPLER)
    for typo, meant in cues.TYPOS:
        simple = simple.replace(typo, meant)
    return simple


def _conversational(text: str) -> Understanding | None:
    for pattern, act in (
        (cues.CANCEL, Act.CANCEL),
        (cues.GREETING, Act.GREET),
        (cues.YES, Act.CONFIRM),
        (cues.NO, Act.DENY),
    ):
        if pattern.match(text):
            return Understanding(act, None, 0.95)
    return None


def _bare_amount(text: str) -> int | None:
    """Return the fen of 充50话费 or 交两百, where the verb stands for the currency word."""
    match = re.search(r"(?:充|交|缴|付|存|捐)\s*(\d{1,6}(?:\.\d{1,2})?)(?!\d|[-年月号栋])", text)
    if match is None:
        return None
    whole, _, part = match[1].partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0")) if part else int(whole) * 100
