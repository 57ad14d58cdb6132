"""Trains the learned router on the lines of the repository: ``python -m bot.dialogue.training`` writes the artefact."""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bot.dialogue import examples, model
from bot.dialogue.acts import SCENELESS, Act
from bot.dialogue.characters import characters
from bot.dialogue.examples import Example
from bot.dialogue.features import OF_CLASS, Reader
from bot.dialogue.model import ACTS, SCENE_PLACES, WIDTH, Floats, Model

SEED: Final = 20261123
# Below it a message is answered by choices. Of our own lines kept apart, about one in a hundred that are none of our
# business starts a payment above it (docs/decisions/0018-router.md).
THRESHOLD: Final = 0.5
_EPOCHS: Final = 7
_BATCH: Final = 64
_RATE: Final = 1.0
_SLOWEST: Final = 0.02
# Which share of the features each message is learnt without, so that no single one is relied on.
_DROPPED: Final = 0.25
_OFTEN: Final = 2
_FEATURES_MAX: Final = 100_000
_WEIGHT_OF_EXPANDED: Final = 0.3
_WEIGHT_OF_WORDS: Final = 0.5
_WEIGHT_OF_SOUNDS: Final = 0.2
_WEIGHT_OF_MISSPELT: Final = 0.5
# Shorter messages are nothing any more when a character is wrong.
_MISSPELT_MIN: Final = 4
_HOMOPHONES: Final = 0.6
_LEFT_OUT: Final = 0.2
# Whose features are remembered: a slip's are noise, and a word by itself is known by its table.
_REMEMBERED: Final = frozenset({1.0, _WEIGHT_OF_EXPANDED})
_LEVELS: Final = 127
PARTS: Final = 5

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Messages in numbers: ``where[starts[i]:starts[i + 1]]`` are the features of the message i."""

    where: Ints
    starts: Ints
    acts: Ints
    scenes: Ints
    for_act: Floats
    for_scene: Floats

    def __len__(self) -> int:
        return len(self.acts)


@dataclass(frozen=True, slots=True)
class Weighed:
    """An example with its features and how much it counts."""

    example: Example
    named: Sequence[str]
    weight: float


def weighed(written: Sequence[Example], kept_apart: Sequence[Example] = (), seed: int = SEED) -> list[Weighed]:
    """Return all that is learnt from written lines: themselves, their sounds, the expansions and the words.

    An expansion that nearly equals a line of ``kept_apart`` is left out, so that those can be asked honestly.
    """
    reader = Reader()
    own = [Weighed(each, reader.features(reader.simple(each.text)), 1.0) for each in written]
    apart = [examples.pairs_of(reader.simple(each.text)) for each in kept_apart]
    holders: dict[str, set[int]] = {}
    for place, pairs in enumerate(apart):
        for pair in pairs:
            holders.setdefault(pair, set()).add(place)
    found = list(own)
    for made, weight in ((examples.expanded(seed), _WEIGHT_OF_EXPANDED), (examples.alone(), _WEIGHT_OF_WORDS)):
        for each in made:
            simple = reader.simple(each.text)
            if each.act is None or not _nearly(examples.pairs_of(simple), apart, holders):
                found.append(Weighed(each, reader.features(simple), weight))
    rng = random.Random(seed)  # noqa: S311 - A choice of typos, not a secret.
    for place, line in enumerate(own):
        if place % 2 and len(line.example.text) >= _MISSPELT_MIN:
            named = reader.features(reader.simple(misspelt(line.example.text, rng)))
            found.append(Weighed(line.example, named, _WEIGHT_OF_MISSPELT))
        else:
            # Heard alone, without characters and tables: for pinyin, and for homophones that a recogniser writes.
            found.append(Weighed(line.example, _sounds(line.named), _WEIGHT_OF_SOUNDS))
    return found


def misspelt(text: str, rng: random.Random) -> str:
    """Return a text of some length with a slip: a character of the same sound, one left out, or two changed about."""
    table, alike = characters().sounds, characters().alike
    place = rng.randrange(len(text) - 1)
    kind = rng.random()
    if kind < _HOMOPHONES and text[place] in table:
        others = alike[table[text[place]]].replace(text[place], "")
        return text[:place] + rng.choice(others or text[place]) + text[place + 1 :]
    if kind < _HOMOPHONES + _LEFT_OUT:
        return text[:place] + text[place + 1 :]
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def _nearly(pairs: frozenset[str], apart: Sequence[frozenset[str]], holders: dict[str, set[int]]) -> bool:
    shared = Counter(place for pair in pairs for place in holders.get(pair, ()))
    return any(examples.likeness(pairs, apart[place]) >= 0.8 for place, _ in shared.most_common(3))


def _sounds(named: Iterable[str]) -> list[str]:
    return [name for name in named if name.startswith("~")]


def train(learnt: Sequence[Weighed], digest: str, seed: int = SEED) -> Model:
    """Return a model of the examples, in whole numbers; temperatures and threshold are those of no calibration."""
    places = _vocabulary(learnt)
    weights, bias = _descend(_sheet(learnt, places), _of_act_alone(places), seed)
    if len(places) > _FEATURES_MAX:
        kept = np.sort(np.argsort(-np.abs(weights).max(axis=1), kind="stable")[:_FEATURES_MAX])
        names = list(places)
        places = {names[old]: new for new, old in enumerate(kept)}
        weights = weights[kept]
    scale = np.maximum(np.abs(weights).max(axis=0), 1e-6) / _LEVELS
    whole = np.rint(weights / scale).astype(np.int8)
    return Model(places, whole, scale.astype(np.float32), bias, (1.0, 1.0), 0.5, digest)


def _vocabulary(learnt: Sequence[Weighed]) -> dict[str, int]:
    counts = Counter(name for each in learnt if each.weight in _REMEMBERED for name in each.named)
    return {name: place for place, name in enumerate(sorted(name for name, n in counts.items() if n >= _OFTEN))}


def _sheet(learnt: Sequence[Weighed], places: dict[str, int]) -> Sheet:
    rows = [[places[name] for name in each.named if name in places] for each in learnt]
    acts = [each.example.act for each in learnt]
    weights = np.array([each.weight for each in learnt], dtype=np.float32)
    return Sheet(
        np.array([place for row in rows for place in row], dtype=np.int64),
        np.cumsum([0, *map(len, rows)], dtype=np.int64),
        np.array([0 if act is None else ACTS.index(act) for act in acts], dtype=np.int64),
        np.array([SCENE_PLACES.index(each.example.scene) for each in learnt], dtype=np.int64),
        np.where([act is None for act in acts], 0, weights).astype(np.float32),
        # What is about no scene by rule says nothing of how a scene is named.
        np.where([act in SCENELESS for act in acts], 0, weights).astype(np.float32),
    )


def _of_act_alone(places: Iterable[str]) -> Bools:
    return np.array([name.startswith(OF_CLASS) for name in places], dtype=np.bool_)


def _descend(sheet: Sheet, of_act_alone: Bools, seed: int) -> tuple[Floats, Floats]:
    """Fit both softmax layers by AdaGrad with one rate a feature, touching only the features of each batch."""
    size = len(of_act_alone)
    rng = np.random.default_rng(seed)
    weights = np.zeros((size, WIDTH), dtype=np.float32)
    bias = np.zeros(WIDTH, dtype=np.float32)
    seen, seen_bias = np.full((size, 1), 1e-3, dtype=np.float32), np.full(WIDTH, 1e-3, dtype=np.float32)
    for epoch in range(_EPOCHS):
        rate = np.float32(_RATE * (1 - epoch / _EPOCHS) + _SLOWEST)
        order = rng.permutation(len(sheet))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            row, column = _gathered(sheet, batch, rng)
            if not len(column):
                continue
            share = np.bincount(row, minlength=len(batch)).astype(np.float32)
            share = np.maximum(share, 1.0) ** np.float32(-0.5)
            columns, where = np.unique(column, return_inverse=True)
            spread = np.zeros((len(batch), len(columns)), dtype=np.float32)
            spread[row, where] = share[row]
            error = _error(spread @ weights[columns] + bias, sheet, batch)
            step = spread.T @ error
            step[of_act_alone[columns], len(ACTS) :] = 0
            seen[columns] += (step * step).mean(axis=1, keepdims=True)
            weights[columns] -= rate * step / np.sqrt(seen[columns])
            whole = error.sum(axis=0)
            seen_bias += whole * whole
            bias -= rate * whole / np.sqrt(seen_bias)
    return weights, bias


def _gathered(sheet: Sheet, batch: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return the rows and columns of a batch's features, some of them dropped."""
    lengths = sheet.starts[batch + 1] - sheet.starts[batch]
    row = np.repeat(np.arange(len(batch)), lengths)
    inside = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    column = sheet.where[np.repeat(sheet.starts[batch], lengths) + inside]
    kept = rng.random(len(column)) >= _DROPPED
    return row[kept], column[kept]


