"""The trained weights of the learned router: reads the artefact and tells how likely each act and scene is."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from bot.dialogue import features
from bot.dialogue.acts import SCENES, Act
from bot.kernel.errors import BotError

FILE: Final = Path(__file__).with_name("router.npz")
ACTS: Final = tuple(Act)
# The first of the places for scenes says that none is named.
SCENE_PLACES: Final = (None, *SCENES)
WIDTH: Final = len(ACTS) + len(SCENE_PLACES)

Floats = npt.NDArray[np.float32]


class BadArtefact(BotError):
    """The artefact was made for other acts, scenes or features than this release has; train it anew."""


@dataclass(frozen=True, slots=True)
class Guess:
    """How likely each act and each scene is; ``known`` is the share of the features that were ever seen."""

    acts: Floats
    scenes: Floats
    known: float


@dataclass(frozen=True, slots=True)
class Model:
    """A linear model over named features, kept in one byte a weight; temperatures make its scores probabilities."""

    places: Mapping[str, int]
    weights: npt.NDArray[np.int8]
    scale: Floats
    bias: Floats
    temperatures: tuple[float, float]
    threshold: float
    digest: str

    def guess(self, named: Iterable[str]) -> Guess:
        """Return what a message with these features means. Features that were never seen count for nothing."""
        total = 0
        rows: list[int] = []
        for name in named:
            total += 1
            place = self.places.get(name)
            if place is not None:
                rows.append(place)
        if not rows:
            scores = self.bias
        else:
            sums = np.add.reduce(self.weights.take(rows, axis=0), axis=0, dtype=np.int32)
            scores = self.bias + sums * (self.scale * np.float32(len(rows) ** -0.5))
        return Guess(
            _softmax(scores[: len(ACTS)] / np.float32(self.temperatures[0])),
            _softmax(scores[len(ACTS) :] / np.float32(self.temperatures[1])),
            len(rows) / total if total else 0.0,
        )

    def save(self, path: Path) -> None:
        """Write the artefact; on one machine equal models give equal bytes."""
        about = {
            "features": features.VERSION,
            "acts": [act.value for act in ACTS],
            "scenes": list(SCENES),
            "temperatures": self.temperatures,
            "threshold": self.threshold,
            "digest": self.digest,
        }
        np.savez_compressed(
            path,
            about=_bytes(json.dumps(about)),
            names=_bytes("\n".join(self.places)),
            weights=self.weights,
            scale=self.scale,
            bias=self.bias,
        )

    @classmethod
    def load(cls, path: Path = FILE) -> Self:
        """Read an artefact. Raises BadArtefact where it does not belong to this release."""
        with np.load(path, allow_pickle=False) as kept:
            about = json.loads(kept["about"].tobytes())
            names = kept["names"].tobytes().decode().split("\n")
            weights, scale, bias = kept["weights"], kept["scale"], kept["bias"]
        if (about["features"], about["acts"], about["scenes"]) != (
            features.VERSION,
            [act.value for act in ACTS],
            list(SCENES),
        ):
            raise BadArtefact("bad_router_artefact", "train it anew: python -m bot.dialogue.training")
        first, second = about["temperatures"]
        return cls(
            {name: place for place, name in enumerate(names)},
            weights,
            scale,
            bias,
            (first, second),
            about["threshold"],
            about["digest"],
        )


@cache
def shipped() -> Model:
    """Return the model that comes with this release; it is read once a process."""
    return Model.load()


def _softmax(scores: Floats) -> Floats:
    powers: Floats = np.exp(scores - np.maximum.reduce(scores))
    powers /= np.add.reduce(powers)
    return powers


def _bytes(text: str) -> npt.NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)
