"""Reads the lines that the learned router is trained on, and makes the declared expansions of them."""

import hashlib
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.dialogue.acts import SCENELESS, SCENES, Act
from bot.kernel.errors import BotError

FOLDER: Final = Path(__file__).with_name("lines")
_EXPANSION: Final = "expansion"
_PATTERNS: Final = "patterns.txt"
_WORDS: Final = "words.txt"
_SLOT: Final = re.compile(r"\{(\w+)\}")
# How many words of a scene, and of a list without scenes, each pattern is tried with.
_OF_A_SCENE: Final = 3
_OF_A_LIST: Final = 30
# A scene of the industry chain is asked for by its own verb: what is paid elsewhere is applied for here.
_APPLIED: Final = frozenset({"account_opening", "bills", "financing"})


class BadLine(BotError):
    """A line for the router that cannot be read; the remedy says where and why."""

    def __init__(self, remedy: str) -> None:
        super().__init__("bad_line", remedy)


@dataclass(frozen=True, slots=True)
class Example:
    """One message with what it means; ``act`` is None where only the scene is told (a word of it, by itself)."""

    act: Act | None
    scene: str | None
    text: str


def written(folder: Path = FOLDER) -> list[Example]:
    """Return what people wrote: every line ``act | scene | text`` of the folder, in the order of the files."""
    return [
        _example(line, f"{path.name}:{number}")
        for path in sorted(folder.glob("*.txt"))
        for number, line in _lines(path)
    ]


def expanded(seed: int, folder: Path = FOLDER) -> list[Example]:
    """Return the declared expansions: each pattern with a few words of each scene, chosen by the seed."""
    rng = random.Random(seed)  # noqa: S311 - A choice of examples, not a secret.
    lists = {path.stem: _words(path) for path in sorted((folder / _EXPANSION).glob("*.txt")) if path.stem != "patterns"}
    found: list[Example] = []
    for number, line in _lines(folder / _EXPANSION / _PATTERNS):
        act, scenes, text = _parts(line, f"{_PATTERNS}:{number}")
        slot = _SLOT.search(text)
        if slot is None or slot[1] not in lists:
            raise BadLine(f"{_PATTERNS}:{number}: name one list in braces")
        found += _of_pattern(Act(act), scenes, text, lists[slot[1]], slot[0], rng)
    return found


def alone(folder: Path = FOLDER) -> list[Example]:
    """Return the words of each scene by themselves: they tell the scene, and nothing of what is wanted."""
    words = _words(folder / _EXPANSION / _WORDS)
    return [Example(None, scene, word) for scene, each in words.items() for word in each]


def digest(folder: Path = FOLDER) -> str:
    """Return the SHA-256 of all that the router is trained on, so that an artefact can say what it has learnt."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*.txt")):
        whole.update(f"{path.relative_to(folder).as_posix()}\n".encode())
        whole.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return whole.hexdigest()


def _of_pattern(
    act: Act, scenes: str, text: str, words: Mapping[str, Sequence[str]], slot: str, rng: random.Random
) -> Iterator[Example]:
    if scenes == "-":
        pool = [word for each in words.values() for word in each]
        for word in rng.sample(pool, min(_OF_A_LIST, len(pool))):
            yield Example(act, None, text.replace(slot, word))
        return
    for scene in SCENES if scenes == "*" else scenes.split():
        meant = Act.APPLY if act is Act.PAY and scene in _APPLIED else act
        for word in rng.sample(words[scene], min(_OF_A_SCENE, len(words[scene]))):
            yield Example(meant, scene, text.replace(slot, word))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip()


def _words(path: Path) -> dict[str, list[str]]:
    pairs = (line.partition(" = ") for _, line in _lines(path))
    return {key.strip(): [word.strip() for word in words.split("|")] for key, _, words in pairs}


def _parts(line: str, where: str) -> tuple[str, str, str]:
    parts = [part.strip() for part in line.split("|", 2)]
    if len(parts) != 3 or not all(parts):
        raise BadLine(f"{where}: write act | scene | text")
    if parts[0] not in {act.value for act in Act}:
        raise BadLine(f"{where}: no act is called {parts[0]}")
    return parts[0], parts[1], parts[2]


def _example(line: str, where: str) -> Example:
    act, scene, text = _parts(line, where)
    if scene != "-" and scene not in SCENES:
        raise BadLine(f"{where}: no scene is called {scene}")
    if scene != "-" and Act(act) in SCENELESS:
        raise BadLine(f"{where}: {act} is about no scene, write -")
    return Example(Act(act), None if scene == "-" else scene, text)


def clusters(texts: Sequence[str], alike: float = 0.6) -> list[int]:
    """Return a group number for each text; texts that share most of their pairs of characters share a group."""
    pairs = [pairs_of(text) for text in texts]
    holders: dict[str, list[int]] = {}
    leader = list(range(len(texts)))
    for place, own in enumerate(pairs):
        shared: dict[int, int] = {}
        for pair in own:
            for other in holders.setdefault(pair, []):
                shared[other] = shared.get(other, 0) + 1
            holders[pair].append(place)
        for other, count in shared.items():
            if count >= alike * (len(own) + len(pairs[other]) - count):
                leader[_lead(leader, place)] = _lead(leader, other)
    return [_lead(leader, place) for place in range(len(texts))]


def pairs_of(text: str) -> frozenset[str]:
    """Return the pairs of neighbouring characters of a text, its ends included."""
    marked = f"^{re.sub(r'[^0-9a-z一-鿿]', '', text)}$"
    return frozenset(marked[place : place + 2] for place in range(len(marked) - 1))


def likeness(one: Iterable[str], other: frozenset[str]) -> float:
    """Return which share of the pairs of two texts they have in common, between 0 and 1."""
    first = frozenset(one)
    return len(first & other) / (len(first | other) or 1)


def _lead(leader: list[int], place: int) -> int:
    while leader[place] != place:
        leader[place] = leader[leader[place]]
        place = leader[place]
    return place
