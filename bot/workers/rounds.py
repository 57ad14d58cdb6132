"""Runs a piece of work again and again, whatever one round of it runs into."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.kernel.clock import Clock
from bot.outside.logging import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Round:
    """Work that is due every ``every`` seconds; ``work`` returns how much it found, and full rounds follow at once."""

    name: str
    every: float
    work: Callable[[], Awaitable[int]]
    full: int = 0


async def run_rounds(rounds: Sequence[Round], clock: Clock) -> None:
    """Run all rounds beside each other until cancelled."""
    async with asyncio.TaskGroup() as group:
        for each in rounds:
            group.create_task(_run(each, clock), name=f"round {each.name}")


async def _run(each: Round, clock: Clock) -> None:
    while True:
        try:
            found = await each.work()
        except Exception:
            # The edge: a round that fails is tried again at its next time, and the others go on.
            log.exception("round.failed", name=each.name)
            found = 0
        if not (each.full and found >= each.full):
            await clock.sleep(each.every)


async def each_of(ids: Sequence[str], work: Callable[[str], Awaitable[object]], at_once: int) -> None:
    """Do ``work`` for every id, at most ``at_once`` beside each other; one that fails spoils no other."""
    gate = asyncio.Semaphore(at_once)

    async def guarded(id_: str) -> None:
        async with gate:
            try:
                await work(id_)
            except Exception:
                # The edge: what failed keeps its place in the queue and is due again when its lease ends.
                log.exception("round.item_failed", id=id_)

    await asyncio.gather(*map(guarded, ids))
