"""Asks gateways about what no notice told, closes what has expired, and follows refunds."""

from collections.abc import Sequence
from typing import Final

from bot.payments.sweep import Sweeper
from bot.workers.rounds import Round, each_of

_TAKEN: Final = 50
_AT_ONCE: Final = 8


def sweep_rounds(sweeper: Sweeper, every: float = 1.0) -> Sequence[Round]:
    """Return the rounds of the sweeper; ``every`` is in seconds."""

    async def charges() -> int:
        ids = await sweeper.due_charges(_TAKEN)
        await each_of(ids, sweeper.sweep_charge, _AT_ONCE)
        return len(ids)

    async def refunds() -> int:
        ids = await sweeper.due_refunds(_TAKEN)
        await each_of(ids, sweeper.sweep_refund, _AT_ONCE)
        return len(ids)

    async def orders() -> int:
        return await sweeper.expire_orders(_TAKEN)

    return (
        Round("charges", every, charges, full=_TAKEN),
        Round("refunds", every, refunds, full=_TAKEN),
        Round("orders", every, orders, full=_TAKEN),
    )
