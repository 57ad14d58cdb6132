"""Turns a message into the features of the learned router: its characters, its sounds and the words of the tables."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Final

from bot.dialogue import concepts, cues
from bot.dialogue.characters import characters
from bot.dialogue.concepts import Found, Lexicon
from bot.dialogue.topics import TOPICS

# To be raised with any change here: an artefact trained for other features is refused.
VERSION: Final = 2
# A number of at most this many digits is an amount, a room or a count; a longer one names an account.
_SHORT_NUMBER: Final = 4
# Enough to understand what is wanted; what follows in a longer message costs nothing.
_READ_MAX: Final = 120
_TOKENS_MAX: Final = 80
_TOKEN: Final = re.compile(r"[a-z]+(?:'[a-z]+)?|[0-9]+|[?\u3400-\u4dbf\u4e00-\u9fff]")
_LATIN: Final = re.compile(r"[a-z]")
_SYLLABLE_MAX: Final = 6
# Stands for whatever word of a scene: 交□ is wanted alike, whichever fee it is.
_BLANK: Final = "□"
# Features of this mark tell what is wanted and nothing of the scene.
OF_CLASS: Final = "@"
_CLASSES_MAX: Final = 14


class Reader:
    """Reads messages into features; ``words`` are those of the operator's scenes, beyond the table of topics."""

    def __init__(self, words: Mapping[str, str] | None = None) -> None:
        table = characters()
        self._simpler = table.simpler
        self._sounds = table.sounds
        self._syllables = table.syllables
        named = {word: f"-{topic.key}" for topic in TOPICS.values() for word in topic.hints}
        named |= {word: f"+{topic.key}" for topic in TOPICS.values() for word in topic.words}
        named |= {word: f"+{key}" for word, key in (words or {}).items()}
        self._words = Lexicon.of(named)
        self._classes = concepts.classes()
        self._pointers = concepts.of_scenes(self.simple)

    def simple(self, text: str) -> str:
        """Return a text as the tables and the features expect it: mended, lower case, Simplified."""
        return cues.simple(text[:_READ_MAX].translate(self._simpler))

    def features(self, simple: str) -> list[str]:
        """Return the features of a text in its simple form, each once, in a settled order."""
        pieces = [(match[0], match.start()) for match in _TOKEN.finditer(simple)][:_TOKENS_MAX]
        tokens = [_kind(piece) for piece, _ in pieces]
        words = list(self._words.found(simple))
        found = _grams("", ("^", *tokens, "$")) + _grams("~", ("^", *self._heard(tokens), "$"))
        blanked = _blanked(tokens, [place for _, place in pieces], words)
        if blanked:
            found += [gram for gram in _grams("*", ("^", *blanked, "$")) if _BLANK in gram]
        found += _of_tables(simple, words)
        found += self._of_classes(simple, words)
        found += [f"?{scene}" for word in self._pointers.found(simple) for scene in word.name.split()]
        return list(dict.fromkeys(found))

    def _heard(self, tokens: Sequence[str]) -> Iterator[str]:
        for token in tokens:
            if _LATIN.match(token):
                yield from self._spelt(token)
            else:
                yield self._sounds.get(token, token)

    def _spelt(self, word: str) -> Sequence[str]:
        """Return the sounds of a word in pinyin, longest syllables first, or the word itself where it is none."""
        sounds: list[str] = []
        place = 0
        while place < len(word):
            for end in range(min(len(word), place + _SYLLABLE_MAX), place, -1):
                sound = self._syllables.get(word[place:end])
                if sound is not None:
                    break
            else:
                return (word,)
            sounds.append(sound)
            place = end
        return sounds

    def _of_classes(self, simple: str, words: Sequence[Found]) -> Iterator[str]:
        """Yield the runs and the pairs of the classes of a text, a word that decides its scene being one of them."""
        decisive = [word for word in words if word.name[0] == "+"]
        for word in decisive:
            simple = simple[: word.start] + _BLANK * (word.end - word.start) + simple[word.end :]
        marks = [(word.start, _BLANK) for word in decisive]
        marks += [(found.start, found.name) for found in self._classes.found(simple)]
        names = [name for _, name in sorted(marks)]
        row = [name for place, name in enumerate(names) if not place or names[place - 1] != name][:_CLASSES_MAX]
        yield from _grams(OF_CLASS, ("^", *row, "$"))
        yield from (f"{OF_CLASS}{one}..{other}" for one, other in combinations(row, 2))


def _kind(piece: str) -> str:
    if piece[0].isdigit():
        return "0" if len(piece) <= _SHORT_NUMBER else "8"
    return piece


def _blanked(tokens: Sequence[str], places: Sequence[int], words: Sequence[Found]) -> list[str]:
    """Return the tokens with one blank for each word that decides a scene; nothing where there is none."""
    spans = [(word.start, word.end) for word in words if word.name[0] == "+"]
    if not spans:
        return []
    blanked: list[str] = []
    for token, place in zip(tokens, places, strict=True):
        span = next((span for span in spans if span[0] <= place < span[1]), None)
        if span is None:
            blanked.append(token)
        elif place == span[0]:
            blanked.append(_BLANK)
    return blanked


def _of_tables(simple: str, words: Sequence[Found]) -> Iterator[str]:
    acts = [act.value for act, cue in cues.CUES if cue.search(simple)]
    yield from (f"={act}" for act in acts)
    if acts:
        yield f"=first {acts[0]}"
    if cues.ELSEWHERE.search(simple):
        yield "=elsewhere"
    if cues.TOLD.search(simple):
        yield "=told"
    yield from (f"={word.name}" for word in words)
    decisive = [word.name for word in words if word.name[0] == "+"]
    yield f"=last {decisive[-1]}" if decisive else "=nothing"


def _grams(mark: str, tokens: Sequence[str]) -> list[str]:
    """Return every run of one, two and three tokens; the ends stand in runs of two and more alone."""
    ended = [f"{token} " for token in tokens]
    ones = [mark + token for token in ended[1:-1]]
    twos = [f"{mark}{one}{two}" for one, two in pairwise(ended)]
    threes = [f"{mark}{one}{two}{three}" for one, two, three in zip(ended, ended[1:], ended[2:], strict=False)]
    return ones + twos + threes
