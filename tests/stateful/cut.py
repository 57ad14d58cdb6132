"""Cuts a piece of work off at one of its waits, as the end of a process would."""

import asyncio
from collections.abc import Awaitable, Generator
from contextlib import suppress
from typing import Any


class _Cut:
    """Lets the work wait so many times; at the next one its task is cancelled."""

    def __init__(self, work: Awaitable[object], after: int) -> None:
        self._work = work
        self._left = after

    def __await__(self) -> Generator[Any, Any, object]:
        inner = self._work.__await__()
        step, value = inner.send, None
        while True:
            try:
                waits_for = step(value)
            except StopIteration as end:
                return end.value
            if self._left == 0:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            self._left -= 1
            try:
                value = yield waits_for
                step = inner.send
            except BaseException as fault:
                value, step = fault, inner.throw


async def _carried(work: Awaitable[object], after: int) -> None:
    await _Cut(work, after)


async def cut_off(work: Awaitable[object], after: int) -> bool:
    """Do the work until it has waited ``after`` times; tell whether it was cut off."""
    task = asyncio.create_task(_carried(work, after))
    with suppress(asyncio.CancelledError):
        await task
    return task.cancelled()