def _error(scores: Floats, sheet: Sheet, batch: Ints) -> Floats:
    """Return how far the probabilities are from what is meant, by the weight of each message for each layer."""
    error = np.empty_like(scores)
    for first, last, meant, counts in (
        (0, len(ACTS), sheet.acts[batch], sheet.for_act[batch]),
        (len(ACTS), WIDTH, sheet.scenes[batch], sheet.for_scene[batch]),
    ):
        part = scores[:, first:last]
        powers = np.exp(part - part.max(axis=1, keepdims=True))
        chance = powers / powers.sum(axis=1, keepdims=True)
        chance[np.arange(len(batch)), meant] -= 1
        error[:, first:last] = chance * (counts / 8)[:, None]
    return error


@dataclass(frozen=True, slots=True)
class Apart:
    """What was kept apart while training, and what the model said of it."""

    example: Example
    acts: Floats
    scenes: Floats


def kept_apart(written: Sequence[Example], part: int, parts: int = PARTS, seed: int = SEED) -> list[bool]:
    """Tell for each line whether it belongs to a part; lines that are nearly the same belong to the same one."""
    reader = Reader()
    groups = examples.clusters([reader.simple(each.text) for each in written])
    numbers = sorted(set(groups))
    random.Random(seed).shuffle(numbers)  # noqa: S311 - A split of examples, not a secret.
    part_of = {number: place % parts for place, number in enumerate(numbers)}
    return [part_of[group] == part for group in groups]


