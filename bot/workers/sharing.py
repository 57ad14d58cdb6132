"""Shares paid charges once their billers have answered, takes parts back, and asks until both are certain."""

from collections.abc import Sequence
from typing import Final

from bot.jobs.port import Again, Dead, Done, Job
from bot.kernel.errors import NotFound
from bot.payments import work
from bot.payments.refunds import Waiting
from bot.payments.sharing.returning import Returns
from bot.payments.sharing.shares import Shares
from bot.payments.sharing.sweep import SharingSweep
from bot.trail.port import Trail
from bot.workers.rounds import Round, each_of

_TAKEN: Final = 50
_AT_ONCE: Final = 4
_EVERY: Final = 2.0


class ShareDeliverer:
    """Fixes and sends the parts of one payment; what becomes of them is the rounds' matter."""

    kind = work.SHARE

    def __init__(self, shares: Shares, trail: Trail) -> None:
        self._shares = shares
        self._trail = trail

    async def deliver(self, job: Job) -> Done | Again | Dead:
        """Answer Again while a biller's word is missing, or nobody has decided about a refused line."""
        share_id = job.payload["share_id"]
        try:
            answer = await self._shares.submit(share_id)
        except NotFound as fault:
            return Dead(fault.code)
        if isinstance(answer, Waiting):
            return Again(answer.reason, answer.after)
        self._trail.note(job.trace_id, "call", f"{job.dest} share: {answer.state}", {"share": share_id})
        return Done()


class ShareReturnDeliverer:
    """Asks one receiver, through the gateway, for a part or some of it."""

    kind = work.SHARE_RETURN

    def __init__(self, returns: Returns, trail: Trail) -> None:
        self._returns = returns
        self._trail = trail

    async def deliver(self, job: Job) -> Done | Dead:
        """Answer Done as soon as it was sent; a missing answer is asked about by the rounds."""
        return_id = job.payload["return_id"]
        try:
            state = await self._returns.carry(return_id)
        except NotFound as fault:
            return Dead(fault.code)
        self._trail.note(job.trace_id, "call", f"{job.dest} share back: {state}", {"return": return_id})
        return Done()


def sharing_rounds(sweep: SharingSweep, shares: Shares, returns: Returns, every: float = _EVERY) -> Sequence[Round]:
    """Return the rounds of sharing; ``every`` is in seconds."""

    async def given() -> int:
        ids = await sweep.due_shares(_TAKEN)
        await each_of(ids, shares.ask, _AT_ONCE)
        return len(ids)

    async def back() -> int:
        ids = await sweep.due_returns(_TAKEN)
        await each_of(ids, returns.carry, _AT_ONCE)
        return len(ids)

    return (Round("shares", every, given, full=_TAKEN), Round("share returns", every, back, full=_TAKEN))
