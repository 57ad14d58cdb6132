"""One round of the outbox by the real deliverers, without the relay's own time and leases."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from bot.jobs.port import Again, Deliverer, Done, Job
from bot.kernel.clock import from_micros, to_micros
from bot.kernel.errors import BotError
from bot.storage.port import Row
from bot.workers.deliver import FulfilDeliverer, RefundDeliverer, SurplusDeliverer, UndoDeliverer
from tests.stateful.world import World

KINDS: Final = "('fulfil', 'undo', 'refund_submit', 'refund_surplus')"
_AFTER: Final = 5.0
_DUE: Final = f"""
SELECT * FROM outbox WHERE state = 'ready' AND kind IN {KINDS} AND due_at <= $1 ORDER BY due_at, id
"""  # noqa: S608 - The kinds above.
_DONE: Final = "UPDATE outbox SET state = $2, done_at = $3 WHERE id = $1"
_LATER: Final = "UPDATE outbox SET due_at = $2, attempts = attempts + 1 WHERE id = $1"


class _Silence:
    """A trail that keeps nothing: what is noted moves no money."""

    def note(self, trace_id: str, room: str, text: str, detail: Mapping[str, Any] | None = None) -> None: ...


def _deliverers(world: World) -> Mapping[str, Deliverer]:
    rooms, trail = world.payments, _Silence()
    made: tuple[Deliverer, ...] = (
        FulfilDeliverer(rooms.fulfilment, trail),
        UndoDeliverer(rooms.fulfilment, trail),
        RefundDeliverer(rooms.refunds, trail),
        SurplusDeliverer(rooms.refunds, trail),
    )
    return {each.kind: each for each in made}


async def deliver_due(world: World) -> int:
    """Deliver every job that is due, once; return how many are at their end."""
    deliverers = _deliverers(world)
    rows = await world.database.rows(_DUE, to_micros(world.clock.now()))
    ended = 0
    for row in rows:
        ended += await _deliver(world, deliverers[row["kind"]], row)
    return ended


async def _deliver(world: World, deliverer: Deliverer, row: Row) -> bool:
    job = Job(
        id=row["id"],
        kind=row["kind"],
        key=row["key"],
        dest=row["dest"],
        payload=json.loads(row["payload"]),
        trace_id=row["trace_id"],
        attempt=row["attempts"] + 1,
        created_at=from_micros(row["created_at"]),
    )
    try:
        answer = await deliverer.deliver(job)
    except BotError as fault:
        answer = Again(fault.code)
    now = world.clock.now()
    if isinstance(answer, Again):
        due = to_micros(now + timedelta(seconds=answer.after or _AFTER))
        await world.database.effect(lambda tx: tx.execute(_LATER, job.id, due))
        return False
    state = "done" if isinstance(answer, Done) else "dead"
    await world.database.effect(lambda tx: tx.execute(_DONE, job.id, state, to_micros(now)))
    return True
