"""The round that puts unpaid tickets back on the shelf."""

from functools import partial
from typing import Final

from bot.billers.stock import book
from bot.kernel.clock import Clock
from bot.storage.port import Database
from bot.workers.rounds import Round

_EVERY: Final = 30.0
_AT_ONCE: Final = 100


def stock_rounds(database: Database, clock: Clock) -> tuple[Round, ...]:
    """Return the round that releases holds whose time is over; whoever buys before does it for the own offer alone."""

    async def release() -> int:
        now = clock.now()
        ids = await book.expired(database, now, _AT_ONCE)
        for hold_id in ids:
            await database.effect(partial(book.release, hold_id=hold_id, now=now))
        return len(ids)

    return (Round("stock", _EVERY, release, full=_AT_ONCE),)
