"""``python -m bench.router [FILE]``: how well the router understands lines, plain, Traditional and with typos."""

import argparse
import random
import resource
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from bench.report import line
from bot.dialogue import examples, training
from bot.dialogue.acts import Act, Router, Understanding
from bot.dialogue.characters import characters
from bot.dialogue.examples import Example
from bot.dialogue.learned import LearnedRouter
from bot.dialogue.model import Model, shipped
from bot.dialogue.router import KeywordRouter
from handlers import SCENES as REGISTERED

TODAY = date(2026, 11, 23)
MOST_CONFUSED = 12


@dataclass(frozen=True)
class Asked:
    """A line with what the router made of it."""

    example: Example
    understood: Understanding


@dataclass(frozen=True)
class Score:
    """Shares between 0 and 1; ``starts`` are payments that out-of-scope text would have started, of all such text."""

    count: int
    act: float
    scene: float
    both: float
    starts: float
    answered: float
    right: float

    def __str__(self) -> str:
        return (
            f"{self.count:6} lines  act {self.act:6.1%}  scene {self.scene:6.1%}  both {self.both:6.1%}  "
            f"false payment starts {self.starts:6.1%}  answered {self.answered:6.1%} of which right {self.right:6.1%}"
        )


def read(path: Path) -> list[Example]:
    """Read lines ``act | scene | text`` as the tests keep them; what follows a third bar (slots) is left out."""
    found = []
    for written in path.read_text("utf-8").splitlines():
        if written.strip() and not written.startswith("#"):
            act, scene, text, *_ = (part.strip() for part in written.split("|"))
            found.append(Example(Act(act), None if scene in ("-", "") else scene, text))
    return found


def ask(router: Router, lines: Iterable[Example]) -> list[Asked]:
    return [Asked(each, router.understand(each.text).first) for each in lines]


def score(asked: Sequence[Asked], threshold: float) -> Score:
    """Count; what is below the threshold is no answer, and a payment starts above it alone."""

    def share(of: Sequence[Asked], holds: Callable[[Asked], bool]) -> float:
        return sum(map(holds, of)) / len(of) if of else 0.0

    ours = [each for each in asked if each.example.act is not Act.OOS]
    elsewhere = [each for each in asked if each.example.act is Act.OOS]
    answered = [each for each in ours if each.understood.confidence >= threshold and each.understood.act is not Act.OOS]
    return Score(
        len(asked),
        share(asked, lambda each: each.understood.act is each.example.act),
        share(asked, lambda each: each.understood.scene == each.example.scene),
        share(asked, _right),
        share(elsewhere, lambda each: each.understood.act is Act.PAY and each.understood.confidence >= threshold),
        len(answered) / len(ours) if ours else 0.0,
        share(answered, _right),
    )


def _right(each: Asked) -> bool:
    return (each.understood.act, each.understood.scene) == (each.example.act, each.example.scene)


def traditional(text: str) -> str:
    """Return a text in Traditional characters, by the first form that the table of characters gives each."""
    forms: dict[str, str] = {}
    for other, plain in characters().simpler.items():
        forms.setdefault(plain, chr(other))
    return "".join(forms.get(character, character) for character in text)


def misspelt(text: str, rng: random.Random) -> str:
    """Return a text with one typo, unless it is too short to bear one."""
    return text if len(text) < 4 else training.misspelt(text, rng)


def confusions(asked: Sequence[Asked]) -> list[str]:
    """Return the commonest mistakes, acts and scenes apart."""
    acts = Counter(
        f"{each.example.act} as {each.understood.act}" for each in asked if each.example.act is not each.understood.act
    )
    scenes = Counter(
        f"{each.example.scene or '-'} as {each.understood.scene or '-'}"
        for each in asked
        if each.example.scene != each.understood.scene
    )
    return [
        f"  {what}: " + ", ".join(f"{name} {count}" for name, count in counts.most_common(MOST_CONFUSED))
        for what, counts in (("acts", acts), ("scenes", scenes))
    ]


def held() -> str:
    """Say what a router holds in memory, and the whole process with it."""
    tracemalloc.start()
    router = LearnedRouter(REGISTERED, lambda: TODAY, Model.load())
    kept = tracemalloc.get_traced_memory()[0] / 2**20
    tracemalloc.stop()
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"a router holds {kept:.0f} MB (threshold {router.threshold}), the whole process {whole:.0f} MB at most"


def _held_apart() -> tuple[LearnedRouter, list[Example]]:
    """Train without a fifth of the shipped lines, no group of like lines on both sides, and return both.

    The temperatures are the shipped ones, which were found on another fifth.
    """
    lines = examples.written()
    apart = training.kept_apart(lines, 1)
    hidden = [each for each, is_apart in zip(lines, apart, strict=True) if is_apart]
    shown = [each for each, is_apart in zip(lines, apart, strict=True) if not is_apart]
    ours = shipped()
    trained = training.train(training.weighed(shown, hidden), "")
    trained = replace(trained, temperatures=ours.temperatures, threshold=ours.threshold)
    return LearnedRouter(REGISTERED, lambda: TODAY, trained), hidden


def _table(name: str, router: Router, lines: Sequence[Example]) -> None:
    line(f"\n{name}, threshold {router.threshold}")
    rng = random.Random(1)
    asked = ask(router, lines)
    line(f"  as written  {score(asked, router.threshold)}")
    for kind, changed in (
        ("traditional", [Example(each.act, each.scene, traditional(each.text)) for each in lines]),
        ("misspelt   ", [Example(each.act, each.scene, misspelt(each.text, rng)) for each in lines]),
    ):
        line(f"  {kind} {score(ask(router, changed), router.threshold)}")
    for row in confusions(asked):
        line(row)
    before = time.process_time()
    for each in lines:
        router.understand(each.text)
    line(f"  {1e6 * (time.process_time() - before) / max(1, len(lines)):.0f} us a message")


def table(files: Sequence[Path]) -> None:
    """Print how both routers understand the lines of some files, as they are, in Traditional and with typos."""
    lines = [each for path in files for each in read(path)]
    line(f"\nrouter, {len(lines)} lines of {len(files)} files")
    line(held())
    _table("keywords", KeywordRouter(REGISTERED, lambda: TODAY), lines)
    _table("learned", LearnedRouter(REGISTERED, lambda: TODAY), lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "file", type=Path, nargs="?", help="lines act | scene | text; else a part of our own held apart"
    )
    arguments = parser.parse_args()
    line(held())
    keywords = KeywordRouter(REGISTERED, lambda: TODAY)
    if arguments.file is not None:
        table([arguments.file])
        return 0
    learned, lines = _held_apart()
    _table("keywords", keywords, lines)
    _table("learned, without these lines", learned, lines)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
