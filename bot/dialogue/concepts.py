"""Finds the words of a table in a text: classes of words that mean alike, and the words that point to a scene."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Self

# They stand beside the lines, so that the artefact's digest covers them too.
_FOLDER: Final = Path(__file__).with_name("lines") / "expansion"
_CLASSES: Final = _FOLDER / "classes.txt"
_OF_SCENES: Final = _FOLDER / "words.txt"


@dataclass(frozen=True, slots=True)
class Found:
    """A word of a table in a text, by the name that the table gives it."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words by their first character, longer ones first: a text is read in one pass, however many words there are."""

    words: Mapping[str, tuple[tuple[str, str], ...]]

    @classmethod
    def of(cls, named: Mapping[str, str]) -> Self:
        """Make a lexicon of words and their names."""
        words: dict[str, list[tuple[str, str]]] = {}
        for word in sorted(named, key=len, reverse=True):
            words.setdefault(word[0], []).append((word, named[word]))
        return cls({first: tuple(each) for first, each in words.items()})

    def found(self, text: str) -> Iterator[Found]:
        """Yield the words of a text from left to right, none overlapping another."""
        place = 0
        while place < len(text):
            for word, name in self.words.get(text[place], ()):
                if text.startswith(word, place) and _whole(text, word, place):
                    yield Found(name, place, place + len(word))
                    place += len(word)
                    break
            else:
                place += 1


@cache
def classes() -> Lexicon:
    """Return the classes of words that mean alike; of a word that stands twice the first class counts."""
    named: dict[str, str] = {}
    for name, words in _table(_CLASSES):
        for word in words:
            named.setdefault(word, name)
    return Lexicon.of(named)


def of_scenes(simple: Callable[[str], str]) -> Lexicon:
    """Return the words that point to scenes, each named by all of its scenes; ``simple`` brings them into one form."""
    named: dict[str, str] = {}
    for scene, words in _table(_OF_SCENES):
        for word in map(simple, words):
            if len(word) > 1:
                named[word] = f"{named[word]} {scene}" if word in named else scene
    return Lexicon.of(named)


def _table(path: Path) -> Iterable[tuple[str, list[str]]]:
    for line in path.read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, words = line.partition(" = ")
            yield name.strip(), [word.strip() for word in words.split("|") if word.strip()]


def _whole(text: str, word: str, place: int) -> bool:
    """Tell whether a word of Latin letters stands there by itself; others always do."""
    if not word.isascii():
        return True
    end = place + len(word)
    return not (_latin(text, end) or (place and _latin(text, place - 1)))


def _latin(text: str, place: int) -> bool:
    return place < len(text) and "a" <= text[place] <= "z"
