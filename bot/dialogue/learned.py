"""Understands messages by a trained linear model, with the words and examples of the operator's scenes on top."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from bot.dialogue import cues, model
from bot.dialogue.acts import SCENELESS, SCENES, Act, Heard, Understanding
from bot.dialogue.examples import likeness, pairs_of
from bot.dialogue.features import Reader
from bot.dialogue.model import ACTS, SCENE_PLACES, Guess, Model
from bot.dialogue.router import KeywordRouter
from bot.dialogue.scene import Scene

_READ_MAX: Final = 200
# What a whole message says by itself, told by a table that leaves no doubt: 取消, 谢谢, 好的, 不对.
_SAID_PLAINLY: Final = frozenset({Act.CANCEL, Act.GREET, Act.CONFIRM, Act.DENY})
_NO_WORD: Final = ("", 0.0)
_LETTER: Final = re.compile(r"[a-z\u3400-\u4dbf\u4e00-\u9fff]")
# An operator's own word names the scene nearly for certain; an example nearly repeated is nearly as sure as itself.
_SURE_OF_OWN_WORD: Final = 0.95
_NEARLY_SAID: Final = 0.7
_SURE_OF_NEARLY_SAID: Final = 0.9
# Even beside an operator's own word a message is none of our business where the model is this sure of it.
_SURELY_ELSEWHERE: Final = 0.9
# Where the tables hear a story or an advertisement, no payment starts unasked: the dialogue offers choices.
_DOUBTED: Final = 0.3


class LearnedRouter(KeywordRouter):
    """Implements ``Router``: acts and scenes by the model, slots and compounds as the keyword router reads them."""

    def __init__(self, scenes: Sequence[Scene], today: Callable[[], date], trained: Model | None = None) -> None:
        super().__init__(scenes, today)
        self._model = trained or model.shipped()
        self.threshold = self._model.threshold
        own = {cues.simple(word): scene.key for scene in scenes for word in (*scene.words, scene.name)}
        # Of the scenes of the closed set the model has learnt how they are named; of an operator's own it has not.
        self._own = {word: key for word, key in own.items() if key not in SCENES}
        self._features = Reader(own)
        self._likenesses = [(pairs_of(text), act, key) for text, (act, key) in self._examples.items()]

    def understand(self, text: str) -> Heard:
        """Return the requests of a message; what no feature of it was ever seen is out of scope with confidence 0."""
        simple = cues.simple(text[:_READ_MAX])
        whole = self._one(simple)
        if whole.act in SCENELESS:
            return Heard(whole)
        parts = self._parts(simple)
        if len(parts) < 2:
            return Heard(whole)
        requests = [self._part(part, whole) for part in parts]
        return Heard(requests[0], tuple(requests[1:]))

    def _part(self, text: str, whole: Understanding) -> Understanding:
        """Understand one request of several; 电费和水费都交了 says the act once for both."""
        part = self._one(text)
        if part.act not in SCENELESS and any(cue.search(text) for _, cue in cues.CUES):
            return part
        scene = part.scene or next((mention.scene for mention in self._mentions(text)), None)
        return replace(part, act=whole.act, scene=scene, confidence=max(part.confidence, whole.confidence))

    def _one(self, text: str) -> Understanding:
        told = super()._one(text)
        if told.confidence == 1.0 or told.act in _SAID_PLAINLY or self._meant.get(text, _NO_WORD)[1] == 1.0:
            # An example, a plain yes or no, or the bare name of a scene: the tables leave nothing to learn.
            return told
        # 再说一遍 asks for the last words again: the dialogue knows it by its table, and it is no request.
        if not _LETTER.search(text) or cues.REPEAT.match(text):
            return Understanding(Act.OOS, None, 0.0, told.slots)
        slots = told.slots or self._reader.read(text, self._today())
        near = self._nearly(text)
        if near is not None:
            return Understanding(*near, _SURE_OF_NEARLY_SAID, slots)
        guess = self._model.guess(self._features.features(self._features.simple(text)))
        return replace(self._decided(text, guess, told), slots=slots)

    def _decided(self, text: str, guess: Guess, told: Understanding) -> Understanding:
        place = int(guess.acts.argmax())
        act, sure = ACTS[place], float(guess.acts[place])
        own = next((self._own[word] for word in self._own if word in text), None)
        if guess.known == 0.0 and own is None:
            return Understanding(Act.OOS, None, 0.0)
        if act in SCENELESS and (own is None or act is not Act.OOS or sure >= _SURELY_ELSEWHERE):
            return Understanding(act, None, sure)
        if act is Act.OOS:
            # The model cannot know a scene that was added after it; its own word says that we are meant.
            act, sure = _likeliest(guess)
        if own is not None:
            return Understanding(act, own, sure * _SURE_OF_OWN_WORD)
        place = int(guess.scenes.argmax())
        sure *= float(guess.scenes[place])
        if act is Act.PAY and told.act is Act.OOS and _doubtful(text):
            sure = min(sure, _DOUBTED)
        return Understanding(act, SCENE_PLACES[place], sure)

    def _nearly(self, text: str) -> tuple[Act, str] | None:
        """Return what the example means that a text nearly repeats."""
        pairs = pairs_of(text)
        for known, act, key in self._likenesses:
            if likeness(pairs, known) >= _NEARLY_SAID:
                return act, key
        return None


def _likeliest(guess: Guess) -> tuple[Act, float]:
    """Return the likeliest act that is about a scene, and how likely it is among those."""
    ours = [place for place, act in enumerate(ACTS) if act not in SCENELESS]
    best = max(ours, key=lambda place: float(guess.acts[place]))
    return ACTS[best], float(guess.acts[best] / guess.acts[ours].sum())


def _doubtful(text: str) -> bool:
    return cues.ELSEWHERE.search(text) is not None or cues.TOLD.search(text) is not None
