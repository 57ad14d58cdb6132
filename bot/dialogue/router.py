"""Understands messages by the words of the table and of the scenes; a learned router can take its place."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from bot.dialogue import cues
from bot.dialogue.acts import SCENELESS, Act, Heard, Understanding
from bot.dialogue.scene import Scene
from bot.dialogue.slots import SlotReader
from bot.dialogue.topics import TOPICS

_LATIN: Final = re.compile(r"[a-z0-9]")
_READ_MAX: Final = 200
_MOST: Final = 3
# How sure one is of a request that names its scene and its act, its act alone, or its scene alone.
_BOTH: Final = (0.45, 0.5)
_SCENE_ALONE: Final = (0.3, 0.5)
_ACT_ALONE: Final = 0.9
_VAGUE_ACT_ALONE: Final = 0.65
_VAGUE: Final = frozenset({Act.PAY, Act.QUERY, Act.HELP, Act.APPLY})
_STRENGTH_OF_HINT: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Mention:
    """A word of a scene inside a text."""

    scene: str
    strength: float
    start: int
    end: int


class KeywordRouter:
    """Implements ``Router``. Deterministic; a message costs tens of microseconds."""

    threshold = 0.6

    def __init__(self, scenes: Sequence[Scene], today: Callable[[], date]) -> None:
        strong = {word: topic.key for topic in TOPICS.values() for word in topic.words}
        strong |= {cues.simple(word): scene.key for scene in scenes for word in (*scene.words, scene.name)}
        weak = {word: topic.key for topic in TOPICS.values() for word in topic.hints}
        self._meant = {word: (key, _STRENGTH_OF_HINT) for word, key in weak.items()}
        self._meant |= {word: (key, 1.0) for word, key in strong.items()}
        # By first character, longer words first: a message is read in one pass, however many words there are.
        self._words: dict[str, list[str]] = {}
        for word in sorted(self._meant, key=len, reverse=True):
            self._words.setdefault(word[0], []).append(word)
        self._reader = SlotReader(word for scene in scenes for word in scene.account_words)
        self._examples = {cues.simple(text): (Act(act), scene.key) for scene in scenes for text, act in scene.examples}
        self._today = today

    def understand(self, text: str) -> Heard:
        """Return the requests of a message; one that holds nothing of ours is out of scope with confidence 0."""
        simple = cues.simple(text[:_READ_MAX])
        whole = self._one(simple)
        if whole.scene is None or whole.confidence < self.threshold:
            return Heard(whole)
        parts = self._parts(simple)
        if len(parts) < 2:
            return Heard(whole)
        requests = [self._one(part) for part in parts]
        # 电费和水费都交了: the act is said once for both.
        requests = [
            each if _has_act(part) else replace(each, act=whole.act, confidence=whole.confidence)
            for part, each in zip(parts, requests, strict=False)
        ]
        return Heard(requests[0], tuple(requests[1:]))

    def _parts(self, text: str) -> list[str]:
        """Split a text into at most ``_MOST`` requests, each of a scene of its own; what names one scene stays whole.

        The text is read once, however many gaps it has: a stranger may write nothing else.
        """
        parts: list[str] = []
        start = 0
        mentions = list(self._mentions(text))
        for gap in cues.SPLIT.finditer(text):
            before = _decisive(each for each in mentions if start <= each.start and each.end <= gap.start())
            after = next((each for each in mentions if each.start >= gap.end()), None)
            if before and after and before.strength == 1.0 and before.scene != after.scene:
                parts.append(text[start : gap.start()])
                start = gap.end()
            if len(parts) == _MOST:
                return parts
        return [*parts, text[start:]]

    def _one(self, text: str) -> Understanding:
        known = self._examples.get(text)
        if known is not None:
            return Understanding(known[0], known[1], 1.0, self._reader.read(text, self._today()))
        plain = _conversational(text)
        if plain is not None:
            return plain
        act = next((act for act, cue in cues.CUES if cue.search(text)), None)
        if act is not None and act in SCENELESS:
            return Understanding(act, None, 0.95)
        mention = _decisive(self._mentions(text))
        slots = self._reader.read(text, self._today())
        if cues.ELSEWHERE.search(text) or (act in (Act.PAY, None) and cues.TOLD.search(text)):
            return Understanding(Act.OOS, None, 0.0, slots)
        if mention is None:
            sure = 0.0 if act is None else _VAGUE_ACT_ALONE if act in _VAGUE else _ACT_ALONE
            return Understanding(act or Act.OOS, None, sure, slots)
        if mention.scene in cues.APPLIED and act in (None, Act.PAY, Act.RECEIPT):
            act = Act.APPLY
        base, more = _SCENE_ALONE if act is None else _BOTH
        return Understanding(act or Act.PAY, mention.scene, base + more * mention.strength, slots)

    def _mentions(self, text: str) -> Iterator[_Mention]:
        place = 0
        while place < len(text):
            word = next((word for word in self._words.get(text[place], ()) if _stands(text, word, place)), None)
            if word is None:
                place += 1
                continue
            scene, strength = self._meant[word]
            yield _Mention(scene, strength, place, place + len(word))
            place += len(word)


def _decisive(mentions: Iterable[_Mention]) -> _Mention | None:
    """Return the mention that decides: of the plainest the last, where the head of a phrase stands (物业的水费)."""
    best = None
    for mention in mentions:
        if best is None or mention.strength >= best.strength:
            best = mention
    return best


def _stands(text: str, word: str, place: int) -> bool:
    """Tell whether a word stands at a place; one of Latin letters stands there whole."""
    if not text.startswith(word, place):
        return False
    end = place + len(word)
    return not word.isascii() or not (_LATIN.match(text, end) or (place and _LATIN.match(text, place - 1)))


def _has_act(text: str) -> bool:
    return any(cue.search(text) for _, cue in cues.CUES)


def _conversational(text: str) -> Understanding | None:
    for pattern, act in (
        (cues.CANCEL, Act.CANCEL),
        (cues.GREETING, Act.GREET),
        (cues.THANKS, Act.GREET),
        (cues.YES, Act.CONFIRM),
        (cues.NO, Act.DENY),
        (cues.WRONG, Act.DENY),
    ):
        if pattern.match(text):
            return Understanding(act, None, 0.95)
    return None