def judged(trained: Model, lines: Iterable[Example]) -> list[Apart]:
    """Return what a model says of lines, before any calibration."""
    reader = Reader()
    plain = replace(trained, temperatures=(1.0, 1.0))
    found = []
    for each in lines:
        guess = plain.guess(reader.features(reader.simple(each.text)))
        found.append(Apart(each, guess.acts, guess.scenes))
    return found


def calibrated(trained: Model, apart: Sequence[Apart]) -> Model:
    """Return the model with the temperatures under which what was kept apart is likeliest."""
    acts = np.array([ACTS.index(each.example.act or Act.OOS) for each in apart])
    act_chances = np.array([each.acts for each in apart])
    with_scene = [each for each in apart if each.example.act not in SCENELESS]
    scenes = np.array([SCENE_PLACES.index(each.example.scene) for each in with_scene])
    scene_chances = np.array([each.scenes for each in with_scene])
    return replace(trained, temperatures=(_temperature(act_chances, acts), _temperature(scene_chances, scenes)))


def _temperature(chances: Floats, meant: Ints) -> float:
    scores = np.log(np.maximum(chances, 1e-9))

    def loss(temperature: float) -> float:
        cooled = scores / temperature
        cooled = cooled - np.log(np.exp(cooled).sum(axis=1, keepdims=True))
        return -float(cooled[np.arange(len(meant)), meant].mean())

    return min((round(0.3 + 0.05 * step, 2) for step in range(60)), key=loss)


def taught(lines: Sequence[Example], digest: str) -> Model:
    """Train on lines; the temperatures come from a first training without a fifth of them."""
    apart = kept_apart(lines, 0)
    hidden = [line for line, is_apart in zip(lines, apart, strict=True) if is_apart]
    shown = [line for line, is_apart in zip(lines, apart, strict=True) if not is_apart]
    rehearsed = train(weighed(shown, hidden), digest)
    temperatures = calibrated(rehearsed, judged(rehearsed, hidden)).temperatures
    return replace(train(weighed(lines, seed=SEED), digest), temperatures=temperatures, threshold=THRESHOLD)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=model.FILE, help="where to write the artefact")
    arguments = parser.parse_args()
    finished = taught(examples.written(), examples.digest())
    finished.save(arguments.to)
    size = arguments.to.stat().st_size
    sys.stdout.write(
        f"{len(finished.places)} features, temperatures {finished.temperatures}, {size / 1e6:.2f} MB: {arguments.to}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
