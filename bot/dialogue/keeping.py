"""Renews the locks of slow turns with one sleeping task for all of them, since a task each would cost every turn."""

import asyncio
from contextvars import Context

from bot.kernel.clock import Clock
from bot.storage.ephemeral_port import Ephemeral


class Keeper:
    """Holds locks for as long as they are listed; ``seconds`` is how long a lock lives without being renewed."""

    def __init__(self, store: Ephemeral, clock: Clock, seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._seconds = seconds
        self._held: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    def hold(self, lock: str, owner: str) -> None:
        """Keep a lock that was just taken."""
        self._held[owner] = lock
        if self._task is None or self._task.done():
            # Of nobody's context: it outlives the turn that happened to begin it.
            self._task = asyncio.get_running_loop().create_task(self._keep(), context=Context())

    def drop(self, owner: str) -> None:
        self._held.pop(owner, None)

    async def _keep(self) -> None:
        while self._held:
            await self._clock.sleep(self._seconds / 3)
            # What is held is renewed whatever its age: at worst a young lock lives a little longer. One that cannot
            # be renewed now is tried in the next round; who has lost it learns so when the turn is stored.
            held = list(self._held.items())
            await asyncio.gather(
                *(self._store.renew(lock, owner, self._seconds) for owner, lock in held), return_exceptions=True
            )
        self._task = None
