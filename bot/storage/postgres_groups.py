"""Lets effects of one kind share commits on PostgreSQL, and questions of one kind share round trips."""

import asyncio
import contextlib
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
        self._queue: asyncio.Queue[Entry] = asyncio.Queue(_WAITING_MAX)
        self._closed = False
        # In a context of their own: the first caller's trace is not that of the items to come.
        self._writers = [
            asyncio.create_task(self._write(), name=f"batch {form.name}", context=Context()) for _ in range(WRITERS)
        ]

    async def add(self, item: Any) -> Any:
        """Return the item's result after the commit that carried it."""
        if self._closed:
            raise StoreAway("store_closed")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        await self._queue.put((item, future))
        return await future

    async def close(self) -> None:
        """Finish what is queued, then end the writers."""
        self._closed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10.0):
                await self._queue.join()
        for writer in self._writers:
            writer.cancel()
        await asyncio.gather(*self._writers, return_exceptions=True)

    async def _write(self) -> None:
        while True:
            group = [await self._queue.get()]
            with contextlib.suppress(asyncio.QueueEmpty):
                while len(group) < GROUP_MAX:
                    group.append(self._queue.get_nowait())
            try:
                # An item whose caller has gone away is left out, like a job that was never begun.
                await self._carry_out([entry for entry in group if not entry[1].done()])
            finally:
                for _, future in group:
                    self._queue.task_done()
                    if not future.done():
                        future.set_exception(MaybeCommitted())

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
