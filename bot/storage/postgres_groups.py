"""Lets effects of one kind share commits on PostgreSQL, and questions of one kind share round trips."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from functools import partial
from typing import Any, Final

from bot.kernel.errors import BotError
from bot.storage.errors import Contended, MaybeCommitted, StoreAway
from bot.storage.port import Batch, Question, Tx

WRITERS: Final = 2
GROUP_MAX: Final = 64
_WAITING_MAX: Final = 1024
_CLOSE_SECONDS: Final = 10.0

Form = Batch[Any, Any] | Question[Any, Any]
Run = Callable[[Any, Sequence[Any]], Awaitable[Sequence[Any]]]
Effect = Callable[[Callable[[Tx], Awaitable[Any]]], Awaitable[Any]]
Entry = tuple[Any, "asyncio.Future[Any]"]


class Groups:
    """The writers of one form. While they are busy, items gather and form the next group: no timer is needed."""

    def __init__(self, form: Form, run: Run, effect: Effect) -> None:
        self.form = form
        self._run = run
        self._effect = effect
        # Not asyncio's queue, which costs each item several times what is done with it here.
        self._waiting: deque[Entry] = deque()
        self._come = asyncio.Event()
        self._gone = asyncio.Event()
        self._writing = 0
        self._closed = False
        # In a context of their own: the first caller's trace is not that of the items to come.
        self._writers = [
            asyncio.create_task(self._write(), name=f"batch {form.name}", context=Context()) for _ in range(WRITERS)
        ]

    async def add(self, item: Any) -> Any:
        """Return the item's result after the commit that carried it."""
        while len(self._waiting) >= _WAITING_MAX and not self._closed:
            self._gone.clear()
            await self._gone.wait()
        if self._closed:
            raise StoreAway("store_closed")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._come.set()
        return await future

    async def close(self) -> None:
        """Finish what is queued, then end the writers."""
        self._closed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                while self._waiting or self._writing:
                    self._gone.clear()
                    await self._gone.wait()
        for writer in self._writers:
            writer.cancel()
        await asyncio.gather(*self._writers, return_exceptions=True)
        self._gone.set()
        for _, future in self._waiting:
            _settle(future, StoreAway("store_closed"))

    async def _write(self) -> None:
        while True:
            while not self._waiting:
                self._come.clear()
                await self._come.wait()
            group = [self._waiting.popleft() for _ in range(min(GROUP_MAX, len(self._waiting)))]
            self._gone.set()
            self._writing += 1
            try:
                # An item whose caller has gone away is left out, like a job that was never begun.
                await self._carry_out([entry for entry in group if not entry[1].done()])
            finally:
                for _, future in group:
                    if not future.done():
                        future.set_exception(MaybeCommitted())
                self._writing -= 1
                self._gone.set()

    async def _carry_out(self, group: list[Entry]) -> None:
        if not group:
            return
        # As a value and not raised, for what is to be done about it goes on for some time.
        (outcome,) = await asyncio.gather(self._run(self.form, [item for item, _ in group]), return_exceptions=True)
        if isinstance(outcome, StoreAway | Contended | MaybeCommitted):
            for _, future in group:
                # Each caller gets an exception of its own: a shared one would collect all their tracebacks.
                _settle(future, _another(outcome))
        elif isinstance(outcome, BaseException):
            # Some item spoils the group; each on its own, and the spoiler alone is refused.
            await asyncio.gather(*(self._alone(item, future) for item, future in group))
        else:
            for (_, future), result in zip(group, outcome, strict=True):
                _settle(future, result)

    async def _alone(self, item: Any, future: "asyncio.Future[Any]") -> None:
        (outcome,) = await asyncio.gather(self._effect(partial(_one, self.form, item)), return_exceptions=True)
        _settle(future, outcome)


def _settle(future: "asyncio.Future[Any]", outcome: Any) -> None:
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def _another(fault: BotError) -> BotError:
    another = fault.__class__.__new__(fault.__class__)
    another.__dict__.update(fault.__dict__)
    another.args = fault.args
    return another


async def _one(form: Form, item: Any, tx: Tx) -> Any:
    return await form.one(tx, item)
