"""Random histories at every gateway end with clean books, on both engines."""

import asyncio
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings

from tests.engines import Usage
from tests.services import Postgres
from tests.stateful import steps
from tests.stateful.driver import Driver
from tests.stateful.ending import complaints, run_out
from tests.stateful.world import open_world

Database = Callable[[], AbstractContextManager[str]]

# How many rounds on each engine make a thousand steps together, and how many ten thousand. Hypothesis varies what it
# has drawn after ten examples, and two histories that differ in one step find little more than one: so each round is
# ten of them, drawn anew.
QUICK = {"sqlite": 6, "postgresql": 2}
FULL = {"sqlite": 36, "postgresql": 12}
ROUND = 10
LIVES_TO_SHRINK = 40


async def live(database_url: str, history: list[steps.Step], counts: Counter[str]) -> list[str]:
    """Live one history to its end; return what does not agree then."""
    async with open_world(database_url) as world:
        driver = Driver(world)
        for step in history:
            await driver.perform(step)
        await run_out(driver)
        counts.update(driver.counts)
        return await complaints(driver)


def explore(engine: str, database: Database, *, full: bool) -> str:
    """Live many histories; return a line about them."""
    counts: Counter[str] = Counter()
    seed = random.SystemRandom().randrange(2**32) if full else 0
    began = time.monotonic()
    for turn in range((FULL if full else QUICK)[engine]):
        _round(seed + turn, database, counts)
    return _told(engine, seed, time.monotonic() - began, counts)


class _Patience:
    """Bounds the shrinking of a history that failed: past it, only histories that are known to fail are lived again."""

    def __init__(self, lives: int) -> None:
        self._left = lives
        self._failing: set[str] = set()

    def lasts(self, history: list[steps.Step]) -> bool:
        if self._failing:
            self._left -= 1
        return self._left > 0 or repr(history) in self._failing

    def failed(self, history: list[steps.Step]) -> None:
        self._failing.add(repr(history))


def _round(seed: int, database: Database, counts: Counter[str]) -> None:
    patience = _Patience(LIVES_TO_SHRINK)

    @hypothesis.seed(seed)
    @settings(
        max_examples=ROUND, deadline=None, database=None, derandomize=False, suppress_health_check=list(HealthCheck)
    )
    @given(history=steps.histories())
    def every(history: list[steps.Step]) -> None:
        if not history or not patience.lasts(history):
            return
        counts["histories"] += 1
        try:
            with database() as url:
                assert asyncio.run(live(url, history, counts)) == [], f"seed {seed}"
        except Exception:
            patience.failed(history)
            raise

    every()


def _told(engine: str, seed: int, seconds: float, counts: Counter[str]) -> str:
    kinds = [kind.__name__ for kind in steps.KINDS]
    total = sum(counts[kind] for kind in kinds)
    told = ", ".join(f"{kind} {counts[kind]}" for kind in kinds)
    return (
        f"stateful on {engine}: {total} steps in {counts['histories']} histories, seed {seed}, {seconds:.0f} s "
        f"({told}; {counts['cut off']} cut off)"
    )


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_history_on_sqlite_ends_with_clean_books(
    sqlite_template: Path, tmp_path: Path, usage: Usage, full_counts: bool, record_house: list[str]
) -> None:
    usage.sqlite()

    @contextmanager
    def database() -> Iterator[str]:
        folder = tmp_path / f"{time.monotonic_ns()}"
        folder.mkdir()
        path = shutil.copy(sqlite_template, folder / "scenepay.db")
        yield f"sqlite:///{path}"
        shutil.rmtree(folder)

    record_house.append(explore("sqlite", database, full=full_counts))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_history_on_postgresql_ends_with_clean_books(
    postgres: Postgres, full_counts: bool, record_house: list[str]
) -> None:
    @contextmanager
    def database() -> Iterator[str]:
        dsn = postgres.lend_database()
        try:
            yield dsn
        finally:
            postgres.take_back(dsn)

    record_house.append(explore("postgresql", database, full=full_counts))
