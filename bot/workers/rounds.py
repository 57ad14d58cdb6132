"""Runs a piece of work again and again, whatever one round of it runs into."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bot.kernel.clock import Clock
from bot.kernel.errors import BotError
from bot.outside.logging import get_logger

log = get_logger(__name__)

# Work that finds as much as it can take again and again may be finding the same: it rests after so many times.
_AT_ONCE_MAX: Final = 20
_FALLEN_PAUSE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Round:
    """Work that is due every ``every`` seconds; ``work`` returns how much it found.

    A round that found ``full`` is followed by the next one at once, a bounded number of times.
    """

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
        for _ in range(_AT_ONCE_MAX):
            found = await _once(each)
            if not each.full or found < each.full:
                break
        await clock.sleep(each.every)


async def _once(each: Round) -> int:
    try:
        return await each.work()
    except BotError as fault:
        log.warning("round.failed", round=each.name, fault=fault.code)
    except Exception:
        # The edge: a round that fails is tried again at its next time, and the others go on.
        log.exception("round.failed", round=each.name)
    return 0


async def each_of(ids: Sequence[str], work: Callable[[str], Awaitable[object]], at_once: int) -> None:
    """Do ``work`` for every id, at most ``at_once`` beside each other; one that fails spoils no other."""
    gate = asyncio.Semaphore(at_once)

    async def guarded(id_: str) -> None:
        async with gate:
            try:
                await work(id_)
            except BotError as fault:
                # What failed keeps its place in the queue and is due again when its lease ends.
                log.warning("round.item_failed", id=id_, fault=fault.code)
            except Exception:
                # The edge, likewise.
                log.exception("round.item_failed", id=id_)

    async with asyncio.TaskGroup() as group:
        for id_ in ids:
            group.create_task(guarded(id_))


async def keep_running(name: str, work: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Run what never ends by itself; should it fall all the same, say so and begin it anew."""
    while True:
        try:
            await work()
            log.error("task.ended", task=name)
        except Exception:
            # The edge: a process whose worker fell unseen would take money and tell nobody of it.
            log.exception("task.fell", task=name)
        await clock.sleep(_FALLEN_PAUSE)
