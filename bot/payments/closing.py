"""Closes orders: no new charge, then each charge closed upstream, then the order closed and its bills let go."""

import asyncio
from typing import Final

from bot.kernel.clock import Clock, to_micros
from bot.payments import bills
from bot.payments.facts import Way
from bot.payments.states import CHARGE, LIVE, ORDER, quoted
from bot.payments.work import ORDER_CHANNEL
from bot.storage.port import Batch, Database, Tx

_BEGIN: Final = ORDER.move("created", to="closing")
_FINISH: Final = ORDER.move(
    "closing",
    to="closed",
    sets="closed_at = $2",
    only=f"NOT EXISTS (SELECT 1 FROM charges c WHERE c.order_id = orders.id AND c.state IN ({quoted(LIVE)}))",  # noqa: S608
)
_DUE_NOW: Final = "next_query_at = $2, queries = 0"
_STOP_CHARGES: Final = CHARGE.move(
    "created", "pending", "unknown", to="closing", sets=_DUE_NOW, only=f"way <> '{Way.CODE}'", key="order_id"
)
# A scanned code cannot be closed, only reversed, which gives back what was paid: a payment that is told of after this
# may be gone already and must pay no order any more.
_REVERSE_CODES: Final = CHARGE.move(
    "created", "pending", "unknown", to="reversing", sets=_DUE_NOW, only=f"way = '{Way.CODE}'", key="order_id"
)
_EXPIRED: Final = "SELECT id FROM orders WHERE state = 'created' AND expires_at <= $1 ORDER BY expires_at LIMIT $2"
# A crash cannot leave these behind, since a charge's end and its order's are one transaction; a person's SQL can.
_FORGOTTEN: Final = f"""
SELECT o.id FROM orders o WHERE o.state = 'closing'
  AND NOT EXISTS (SELECT 1 FROM charges c WHERE c.order_id = o.id AND c.state IN ({quoted(LIVE)}))
ORDER BY o.expires_at LIMIT $1
"""  # noqa: S608 - The names of our own states.


async def begin(tx: Tx, order_id: str, at: int) -> bool:
    """Stop new charges of an order and mark its live one for closing; False when the order is not ``created``.

    An order without a live charge is closed at once.
    """
    if not await _BEGIN(tx, order_id):
        return False
    await stop_charges(tx, order_id, at)
    await finish(tx, order_id, at)
    tx.signal(ORDER_CHANNEL)
    return True


async def stop_charges(tx: Tx, order_id: str, at: int) -> None:
    """Mark the live charges of an order for closing or reversing upstream; the sweeper finds them due at once."""
    await _STOP_CHARGES(tx, order_id, at)
    await _REVERSE_CODES(tx, order_id, at)


async def finish(tx: Tx, order_id: str, at: int) -> bool:
    """Close a closing order whose charges are all at their end, and let go of its bills; False when it is not so."""
    if not await _FINISH(tx, order_id, at):
        return False
    await bills.release(tx, order_id, at)
    tx.signal(ORDER_CHANNEL)
    return True


async def _begin_one(tx: Tx, item: tuple[str, int]) -> bool:
    return await begin(tx, *item)


async def _finish_one(tx: Tx, item: tuple[str, int]) -> bool:
    return await finish(tx, *item)


BEGIN: Final[Batch[tuple[str, int], bool]] = Batch("orders.begin_close", one=_begin_one)
FINISH: Final[Batch[tuple[str, int], bool]] = Batch("orders.finish_close", one=_finish_one)


class Closing:
    """Expires orders; the charges that it marks are closed upstream by the sweeper."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, order_id: str) -> bool:
        """Start to close one order, as when its customer cancels; False when it is not ``created`` any more."""
        return await self._database.batch(BEGIN, (order_id, to_micros(self._clock.now())))

    async def expire(self, limit: int = 100) -> int:
        """Start to close up to ``limit`` orders whose quote has expired; return how many."""
        at = to_micros(self._clock.now())
        expired = await self._database.rows(_EXPIRED, at, limit)
        begun = await asyncio.gather(*(self._database.batch(BEGIN, (row["id"], at)) for row in expired))
        forgotten = await self._database.rows(_FORGOTTEN, limit)
        ended = await asyncio.gather(*(self._database.batch(FINISH, (row["id"], at)) for row in forgotten))
        return sum(begun) + sum(ended)
