"""Tasks that a simulator starts beside its requests, ended together with it."""

import asyncio
import logging
from collections.abc import Coroutine

LOG = logging.getLogger(__name__)


class Background:
    """Keeps its tasks referenced, reports those that fail and cancels the rest at the end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[object, object, None]) -> None:
        """Run the work until it ends or close() is called."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def close(self) -> None:
        """Cancel what is under way and wait until it is gone."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (trouble := task.exception()) is not None:
            LOG.error("a simulator's background task failed", exc_info=trouble)
